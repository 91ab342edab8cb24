"""Logarithms of sums, products and quotients: they overflow inside, or cancel outside."""

from __future__ import annotations

import functools

import sympy
from sympy import Expr

from symloss.atoms import exp_minus_one, log_hypotenuse, log_one_minus_exp, log_ratio, logcosh, sigmoid, softplus
from symloss.declare import Data, Index, LogSoftmax, LogSumExp, Softmax, Total, sum_over
from symloss.declare.axes import restricted
from symloss.declare.nodes import Apart, Bracket, fresh_index, indices_of_entries
from symloss.rules.exponentials import exponents_of, two_exponentials
from symloss.rules.powers import one_plus_square
from symloss.rules.rule import Rule

_x = sympy.Symbol("x", real=True)
_a, _b = sympy.symbols("a b", positive=True)


def _log_of_sum(node: Expr) -> Expr | None:
    """``log(e^u + e^v)`` is ``u + softplus(v - u)``."""
    found = two_exponentials(node.args[0]) if isinstance(node, sympy.log) else None
    return None if found is None else found[0] + softplus(found[1])


def _log_of_opposite(node: Expr) -> Expr | None:
    """``log(c e^u + c e^-u)`` is ``log(2 c) + logcosh(u)``."""
    found = two_exponentials(node.args[0]) if isinstance(node, sympy.log) else None
    if found is None or not found[1].free_symbols:
        return None
    first, gap = found
    constant = sympy.expand(first + gap / 2)
    return None if constant.free_symbols else sympy.log(2) + constant + logcosh(gap / 2)


def _log_of_many(node: Expr) -> Expr | None:
    """``log(e^u + e^v + e^w)`` is the logarithm of two exponentials whose first is itself a logarithm of a sum."""
    logs = exponents_of(node.args[0]) if isinstance(node, sympy.log) else None
    if logs is None or len(logs) < 3:
        return None
    return functools.reduce(lambda so_far, following: so_far + softplus(following - so_far), logs)


def _log_of_share(node: Expr) -> Expr | None:
    """``log(a / (a + b))`` is ``log_ratio(a, a + b)``, which looks at their difference b."""
    if not isinstance(node, sympy.log):
        return None
    above, below = sympy.fraction(node.args[0])
    if not (above.is_positive and below.is_positive and isinstance(below, sympy.Add)):
        return None
    gap = below - above
    return log_ratio(above, below) if len(sympy.Add.make_args(gap)) < len(below.args) else None


def _log_of_one_plus_square(node: Expr) -> Expr | None:
    """``log(1 + z^2)`` is ``2 log_hypotenuse(z)``."""
    if not isinstance(node, sympy.log):
        return None
    found = one_plus_square(node.args[0])
    return None if found is None else sympy.log(found[0]) + 2 * log_hypotenuse(found[1])


def _log_of_product(node: Expr) -> Expr | None:
    """Exponentials, sigmoids and softmaxes leave the logarithm of a product."""
    if not isinstance(node, sympy.log) or not isinstance(node.args[0], sympy.Mul | sympy.Pow | sigmoid | Softmax):
        return None
    outside, inside = sympy.Integer(0), sympy.Integer(1)
    for factor in sympy.Mul.make_args(node.args[0]):
        base, exponent = factor.as_base_exp() if not isinstance(factor, sympy.exp) else (factor, sympy.Integer(1))
        match base:
            case sympy.exp():
                outside += base.args[0] * exponent
            case sigmoid():
                outside += -exponent * softplus(-base.args[0])
            case Softmax():
                outside += exponent * LogSoftmax(*base.args)
            case _:
                inside *= factor
    return None if outside == 0 else outside + sympy.log(inside)


def _log_of_cosh(node: Expr) -> Expr | None:
    if isinstance(node, sympy.log) and isinstance(node.args[0], sympy.cosh):
        return logcosh(node.args[0].args[0])
    return None


def _log_of_one_minus_exp(node: Expr) -> Expr | None:
    """``log(c - c exp(x))`` and ``log(-c expm1(x))``."""
    if not isinstance(node, sympy.log):
        return None
    for factor in sympy.Mul.make_args(node.args[0]):
        inside = factor.args[0] if isinstance(factor, exp_minus_one) else None
        if isinstance(factor, sympy.Add) and len(factor.args) == 2 and factor.args[0] == 1:
            inside = (-factor.args[1]).args[0] if isinstance(-factor.args[1], sympy.exp) else None
        if inside is not None:
            rest = node.args[0] / factor * (1 if isinstance(factor, sympy.Add) else -1)
            return log_one_minus_exp(inside) + sympy.log(rest) if rest.is_positive else None
    return None


def _log_of_difference_of_sigmoids(node: Expr) -> Expr | None:
    """``log(σ(a) - σ(b))`` is ``log σ(a) + log σ(-b) + log(1 - e^(b - a))``."""
    if not isinstance(node, sympy.log) or not isinstance(node.args[0], sympy.Add) or len(node.args[0].args) != 2:
        return None
    for first, second in (node.args[0].args, node.args[0].args[::-1]):
        if isinstance(first, sigmoid) and isinstance(-second, sigmoid):
            a, b = first.args[0], (-second).args[0]
            return log_one_minus_exp(sympy.expand(b - a)) - softplus(-a) - softplus(b)
    return None


def _log_of_total(node: Expr) -> Expr | None:
    """``log Σ exp(u)`` is the shifted log-sum-exp."""
    if not isinstance(node, sympy.log) or not isinstance(node.args[0], Total):
        return None
    total = node.args[0]
    index = fresh_index(total.axis, total)
    exponent = _exponent(total.body(index))
    return None if exponent is None else LogSumExp.over(index, exponent)


def _exponent(body: Expr) -> Expr | None:
    """The u of ``exp(u)``, restricted to where brackets that multiply it hold; None for anything else."""
    factors = sympy.Mul.make_args(body)
    flags = sympy.Mul(*[factor for factor in factors if isinstance(factor, Apart | Bracket)])
    rest = sympy.Mul(*[factor for factor in factors if not isinstance(factor, Apart | Bracket)])
    return restricted(flags, rest.args[0]) if isinstance(rest, sympy.exp) else None


def _log_of_one_plus_total(node: Expr) -> Expr | None:
    """``log(1 + Σ exp(u))`` is the softplus of the log-sum-exp."""
    if not isinstance(node, sympy.log) or not isinstance(node.args[0], sympy.Add):
        return None
    inside: Expr = sympy.Integer(0)
    factors = sympy.Mul.make_args(node.args[0] - 1)
    if not any(isinstance(factor, Total) for factor in factors):
        return None
    for factor in factors:
        part = factor.args[0] if isinstance(factor, sympy.exp) else _log_of_total(sympy.log(factor))
        if part is None:
            return None
        inside += part
    return softplus(inside)


def _difference_of_logs(node: Expr) -> Expr | None:
    """``c log(a) - c log(b)`` is ``c log_ratio(a, b)``, which looks at a - b."""
    if not isinstance(node, sympy.Add):
        return None
    logs = {}
    for term in node.args:
        factors = [factor for factor in sympy.Mul.make_args(term) if isinstance(factor, sympy.log)]
        if len(factors) == 1 and factors[0].args[0].free_symbols:
            logs[term] = (term / factors[0], factors[0].args[0])
    for term, (coefficient, argument) in logs.items():
        for other, (opposite, divisor) in logs.items():
            if coefficient == -opposite and coefficient.could_extract_minus_sign() is False:
                rest = [item for item in node.args if item not in (term, other)]
                return sympy.Add(*rest, coefficient * log_ratio(argument, divisor))
    return None


def _softplus_minus_line(node: Expr) -> Expr | None:
    """``c softplus(x) - w x`` is ``w softplus(-x) + (c - w) softplus(x)``; x may be shifted by what is known."""
    if not isinstance(node, sympy.Add):
        return None
    functions = {term: term.atoms(sympy.Function) for term in node.args}
    for term in node.args:
        found = [factor for factor in sympy.Mul.make_args(term) if isinstance(factor, softplus)]
        if len(found) != 1:
            continue
        x, coefficient = found[0].args[0], term / found[0]
        for line in dict.fromkeys([x, *(part for part in sympy.Add.make_args(x) if part.has(Data))]):
            variables, own = _variables(line), line.atoms(sympy.Function)
            for other in node.args:
                if other == term or any(item.has(*variables) for item in functions[other] - own):
                    continue  # what the line lacks, no quotient by it loses
                weight = sympy.cancel(-other / line)
                left = coefficient - weight
                if weight == 0 or weight.has(*variables) or not weight.is_nonnegative:
                    continue
                if coefficient == 1 or left.is_nonnegative:
                    rest = [item for item in node.args if item not in (term, other)]
                    return sympy.Add(*rest, weight * softplus(-x) + left * softplus(x), weight * (x - line))
    return None


def _variables(expression: Expr) -> set[Expr]:
    """The symbols of an expression, without those that indices consist of."""
    places = {part for index in expression.atoms(Index) for part in index.args}
    return expression.free_symbols - places  # type: ignore[no-any-return]


def _softmax_quotient(node: Expr) -> Expr | None:
    """``exp(u_i) / Σ exp(u_k)`` is the softmax."""
    if not isinstance(node, sympy.Mul):
        return None
    for factor in node.args:
        if not (isinstance(factor, sympy.Pow) and factor.exp == -1 and isinstance(factor.base, Total)):
            continue
        total = factor.base
        index = fresh_index(total.axis, total)
        body = total.body(index)
        for other in node.args:
            exponent = _exponent(body)
            if not isinstance(other, sympy.exp) or exponent is None:
                continue
            for at in indices_of_entries(other):
                if exponent.xreplace({index: at}) == other.args[0]:
                    rest = node / (factor * other)
                    return rest * Softmax.over(index, exponent, at)
            return node / (factor * other) * sympy.exp(other.args[0] - LogSumExp.over(index, exponent))
    return None


def _example_softmax() -> Expr:
    from symloss.declare import Axis, softmax, y_pred

    axis = Axis("K")
    return softmax(y_pred, axis, axis.index("i"))


def _example_logsumexp() -> Expr:
    from symloss.declare import Axis, y_pred

    k = Axis("K").index("k")
    return sympy.log(sum_over(k, sympy.exp(y_pred[k])))


RULES = (
    Rule(
        "log of opposite exponentials",
        _log_of_opposite,
        "exp overflows from 710; the logarithm is 0 below 1e-8",
        "e^x + e^-x = 2 cosh(x)",
        lambda: sympy.log(sympy.exp(_x) / 2 + sympy.exp(-_x) / 2),
    ),
    Rule(
        "log of many exponentials",
        _log_of_many,
        "exp overflows from 710",
        "log(e^x + e^y) = x + softplus(y - x), term by term",
        lambda: sympy.log(1 + sympy.exp(_x) + sympy.exp(-2 * _x)),
    ),
    Rule(
        "log of a share",
        _log_of_share,
        "log(a / (a + b)) is 0 where a is much larger than b",
        "log a - log b = log1p((a - b)/b)",
        lambda: sympy.log(_a / (_a + _b)),
    ),
    Rule(
        "log of one plus a square",
        _log_of_one_plus_square,
        "z^2 overflows from 1e154; 1 + z^2 is 1 below 1e-8",
        "log(1 + z^2) = log1p(z^2), or 2 log|z| for large z",
        lambda: sympy.log(1 + _x**2),
    ),
    Rule(
        "log of two exponentials",
        _log_of_sum,
        "exp overflows from 710; 1 + e^-40 is 1",
        "log(1 + e^x) = max(x, 0) + log1p(e^-|x|)",
        lambda: sympy.log(1 + sympy.exp(_x)),
    ),
    Rule(
        "log of a product",
        _log_of_product,
        "the product under- or overflows before its logarithm",
        "log sigmoid(x) = -softplus(-x)",
        lambda: sympy.log(sigmoid(_x)),
    ),
    Rule(
        "log cosh",
        _log_of_cosh,
        "cosh overflows from 711 and is 1 below 1e-8",
        "log cosh x = log1p(2 sinh(x/2)^2)",
        lambda: sympy.log(sympy.cosh(_x)),
    ),
    Rule(
        "log of one minus an exponential",
        _log_of_one_minus_exp,
        "1 - e^x keeps no digit beside x = 0",
        "log(1 - e^x) = log(-expm1(x))",
        lambda: sympy.log(1 - sympy.exp(-_a)),
    ),
    Rule(
        "log of a difference of sigmoids",
        _log_of_difference_of_sigmoids,
        "the difference cancels where both are near 0 or 1",
        "sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - e^(b - a))",
        lambda: sympy.log(sigmoid(_a + 1) - sigmoid(_a)),
    ),
    Rule(
        "log of a sum of exponentials",
        _log_of_total,
        "exp overflows from 710",
        "shift by the maximum",
        _example_logsumexp,
    ),
    Rule(
        "log of one plus a sum of exponentials",
        _log_of_one_plus_total,
        "exp overflows from 710",
        "log(1 + e^x) = softplus(x)",
        lambda: sympy.log(1 + _example_logsumexp().args[0]),
    ),
    Rule("softmax", _softmax_quotient, "exp overflows from 710", "shift by the maximum", _example_softmax),
    Rule(
        "difference of logarithms",
        _difference_of_logs,
        "cancels where the arguments are close",
        "log a - log b = log1p((a - b)/b)",
        lambda: sympy.log(_a) - sympy.log(_b),
    ),
    Rule(
        "softplus minus a line",
        _softplus_minus_line,
        "softplus(x) - x is 0 from x = 37",
        "softplus(x) - x = softplus(-x)",
        lambda: softplus(_x) - _a * _x,
    ),
)
