"""Differences of cosines and their squares, which cancel."""

from __future__ import annotations

import sympy
from sympy import Expr

from symloss.rules.rule import Rule

_x = sympy.Symbol("x", real=True)


def _one_minus_cosine(node: Expr) -> Expr | None:
    """``c - c cos(x)`` is ``2 c sin(x/2)^2``."""
    if not isinstance(node, sympy.Add):
        return None
    for term in node.args:
        factors = [factor for factor in sympy.Mul.make_args(term) if isinstance(factor, sympy.cos)]
        if len(factors) == 1 and -term / factors[0] in node.args:
            coefficient = -term / factors[0]
            rest = [other for other in node.args if other not in (term, coefficient)]
            return sympy.Add(*rest, 2 * coefficient * sympy.sin(factors[0].args[0] / 2) ** 2)
    return None


def _difference_of_squares(node: Expr) -> Expr | None:
    """``c cos(x)^2 - c sin(x)^2`` is ``c cos(2 x)``."""
    if not isinstance(node, sympy.Add):
        return None
    for term in node.args:
        squares = [base for base, power in term.as_powers_dict().items() if isinstance(base, sympy.cos) and power == 2]
        if len(squares) != 1:
            continue
        angle, coefficient = squares[0].args[0], term / squares[0] ** 2
        opposite = -coefficient * sympy.sin(angle) ** 2
        if opposite in node.args:
            rest = [other for other in node.args if other not in (term, opposite)]
            return sympy.Add(*rest, coefficient * sympy.cos(2 * angle))
    return None


RULES = (
    Rule(
        "one minus cosine",
        _one_minus_cosine,
        "1 - cos(x) is 0 below 1e-8",
        "1 - cos(x) = 2 sin(x/2)^2",
        lambda: 3 - 3 * sympy.cos(_x),
    ),
    Rule(
        "difference of squares of cosine and sine",
        _difference_of_squares,
        "cos(x)^2 - sin(x)^2 cancels at x = pi/4",
        "cos(2 x) = cos(x)^2 - sin(x)^2",
        lambda: 3 * sympy.cos(_x) ** 2 - 3 * sympy.sin(_x) ** 2,
    ),
)
