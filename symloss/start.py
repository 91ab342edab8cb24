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
from symloss.declare.checks import sample_points
from symloss.simplify import has_many_divisors

_DIGITS, _LITTLE = 30, 1e-15


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
    if expression.has(sympy.Piecewise, sympy.Abs, sympy.Max, sympy.Min) or has_many_divisors(expression):
        return None
    slope = expression.diff(loss.pred_symbol)
    if not (_looks_affine(slope, loss) and _is_affine(slope, loss)):
        return None
    try:
        roots = sympy.solve(sympy.numer(sympy.factor(sympy.together(slope))), loss.pred_symbol)
    except (NotImplementedError, TypeError, ValueError):  # what solve raises where it knows no way
        return None
    affine = [root for root in roots if root.has(loss.true_symbol) and sympy.diff(root, loss.true_symbol, 2) == 0]
    return affine[0] if len(affine) == 1 else None


def _looks_affine(slope: Expr, loss: Loss) -> bool:
    """Whether ``-A(c)/B(c)`` is affine in c where the parameters are some numbers: quick to see, unlike a solution."""
    true, prediction = loss.true_symbol, loss.pred_symbol
    first, *others = sample_points(loss)
    targets, constants = (first[true], others[0][true]), [point[prediction] for point in (first, *others[:3])]

    def wanted(constant: Expr) -> Expr:
        """The target at which this constant is best, by the line through the slopes at two targets."""
        low, high = (slope.subs(first | {true: target, prediction: constant}).evalf(_DIGITS) for target in targets)
        return targets[0] - low * (targets[1] - targets[0]) / (high - low)

    found = [wanted(constant) for constant in constants]
    if not all(number.is_Float and number.is_finite for number in found):
        return True
    steps = [(found[place] - found[0]) / (constants[place] - constants[0]) for place in (1, 2, 3)]
    return bool(max(steps) - min(steps) <= _LITTLE * max(map(abs, steps)))


def _is_affine(slope: Expr, loss: Loss) -> bool:
    """Whether the gradient is a polynomial of degree one in y_true."""
    expanded = sympy.expand(slope)
    change = sympy.expand(expanded.diff(loss.true_symbol))
    return bool(expanded.is_polynomial(loss.true_symbol) and change != 0 and not change.has(loss.true_symbol))
