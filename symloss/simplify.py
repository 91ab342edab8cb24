"""Algebra that is safe after differentiation: cancel guards, collapse squares of signs, combine fractions.

SymPy's ``simplify`` is never called: it is slow and undoes stable forms.
"""

from __future__ import annotations

import sympy
from sympy import Expr
from sympy.core.basic import Basic

from symloss.atoms import exceeds, magnitude, over, sigmoid, sign_of
from symloss.declare import Delta, Index, Loss, Node, Signs, unit
from symloss.declare.axes import multiplied_out

_LARGEST_FRACTION = 60  # operations; together() explodes on larger ones
_MOST_DIVISORS = 5  # and on sums with more

_LARGEST_QUOTIENT = 120


def tidy(expression: Expr, loss: Loss | None = None) -> Expr:
    """The same expression with the obvious cancellations made."""
    for _ in range(4):
        tidied = _tidy_once(expression, loss)
        if tidied == expression:
            break
        expression = tidied
    return expression


def _tidy_once(expression: Expr, loss: Loss | None) -> Expr:
    if isinstance(expression, sympy.Mul) and expression.has(Delta):
        expression = multiplied_out(expression)
    if loss is not None and isinstance(loss.y_true, Signs):
        expression = _square_of_signs(expression, loss.true_symbol)
    expression = expression.replace(lambda node: isinstance(node, sympy.Mul), _cancel_in_product)
    expression = expression.replace(lambda node: isinstance(node, sympy.Add), _common_divisor)
    expression = expression.replace(_is_idempotent_power, lambda node: node.base)
    expression = expression.replace(_is_one, lambda node: sympy.Integer(1))
    expression = expression.replace(_is_repeated_reciprocal, lambda node: node.args[0] ** 2)
    return shorter_fraction(_much_shorter_quotient(expression))


def _square_of_signs(expression: Expr, label: sympy.Symbol) -> Expr:
    return expression.replace(  # type: ignore[no-any-return]
        lambda node: isinstance(node, sympy.Pow) and node.base == label and node.exp.is_integer,
        lambda node: label if node.exp % 2 else sympy.Integer(1),
    )


def _cancel_in_product(product: Basic) -> Basic:
    """``over(a, b) * b`` is a; ``sign(x)^2`` is 1 almost everywhere, unless x compares places."""
    factors = list(sympy.Mul.make_args(product))
    for factor in factors:
        if isinstance(factor, over) and factor.args[1] in factors:
            factors.remove(factor)
            factors.remove(factor.args[1])
            return _cancel_in_product(sympy.Mul(factor.args[0], *factors))
        is_square = isinstance(factor, sympy.Pow) and isinstance(factor.base, sign_of) and factor.exp == 2
        if is_square and not _compares_places(factor):
            factors.remove(factor)
            return sympy.Mul(*factors)
    return product


def _compares_places(expression: Expr) -> bool:
    """Whether two indices of one axis occur: of a pair that is the same place twice, the difference is 0 everywhere."""
    indices = expression.atoms(Index)
    return len({index.axis for index in indices}) < len(indices)


def _common_divisor(sum_: Basic) -> Basic:
    """``a/(a + b) + b/(a + b)`` is 1."""
    numerators: dict[Expr, list[Expr]] = {}
    for term in sum_.args:
        found = [factor for factor in sympy.Mul.make_args(term) if isinstance(factor, over)]
        if len(found) == 1:
            numerators.setdefault(found[0].args[1], []).append(term)
    for divisor, terms in numerators.items():
        if len(terms) < 2 or not isinstance(divisor, sympy.Add):
            continue
        whole = sympy.Add(
            *[term.replace(lambda node: isinstance(node, over), lambda node: node.args[0]) for term in terms]
        )
        quotient = sympy.cancel(whole / divisor)
        if quotient.is_number:
            return sympy.Add(*[term for term in sum_.args if term not in terms], quotient)
    return sum_


def _is_idempotent_power(node: Basic) -> bool:
    return isinstance(node, sympy.Pow) and isinstance(node.base, exceeds | Delta) and bool(node.exp.is_positive)


def _is_one(node: Basic) -> bool:
    return isinstance(node, over) and node.args[0] == node.args[1]


def _is_repeated_reciprocal(node: Basic) -> bool:
    """``over(over(1, b), b)`` is the square of ``over(1, b)``."""
    return isinstance(node, over) and node.args[0] == over(1, node.args[1])


def shorter_fraction(expression: Expr) -> Expr:
    """One fraction, factored, where that is no longer than the sum: ``1/m - y/m**2`` becomes ``(m - y)/m**2``.

    A sum of quotients cancels near its zero; the factored difference of inputs is exact there.
    """
    if not isinstance(expression, sympy.Add) or sympy.count_ops(expression) > _LARGEST_FRACTION:
        return expression
    if has_many_divisors(expression):
        return expression
    if expression.has(sympy.Piecewise, magnitude, sympy.Function, Node):
        return _common_factor(expression)
    factored = sympy.factor(sympy.together(expression))
    return factored if sympy.count_ops(factored) <= sympy.count_ops(expression) else expression


def has_many_divisors(expression: Expr) -> bool:
    """Whether to multiply the divisors of a sum with each other would make it explode."""
    divisors = {item.args[1] for item in expression.atoms(over)}
    divisors |= {item.base for item in expression.atoms(sympy.Pow) if item.exp.could_extract_minus_sign()}
    return sum(isinstance(item, sympy.Add) for item in divisors) > _MOST_DIVISORS


def _much_shorter_quotient(expression: Expr) -> Expr:
    """Cancelled and factored, functions and entries taken as symbols, where that halves it.

    ``log(p/m) + 1 - p/(p + y) - y/(p + y)``, which derivatives of divergences are full of, is a logarithm.
    """
    if not expression.has(over) or sympy.count_ops(expression) > _LARGEST_QUOTIENT or has_many_divisors(expression):
        return expression
    plain = expression.replace(
        lambda node: isinstance(node, over) and bool(node.args[1].is_positive), lambda node: node.args[0] / node.args[1]
    )
    opaque = {node: sympy.Dummy(f"a{number}") for number, node in enumerate(_sorted(_functions(plain)))}
    bare = plain.xreplace(opaque)
    if expression.has(sympy.Piecewise, Delta) or len(opaque) > 6 or not bare.is_rational_function(*opaque.values()):
        return expression
    quotient = sympy.factor(sympy.cancel(bare))
    if 2 * sympy.count_ops(quotient) > sympy.count_ops(bare):
        return expression
    return quotient.xreplace({dummy: node for node, dummy in opaque.items()})  # type: ignore[no-any-return]


def _common_factor(expression: Expr) -> Expr:
    """A factorisation over opaque functions, kept only if it is a true product and shorter."""
    if expression.has(sympy.Piecewise) or expression.has(Delta):
        return expression
    opaque = {
        node: sympy.Dummy(f"a{number}")
        for number, node in enumerate(sorted(_functions(expression), key=sympy.default_sort_key))
    }
    bare = expression.xreplace(opaque)
    if not bare.is_rational_function(*opaque.values()) or len(opaque) > 8:
        return expression
    factored = sympy.factor(bare)
    if isinstance(factored, sympy.Add) or sympy.count_ops(factored) >= sympy.count_ops(bare):
        return expression
    return factored.xreplace({dummy: node for node, dummy in opaque.items()})  # type: ignore[no-any-return]


def split_by_label(expression: Expr, loss: Loss, fired: list[str]) -> Expr:
    """``(1 - y) f(0) + y f(1)`` for what is linear in a label y, each part factored over sigmoids.

    At y = 1 a confident prediction leaves a small factor in every term of f(1), which cancels while the terms of both
    labels are mixed: ``s t + (s - y)(t - s)`` is ``y t (2 s - t) + (1 - y) s (2 t - s)`` with ``s + t = 1``.
    """
    label = loss.true_symbol
    shares = expression.atoms(sigmoid)
    if loss.y_true != unit or not expression.has(label) or len(shares) < 2 or any(share.has(label) for share in shares):
        return expression
    if (
        expression.has(sympy.Piecewise)
        or sympy.expand(expression).coeff(label, 2) != 0
        or not expression.is_polynomial(label)
    ):
        return expression
    ends = [_over_sigmoids(expression.xreplace({label: sympy.Integer(end)})) for end in (0, 1)]
    fired.append("split by label")
    return (1 - label) * ends[0] + label * ends[1]


def _over_sigmoids(expression: Expr) -> Expr:
    """Factored in Bernstein form: a polynomial in ``s = sigmoid(x)`` is homogeneous in s and ``t = sigmoid(-x)``."""
    opaque = {node: sympy.Dummy(f"a{number}") for number, node in enumerate(_sorted(_functions(expression)))}
    bare = expression.xreplace(opaque)
    if not bare.is_polynomial(*opaque.values()):
        return expression
    for node in [item for item in opaque if isinstance(item, sigmoid)]:
        opposite = sigmoid(-node.args[0])
        if opposite in opaque and sympy.default_sort_key(node) < sympy.default_sort_key(opposite):
            bare = homogeneous(bare, opaque[node], opaque[opposite])
    factored = sympy.factor(bare)
    return factored.xreplace({dummy: node for node, dummy in opaque.items()})  # type: ignore[no-any-return]


def homogeneous(polynomial: Expr, s: sympy.Symbol, t: sympy.Symbol) -> Expr:
    """A polynomial in s and t with ``s + t = 1``, every term of the degree of the whole."""
    terms = sympy.Poly(polynomial.xreplace({t: 1 - s}), s).terms()
    degree = max(power for (power,), _ in terms)
    return sympy.expand(sum(factor * s**power * (s + t) ** (degree - power) for (power,), factor in terms))


def _sorted(nodes: set[Basic]) -> list[Basic]:
    return sorted(nodes, key=sympy.default_sort_key)


def _functions(expression: Basic) -> set[Basic]:
    if isinstance(expression, sympy.Function | Node) or (
        isinstance(expression, sympy.Pow) and not expression.exp.is_integer
    ):
        return {expression}
    return {node for argument in expression.args for node in _functions(argument)}
