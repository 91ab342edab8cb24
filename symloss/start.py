"""The best constant prediction, where it is the mean of a statistic of the targets.

If the gradient at a constant is affine in y_true, ``A(c) + B(c) y``, its weighted mean vanishes where
``A(c) + B(c) mean(y) = 0``; when the solution is affine in the mean it is the mean of that statistic. Everything else
is solved numerically by the generated code.
"""

from __future__ import annotations

import sympy
from sympy import Expr

from symloss.declare import Loss, clamp, map_elements
from symloss.declare.axes import substitute


def start_statistic(loss: Loss) -> Expr | None:
    """An expression in y_true whose weighted mean is the best constant prediction, or None."""
    declared = loss if loss.composed is None else loss.composed
    if declared.minimiser is not None:
        found: Expr | None = _with_definitions(declared, declared.minimiser)
    elif not declared.is_elementwise or declared.extra_inputs:
        return None
    else:
        found = _solved(declared)
    if found is None or declared is loss:
        return found
    return found.subs(loss.composed_at)


def _with_definitions(loss: Loss, expression: Expr) -> Expr:
    for symbol, part in reversed(list(loss.where.items())):
        expression = substitute(expression, symbol, part)
    return map_elements(expression, lambda node: loss.true_symbol[node.index] if node.data.name == "y_true" else node)


def _solved(loss: Loss) -> Expr | None:
    expression = loss.full_expression.replace(clamp, lambda x, lower, upper: x)
    if expression.has(sympy.Piecewise, sympy.Abs, sympy.Max, sympy.Min) or not _is_affine(expression, loss):
        return None
    slope = expression.diff(loss.pred_symbol)
    try:
        roots = sympy.solve(sympy.numer(sympy.factor(sympy.together(slope))), loss.pred_symbol)
    except (NotImplementedError, TypeError, ValueError):  # what solve raises where it knows no way
        return None
    affine = [root for root in roots if root.has(loss.true_symbol) and sympy.diff(root, loss.true_symbol, 2) == 0]
    return affine[0] if len(affine) == 1 else None


def _is_affine(expression: Expr, loss: Loss) -> bool:
    """Whether the gradient is a polynomial of degree one in y_true."""
    slope = sympy.expand(expression.diff(loss.pred_symbol))
    return bool(slope.is_polynomial(loss.true_symbol) and sympy.degree(slope, loss.true_symbol) == 1)
