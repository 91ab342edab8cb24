"""Absolute values, maxima and guarded products: SymPy's own derivatives of these contain distributions or holes."""

from __future__ import annotations

import functools

import sympy
from sympy import Expr

from symloss.atoms import exceeds, finite_over, magnitude, maximum, minimum, sign_of, tangent_h, xexpy, xlogy
from symloss.declare import ratio
from symloss.rules.rule import Rule

_x = sympy.Symbol("x", real=True)
_y = sympy.Symbol("y", nonnegative=True)


def _absolute(node: Expr) -> Expr | None:
    return magnitude(node.args[0]) if isinstance(node, sympy.Abs) else None


def _extremum(node: Expr) -> Expr | None:
    if not isinstance(node, sympy.Max | sympy.Min):
        return None
    atom = maximum if isinstance(node, sympy.Max) else minimum
    ordered = sorted(node.args, key=lambda item: (item.is_number, sympy.default_sort_key(item)))
    return functools.reduce(atom, ordered)


def _tanh(node: Expr) -> Expr | None:
    return tangent_h(node.args[0]) if isinstance(node, sympy.tanh) else None


def _sign(node: Expr) -> Expr | None:
    return sign_of(node.args[0]) if isinstance(node, sympy.sign) else None


def _ratio(node: Expr) -> Expr | None:
    return finite_over(*node.args) if isinstance(node, ratio) else None


def _step(node: Expr) -> Expr | None:
    return exceeds(node.args[0], sympy.Integer(0)) if isinstance(node, sympy.Heaviside) else None


def _split_coefficient(node: Expr, chosen: Expr) -> tuple[Expr, Expr]:
    coefficient, rest = (node / chosen).as_coeff_Mul()
    if _is_negative_inside(rest):
        return -coefficient, -rest
    return coefficient, rest


def _is_negative_inside(expression: Expr) -> bool:
    """Whether a sum such as ``label - 1`` is negative in the middle of the unit interval."""
    middle = {symbol: sympy.Rational(1, 2) for symbol in expression.free_symbols}
    return isinstance(expression, sympy.Add) and bool(expression.xreplace(middle).is_negative)


def _logarithm_times(node: Expr) -> Expr | None:
    """``a * log(b)`` is 0 at a = 0, also where b = 0."""
    if not isinstance(node, sympy.Mul):
        return None
    logs = [factor for factor in node.args if isinstance(factor, sympy.log)]
    if len(logs) != 1 or logs[0].args[0].is_positive or not logs[0].args[0].free_symbols:
        return None
    coefficient, a = _split_coefficient(node, logs[0])
    if not a.free_symbols or a.has(xlogy):
        return None
    return coefficient * xlogy(a, logs[0].args[0])


def _exponential_times(node: Expr) -> Expr | None:
    """``a * exp(b)`` is 0 at a = 0, also where exp(b) overflows, and finite where only exp(b) overflows."""
    if not isinstance(node, sympy.Mul):
        return None
    exponentials = [factor for factor in node.args if isinstance(factor, sympy.exp)]
    if len(exponentials) != 1 or not exponentials[0].args[0].free_symbols:
        return None
    others = [factor for factor in node.args if factor != exponentials[0]]
    a = sympy.Mul(*[factor for factor in others if factor.is_Symbol])
    coefficient = sympy.Mul(*[factor for factor in others if not factor.is_Symbol])
    if not a.free_symbols or (a.is_integer and a.is_nonzero):
        return None
    return coefficient * xexpy(a, exponentials[0].args[0])


RULES = (
    Rule(
        "absolute value", _absolute, "SymPy derives a DiracDelta", "almost-everywhere derivative", lambda: sympy.Abs(_x)
    ),
    Rule(
        "maximum",
        _extremum,
        "SymPy derives a Heaviside, 1/2 at a tie",
        "almost-everywhere derivative",
        lambda: sympy.Max(_x, 1),
    ),
    Rule("sign", _sign, "SymPy derives a DiracDelta", "almost-everywhere derivative", lambda: sympy.sign(_x)),
    Rule(
        "ratio",
        _ratio,
        "0/0 is no number where there is nothing to take the mean of",
        "0 there, as declared",
        lambda: ratio(_x, _y),
    ),
    Rule("step", _step, "SymPy derives a DiracDelta", "almost-everywhere derivative", lambda: sympy.Heaviside(_x)),
    Rule(
        "hyperbolic tangent",
        _tanh,
        "1 - tanh(x)^2 is 0 from |x| = 19",
        "sech(x)^2 = 1 - tanh(x)^2",
        lambda: sympy.tanh(_x),
    ),
    Rule("a log b", _logarithm_times, "0 * log(0) is NaN", "limit of a log b at a = 0", lambda: _y * sympy.log(_y)),
    Rule("a exp b", _exponential_times, "0 * exp(800) is NaN", "exp(b) = exp(b/2)^2", lambda: _y * sympy.exp(_x)),
)
