"""Quotients of exponentials become sigmoids: they overflow, and one minus them cancels, as they stand."""

from __future__ import annotations

import sympy
from sympy import Expr

from symloss.atoms import exp_excess, exp_minus_one, secant_h, sigmoid
from symloss.declare import Data
from symloss.rules.rule import Rule

_x = sympy.Symbol("x", real=True)


def exponents_of(sum_: Expr) -> list[Expr] | None:
    """The ``u + log c`` of every term of a sum of ``c e^u``, c positive and no data; None for anything else."""
    if not isinstance(sum_, sympy.Add) or not sum_.has(sympy.exp):
        return None
    exponents = []
    for term in sum_.args:
        factors = sympy.Mul.make_args(term)
        exponent = sympy.Add(*[factor.args[0] for factor in factors if isinstance(factor, sympy.exp)])
        coefficient = sympy.Mul(*[factor for factor in factors if not isinstance(factor, sympy.exp)])
        if not coefficient.is_positive or coefficient.has(Data, sympy.Function):
            return None
        exponents.append(exponent + sympy.expand_log(sympy.log(coefficient)))
    return exponents


def two_exponentials(sum_: Expr) -> tuple[Expr, Expr] | None:
    """Read ``c e^u + d e^v`` (c, d > 0) as ``e^u' (1 + e^w)`` and return (u', w); None for anything else."""
    exponents = exponents_of(sum_)
    if exponents is None or len(exponents) != 2:
        return None
    exponents.sort(key=lambda item: (bool(item.free_symbols), sympy.default_sort_key(item)))
    return exponents[0], exponents[1] - exponents[0]


def _power_of_sum(node: Expr) -> Expr | None:
    """``(e^u + e^v)^-n`` is ``e^(-n u) sigmoid(u - v)^n``."""
    if not isinstance(node, sympy.Pow) or not node.exp.is_negative:
        return None
    found = two_exponentials(node.base)
    if found is None:
        return None
    first, gap = found
    return sympy.exp(node.exp * first) * sigmoid(-gap) ** (-node.exp)


def _exponential_into_sigmoid(node: Expr) -> Expr | None:
    """``e^x sigmoid(-x)`` is ``sigmoid(x)``."""
    if not isinstance(node, sympy.Mul) or not node.has(sigmoid) or not node.has(sympy.exp):
        return None
    powers = dict(node.as_powers_dict())
    exponent = powers.pop(sympy.E, None)
    if exponent is None:
        exponents = [base for base in powers if isinstance(base, sympy.exp)]
        if len(exponents) != 1:
            return None
        exponent = exponents[0].args[0] * powers.pop(exponents[0])
    for base, count in powers.items():
        if not isinstance(base, sigmoid) or not count.is_Integer:
            continue
        shift = sympy.expand(exponent + base.args[0])  # e^x sigmoid(log c - x) is c sigmoid(x - log c)
        if (
            shift != 0
            and not shift.has(Data)
            and shift.free_symbols < exponent.free_symbols | base.args[0].free_symbols
        ):
            rest = sympy.Mul(*[item**number for item, number in powers.items() if item != base])
            return sympy.exp(shift) * rest * base ** (count - 1) * sigmoid(-base.args[0])
        times = sympy.cancel(-exponent / base.args[0])
        if times.is_Integer and 0 < times <= count:
            rest = sympy.Mul(*[item**number for item, number in powers.items() if item != base])
            return rest * base ** (count - times) * sigmoid(-base.args[0]) ** times
    return None


def _complement(node: Expr) -> Expr | None:
    """``c - c sigmoid(x)`` is ``c sigmoid(-x)``."""
    if not isinstance(node, sympy.Add):
        return None
    for term in node.args:
        factors = [factor for factor in sympy.Mul.make_args(term) if isinstance(factor, sigmoid)]
        if len(factors) == 1 and -term / factors[0] in node.args:
            coefficient = -term / factors[0]
            rest = [other for other in node.args if other not in (term, coefficient)]
            return sympy.Add(*rest, coefficient * sigmoid(-factors[0].args[0]))
    return None


def _minus_its_coefficient(node: Expr) -> Expr | None:
    """``c e^u - c`` is ``c (e^u - 1)``."""
    if not isinstance(node, sympy.Add):
        return None
    for term in node.args:
        factors = [factor for factor in sympy.Mul.make_args(term) if isinstance(factor, sympy.exp)]
        if len(factors) == 1 and -term / factors[0] in node.args:
            coefficient = term / factors[0]
            rest = [other for other in node.args if other not in (term, -coefficient)]
            return sympy.Add(*rest, coefficient * exp_minus_one(factors[0].args[0]))
    return None


def _minus_its_exponent(node: Expr) -> Expr | None:
    """``c (e^u - 1) - c u`` is ``c (e^u - 1 - u)``."""
    if not isinstance(node, sympy.Add):
        return None
    for term in node.args:
        factors = [factor for factor in sympy.Mul.make_args(term) if isinstance(factor, exp_minus_one)]
        if len(factors) != 1:
            continue
        coefficient, exponent = term / factors[0], factors[0].args[0]
        linear = sympy.Add.make_args(sympy.expand(-coefficient * exponent))
        if all(part in node.args for part in linear):
            rest = [other for other in node.args if other != term and other not in linear]
            return sympy.Add(*rest, coefficient * exp_excess(exponent))
    return None


def _opposite_exponentials(node: Expr) -> Expr | None:
    """``c e^u - c e^-u`` is ``2 c sinh(u)``, and ``c e^u + c e^-u - 2 c`` is ``4 c sinh(u/2)^2``."""
    if not isinstance(node, sympy.Add):
        return None
    for term in node.args:
        factors = [factor for factor in sympy.Mul.make_args(term) if isinstance(factor, sympy.exp)]
        if len(factors) != 1 or not factors[0].args[0].free_symbols or factors[0].args[0].could_extract_minus_sign():
            continue
        coefficient, exponent = term / factors[0], factors[0].args[0]
        opposite = coefficient * sympy.exp(-exponent)
        if -opposite in node.args:
            rest = [other for other in node.args if other not in (term, -opposite)]
            return sympy.Add(*rest, 2 * coefficient * sympy.sinh(exponent))
        if opposite in node.args and -2 * coefficient in node.args:
            rest = [other for other in node.args if other not in (term, opposite, -2 * coefficient)]
            return sympy.Add(*rest, 4 * coefficient * sympy.sinh(exponent / 2) ** 2)
    return None


def _cosh_minus_one(node: Expr) -> Expr | None:
    """``c cosh(u) - c`` is ``2 c sinh(u/2)^2``."""
    if not isinstance(node, sympy.Add):
        return None
    for term in node.args:
        factors = [factor for factor in sympy.Mul.make_args(term) if isinstance(factor, sympy.cosh)]
        if len(factors) == 1 and -term / factors[0] in node.args:
            coefficient = term / factors[0]
            rest = [other for other in node.args if other not in (term, -coefficient)]
            return sympy.Add(*rest, 2 * coefficient * sympy.sinh(factors[0].args[0] / 2) ** 2)
    return None


def _reciprocal_cosh(node: Expr) -> Expr | None:
    if isinstance(node, sympy.Pow) and isinstance(node.base, sympy.cosh) and node.exp.is_negative:
        return secant_h(node.base.args[0]) ** (-node.exp)
    return secant_h(node.args[0]) if isinstance(node, sympy.sech) else None


RULES = (
    Rule(
        "power of two exponentials",
        _power_of_sum,
        "exp overflows from 710, the quotient is inf/inf",
        "1/(1 + e^-x) = sigmoid(x)",
        lambda: 1 / (1 + sympy.exp(-_x)),
    ),
    Rule(
        "exponential into sigmoid",
        _exponential_into_sigmoid,
        "inf * 0 for large x",
        "e^x sigmoid(-x) = sigmoid(x)",
        lambda: sympy.exp(_x) * sigmoid(-_x),
    ),
    Rule(
        "complement of a sigmoid",
        _complement,
        "1 - sigmoid(x) is 0 from x = 37",
        "1 - sigmoid(x) = sigmoid(-x)",
        lambda: 1 - sigmoid(_x),
    ),
    Rule(
        "exponential minus one",
        _minus_its_coefficient,
        "e^x - 1 is 0 below 1e-16",
        "e^x - 1 = expm1(x)",
        lambda: 3 * sympy.exp(_x) - 3,
    ),
    Rule(
        "exponential minus its tangent",
        _minus_its_exponent,
        "e^x - 1 - x is 0 below 1e-8",
        "Taylor series at 0",
        lambda: exp_minus_one(_x) - _x,
    ),
    Rule(
        "opposite exponentials",
        _opposite_exponentials,
        "e^x - e^-x is 0 below 1e-16",
        "definitions of cosh and sinh",
        lambda: 3 * sympy.exp(_x) - 3 * sympy.exp(-_x),
    ),
    Rule(
        "cosh minus one",
        _cosh_minus_one,
        "cosh(x) - 1 is 0 below 1e-8",
        "cosh(x) - 1 = 2 sinh(x/2)^2",
        lambda: 2 * sympy.cosh(_x) - 2,
    ),
    Rule(
        "reciprocal of cosh",
        _reciprocal_cosh,
        "cosh overflows from 711",
        "definition of sech",
        lambda: 1 / sympy.cosh(_x) ** 2,
    ),
)
