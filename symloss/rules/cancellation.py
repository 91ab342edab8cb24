"""Sums whose leading terms are equal and opposite, once they are written out."""

from __future__ import annotations

import sympy
from sympy import Expr

from symloss.rules.rule import Rule

_x = sympy.Symbol("x", real=True)
_a, _b = sympy.symbols("a b", positive=True)
_HIGHEST_POWER = 8


def _minus_power_of_sum(node: Expr) -> Expr | None:
    """``c - c (1 - u)^n`` is a polynomial in u without a constant."""
    if not isinstance(node, sympy.Add):
        return None
    for term in node.args:
        for factor in sympy.Mul.make_args(term):
            base, power = factor.as_base_exp()
            if not (power.is_Integer and 2 <= power <= _HIGHEST_POWER and isinstance(base, sympy.Add)):
                continue
            one, rest = base.as_coeff_Add()
            constant = -(term / factor) * one**power
            if one == 0 or constant not in node.args:
                continue
            others = [other for other in node.args if other not in (term, constant)]
            u = sympy.Dummy("u")
            polynomial = sympy.expand((one + u) ** power - one**power) / u
            return sympy.Add(*others, term / factor * rest * sympy.expand(polynomial).xreplace({u: rest}))
    return None


def _one_minus_quotient(node: Expr) -> Expr | None:
    """``c - c a/b`` is ``c (b - a)/b`` where terms of a are terms of b; c may hold divisors b itself."""
    if not isinstance(node, sympy.Add):
        return None
    for term in node.args:
        for factor in sympy.Mul.make_args(term):
            below, exponent = factor.as_base_exp()
            if not (isinstance(below, sympy.Add) and exponent.is_Integer and exponent.is_negative):
                continue
            for constant in node.args:
                number, rest = constant.as_coeff_Mul()  # SymPy would distribute the number over the divisor
                above = -term * below / rest / number
                gap = below - above
                if constant != term and len(sympy.Add.make_args(gap)) < len(below.args):
                    others = [other for other in node.args if other not in (term, constant)]
                    return sympy.Add(*others, constant * gap / below)
    return None


RULES = (
    Rule(
        "one minus a quotient",
        _one_minus_quotient,
        "1 - a/(a + b) is 0 where a is much larger than b",
        "1 - a/(a + b) = b/(a + b)",
        lambda: 3 - 3 * _a / (_a + _b),
    ),
)
# Written out, the sum no longer shows that its derivative vanishes with 1 - u.
FINISHING_RULES = (
    Rule(
        "minus the power of a sum",
        _minus_power_of_sum,
        "1 - (1 - x^2)^3 is 0 below 1e-8",
        "binomial theorem",
        lambda: 2 - 2 * (1 - _x) ** 3,
    ),
)
