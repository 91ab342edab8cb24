"""Keeps what rounding takes from a residual, where a result magnifies it: ``sech(r)^2`` does so 2 |r| times."""

from __future__ import annotations

from dataclasses import replace

import sympy
from sympy import Expr, Integer, Symbol

from symloss.atoms import with_rounding_error
from symloss.derive import Derivation, differentiate
from symloss.kinks import evaluable
from symloss.simplify import tidy
from symloss.stabilise import finish, lift

_MAGNIFIED = 2.25  # times half an ulp of the residual, on top of what the result's own roundings come to
_FAR = (3, 30, 300)  # residuals, in units of the parameters


def keep_residual_exact(derivation: Derivation) -> Derivation:
    """Add to every such result its slope times the rounding error of the residual; first order is enough for that.

    The slope of the value is the gradient, and so on, because the residual moves as y_pred does.
    """
    residual = _only_residual(derivation)
    if residual is None:
        return derivation
    third = lift(tidy(differentiate(derivation.steps["hessian"][1], lambda leaf: Integer(leaf == residual))))
    slopes = {"value": derivation.gradient, "gradient": derivation.hessian, "hessian": finish(third)}
    kept = {}
    for part, slope in slopes.items():
        result: Expr = getattr(derivation, part)
        if _is_magnified(derivation, result, slope, residual):
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
    """Whether a relative change of the residual changes the result more, far from the zeros of the result."""
    if result.is_number or slope.is_number:
        return False
    bare = replace(derivation, definitions=())
    sizes = []
    for at in _FAR:
        shown = [evaluable(bare, part) for part in (result, slope)]
        values = {symbol: sympy.Integer(1) for part in shown for symbol in part.free_symbols}
        values[Symbol(residual.name, real=True)] = sympy.Integer(at)
        whole, moved = (part.xreplace(values).evalf(30) for part in shown)
        if whole != 0 and whole.is_finite and moved.is_finite:
            sizes.append(abs(at * moved / whole))
    return bool(sizes) and sizes[-1] > _MAGNIFIED
