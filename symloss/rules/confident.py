"""Entries that outweigh all others: the own one apart from the start, so that what is left is summed without it."""

from __future__ import annotations

from itertools import permutations

import sympy
from sympy import Expr

from symloss.atoms import difference, finite_over, softmax_minus_label
from symloss.declare import Data, Delta, Index, LogSoftmax, LogSumExp, Softmax, Total, sum_over
from symloss.declare.binders import Restricted, SoftmaxComplement
from symloss.declare.nodes import Apart, Mark, free_indices, fresh_index, indices_of_entries
from symloss.rules.rule import Rule


def _log_sum_exp_minus_own(node: Expr) -> Expr | None:
    """``c log Σ exp(u_k) - c u_i`` is ``-c log softmax_i``, also under brackets that say that i is in the set."""
    if isinstance(node, sympy.Add):
        return _minus_own_score(node, frozenset())
    if not isinstance(node, sympy.Mul):
        return None
    for sum_ in (factor for factor in node.args if isinstance(factor, sympy.Add)):
        marks = (factor for factor in node.args if isinstance(factor, Mark))
        known = frozenset(mark for mark in marks if free_indices(mark) == free_indices(sum_))
        found = _minus_own_score(sum_, known)
        if found is not None:
            return node.func(*[found if factor is sum_ else factor for factor in node.args])
    return None


def _minus_own_score(sum_: Expr, known: frozenset[Expr]) -> Expr | None:
    """The sum with a log-sum-exp and its own score as one; ``known`` marks hold wherever it counts."""
    terms = [term for term in sum_.args if any(isinstance(factor, LogSumExp) for factor in sympy.Mul.make_args(term))]
    for chosen in (*((term,) for term in terms), *((tuple(terms),) if len(terms) > 1 else ())):
        for at in _places(sum_):
            own = [_with_own_score(term, at, known) for term in chosen]
            score = sympy.Add(*[pair[0] for pair in own if pair is not None])
            parts = sympy.Add.make_args(sympy.expand_mul(-score)) if None not in own else ()
            if parts and all(part in sum_.args for part in parts):
                rest = [item for item in sum_.args if item not in chosen and item not in parts]
                return sympy.Add(*rest, *[pair[1] for pair in own if pair is not None])
    return None


def _with_own_score(term: Expr, at: Expr, known: frozenset[Expr]) -> tuple[Expr, Expr] | None:
    """Of ``c log Σ exp(u_k)``: ``c u`` at a place, and what is left without it; None for a place out of the set."""
    node = next(factor for factor in sympy.Mul.make_args(term) if isinstance(factor, LogSumExp))
    if isinstance(at, Index) and at.axis != node.axis:
        return None
    score = _own_score(node.body(at), known)
    return None if score is None else (term / node * score, -term / node * LogSoftmax(*node.args, at))


def _places(sum_: Expr) -> list[Expr]:
    """Indices and labels that entries of the sum are at."""
    found = free_indices(sum_) | {item for item in indices_of_entries(sum_) if not isinstance(item, Index)}
    return sorted(found, key=sympy.default_sort_key)


def _own_score(entry: Expr, known: frozenset[Expr]) -> Expr | None:
    """The score of an entry; None for one that may not be in the set."""
    if not isinstance(entry, Restricted):
        return entry
    flags, score = entry.args
    is_member = all(flag == 1 or flag in known for flag in sympy.Mul.make_args(flags))
    return score if is_member else None  # type: ignore[return-value]


def _softmax_minus_mark(node: Expr) -> Expr | None:
    """``Σ a s_j - [j = i] Σ a`` is ``Σ a (s_j - [j = i])``, and with ``n >= m`` for ``m/n`` in place of the bracket."""
    if not isinstance(node, sympy.Add):
        return None
    shares = [(term, found[0]) for term in node.args if len(found := _shares(term)) == 1]
    if len(shares) != len(node.args) - 1:
        return None
    (marked,) = [term for term in node.args if term not in [share[0] for share in shares]]
    if marked.has(Softmax):
        return None
    coefficients = [term / share for term, share in shares]
    label = _label_at_a_place(sympy.Add(*coefficients), -marked)
    if label is None and len(shares) == 1:
        label = _label_of_a_count(coefficients[0], -marked)
    if label is None:
        return None
    pairs = zip(coefficients, shares, strict=True)
    return sympy.Add(*[factor * softmax_minus_label(share, label) for factor, (_, share) in pairs])


def _shares(term: Expr) -> list[Softmax]:
    return [factor for factor in sympy.Mul.make_args(term) if isinstance(factor, Softmax)]


def _label_at_a_place(coefficient: Expr, marked: Expr) -> Expr | None:
    """``[j = i]`` of ``[j = i] a``, where the coefficient is the same a at equal places."""
    for mark in (factor for factor in sympy.Mul.make_args(marked) if isinstance(factor, Delta)):
        left, right = mark.args
        for old, new in ((left, right), (right, left)):
            same = {old: new} if isinstance(old, Index) else {}
            if coefficient.xreplace(same) == (marked / mark).xreplace(same):
                return mark  # type: ignore[no-any-return]
    return None


def _label_of_a_count(coefficient: Expr, marked: Expr) -> Expr | None:
    """``m/n`` of ``m x/n``, marks m of entries that n counts, where the coefficient is ``n x/n``, 0 for n = 0."""
    factors = sympy.Mul.make_args(marked)
    marks = sympy.Mul(*[factor for factor in factors if isinstance(factor, Mark)])
    for quotient in (factor for factor in factors if isinstance(factor, finite_over)):
        dividend, count = quotient.args
        sign, outside = (marked / marks / quotient).as_coeff_Mul()
        if isinstance(count, Total) and coefficient == outside * finite_over(sign * dividend * count, count):
            return finite_over(marks, count) if marks != 1 else None
    return None


def _minus_softmax_mean(node: Expr) -> Expr | None:
    """``v_j - Σ s_k v_k`` is ``v_j (1 - s_j) - (Σ s_k v_k - s_j v_j)``: exact where one class has all the weight."""
    if not isinstance(node, sympy.Add):
        return None
    for term, entry in permutations(node.args, 2):
        for total in (total for total in _totals(term) if len(node.args) == 2 or _is_of_sets(total)):
            coefficient = -term / total
            found = _entry_minus_mean(total, entry / coefficient)
            if found is not None:
                return sympy.Add(
                    *[item for item in node.args if item not in (term, entry)],
                    *[coefficient * part for part in sympy.Add.make_args(found)],
                )
    return None


def _entry_minus_mean(total: Total, entry: Expr) -> Expr | None:
    """``v_j (1 - s_j) - Σ_(k != j) s_k v_k`` of an entry v_j and the sum that has it, too; None for other sums."""
    for at in [*indices_of_entries(entry), *sorted(free_indices(total) - free_indices(entry), key=str)]:
        own = total.body(at)
        shares = _shares(own)
        if len(shares) != 1 or own != shares[0] * entry:
            continue
        rest = difference(total, own) if not _is_of_sets(total) else _without(total, at)
        return entry * SoftmaxComplement(*shares[0].args) - rest
    return None


def _is_of_sets(total: Total) -> bool:
    """Whether every term is the share of a set of its own, as in likelihoods of an order."""
    if not total.has(Softmax):
        return False
    index = fresh_index(total.axis, total)
    return any(index in free_indices(share.args[0]) and share.at != index for share in _shares(total.body(index)))


def _without(total: Total, at: Expr) -> Expr:
    """A sum over all places but one."""
    index = fresh_index(total.axis, total, at)
    return sum_over(index, Apart(index, at) * total.body(index))


def _mean_of_complements(node: Expr) -> Expr | None:
    """``Σ v_k s_k - Σ v_k s_k²`` is ``Σ v_k s_k (1 - s_k)``."""
    if not isinstance(node, sympy.Add) or not node.has(Softmax):
        return None
    totals = [(term, found[0]) for term in node.args if len(found := _totals(term)) == 1]
    for term, total in totals:
        index = fresh_index(total.axis, node)
        body = total.body(index)
        for other, square in totals:
            for share in _shares(body):
                if other / square == -term / total and square.body(index) == body * share:
                    rest = [item for item in node.args if item not in (term, other)]
                    return sympy.Add(*rest, term / total * sum_over(index, body * SoftmaxComplement(*share.args)))
    return None


def _totals(term: Expr) -> list[Total]:
    return [factor for factor in sympy.Mul.make_args(term) if isinstance(factor, Total)]


def _one_minus_softmax(node: Expr) -> Expr | None:
    """``1 - softmax`` is the share of the other classes."""
    if isinstance(node, sympy.Add) and len(node.args) == 2 and node.args[0] == 1:
        negative = -node.args[1]
        if isinstance(negative, Softmax):
            return SoftmaxComplement(*negative.args)
    return None


def _example_scores() -> tuple[Index, Index, Data]:
    from symloss.declare import Axis, y_pred

    axis = Axis("K")
    return axis.index("k"), axis.index("j"), y_pred


def _example_own_score() -> Expr:
    k, j, scores = _example_scores()
    return LogSumExp.over(k, scores[k]) - scores[j]


def _example_mark() -> Expr:
    k, j, scores = _example_scores()
    return Softmax.over(k, scores[k], j) - Delta(j, j.axis.index("i"))


def _example_mean() -> Expr:
    from symloss.declare import Axis, sum_over, y_pred, y_true

    axis = Axis("K")
    k, j = axis.index("k"), axis.index("j")
    return y_true[j] - sum_over(k, y_true[k] * Softmax.over(axis.index("m"), y_pred[axis.index("m")], k))


def _example_squares() -> Expr:
    k, j, scores = _example_scores()
    share = Softmax.over(j, scores[j], k)
    return sum_over(k, scores[k] * share) - sum_over(k, scores[k] * share**2)


def _example_softmax() -> Expr:
    k, _, scores = _example_scores()
    return 1 - Softmax.over(k, scores[k], k.axis.index("i"))


RULES = (
    Rule(
        "log-sum-exp minus an own score",
        _log_sum_exp_minus_own,
        "0 for a score that outweighs the others",
        "log(e^u + S) - u = log(1 + S/e^u)",
        _example_own_score,
    ),
    Rule(
        "softmax minus a mark",
        _softmax_minus_mark,
        "1 - 1 for a score that outweighs the others",
        "minus the share of the others",
        _example_mark,
    ),
    Rule(
        "minus the softmax mean",
        _minus_softmax_mean,
        "v_j - v_j is 0 for a confident class",
        "v - (s v + rest) = (1 - s) v - rest",
        _example_mean,
    ),
    Rule(
        "mean of complements",
        _mean_of_complements,
        "1 - 1 for a confident class",
        "s - s^2 = s (1 - s)",
        _example_squares,
    ),
    Rule(
        "one minus softmax",
        _one_minus_softmax,
        "0 for a confident class",
        "share of the other classes",
        _example_softmax,
    ),
)
