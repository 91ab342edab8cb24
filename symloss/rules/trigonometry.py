"""One minus a cosine cancels near zero."""

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


RULES = (
    Rule(
        "one minus cosine",
        _one_minus_cosine,
        "1 - cos(x) is 0 below 1e-8",
        "1 - cos(x) = 2 sin(x/2)^2",
        lambda: 3 - 3 * sympy.cos(_x),
    ),
)
