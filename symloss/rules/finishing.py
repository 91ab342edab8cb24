"""Polishing of results that are not differentiated again."""

from __future__ import annotations

import sympy
from sympy import Expr

from symloss.atoms import (
    exp_difference,
    exp_minus_one,
    exp_minus_product,
    hypotenuse_excess,
    hypotenuse_gain,
    hypotenuse_leg,
    hypotenuse_unit,
    labelled_softplus,
    one_minus_over,
    over,
    perpendicular,
    power,
    ratio_excess,
    sigmoid,
    sigmoid_contrast,
    sigmoid_minus_label,
    softmax_minus_label,
    softplus,
    tangent_h,
    unit_rest,
    xexpy,
)
from symloss.declare import Delta, Element, Softmax, Total, Unit, clamp
from symloss.declare.binders import Share
from symloss.declare.nodes import Mark
from symloss.rules.rule import Rule

_x = sympy.Symbol("x", real=True)
_a, _b = sympy.symbols("a b", positive=True)


def _excess_of_ratio(node: Expr) -> Expr | None:
    """``c a/b - c - c log(a/b)`` is ``c ratio_excess(a, b)``."""
    if not isinstance(node, sympy.Add):
        return None
    for term in node.args:
        logs = [factor for factor in sympy.Mul.make_args(term) if isinstance(factor, sympy.log)]
        if len(logs) != 1:
            continue
        coefficient, ratio = -term / logs[0], logs[0].args[0]
        if ratio.is_positive and coefficient * ratio in node.args and -coefficient in node.args:
            rest = [item for item in node.args if item not in (term, coefficient * ratio, -coefficient)]
            return sympy.Add(*rest, coefficient * ratio_excess(*sympy.fraction(ratio)))
    return None


def _share_minus_label(node: Expr) -> Expr | None:
    """``s - c`` is ``(1 - c) s - c (1 - s)`` for a sigmoid or softmax s: exact when the label c is 0 or 1."""
    if not isinstance(node, sympy.Add):
        return None
    shares = [term for term in node.args if isinstance(term, sigmoid | Softmax)]
    if len(shares) != 1 or any(item.has(sigmoid, Softmax) for item in node.args if item != shares[0]):
        return None
    label = -(node - shares[0])
    if label.is_number or label.could_extract_minus_sign():
        return None
    if isinstance(shares[0], sigmoid):
        return sigmoid_minus_label(shares[0].args[0], label)
    return softmax_minus_label(shares[0], label)


def _difference_of_exponentials(node: Expr) -> Expr | None:
    """``exp(a) - y exp(b)`` for terms that can cancel: the leading coefficient is 1, the other a target."""
    if not isinstance(node, sympy.Add) or len(node.args) != 2:
        return None
    for first, second in (node.args, node.args[::-1]):
        if (first == 1 or isinstance(first, sympy.exp)) and second.could_extract_minus_sign():
            a = first.args[0] if isinstance(first, sympy.exp) else sympy.Integer(0)
            scaled = -second
            y, b = scaled.args if isinstance(scaled, xexpy) else (scaled, sympy.Integer(0))
            if isinstance(y, sympy.Symbol) and a != b:
                return exp_difference(a, y, b)
        ratio = -second / first
        if not first.has(sympy.exp) and isinstance(ratio, xexpy) and isinstance(ratio.args[0], sympy.Symbol):
            return first * exp_difference(sympy.Integer(0), *ratio.args)
    return None


def _perpendicular_part(node: Expr) -> Expr | None:
    """``±((u . v) v - u)``, and ``3 (u . v) v^2 - (u . v) - 2 u v``, which vanish with the angle between u and v."""
    if not isinstance(node, sympy.Add) or len(node.args) > 3:
        return None
    for cosine in sorted(filter(_is_cosine, node.atoms(Total)), key=sympy.default_sort_key):
        for u, v in _unit_pairs(cosine, node):
            for sign in (1, -1):
                if node == sign * (cosine * v - u):
                    return -sign * perpendicular(u, v)
                if node == sign * (3 * cosine * v**2 - cosine - 2 * u * v):
                    return -sign * (cosine * unit_rest(v) + 2 * v * perpendicular(u, v))
    return None


def _is_cosine(total: Expr) -> bool:
    """Whether a sum is that of products of two unit vectors' entries."""
    factors = sympy.Mul.make_args(total.args[0])
    return len(factors) == 2 and all(isinstance(factor, Unit) for factor in factors)


def _unit_pairs(cosine: Total, node: Expr) -> list[tuple[Expr, Expr]]:
    """Entries u and v of the node whose product is what the sum is taken of, either way round."""
    entries = sorted((item for item in node.atoms(Unit) if item.at.args), key=sympy.default_sort_key)
    outside = [item for item in entries if not str(item.at.args[0]).startswith("_")]
    return [
        (u, v)
        for u in outside
        for v in outside
        if u != v and u.at == v.at and cosine.body(u.at) == u * v  # type: ignore[arg-type]
    ]


def _argument_minus_logarithm(node: Expr) -> Expr | None:
    """``c t - c log(1 + t)`` is ``c ratio_excess(1 + t, 1)``: zero with t."""
    if not isinstance(node, sympy.Add):
        return None
    for term in node.args:
        for factor in sympy.Mul.make_args(term):
            if not (isinstance(factor, sympy.log) and isinstance(factor.args[0], sympy.Add)):
                continue
            inside, coefficient = factor.args[0] - 1, -term / factor
            linear = sympy.Add.make_args(sympy.expand(coefficient * inside))
            if sympy.Integer(1) in factor.args[0].args and all(part in node.args for part in linear):
                rest = [other for other in node.args if other != term and other not in linear]
                return sympy.Add(*rest, coefficient * ratio_excess(factor.args[0], sympy.Integer(1)))
    return None


def _twice_sigmoid_minus_one(node: Expr) -> Expr | None:
    """``2 c sigmoid(x) - c`` is ``c tanh(x/2)``."""
    if not isinstance(node, sympy.Add):
        return None
    for term in node.args:
        shares = [factor for factor in sympy.Mul.make_args(term) if isinstance(factor, sigmoid)]
        if len(shares) == 1 and -term / shares[0] / 2 in node.args:
            half = -term / shares[0] / 2
            rest = [other for other in node.args if other not in (term, half)]
            return sympy.Add(*rest, -half * tangent_h(shares[0].args[0] / 2))
    return None


def _exponential_minus_product(node: Expr) -> Expr | None:
    """``exp(u) - u y``, whose terms may both leave the floats."""
    if not isinstance(node, sympy.Add) or len(node.args) != 2:
        return None
    for first, second in (node.args, node.args[::-1]):
        product = -second
        factors = sympy.Mul.make_args(product)
        if (
            isinstance(first, sympy.exp)
            and len(factors) == 2
            and all(isinstance(item, sympy.Symbol) for item in factors)
        ):
            return exp_minus_product(first.args[0], *factors)
    return None


def _side_of_hypotenuse(node: Expr) -> Expr | None:
    """``b^2 (hypotenuse(a/b) - 1)`` and ``b hypotenuse_unit(a/b)`` are in range where a/b is not."""
    if not isinstance(node, sympy.Mul):
        return None
    powers = node.as_powers_dict()
    for factor in node.args:
        if isinstance(factor, hypotenuse_excess | hypotenuse_unit):
            above, below = sympy.fraction(factor.args[0])
            count = 2 if isinstance(factor, hypotenuse_excess) else 1
            if below.free_symbols and powers.get(below, sympy.Integer(0)) >= count:
                side = hypotenuse_gain if count == 2 else hypotenuse_leg
                return node / factor / below**count * side(above, below)
    return None


def _one_minus_quotient_of_shares(node: Expr) -> Expr | None:
    """``u - u c/q`` and ``u - u c/q/q`` for a share q: exact where q is close to a label c of 1."""
    if not isinstance(node, sympy.Add):
        return None
    for term in node.args:
        for factor in sympy.Mul.make_args(term):
            inside, share, count = _divided_by_share(factor)
            plain = count == 1 and all(_is_sum_of_symbols(part) for part in (inside, share))
            if (plain or (count and _is_share(share))) and -term / factor in node.args:
                rest = [item for item in node.args if item not in (term, -term / factor)]
                return sympy.Add(*rest, -term / factor * one_minus_over(inside, share, sympy.Integer(count)))
    return None


def _divided_by_share(factor: Expr) -> tuple[Expr, Expr, int]:
    """What is divided once or twice by the same thing, that thing, and how often."""
    if not isinstance(factor, over):
        return factor, sympy.Integer(1), 0
    inside, share = factor.args
    if isinstance(inside, over) and inside.args[1] == share:
        return inside.args[0], share, 2
    return inside, share, 1


def _is_sum_of_symbols(node: Expr) -> bool:
    return all(term.is_Symbol for term in sympy.Add.make_args(node))


def _is_share(node: Expr) -> bool:
    return isinstance(node, Share) or (isinstance(node, clamp) and isinstance(node.args[0], Share))


def _sigmoids_of_both_labels(node: Expr) -> Expr | None:
    """``(1 - c) sigmoid(x) - c sigmoid(-x)`` is ``sigmoid(x) - c``."""
    if not isinstance(node, sympy.Add) or len(node.args) != 2:
        return None
    for first, second in (node.args, node.args[::-1]):
        for share in (factor for factor in sympy.Mul.make_args(first) if isinstance(factor, sigmoid)):
            label = -second / sigmoid(-share.args[0])
            if not label.has(sigmoid) and not label.is_number and sympy.expand(first / share + label) == 1:
                return sigmoid_minus_label(share.args[0], label)
    return None


def _softplus_of_both_labels(node: Expr) -> Expr | None:
    """``c softplus(-x) + (1 - c) softplus(x)`` has one ``log1p`` in common, and no two roundings of its factor 1."""
    if not isinstance(node, sympy.Add) or len(node.args) != 2:
        return None
    for first, second in (node.args, node.args[::-1]):
        found = [factor for factor in sympy.Mul.make_args(first) if isinstance(factor, softplus)]
        if len(found) == 1 and not found[0].args[0].could_extract_minus_sign():
            x = found[0].args[0]
            label = second / softplus(-x)
            is_label = not label.has(softplus) and not label.is_number
            if is_label and sympy.expand(first / found[0] + label) == 1:
                return labelled_softplus(x, label)
    return None


def _whole_of_sigmoids(node: Expr) -> Expr | None:
    """``c sigmoid(x) + c sigmoid(-x)`` is ``c``, for brackets c: other labels weight both apart already."""
    if not isinstance(node, sympy.Add):
        return None
    for term in node.args:
        for share in (factor for factor in sympy.Mul.make_args(term) if isinstance(factor, sigmoid)):
            opposite = term / share * sigmoid(-share.args[0])
            if opposite in node.args and (term / share).has(Mark):
                return sympy.Add(*[item for item in node.args if item not in (term, opposite)], term / share)
    return None


def _weighted_sigmoids(node: Expr) -> Expr | None:
    """``p sigmoid(x) - q sigmoid(-x)`` is ``p tanh(x/2)`` for p = q, else zero where ``e^x = q/p``."""
    if not isinstance(node, sympy.Add) or len(node.args) != 2:
        return None
    for first, second in (node.args, node.args[::-1]):
        for share in (factor for factor in sympy.Mul.make_args(first) if isinstance(factor, sigmoid)):
            p, q = first / share, -second / sigmoid(-share.args[0])
            if p.has(sigmoid) or q.has(sigmoid) or not p.is_positive or not q.is_nonnegative:
                continue
            return p * tangent_h(share.args[0] / 2) if p == q else sigmoid_contrast(share.args[0], p, q)
    return None


def _one_minus_power(node: Expr) -> Expr | None:
    """``c - c b^e`` is ``-c (exp(e log b) - 1)``, exact for a small exponent."""
    if not isinstance(node, sympy.Add) or len(node.args) != 2:
        return None
    for constant, term in (node.args, node.args[::-1]):
        if isinstance(-term / constant, power):
            base, exponent = (-term / constant).args
            return -constant * exp_minus_one(exponent * sympy.log(base))
    return None


def _difference_of_reciprocals(node: Expr) -> Expr | None:
    """``c/a - c/b`` is ``c (b - a)/(a b)`` where ``b - a`` is a single input, which may be 0."""
    if not isinstance(node, sympy.Add):
        return None
    quotients = [(term, found) for term in node.args if (found := _reciprocal(term)) is not None]
    for term, (coefficient, first) in quotients:
        for other, (opposite, second) in quotients:
            if coefficient != -opposite or coefficient.could_extract_minus_sign():
                continue
            gap = sympy.expand(second - first)
            if isinstance(gap, Element | sympy.Symbol):
                rest = [item for item in node.args if item not in (term, other)]
                return sympy.Add(*rest, coefficient * gap / (first * second))
    return None


def _reciprocal(term: Expr) -> tuple[Expr, Expr] | None:
    """Coefficient and divisor of a number over what depends on data, both free of other numbers."""
    coefficient, rest = term.as_coeff_Mul()
    if isinstance(rest, over) and rest.args[0] == 1:
        rest = 1 / rest.args[1]
    if not isinstance(rest, sympy.Pow) or rest.exp != -1:
        return None
    size, divisor = rest.base.primitive() if isinstance(rest.base, sympy.Add) else (sympy.Integer(1), rest.base)
    return coefficient / size, divisor


def _reciprocals_at_label(node: Expr) -> Expr | None:
    """``±(1/T^n - [c = j]/u^n)`` with the sum T and its entry u at the label c: one difference T - u at the label."""
    if not isinstance(node, sympy.Add) or len(node.args) != 2:
        return None
    marked = [term for term in node.args if term.has(Delta)]
    if len(marked) != 1:
        return None
    plain = next(term for term in node.args if term is not marked[0])
    sign, bare = plain.as_coeff_Mul()
    bracket = next(iter(marked[0].atoms(Delta)))
    whole, power, summed = _power_of_sum(bare)
    entry, same, single = _power_of_sum(-marked[0] / bracket / sign)
    if abs(sign) != 1 or power != same or power not in (-1, -2) or not isinstance(whole, Total):
        return None
    gap = whole - entry
    at_label = -gap / (whole * entry) if power == -1 else -(gap * (whole + entry)) / (whole * entry) ** 2
    rest = (summed - single) * whole**power if summed != single else 0
    return sign * bracket * (single * at_label + rest) + sign * (1 - bracket) * bare


def _power_of_sum(term: Expr) -> tuple[Expr, Expr, Expr]:
    """Base and exponent of the negative power in a product, and what multiplies it."""
    for factor in sympy.Mul.make_args(term):
        base, exponent = factor.as_base_exp()
        if exponent in (-1, -2):
            return base, exponent, term / factor
    return term, sympy.Integer(1), sympy.Integer(1)


def _example_reciprocals() -> Expr:
    from symloss.declare import Axis, sum_over, y_pred, y_true

    axis = Axis("K")
    total = sum_over(axis.index("k"), y_pred[axis.index("k")])
    return 1 / total - Delta(y_true, axis.index("j")) / y_pred[y_true]


def _example_whole() -> Expr:
    from symloss.declare import Axis

    mark = Delta(Axis("K").index("i"), Axis("K").index("j"))
    return sigmoid(_x) - mark * sigmoid(_x) - mark * sigmoid(-_x)


def _example_quotient_of_shares() -> Expr:
    from symloss.declare import Axis, y_pred, y_true
    from symloss.rules.vectors import RULES as VECTOR_RULES

    share = VECTOR_RULES[0].rewrite(VECTOR_RULES[0].example())
    assert share is not None
    return 1 - over(y_true[Axis("K").index("i")], share) + 0 * y_pred


def _example_perpendicular() -> Expr:
    from symloss.declare import Axis, sum_over, y_pred, y_true

    axis = Axis("K")
    k, j, m = axis.index("k"), axis.index("j"), axis.index("m")
    units = [lambda at, data=data: Unit.over(m, data[m], at) for data in (y_true, y_pred)]
    return sum_over(k, units[0](k) * units[1](k)) * units[1](j) - units[0](j)


RULES = (
    Rule(
        "one minus a power",
        _one_minus_power,
        "1 - b^e cancels for small e",
        "1 - b^e = -expm1(e log b)",
        lambda: 1 - power(_a, _x),
    ),
    Rule(
        "difference of reciprocals",
        _difference_of_reciprocals,
        "1/a - 1/(a + b) cancels for small b",
        "1/a - 1/(a + b) = b/(a (a + b))",
        lambda: 1 / _a - 1 / (_a + _b),
    ),
    Rule(
        "reciprocals at the label",
        _reciprocals_at_label,
        "1/T - 1/u cancels for a confident prediction",
        "1/T - 1/u = -(T - u)/(T u)",
        _example_reciprocals,
    ),
    Rule(
        "difference of exponentials",
        _difference_of_exponentials,
        "e^x - 1 keeps no digit for small x",
        "e^a - y e^b = e^b (expm1(a - b) - (y - 1))",
        lambda: sympy.exp(_x) - _a,
    ),
    Rule(
        "excess of a ratio",
        _excess_of_ratio,
        "cancels where the ratio is near 1",
        "t - log1p(t) by the series of atanh",
        lambda: _a / _b - 1 - sympy.log(_a / _b),
    ),
    Rule(
        "share minus label",
        _share_minus_label,
        "sigmoid(x) - 1 is 0 from x = 37",
        "s - c = (1 - c) s - c (1 - s)",
        lambda: sigmoid(_x) - _a,
    ),
    Rule(
        "exponential minus a product",
        _exponential_minus_product,
        "inf - inf where both terms overflow",
        "e^u - a b = h (h - a/h b) with h = e^(u/2)",
        lambda: sympy.exp(_x) - _a * _x,
    ),
    Rule(
        "part at a right angle",
        _perpendicular_part,
        "u - (u . v) v cancels where u and v are nearly parallel",
        "Σ v_k (u_i v_k - u_k v_i), in twice the precision",
        _example_perpendicular,
    ),
    Rule(
        "argument minus logarithm",
        _argument_minus_logarithm,
        "t - log(1 + t) is 0 below 1e-8",
        "t - log1p(t) by the series of atanh",
        lambda: 2 * _a - 2 * sympy.log(1 + _a),
    ),
    Rule(
        "twice a sigmoid minus one",
        _twice_sigmoid_minus_one,
        "2 sigmoid(x) - 1 is 0 below 1e-16",
        "tanh(x/2) = 2 sigmoid(x) - 1",
        lambda: 2 * _b * sigmoid(_x) - _b,
    ),
    Rule(
        "side of a hypotenuse",
        _side_of_hypotenuse,
        "a/b over- or underflows before the result does",
        "b^2 (sqrt(1 + (a/b)^2) - 1) = b (sqrt(a^2 + b^2) - b)",
        lambda: _b**2 * hypotenuse_excess(_x / _b),
    ),
    Rule(
        "one minus a quotient of shares",
        _one_minus_quotient_of_shares,
        "0 where the share is close to its label 1",
        "1 - c/q = ((1 - c) - (1 - q)) / q with a sign",
        _example_quotient_of_shares,
    ),
    Rule(
        "whole of two sigmoids",
        _whole_of_sigmoids,
        "1 - sigmoid(x) cancels where sigmoid(x) is near 1",
        "sigmoid(x) + sigmoid(-x) = 1",
        _example_whole,
    ),
    Rule(
        "sigmoids of both labels",
        _sigmoids_of_both_labels,
        "(1 - c) sigmoid(x) - c sigmoid(-x) cancels at x = 0 for a label of 1/2",
        "sigmoid(x) + sigmoid(-x) = 1",
        lambda: (1 - _a / 9) * sigmoid(_x) - _a / 9 * sigmoid(-_x),
    ),
    Rule(
        "softplus of both labels",
        _softplus_of_both_labels,
        "c + (1 - c) is rounded twice",
        "c softplus(-x) + (1 - c) softplus(x) = c max(-x, 0) + (1 - c) max(x, 0) + log(1 + e^-|x|)",
        lambda: _a / 9 * softplus(-_x) + (1 - _a / 9) * softplus(_x),
    ),
    Rule(
        "contrast of sigmoids",
        _weighted_sigmoids,
        "p sigmoid(x) - q sigmoid(-x) cancels beside its zero",
        "p e^x - q = q expm1(x - log(q/p))",
        lambda: _a * sigmoid(_x) - _b * sigmoid(-_x),
    ),
)
