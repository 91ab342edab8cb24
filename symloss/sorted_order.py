"""Sums over pairs of places of an axis that a comparison of keys selects, as cumulative sums in sorted order.

``Σ_j [t_i <= t_j] f(j)`` sorts once and adds up; sums of exponentials add up logarithms, so that nothing leaves the
floats; an own entry that outweighs the others is left out from the start, so that nothing cancels.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy
from sympy import Expr
from sympy.core.basic import Basic

from symloss.atoms import difference, magnitude, sign_of
from symloss.declare import Axis, Bracket, Index, LogSumExp, Softmax, Total
from symloss.declare.axes import multiplied_out, sum_over
from symloss.declare.binders import Binder, Restricted, SoftmaxComplement
from symloss.declare.nodes import Apart, bracket, free_indices
from symloss.dimensions import Values, dimension

_RELATIONS = {sympy.Eq: "equal", sympy.StrictLessThan: "below", sympy.LessThan: "at_most"}


class InSortedOrder(Values):
    """The part of lowering that knows of keys; the names below are those of its subclass."""

    lower: Callable[[Basic], int]
    slot: Callable[[Binder], Index]
    positions: Callable[[Axis], int]
    _dim: Callable[[Index], str]
    _index: Callable[[Axis, int], Index]
    _over_axis: Callable[[str, Axis], int]

    def _in_sorted_order(self, factors: list[Expr], index: Index) -> int | None:
        """``Σ_j [key_i <= key_j] f(j)`` and ``Σ_j [key_i <= key_j] f(j) exp(u_i + v_j)``, without pairs."""
        nested = self._shares_of_nested_sets(factors, index)
        if nested is not None:
            return nested
        spelled = sympy.Mul(*[_spelled_out(factor, index) for factor in factors])
        factors = list(sympy.Mul.make_args(spelled))
        others = [factor for factor in factors if isinstance(factor, Apart) and index in factor.args]
        factors = [factor for factor in factors if factor not in others]
        keyed = [(factor, found) for factor in factors if (found := self._key(factor, index)) is not None]
        implied = [factor for factor, found in keyed if _is_implied(found, [other for _, other in keyed])]
        factors = [factor for factor in factors if factor not in implied]
        keyed = [(factor, found) for factor, found in keyed if factor not in implied]
        if others and (len(keyed) != 1 or set(others) != {Apart(index, keyed[0][1][1])} or keyed[0][1][0] == "below"):
            return None
        if len(keyed) == 2:
            return self._before_in_runs(factors, keyed, index)
        if len(keyed) != 1:
            return None
        (marked, (relation, here, own, sign)) = keyed[0]
        outer, inner, weights = sympy.Integer(0), sympy.Integer(0), []
        for factor in factors:
            if factor is marked:
                continue
            if isinstance(factor, sympy.exp):
                parts = sympy.Add.make_args(sympy.expand(factor.args[0]))
                apart = [part for part in parts if not part.has(index)]
                outer, inner = (
                    outer + sympy.Add(*apart),
                    inner + sympy.Add(*(part for part in parts if part.has(index))),
                )
            else:
                weights.append(factor)
        summed = sympy.Mul(*weights) if inner == 0 else sympy.Mul(*weights, inner)
        if free_indices(summed) - {index} or free_indices(outer) - {here}:
            return None
        weight = sympy.Mul(*weights)
        keys = self.key(own, index, sign)
        if others and inner == outer == 0:
            return None
        if inner == 0 and not others:
            return self._sorted("sum", relation, (self._at_first(weight, index), keys), self._dim(here))
        operands = [self._at_first(item, item_index) for item, item_index in ((inner, index), (weight, index))]
        operands.append(self._at_first(outer, here))
        family = "exp_sum_of_others" if others else "exp_sum"
        return self._sorted(family, relation, (operands[0], operands[1], operands[2], keys), self._dim(here))

    def _shares_of_nested_sets(self, factors: list[Expr], index: Index) -> int | None:
        """``Σ_i w_i s_i (1 - s_i)`` with shares s_i of one entry in sets that grow with a key, without pairs.

        With L_i the log-sum-exp of a set and ``T_k = Σ_i w_i exp(-2 L_i)`` over the sets that k is in, the sum is that
        of ``exp(u_j + u_k)``, times T_j or T_k of the later one, over all others k: nothing cancels.
        """
        shares = [factor for factor in factors if isinstance(factor, Softmax)]
        complements = [factor for factor in factors if isinstance(factor, SoftmaxComplement)]
        if len(shares) != 1 or [item.args for item in complements] != [shares[0].args]:
            return None
        share, k = shares[0], self.slot(shares[0])
        weight = sympy.Mul(*[factor for factor in factors if factor not in (*shares, *complements)])
        found = self._set_in_sorted_order(share, k)
        if found is None or found[1] != index or share.at == index or free_indices(weight) - {index}:
            return None
        relation, _, own, sign, score = found
        if relation == "equal":
            same = bracket(sympy.Eq(own.xreplace({k: index}), own.xreplace({k: share.at})))
            kinds = (Softmax, SoftmaxComplement)
            product = sympy.Mul(*[kind(*share.args).xreplace({index: share.at}) for kind in kinds])
            return self.lower(sum_over(index, same * weight) * product)
        if relation != "at_most":
            return None
        keys, scores = self.key(own, k, sign), self._at_first(score, k)
        weights, zero = self._at_first(weight, index), self.constant(0)
        of_set = self._at_first(LogSumExp(*share.args[:2]), index)
        if weight.is_nonnegative:
            found_sum = self._of_nested_sets(scores, keys, of_set, weights)
        else:
            parts = [weights, self.apply("negate", weights)]
            above, below = (
                self._of_nested_sets(scores, keys, of_set, self.apply("maximum", part, zero)) for part in parts
            )
            found_sum = self.apply("subtract", above, below)
        return self.relabel(found_sum, (self._dim(share.at),))  # type: ignore[arg-type]

    def _of_nested_sets(self, scores: int, keys: int, of_set: int, weights: int) -> int:
        """The sum with the log-sum-exp of every set, for weights that are not negative."""
        dim = dimension(self.dims(scores)[0].partition(":")[0], 0)
        ones, falling = self._over_axis("ones", Axis(dim.partition(":")[0])), self.apply("negate", keys)
        exponents = self.apply("negate", self.apply("multiply", self.constant(2), of_set))
        if weights != ones:
            exponents = self.apply("add", exponents, self.apply("log", weights))
        later = self.apply("add", scores, self._sorted("log_sum_exp", "at_most", (exponents, falling), dim))
        own_sets = self._sorted("exp_sum_of_others", "at_most", (scores, ones, later, keys), dim)
        later_sets = self._sorted("exp_sum", "below", (later, ones, scores, falling), dim)
        return self.apply("add", own_sets, later_sets)

    def _before_in_runs(
        self, factors: list[Expr], keyed: list[tuple[Expr, tuple[str, Index, Expr, int]]], index: Index
    ) -> int | None:
        """``Σ_j [key_i = key_j] [j < i] f(j)``, without pairs."""
        keyed = sorted(keyed, key=lambda item: item[1][0] != "equal")
        (same, (relation, here, own, _)), (before, (order, other, place, sign)) = keyed
        weight = sympy.Mul(*[factor for factor in factors if factor not in (same, before)])
        is_run = (relation, order, other, place, sign) == ("equal", "below", here, index, 1)
        if not is_run or free_indices(weight) - {index}:
            return None
        operands = (self._at_first(weight, index), self.key(own, index, 1))
        return self._sorted("sum", "equal_before", operands, self._dim(here))

    def _terms_in_sorted_order(self, body: Expr, index: Index) -> tuple[Expr, ...]:
        """Terms of a product with a sum, none of which needs pairs of places; () where one does."""
        spelled = sympy.Mul(*[_spelled_out(factor, index) for factor in sympy.Mul.make_args(body)])
        for kind in (Softmax, SoftmaxComplement, difference):
            spelled = spelled.replace(kind, lambda *args, kind=kind: _spelled_out(kind(*args), index))
        terms = sympy.Add.make_args(multiplied_out(spelled))
        if len(terms) < 2 or not free_indices(body) - {index}:
            return ()
        return terms if all(self._is_without_pairs(sum_over(index, term)) for term in terms) else ()

    def _is_without_pairs(self, term: Expr) -> bool:
        """Whether the sums that are factors of a term are taken in sorted order, or have no place but their own."""
        for total in (factor for factor in sympy.Mul.make_args(term) if isinstance(factor, Total)):
            index = self.slot(total)
            body = total.body(index)
            if free_indices(body) - {index} and self._in_sorted_order(list(sympy.Mul.make_args(body)), index) is None:
                return False
        return True

    def _distances(self, factors: list[Expr], index: Index) -> int | None:
        """``Σ_j w_j |u_i - u_j|`` and ``Σ_j w_j sign(u_j - u_i)``, without pairs."""
        apart = [(item, found) for item in factors if (found := _as_distance(item, index)) is not None]
        if len(apart) != 1:
            return None
        (marked, (here, own)) = apart[0]
        weight = sympy.Mul(*[item for item in factors if item is not marked])
        if free_indices(weight) - {index}:
            return None
        dim = self._dim(here)
        weights = self._at_first(weight, index)
        family = "distance" if isinstance(marked, magnitude) else "sum"
        upwards = -1 if own.could_extract_minus_sign() else 1
        below, above = (
            self._sorted(family, "below", (weights, self.key(upwards * own, index, sign)), dim) for sign in (1, -1)
        )
        if isinstance(marked, magnitude):
            return self.apply("add", below, above)
        return self.apply("subtract", above, below) if upwards > 0 else self.apply("subtract", below, above)

    def _sorted(self, family: str, relation: str, operands: tuple[int, ...], dim: str) -> int:
        axis = dim.partition(":")[0]
        first = (dimension(axis, 0),)
        if relation == "at_most" and family == "sum" and self._is_position(operands[-1]):
            found = self._result("cumulative_sum", operands[:1], first, "", "")
        elif relation == "at_most" and family == "sum" and self._is_position(self._negated(operands[-1])):
            found = self._result("cumulative_sum_from", operands[:1], first, "", "")
        else:
            found = self._result(f"{family}_{relation}", operands, first, "", "")
        return self.relabel(found, (dim,))

    def _is_position(self, position: int) -> bool:
        return any(position == self.apply("in_floats", self.positions(Axis(axis))) for axis in self.axes)

    def _at_first(self, expression: Expr, index: Index) -> int:
        """An expression of one index as an array over its axis."""
        first = self._index(index.axis, 0)
        position = self.lower(expression.xreplace({index: first}))
        if self.dims(position):
            return position
        ones = self._over_axis("ones", index.axis)
        return ones if expression == 1 else self.apply("multiply", position, ones)

    def key(self, expression: Expr, index: Index, sign: int) -> int:
        """The key that entries are sorted by."""
        position = self._at_first(expression, index)
        return position if sign > 0 else self.apply("negate", position)

    def _key(self, factor: Expr, index: Index) -> tuple[str, Index, Expr, int] | None:
        """Of a bracket that compares a key at two indices: the relation, the other index, the key and its sign."""
        if not isinstance(factor, Bracket) or type(factor.condition) not in _RELATIONS:
            return None
        left, right = factor.condition.args
        mine = [side for side in (left, right) if side.has(index)]
        if len(mine) != 1:
            return None
        own, other = mine[0], right if mine[0] is left else left
        letters = free_indices(other)
        if len(letters) != 1 or free_indices(own) != {index}:
            return None
        here = next(iter(letters))
        if here.axis != index.axis or other.xreplace({here: index}) != own:
            return None
        relation = _RELATIONS[type(factor.condition)]
        return relation, here, own, 1 if own is left or relation == "equal" else -1

    def log_sum_exp_in_sorted_order(self, node: LogSumExp) -> int | None:
        """``log Σ_j [key_i <= key_j] exp(u_j)`` without pairs."""
        index = self.slot(node)
        found = self._set_in_sorted_order(node, index)
        if found is None:
            return None
        relation, here, own, sign, score = found
        operands = (self._at_first(score, index), self.key(own, index, sign))
        return self._sorted("log_sum_exp", relation, operands, self._dim(here))

    def log_softmax_in_sorted_order(self, node: Binder) -> int | None:
        """``u_i - log Σ_j [key_i <= key_j] exp(u_j)`` without pairs."""
        index = self.slot(node)
        found = self._set_in_sorted_order(node, index)
        if found is None or found[0] not in ("at_most", "equal") or found[1] != node.at:
            return None
        relation, here, own, sign, score = found
        operands = (self._at_first(score, index), self.key(own, index, sign))
        return self._sorted("log_softmax", relation, operands, self._dim(here))

    def _set_in_sorted_order(self, node: Binder, index: Index) -> tuple[str, Index, Expr, int, Expr] | None:
        """Of scores restricted to a set that a key tells: relation, other index, key and its sign, and the score."""
        body = node.body(index)
        if not isinstance(body, Restricted):
            return None
        flags, score = body.args
        found = self._key(flags, index) if isinstance(flags, Bracket) else None  # type: ignore[arg-type]
        return None if found is None or free_indices(score) != {index} else (*found, score)  # type: ignore[return-value]


def _as_distance(factor: Expr, index: Index) -> tuple[Index, Expr] | None:
    """Of ``|u_i - u_j|`` and ``sign(u_j - u_i)``: the index i and the expression u_j."""
    if not isinstance(factor, magnitude | sign_of):
        return None
    parts = sympy.Add.make_args(sympy.expand(factor.args[0]))
    own = sympy.Add(*[part for part in parts if part.has(index)])
    other = sympy.Add(*[part for part in parts if not part.has(index)])
    letters = free_indices(other)
    if len(letters) != 1 or free_indices(own) != {index}:
        return None
    here = next(iter(letters))
    return (here, own) if here.axis == index.axis and other.xreplace({here: index}) == -own else None


def _is_implied(found: tuple[str, Index, Expr, int], others: list[tuple[str, Index, Expr, int]]) -> bool:
    """Whether a key is at most another because both are compared as equal, too."""
    relation, here, own, _ = found
    return relation == "at_most" and any(other[:3] == ("equal", here, own) for other in others)


def _spelled_out(factor: Expr, index: Index) -> Expr:
    """A share of a restricted set, whose members depend on the index, as bracket times exponential; a plain difference.

    What keeps digits of a confident entry needs pairs of places; in sorted order the textbook's form remains.
    """
    if isinstance(factor, difference):
        return factor.args[0] - factor.args[1]  # type: ignore[operator,no-any-return]
    if isinstance(factor, sympy.Pow) and isinstance(factor.base, Softmax) and factor.exp.is_Integer:
        spelled = _spelled_out(factor.base, index)
        return factor if spelled == factor.base else spelled**factor.exp
    if not isinstance(factor, Softmax | SoftmaxComplement):
        return factor
    body = factor.body(factor.at)
    if not isinstance(body, Restricted) or not factor.has(index):
        return factor
    flags, score = body.args
    share = flags * sympy.exp(score - LogSumExp(*factor.args[:2]))  # type: ignore[operator]
    return share if isinstance(factor, Softmax) else 1 - share  # type: ignore[no-any-return]
