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
    """A point of y_pred, as an expression in the other symbols, what jumps there, and what is returned at the point.

    ``takes`` is ``"below"`` or ``"above"`` for one of the one-sided derivatives, ``"zero"`` for neither.
    """

    at: Expr
    jumps: str
    takes: str


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
            takes = _side_taken(loss, root, gradient if jumps == "gradient" else hessian)
            found.append(Kink(root, jumps, takes))
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


def _side_taken(loss: Loss, root: Expr, derivative: Expr) -> str:
    """Which one-sided derivative the emitted code returns at the point itself."""
    for point in sample_points(loss):
        at = root.subs(point)
        if not at.is_number or not at.is_finite:
            continue
        values = {sympy.Symbol(symbol.name, real=True): number for symbol, number in point.items()}
        below, here, above = (
            derivative.subs({**values, sympy.Symbol("y_pred", real=True): at + side}).evalf(30)
            for side in (-_STEP, 0, _STEP)
        )
        if all(number.is_number and number.is_finite for number in (below, here, above)) and below != above:
            sides = {"below": below, "above": above, "zero": 0}
            gaps = {side: abs(float(here - number)) for side, number in sides.items()}
            return min(gaps, key=lambda side: (gaps[side] > _JUMP, gaps[side]))
    return "zero"


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
