"""All that is derived from one form of a loss, computed once and shared by every target and document."""

from __future__ import annotations

import mpmath
import sympy

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
    hessian = evaluable(derivation, derivation.hessian)
    symbols = sorted(hessian.free_symbols, key=str)
    function = sympy.lambdify(symbols, hessian, "mpmath", cse=True)
    with mpmath.workdps(_DIGITS):
        points = [
            {symbol.name: _exactly(value) for symbol, value in point.items()}
            for point in sample_points(derivation.loss)
        ]
        signs = {int(mpmath.sign(function(*(point[symbol.name] for symbol in symbols)))) for point in points}
    if signs == {1}:
        return "positive at every sampled point"
    if signs <= {0, 1}:
        return "non-negative at every sampled point"
    return "negative at some sampled points"


def _exactly(value: sympy.Rational) -> mpmath.mpf:
    return mpmath.mpf(value.p) / value.q
