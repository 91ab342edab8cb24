"""The Fisher information of a likelihood, from Bartlett's identities alone: no integral is taken.

For a negative log-likelihood the expected derivatives vanish, E[g_k] = 0, and E[h_kl] = E[g_k g_l] where the loss is
smooth in both. Each of these, written out in functions of the label, is a linear equation in their expectations;
where they determine E[g_k^2], that is the information. Bartlett, M. S. (1953), Approximate confidence intervals,
Biometrika 40.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import sympy
from sympy import Expr, Symbol

Statistics = dict[Expr, Expr]


@dataclass(frozen=True)
class Scores:
    """Derivatives of a negative log-likelihood by its raw scores, in ordinary functions of the label and the scores.

    ``kinked`` are the scores that the loss is not smooth in.
    """

    label: Symbol
    gradients: Mapping[str, Expr]
    hessians: Mapping[tuple[str, str], Expr]
    kinked: frozenset[str]


def information(scores: Scores, name: str) -> Expr | None:
    """The expected square of one derivative, which is the expected second one; None where it isn't determined.

    The identities of the score itself come first; those of pairs are asked only of rational functions of the label.
    """
    own = {(name, name): scores.hessians[name, name]}
    found = _solved(scores, name, own)
    is_rational = all(_is_rational(gradient, scores.label) for gradient in scores.gradients.values())
    return _solved(scores, name, scores.hessians) if found is None and is_rational else found


def _solved(scores: Scores, name: str, hessians: Mapping[tuple[str, str], Expr]) -> Expr | None:
    squared = _statistics(scores.gradients[name] ** 2, scores.label)
    equations = [_statistics(scores.gradients[name], scores.label)]
    if len(hessians) > 1:
        equations = [_statistics(gradient, scores.label) for gradient in scores.gradients.values()]
    for (first, second), hessian in hessians.items():
        if not {first, second} & scores.kinked:
            product = scores.gradients[first] * scores.gradients[second]
            equations.append(_statistics(hessian - product, scores.label))
    unknown = {statistic for equation in [squared, *equations] for statistic in equation if statistic != 1}
    names = {statistic: sympy.Dummy(f"E{place}") for place, statistic in enumerate(sorted(unknown, key=str))}
    if not _is_determined(squared, equations, list(names)):
        return None
    solved = sympy.solve([_expected(equation, names) for equation in equations], list(names.values()), dict=True)
    if len(solved) != 1:
        return None
    found = sympy.simplify(_expected(squared, names).xreplace(solved[0]))
    return None if found.free_symbols & set(names.values()) else found


def _is_determined(wanted: Statistics, equations: list[Statistics], unknown: list[Expr]) -> bool:
    """Whether a sum of the equations gives what is wanted, tried with numbers in the place of the scores."""
    free = {symbol for row in [wanted, *equations] for factor in row.values() for symbol in factor.free_symbols}
    values = {symbol: sympy.Float(f"0.{37 + 11 * place}", 30) for place, symbol in enumerate(sorted(free, key=str))}

    def numbers(row: Statistics) -> list[float]:
        return [float(row.get(statistic, sympy.Integer(0)).xreplace(values).evalf(20)) for statistic in unknown]

    matrix = np.array([numbers(row) for row in equations])
    rank = np.linalg.matrix_rank(matrix, tol=1e-9)
    return bool(np.linalg.matrix_rank(np.vstack([matrix, numbers(wanted)]), tol=1e-9) == rank)


def _is_rational(expression: Expr, label: Symbol) -> bool:
    return bool(expression.is_rational_function(label))


def _expected(statistics: Statistics, names: Mapping[Expr, Symbol]) -> Expr:
    return sympy.Add(*[factor * names.get(statistic, sympy.Integer(1)) for statistic, factor in statistics.items()])


def _statistics(expression: Expr, label: Symbol) -> Statistics:
    """The expression as a sum of functions of the label, each times what does not depend on it."""
    expression = expression.replace(sympy.sign, lambda inside: _SIGN if inside.has(label) else sympy.sign(inside))
    expanded = sympy.expand(expression).xreplace({_SIGN**2: sympy.Integer(1)})
    if _is_rational(expanded, label):
        expanded = sympy.expand(sympy.apart(sympy.together(expanded), label))
    found: Statistics = {}
    for term in sympy.Add.make_args(expanded):
        factor, statistic = term.as_independent(label, _SIGN, as_Add=False)
        scale, statistic = _normalised(statistic, label)
        found[statistic] = found.get(statistic, sympy.Integer(0)) + factor * scale
    return {statistic: sympy.together(factor) for statistic, factor in found.items()}


_SIGN = sympy.Dummy("sign", real=True)


def _normalised(statistic: Expr, label: Symbol) -> tuple[Expr, Expr]:
    """A quotient with the leading coefficient of its divisor taken out, so that equal ones look equal."""
    above, below = sympy.fraction(statistic)
    if not below.has(label) or not below.is_polynomial(label):
        return sympy.Integer(1), statistic
    leading = sympy.Poly(below, label).LC()
    return 1 / leading, above / sympy.expand(sympy.simplify(below / leading))
