"""Keeps what rounding takes from a residual, where a result magnifies it: ``sech(r)^2`` does so 2 |r| times."""

from __future__ import annotations

from dataclasses import replace

import sympy
from sympy import Expr, Integer, Symbol

from symloss.atoms import with_rounding_error
from symloss.derive import Derivation
from symloss.differentiate import Direction, differentiate
from symloss.kinks import evaluable
from symloss.simplify import tidy
from symloss.stabilise import finish, lift

_MAGNIFIED = 2.25  # times half an ulp of the residual, on top of what the result's own roundings come to
_LONGEST_SLOPE = 160  # operations; where it takes more, twice the digits are the better way
_SIZES = tuple(sympy.Rational(11, 10) ** power for power in range(-24, 72, 4))  # residuals, where parameters are 1


def keep_residual_exact(derivation: Derivation) -> Derivation:
    """Add to every such result its slope times the rounding error of the residual; first order is enough for that.

    The slope of the value is the gradient, and so on, because the residual moves as y_pred does.
    """
    residual = _only_residual(derivation)
    if residual is None:
        return derivation
    third = lift(tidy(differentiate(derivation.steps["hessian"][1], Direction(lambda leaf: Integer(leaf == residual)))))
    slopes = {"value": derivation.gradient, "gradient": derivation.hessian, "hessian": finish(third)}
    kept = {}
    for part, slope in slopes.items():
        result: Expr = getattr(derivation, part)
        if sympy.count_ops(slope) <= _LONGEST_SLOPE and _is_magnified(derivation, result, slope, residual):
            kept[part] = with_rounding_error(result, slope, residual)
    return replace(derivation, **kept)  # type: ignore[arg-type]


def _only_residual(derivation: Derivation) -> Symbol | None:
    """The name of ``y_pred - y_true``, if the loss depends on y_pred through nothing else."""
    loss, definitions = derivation.loss, derivation.definitions
    if len(definitions) != 1 or definitions[0].expression != loss.pred_symbol - loss.true_symbol:
        return None
    parts = (derivation.value, derivation.gradient, derivation.hessian)
    return None if any(part.has(loss.pred_symbol) for part in parts) else definitions[0].symbol


def _is_magnified(derivation: Derivation, result: Expr, slope: Expr, residual: Symbol) -> bool:
    """Whether a relative change of the residual changes the result much more, or the result has a zero beside r = 0."""
    if result.is_number or slope.is_number or result.has(sympy.sin, sympy.cos, sympy.tan):
        return False  # a constant, or a function that turns within the rounding error of a large residual
    bare = replace(derivation, definitions=())
    shown = [evaluable(bare, part) for part in (result, slope)]
    values = {symbol: sympy.Integer(1) for part in shown for symbol in part.free_symbols}
    signs = set()
    for at in _SIZES:
        values[Symbol(residual.name, real=True)] = at
        whole, moved = (part.xreplace(values).evalf(30) for part in shown)
        if whole.is_finite and moved.is_finite and whole != 0:
            signs.add(whole > 0)
            if abs(at * moved / whole) > _MAGNIFIED:
                return True
    return len(signs) > 1
