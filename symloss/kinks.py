"""Where the first or second derivative of a loss jumps."""

from __future__ import annotations

from dataclasses import dataclass

import sympy
from sympy import Expr

from symloss.declare import Loss
from symloss.declare.checks import roots_of, sample_points
from symloss.derive import Derivation
from symloss.display import Notation

_STEP = sympy.Rational(1, 10**9)
_JUMP = 1e-6


@dataclass(frozen=True)
class Kink:
    """A point of y_pred, as an expression in the other symbols, and what jumps there."""

    at: Expr
    jumps: str


def find_kinks(derivation: Derivation) -> tuple[Kink, ...]:
    """All kinks of an elementwise loss; losses over an axis have none in the catalogue's vocabulary."""
    loss = derivation.loss
    if not loss.is_elementwise:
        return ()
    gradient, hessian = (evaluable(derivation, part) for part in (derivation.gradient, derivation.hessian))
    found = []
    for root in _boundaries(loss):
        jumps = _what_jumps(loss, root, gradient, hessian)
        if jumps is not None:
            found.append(Kink(root, jumps))
    return tuple(found)


def evaluable(derivation: Derivation, expression: Expr) -> Expr:
    """An expression over the loss's own symbols in ordinary SymPy functions, evaluable to any precision."""
    for item in reversed(derivation.definitions):
        expression = expression.xreplace({item.symbol: item.expression})
    return Notation(derivation.loss, plain=True).shown(expression)


def _boundaries(loss: Loss) -> list[Expr]:
    gaps: list[Expr] = [node.args[0] for node in loss.full_expression.atoms(sympy.Abs)]
    for node in loss.full_expression.atoms(sympy.Max, sympy.Min):
        first, *others = node.args
        gaps.extend(first - other for other in others)
    gaps.extend(node.args[0] for node in loss.full_expression.atoms(sympy.sign, sympy.Heaviside))
    for piecewise in loss.full_expression.atoms(sympy.Piecewise):
        for relation in piecewise.atoms(sympy.core.relational.Relational):
            gaps.append(relation.lhs - relation.rhs)
    roots = {root for gap in gaps for root in roots_of(gap, loss.pred_symbol)}
    return sorted(roots, key=sympy.default_sort_key)


def _what_jumps(loss: Loss, root: Expr, gradient: Expr, hessian: Expr) -> str | None:
    largest = [0.0, 0.0]
    for point in sample_points(loss):
        values = {sympy.Symbol(symbol.name, real=True): number for symbol, number in point.items()}
        at = root.subs(point)
        if not at.is_number or not at.is_finite:
            continue
        for place, derivative in enumerate((gradient, hessian)):
            sides = [
                derivative.subs({**values, sympy.Symbol("y_pred", real=True): at + side}).evalf(30)
                for side in (-_STEP, _STEP)
            ]
            if all(side.is_number and side.is_finite for side in sides):
                largest[place] = max(largest[place], abs(float(sides[1] - sides[0])))
    if largest[0] > _JUMP:
        return "gradient"
    return "Hessian" if largest[1] > _JUMP else None
