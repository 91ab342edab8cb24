"""All that is derived from one form of a loss, computed once and shared by every target and document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import mpmath
import sympy
from sympy import Expr, Rational, Symbol

from symloss.declare import Loss
from symloss.declare.checks import sample_points
from symloss.derive import Derivation, derive
from symloss.errors import stage
from symloss.kinks import evaluable, find_kinks
from symloss.lower import lower
from symloss.modules import Mathematics
from symloss.rounding import keep_residual_exact

_DIGITS = 60  # more than any sum of the Hessian cancels


def study(loss: Loss) -> Mathematics:
    """Derive, stabilise and lower one form."""
    with stage("derive", loss.name):
        derivation = keep_residual_exact(derive(loss))
    with stage("lower", loss.name):
        kernel = lower(derivation)
    with stage("kinks", loss.name):
        kinks = find_kinks(derivation)
    return Mathematics(derivation, kernel, kinks, curvature(derivation))


def curvature(derivation: Derivation) -> str:
    """The sign of the Hessian, as sampled; ``unknown`` over an axis."""
    if not derivation.loss.is_elementwise:
        return "unknown"
    if derivation.hessian == 0:
        return "zero almost everywhere"
    signs = _signs(evaluable(derivation, derivation.hessian), sample_points(derivation.loss))
    if signs == {1}:
        return "positive at every sampled point"
    if signs <= {0, 1}:
        return "non-negative at every sampled point"
    return "negative at some sampled points"


def _signs(hessian: Expr, points: Iterable[Mapping[Symbol, Rational]]) -> set[int]:
    """The signs of an expression at some points."""
    symbols = sorted(hessian.free_symbols, key=str)
    places = [sympy.Dummy(real=True) for _ in symbols]  # whatever the names, they shadow no function
    function = sympy.lambdify(places, hessian.xreplace(dict(zip(symbols, places, strict=True))), "mpmath", cse=True)
    found = set()
    with mpmath.workdps(_DIGITS):
        for point in points:
            numbers = {symbol.name: value for symbol, value in point.items()}
            try:
                number = function(*(mpmath.mpf(numbers[item.name].p) / numbers[item.name].q for item in symbols))
            except (ZeroDivisionError, ValueError):  # in a branch that is not taken
                number = hessian.evalf(15, subs={item: numbers[item.name] for item in symbols})
            found.add(int(number > 0) - int(number < 0))
    return found
