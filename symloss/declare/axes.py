"""Building and walking expressions over named axes of symbolic size, in canonical form."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import product

import sympy
from sympy import Expr, Integer
from sympy.core.basic import Basic

from symloss.declare.binders import Binder, Largest, Norm, Restricted, Share, Softmax, Total
from symloss.declare.functions import ratio
from symloss.declare.nodes import Axis, Data, Delta, Element, Index, bracket, free_indices, fresh_index


def softmax(scores: Data, axis: Axis, at: Expr) -> Expr:
    """The softmax of ``scores`` along the axis, at an index or label; declared as its textbook quotient."""
    other = fresh_index(axis, at)
    return sympy.exp(scores[at]) / sum_over(other, sympy.exp(scores[other]))


def norm(vector: Expr, index: Index) -> Expr:
    """Euclidean length, along the index's axis, of a vector or of an expression in its entries."""
    return Norm.over(index, vector[index] if isinstance(vector, Data) else vector)


def sum_over(index: Index, body: Expr) -> Expr:
    """Sum of ``body`` over the index, in canonical form.

    Factors without the index leave the sum; Σ_k [k = i] f(k) = f(i); a constant body gives the size of the axis;
    the entries of a softmax sum to one. A product is distributed over a sum only where one of these rules then fires.
    """
    body = sympy.sympify(body)
    if not body.has(index):
        return index.axis * body
    if isinstance(body, sympy.Add):
        parts = [sum_over(index, term) for term in body.args]
        if _has_marked_term(body) or any(not isinstance(_without_coefficient(part), Total) for part in parts):
            return sympy.Add(*parts)
    opened = sympy.Mul(*[_without_factors_free_of(factor, index) for factor in sympy.Mul.make_args(body)])
    if opened != body and any(isinstance(factor, sympy.Add) for factor in sympy.Mul.make_args(opened)):
        return sum_over(index, multiplied_out(opened))
    outside, inside = opened.as_independent(index, as_Add=False)
    if outside != 1:
        return outside * sum_over(index, inside)
    for factor in sympy.Mul.make_args(inside):
        if isinstance(factor, Delta) and index in factor.args:
            other = factor.args[0] if factor.args[1] == index else factor.args[1]
            return (inside / factor).xreplace({index: other})
    if isinstance(inside, Softmax | Share) and inside.at == index and not inside.args[0].has(index):
        return Integer(1)
    if isinstance(inside, Element) and getattr(inside.data, "is_simplex", False):
        return Integer(1)
    if isinstance(inside, sympy.Mul) and inside.has(Delta):
        expanded = multiplied_out(inside, Delta)
        if isinstance(expanded, sympy.Add):
            return sum_over(index, expanded)
    separated = _separated(index, inside)
    if separated is not None:
        return separated
    exchanged = _exchanged(index, inside)
    if exchanged is not None:
        return exchanged
    terms = sympy.Add.make_args(multiplied_out(inside, Total))
    if len(terms) > 1 and any(_exchanged(index, term) is not None for term in terms):
        return sympy.Add(*[sum_over(index, term) for term in terms])
    return Total.over(index, inside)


def _exchanged(index: Index, body: Expr) -> Expr | None:
    """Σ_d a_d Σ_k b_dk c_k as Σ_k c_k Σ_d a_d b_dk, where the inner sum then has fewer places; None where not.

    Both are the same number; the smaller the inner sum, the smaller the array that it fills.
    """
    factors = sympy.Mul.make_args(body)
    for inner in (factor for factor in factors if isinstance(factor, Total)):
        k = fresh_index(inner.axis, body)
        parts = sympy.Mul.make_args(inner.body(k))
        around = [part for part in parts if not part.has(index)]
        moved = [factor for factor in factors if factor is not inner] + [part for part in parts if part.has(index)]
        places = free_indices(sympy.Mul(*moved)) - {index}
        if (len(places), len(moved)) < (len(free_indices(inner)), len(parts)):
            return sum_over(k, sympy.Mul(*around, sum_over(index, sympy.Mul(*moved))))
    return None


def _separated(index: Index, body: Expr) -> Expr | None:
    """Σ_k (a_k + b_i) c_k as Σ_k a_k c_k + b_i Σ_k c_k where no pair of places is left; None where one is."""
    if not free_indices(body) - {index} or not body.has(sympy.Add):
        return None
    total: Expr = Integer(0)
    for term in _opened_terms(body, index):
        outside, inside = term.as_independent(index, as_Add=False)
        if free_indices(inside) - {index}:
            return None
        total += outside * sum_over(index, inside)
    return total


def _opened_terms(body: Expr, index: Index) -> tuple[Expr, ...]:
    """Terms of a product multiplied out, functions that are linear in a sum taken term by term."""
    terms = sympy.Add.make_args(multiplied_out(body))
    opened = [
        sympy.Mul(*[_without_factors_free_of(factor, index) for factor in sympy.Mul.make_args(term)]) for term in terms
    ]
    again = multiplied_out(sympy.Add(*opened))
    return sympy.Add.make_args(again) if again != sympy.Add(*terms) else terms  # type: ignore[no-any-return]


def _without_factors_free_of(factor: Expr, index: Index) -> Expr:
    """A factor with what does not depend on the index in front, where it is a function that is linear in that."""
    split = getattr(factor, "without_factors_free_of", None)
    return factor if split is None else split(index)


def multiplied_out(expression: Expr, *kinds: type[Basic]) -> Expr:
    """Products of sums as sums of products, of all sums or of those that have a node of some kind.

    Unlike SymPy's own, it leaves the arguments of functions and the bodies of sums over axes as they are.
    """
    if kinds and not expression.has(*kinds):
        return expression
    if isinstance(expression, sympy.Add):
        return sympy.Add(*[multiplied_out(term, *kinds) for term in expression.args])
    if not isinstance(expression, sympy.Mul):
        return expression
    opened = [multiplied_out(factor, *kinds) for factor in expression.args]
    factors = [sympy.Add.make_args(factor) if not kinds or factor.has(*kinds) else (factor,) for factor in opened]
    if all(len(terms) == 1 for terms in factors):
        return expression
    return sympy.Add(*[sympy.Mul(*terms) for terms in product(*factors)])


def gathered_by_brackets(expression: Expr) -> Expr:
    """Terms under the same ``[i = j]`` as one product of that, their common factors and a sum, which then stays one."""
    groups: dict[Expr, list[set[Expr]]] = {}
    for term in sympy.Add.make_args(expression):
        factors = set(sympy.Mul.make_args(term))
        marks = {factor for factor in factors if isinstance(factor, Delta)}
        groups.setdefault(sympy.Mul(*marks), []).append(factors - marks)
    total: Expr = Integer(0)
    for mark, terms in groups.items():
        common = set.intersection(*terms)
        total += mark * sympy.Mul(*common) * sympy.Add(*[sympy.Mul(*(factors - common)) for factors in terms])
    return total


def mean_over(index: Index, body: Expr, where: Basic | None = None) -> Expr:
    """The mean over the axis, or over the entries that satisfy a condition; 0 where none does."""
    if where is None:
        return sum_over(index, body) / index.axis
    return ratio(sum_over(index, bracket(where) * body), sum_over(index, bracket(where)))


def max_over(index: Index, body: Expr, where: Basic | None = None) -> Expr:
    """The largest of ``body`` over the axis, or over the entries that satisfy a condition.

    The derivative is that of the first largest entry. Terms without the index leave the maximum.
    """
    body = sympy.sympify(body)
    if where is not None:
        return Largest.over(index, restricted(bracket(where), body))
    outside, inside = body.as_independent(index, as_Add=True)
    if inside == 0:
        return outside
    return outside + Largest.over(index, inside)


def min_over(index: Index, body: Expr, where: Basic | None = None) -> Expr:
    """The smallest of ``body`` over the axis, or over the entries that satisfy a condition."""
    return -max_over(index, -body, where)


def log_sum_exp_over(index: Index, body: Expr, where: Basic | None = None) -> Expr:
    """``log Σ exp(body)`` over the axis, or over the entries that satisfy a condition."""
    weight = Integer(1) if where is None else bracket(where)
    return sympy.log(sum_over(index, weight * sympy.exp(body)))


def restricted(flags: Expr, body: Expr) -> Expr:
    """``body`` where a product of brackets is one, else minus infinity; for maxima and log-sum-exps."""
    if flags == 1:
        return body
    return Restricted(flags, body)


def map_elements(expression: Expr, change: Callable[[Element], Expr]) -> Expr:
    """Replace entries of data arguments, opening and closing every binder on the way so that nothing is captured."""
    return map_nodes(expression, lambda node: change(node) if isinstance(node, Element) else node)


def map_nodes(expression: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """Replace nodes from the leaves upwards; every binder is opened and closed on the way, so nothing is captured."""

    @cache
    def mapped(node: Expr) -> Expr:
        if isinstance(node, Index) or not node.args:
            return node
        if isinstance(node, Element):
            return change(node)
        if not isinstance(node, Binder):
            return change(node.func(*[mapped(argument) for argument in node.args]))  # type: ignore[arg-type]
        index = fresh_index(node.axis, node)
        body = mapped(node.body(index))
        return change(
            sum_over(index, body) if isinstance(node, Total) else type(node).over(index, body, *node.args[2:])
        )

    return mapped(expression)


def substitute(expression: Expr, symbol: Expr, part: Expr) -> Expr:
    """Replace a symbol, or an indexed one at whatever index it occurs, by its definition."""
    if not isinstance(symbol, Element):
        return map_elements(expression, lambda node: node).xreplace({symbol: part})  # type: ignore[no-any-return]
    return map_elements(
        expression,
        lambda node: (
            part.xreplace(dict(zip(symbol.indices, node.indices, strict=True))) if node.data == symbol.data else node
        ),
    )


def _has_marked_term(sum_: Expr) -> bool:
    """Whether a term carries ``[i = j]``: sums further out may collapse over it, but not over its neighbours."""
    return any(isinstance(factor, Delta) for term in sum_.args for factor in sympy.Mul.make_args(term))


def _without_coefficient(expression: Expr) -> Expr:
    factors = [factor for factor in sympy.Mul.make_args(expression) if isinstance(factor, Total)]
    return factors[0] if len(factors) == 1 else expression
