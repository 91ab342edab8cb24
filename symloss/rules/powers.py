"""Square roots of one plus a square, and powers whose exponent is a parameter."""

from __future__ import annotations

import sympy
from sympy import Expr

from symloss.atoms import hypotenuse, hypotenuse_excess, power
from symloss.rules.rule import Rule

_x = sympy.Symbol("x", real=True)
_b, _e = sympy.symbols("b e", positive=True)


def _square_root_of_square(square: Expr) -> Expr | None:
    """Z with z² equal to the expression, when every factor has an even power; else None."""
    root = sympy.Integer(1)
    for factor in sympy.Mul.make_args(square):
        base, exponent = factor.as_base_exp()
        if factor.is_Rational and factor.is_positive and sympy.sqrt(factor).is_Rational:
            root *= sympy.sqrt(factor)
        elif exponent.is_Integer and exponent % 2 == 0:
            root *= base ** (exponent / 2)
        else:
            return None
    return root


def _root_of_one_plus_square(node: Expr) -> Expr | None:
    """``(1 + z^2)^(n/2)`` is ``hypotenuse(z)^n``."""
    if not isinstance(node, sympy.Pow) or not (node.exp.is_Rational and node.exp.q == 2):
        return None
    if not isinstance(node.base, sympy.Add) or len(node.base.args) != 2 or node.base.args[0] != 1:
        return None
    z = _square_root_of_square(node.base.args[1])
    return None if z is None else hypotenuse(z) ** (2 * node.exp)


def _excess(node: Expr) -> Expr | None:
    """``c hypotenuse(z) - c`` is ``c hypotenuse_excess(z)``."""
    if isinstance(node, sympy.Mul):
        sums = [factor for factor in node.args if isinstance(factor, sympy.Add)]
        for factor in sums:
            changed = _excess(factor)
            if changed is not None:
                return node / factor * changed
    if not isinstance(node, sympy.Add):
        return None
    for term in node.args:
        factors = [factor for factor in sympy.Mul.make_args(term) if isinstance(factor, hypotenuse)]
        if len(factors) == 1 and -term / factors[0] in node.args:
            coefficient = term / factors[0]
            rest = [item for item in node.args if item not in (term, -coefficient)]
            return sympy.Add(*rest, coefficient * hypotenuse_excess(factors[0].args[0]))
    return None


def _parametric_power(node: Expr) -> Expr | None:
    """``b^e`` with an exponent known only at run time; SymPy's derivative ``e b^(e-1)`` is 0/0 at b = 0."""
    if isinstance(node, sympy.Pow) and node.exp.free_symbols and not isinstance(node, sympy.exp):
        return power(node.base, node.exp)
    return None


RULES = (
    Rule(
        "root of one plus a square",
        _root_of_one_plus_square,
        "z^2 overflows from 1e154",
        "scaled hypotenuse",
        lambda: sympy.sqrt(1 + _x**2),
    ),
    Rule(
        "excess of the hypotenuse",
        _excess,
        "sqrt(1 + z^2) - 1 is 0 below 1e-8",
        "sqrt(1 + z^2) - 1 = z^2/(1 + sqrt(1 + z^2))",
        lambda: hypotenuse(_x) - 1,
    ),
    Rule(
        "parametric power",
        _parametric_power,
        "e b^(e-1) b' is 0 * inf at b = 0",
        "logarithmic derivative",
        lambda: _b**_e,
    ),
)
