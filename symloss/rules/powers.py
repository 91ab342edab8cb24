"""Square roots of one plus a square, and powers whose exponent is a parameter."""

from __future__ import annotations

import sympy
from sympy import Expr

from symloss.atoms import (
    exp_minus_one,
    finite_over,
    hypotenuse,
    hypotenuse_excess,
    hypotenuse_inverse,
    hypotenuse_unit,
    log_hypotenuse,
    magnitude,
    power,
    power_quotient,
    sign_of,
)
from symloss.rules.rule import Rule

_x = sympy.Symbol("x", real=True)
_b, _e = sympy.symbols("b e", positive=True)


def _square_root_of_square(square: Expr) -> Expr | None:
    """Z with z² equal to the expression, a square over what is positive; else None."""
    root, has_square = sympy.Integer(1), False
    for factor in sympy.Mul.make_args(square):
        base, exponent = factor.as_base_exp()
        if factor.is_Rational and factor.is_positive and sympy.sqrt(factor).is_Rational:
            root *= sympy.sqrt(factor)
        elif exponent.is_Integer and exponent % 2 == 0:
            root *= base ** (exponent / 2)
            has_square = has_square or (bool(base.free_symbols) and exponent > 0)
        elif base.is_positive and base.free_symbols and exponent == -1:
            root /= sympy.sqrt(base)
        else:
            return None
    return root if has_square else None


def one_plus_square(node: Expr) -> tuple[Expr, Expr] | None:
    """Read ``c + u^2`` with a positive number c as ``c (1 + z^2)`` and return (c, z); None for anything else."""
    if not isinstance(node, sympy.Add) or len(node.args) != 2:
        return None
    constant, square = node.as_coeff_Add()
    if not constant.is_positive:
        return None
    z = _square_root_of_square(square)
    return None if z is None or not z.free_symbols else (constant, z / sympy.sqrt(constant))


def _root_of_one_plus_square(node: Expr) -> Expr | None:
    """``(1 + z^2)^(n/2)`` is ``hypotenuse(z)^n``."""
    if not isinstance(node, sympy.Pow) or not (node.exp.is_Rational and node.exp.q == 2):
        return None
    found = one_plus_square(node.base)
    return None if found is None or found[0] != 1 else hypotenuse(found[1]) ** (2 * node.exp)


def _reciprocal_of_one_plus_square(node: Expr) -> Expr | None:
    """``(c + u^2)^-n`` is ``c^-n hypotenuse_inverse(z)^(2 n)``."""
    if not isinstance(node, sympy.Pow) or not (node.exp.is_Integer and node.exp.is_negative):
        return None
    found = one_plus_square(node.base)
    return None if found is None else found[0] ** node.exp * hypotenuse_inverse(found[1]) ** (-2 * node.exp)


def _leg_over_hypotenuse(node: Expr) -> Expr | None:
    """``z hypotenuse_inverse(z)`` is ``hypotenuse_unit(z)``, which stays between -1 and 1."""
    if not isinstance(node, sympy.Mul):
        return None
    powers = dict(factor.as_base_exp() for factor in node.args)
    for base, exponent in powers.items():
        if not isinstance(base, hypotenuse_inverse) or not exponent.is_Integer:
            continue
        z = base.args[0]
        for leg, times in powers.items():
            order = z.as_powers_dict().get(leg, sympy.Integer(0))
            if leg.free_symbols and times.is_Integer and order.is_Integer and 0 < order <= times:
                count = min(times // order, exponent)
                rest = node / (leg ** (order * count) * base**count)
                return rest * (hypotenuse_unit(z) * leg**order / z) ** count
    return None


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


def _one_minus_inverse_power(node: Expr) -> Expr | None:
    """``c - c hypotenuse_inverse(z)^n`` is ``-c expm1(-n log_hypotenuse(z))``."""
    if not isinstance(node, sympy.Add):
        return None
    for term in node.args:
        for factor in sympy.Mul.make_args(term):
            base, exponent = factor.as_base_exp()
            if isinstance(base, hypotenuse_inverse) and -term / factor in node.args:
                coefficient = term / factor
                rest = [other for other in node.args if other not in (term, -coefficient)]
                return sympy.Add(*rest, coefficient * exp_minus_one(-exponent * log_hypotenuse(base.args[0])))
    return None


def _parametric_power(node: Expr) -> Expr | None:
    """``b^e`` with an exponent known only at run time; SymPy's derivative ``e b^(e-1)`` is 0/0 at b = 0."""
    if isinstance(node, sympy.Pow) and node.exp.free_symbols and not isinstance(node, sympy.exp):
        return power(node.base, node.exp)
    return None


def _power_over_base(node: Expr) -> Expr | None:
    """``b^e u/b`` is ``u b^(e - 1)``; where it multiplies a sum, in every term of the sum or not at all."""
    if not isinstance(node, sympy.Mul):
        return None
    for factor in node.args:
        if not isinstance(factor, power):
            continue
        rest = node / factor
        found = _without_divisor(rest, factor.args[0])
        if found is not None:
            return power_quotient(*factor.args, found[1], found[0])
        spread = _spread_over_sum(rest, factor)
        if spread is not None:
            return spread
        if rest.free_symbols:
            return power_quotient(*factor.args, sympy.Integer(0), rest)
    return None


def _sum_of_power_quotients(node: Expr) -> Expr | None:
    """``u b^k + v b^k`` is ``(u + v) b^k``, whose factor does not cancel any more."""
    if not isinstance(node, sympy.Add):
        return None
    groups: dict[tuple[Expr, ...], list[Expr]] = {}
    for term in node.args:
        if isinstance(term, power_quotient):
            groups.setdefault(term.args[:3], []).append(term)
    for key, terms in groups.items():
        if len(terms) > 1:
            factor = sympy.factor(_unsigned(sympy.Add(*[term.args[3] for term in terms])))
            rest = [other for other in node.args if other not in terms]
            return sympy.Add(*rest, power_quotient(*key, factor))
    return None


def _power_quotients_of_a_sum(node: Expr) -> Expr | None:
    """``u b^(e - m) + v b^(e - n)`` is ``(u b^(n - m) + v) b^(e - n)`` for a sum b, whose terms v may share."""
    if not isinstance(node, sympy.Add):
        return None
    groups: dict[tuple[Expr, ...], list[tuple[Expr, Expr]]] = {}
    for term in node.args:
        found = [factor for factor in sympy.Mul.make_args(term) if isinstance(factor, power_quotient)]
        if len(found) == 1 and isinstance(found[0].args[0], sympy.Add):
            groups.setdefault(found[0].args[:2], []).append((term, found[0]))
    for (base, exponent), terms in groups.items():
        if len(terms) > 1:
            count = max((found.args[2] for _, found in terms), key=int)
            parts = [term / found * found.args[3] * base ** (count - found.args[2]) for term, found in terms]
            factors = sympy.Mul.make_args(sympy.factor(sympy.expand(sympy.Add(*parts))))
            rest = [other for other in node.args if other not in [term for term, _ in terms]]
            return sympy.Add(*rest, power_quotient(base, exponent, count, sympy.Mul(*map(_grouped, factors))))
    return None


def _grouped(node: Expr) -> Expr:
    """``c u - u`` as ``(c - 1) u``, for a symbol c."""
    if isinstance(node, sympy.Add):
        for term in node.args:
            for other in node.args:
                ratio = -term / other
                if ratio.is_Symbol:
                    return sympy.Add(*[item for item in node.args if item not in (term, other)], (1 - ratio) * other)
    return node


def _spread_over_sum(rest: Expr, raised: power) -> Expr | None:
    """``b^e (u/b + v)`` is ``u b^(e - 1) + v b^e``: u/b may leave the floats where b^e is 0."""
    for factor in sympy.Mul.make_args(rest):
        if not isinstance(factor, sympy.Add):
            continue
        parts = [(term, _without_divisor(term, raised.args[0])) for term in factor.args]
        if any(found is not None for _, found in parts):
            terms = [
                power_quotient(*raised.args, *((sympy.Integer(0), term) if found is None else found[::-1]))
                for term, found in parts
            ]
            spread = sympy.Add(*terms)
            return rest / factor * (_power_quotients_of_a_sum(spread) or spread)
    return None


def _unsigned(product: Expr) -> Expr:
    """The square of a sign is 1 almost everywhere."""
    return product.replace(  # type: ignore[no-any-return]
        lambda node: isinstance(node, sympy.Pow) and isinstance(node.base, sign_of) and node.exp == 2,
        lambda node: sympy.Integer(1),
    )


def _without_divisor(node: Expr, divisor: Expr) -> tuple[Expr, Expr] | None:
    """What is left of a product, or of a sum of products, without its quotients by a divisor, and their number."""
    if isinstance(node, sympy.Add):
        parts = [_without_divisor(term, divisor) for term in node.args]
        counts = {part[1] for part in parts if part is not None}
        if len(counts) != 1 or None in parts:
            return None
        return sympy.Add(*[_unsigned(part[0]) for part in parts if part is not None]), counts.pop()
    left, count = sympy.Integer(1), sympy.Integer(0)
    for factor in sympy.Mul.make_args(node):
        base, exponent = factor.as_base_exp()
        inside = _without_divisor(factor, divisor) if isinstance(factor, sympy.Add) else None
        if inside is not None:
            left, count = left * inside[0], count + inside[1]
        elif isinstance(base, finite_over) and base.args[1] == divisor and exponent.is_Integer:
            above, more = _without_divisor(base.args[0], divisor) or (base.args[0], sympy.Integer(0))
            left, count = left * above**exponent, count + exponent * (1 + more)
        else:
            left *= factor
    return (left, count) if count > 0 else None


RULES = (
    Rule(
        "root of one plus a square",
        _root_of_one_plus_square,
        "z^2 overflows from 1e154",
        "scaled hypotenuse",
        lambda: sympy.sqrt(1 + _x**2),
    ),
    Rule(
        "reciprocal of one plus a square",
        _reciprocal_of_one_plus_square,
        "z^2 overflows from 1e154, and z^2 / (1 + z^2) is inf/inf",
        "scaled hypotenuse",
        lambda: 1 / (4 + _x**2),
    ),
    Rule(
        "leg over hypotenuse",
        _leg_over_hypotenuse,
        "z times a power that underflows",
        "definition of the unit leg",
        lambda: _x**2 * hypotenuse_inverse(_x / 2) ** 3,
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
FINISHING_RULES = (
    Rule(
        "powers of a sum over the sum",
        _power_quotients_of_a_sum,
        "z^2 b^(e-2) - b^(e-1) cancels where its terms do",
        "distributive law",
        lambda: sympy.Add(
            power_quotient(1 + _x**2, _e, sympy.Integer(1), 2 * _e),
            power_quotient(1 + _x**2, _e, sympy.Integer(2), -4 * _e * _x**2),
        ),
    ),
    Rule(
        "sum of powers over their base",
        _sum_of_power_quotients,
        "e^2 b^k - e b^k cancels near e = 1",
        "distributive law",
        lambda: sympy.Add(*(power_quotient(magnitude(_x), _e, sympy.Integer(1), factor) for factor in (_e**2, -_e))),
    ),
    Rule(
        "one minus a power of the hypotenuse",
        _one_minus_inverse_power,
        "1 - (1 + z^2)^-n is 0 below 1e-8",
        "1 - u^-n = -expm1(-n log u)",
        lambda: 2 - 2 * hypotenuse_inverse(_x) ** 4,
    ),
    Rule(
        "power over its base",
        _power_over_base,
        "b^e overflows where b^e/b does not",
        "b^e/b = b^(e - 1)",
        lambda: power(magnitude(_x), _e) * finite_over(sign_of(_x), magnitude(_x)),
    ),
)
