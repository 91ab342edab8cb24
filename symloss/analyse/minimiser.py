"""What the best prediction is: the mean of the label, its median, a quantile, an expectile or a log-odds.

The best constant for labels of a distribution is where the expected gradient is 0. Gneiting, T. (2011), Making and
evaluating point forecasts, JASA 106: which functional a loss elicits can be read from the form of its gradient.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise

import sympy
from sympy import Expr, Symbol

from symloss.analyse.convexity import is_convex
from symloss.analyse.findings import Finding, proved, unknown
from symloss.analyse.landscape import Landscape
from symloss.analyse.one_sided import inside, limits_at
from symloss.analyse.ranges import Range, range_of
from symloss.analyse.symmetry import is_symmetric
from symloss.declare import Signs, clamp
from symloss.display import Notation

_CLAIM = "minimiser"
_HALF = sympy.Rational(1, 2)
_LARGEST = 150  # operations; simplify() takes minutes for larger formulas


def minimiser(landscape: Landscape) -> Finding:
    """The functional of the label's distribution that the best prediction is."""
    if isinstance(landscape.loss.y_true, Signs):
        return _of_signs(landscape)
    found = _of_sides(landscape) or _of_mean(landscape, {}) or _of_mean(landscape, landscape.defaults)
    if found is not None:
        return found
    if landscape.residual is not None and is_symmetric(landscape).grade.holds and is_convex(landscape).grade.holds:
        why = "the loss is a symmetric, convex function of the residual"
        return proved(_CLAIM, why, "M-estimator: the centre of labels that are distributed symmetrically")
    return unknown(_CLAIM, "no functional that is known by name; solved numerically")


def _plain(landscape: Landscape, expression: Expr) -> Expr:
    """In ordinary functions, parameters with the signs of their domains."""
    shown = Notation(landscape.loss, plain=True).shown(expression)
    return landscape.opened(shown)


def _of_sides(landscape: Landscape) -> Finding | None:
    """Of a gradient that is constant on each side of the label (quantile), or linear in the residual (expectile)."""
    loss = landscape.loss
    true, pred = loss.true_symbol, loss.pred_symbol
    if [kink.at for kink in landscape.mathematics.kinks] != [true]:
        return None
    is_flat = landscape.hessian == 0
    limits = limits_at(landscape.gradient if is_flat else landscape.hessian, pred, true)
    if limits is None or not (is_flat or landscape.hessian.has(sympy.Piecewise)):
        return None
    below, above = (-limits[0], limits[1]) if is_flat else limits
    share = sympy.simplify(below / (below + above))
    if share.free_symbols & {pred, true} or above.has(pred):
        return None
    names = ("median", "quantile") if is_flat else ("mean", "expectile")
    said = names[0] if share == _HALF else f"{names[1]} at {share}"
    weight = f" of labels weighted by {sympy.simplify(below + above)}" if above.has(true) else ""
    why = f"{'slopes' if is_flat else 'curvatures'} {below} below and {above} above y_true"
    return proved(_CLAIM, why, said + weight)


def _of_mean(landscape: Landscape, fixed: Mapping[Symbol, Expr]) -> Finding | None:
    """Of a gradient ``A(f) + B(f) T(y)``: the best prediction solves ``-A/B = mean of T(y)``."""
    loss = landscape.loss
    bare = landscape.gradient.xreplace(dict(fixed)).replace(clamp, lambda *limits: _unclamped(landscape, *limits))
    gradient = sympy.expand(sympy.expand_log(_plain(landscape, bare), force=True))
    if gradient.has(sympy.Piecewise, sympy.Abs, sympy.sign, sympy.Max, sympy.Min):
        return None
    pred, true = loss.pred_symbol, loss.true_symbol
    for statistic in _statistics(gradient, true):
        label = sympy.Dummy("t", real=True)
        linear = sympy.expand(gradient.xreplace({statistic: label}))
        factor, rest = linear.coeff(label, 1), linear.coeff(label, 0)
        if linear.has(true) or factor == 0 or sympy.expand(linear - factor * label - rest) != 0:
            continue
        if _solves(rest, factor, statistic.xreplace({true: _inverse(landscape)}), pred):
            said = _said(landscape, statistic)
            at = " at the default parameters" if fixed else ""
            return proved(_CLAIM, f"the gradient is affine in {statistic}{at}", said)
    return None


def _unclamped(landscape: Landscape, inside: Expr, lower: Expr, upper: Expr) -> Expr:
    """What is limited, where its domain is within the limits."""
    found = landscape.range_of(inside)
    ends = [landscape.range_of(end) for end in (lower, upper)]
    return inside if ends[0].upper <= found.lower and found.upper <= ends[1].lower else clamp(inside, lower, upper)


def _statistics(gradient: Expr, true: Symbol) -> list[Expr]:
    """y_true itself, and functions of it alone that the gradient has."""
    functions = [node for node in gradient.atoms(sympy.log, sympy.exp, sympy.Pow) if node.free_symbols == {true}]
    return [true, *sorted(functions, key=sympy.default_sort_key)]


def _solves(rest: Expr, factor: Expr, best: Expr, pred: Symbol) -> bool:
    """Whether ``rest + factor T`` vanishes at the T that is said to be best, and that depends on the prediction."""
    if not best.has(pred):
        return False
    gap = sympy.expand(rest + factor * best)
    return bool(gap == 0 or (sympy.count_ops(gap) <= _LARGEST and sympy.simplify(rest / factor + best) == 0))


def _inverse(landscape: Landscape) -> Expr:
    """The prediction that a score stands for."""
    inverse = landscape.loss.inverse_link
    return landscape.loss.pred_symbol if inverse is None else _plain(landscape, inverse)


def _said(landscape: Landscape, statistic: Expr) -> str:
    """The functional of the label's distribution whose mean is the prediction, or a function of it."""
    loss = landscape.loss
    link = (
        "" if loss.inverse_link is None or loss.link is None else f", on the scale of the inverse {loss.link.name} link"
    )
    if statistic == loss.true_symbol:
        return f"mean{link}"
    return f"the prediction whose {statistic.xreplace({loss.true_symbol: loss.pred_symbol})} is the mean of {statistic}"


def _of_signs(landscape: Landscape) -> Finding:
    """The score as a function of p, the probability of label 1."""
    loss = landscape.loss
    p = Symbol("p", positive=True)
    at_plus, at_minus = (
        _plain(landscape, landscape.gradient.xreplace({loss.true_symbol: sympy.Integer(sign)})) for sign in (1, -1)
    )
    if landscape.mathematics.kinks:
        return _between_kinks(landscape, p)
    score = Symbol("y_pred", real=True)
    odds = sympy.simplify((-at_plus / at_minus).xreplace({loss.pred_symbol: score}))
    try:
        found = [sympy.simplify(root) for root in sympy.solve(odds - (1 - p) / p, score)]
    except (NotImplementedError, ValueError):
        return unknown(_CLAIM, "the expected gradient was not solved")
    if not found:
        return unknown(_CLAIM, "the expected gradient was not solved")
    logit = sympy.log(p / (1 - p))
    ratio = _ratio_to(found[-1], logit, p)
    if ratio is not None:
        said = "log-odds of label 1" if ratio == 1 else f"{ratio} times the log-odds of label 1"
        return proved(_CLAIM, "the expected gradient vanishes there", said)
    return proved(_CLAIM, "the expected gradient vanishes there", f"y_pred = {found[-1]} for probability p of label 1")


def _ratio_to(found: Expr, logit: Expr, p: Symbol) -> Expr | None:
    ratios = [
        sympy.nsimplify((found / logit).subs(p, share).evalf(30), tolerance=1e-20)
        for share in (sympy.Rational(3, 10), sympy.Rational(9, 10))
    ]
    return ratios[0] if ratios[0] == ratios[1] and ratios[0].is_Rational and abs(ratios[0].q) < 100 else None


def _between_kinks(landscape: Landscape, p: Symbol) -> Finding:
    """Where the expected gradient turns, looked for in every interval between the kinks of the two labels."""
    loss = landscape.loss
    kinks = sorted(
        {
            kink.at.xreplace({loss.true_symbol: sympy.Integer(sign)})
            for kink in landscape.mathematics.kinks
            for sign in (1, -1)
        }
    )
    for lower, upper in pairwise(kinks):
        expected = sum(
            weight
            * inside(
                landscape.gradient.xreplace({loss.true_symbol: sympy.Integer(sign)}),
                loss.pred_symbol,
                (lower + upper) / 2,
            )
            for sign, weight in ((1, p), (-1, 1 - p))
        )
        expected = sympy.expand(expected)
        if expected.has(loss.pred_symbol):
            roots = sympy.solve(expected, loss.pred_symbol)
            if len(roots) == 1 and _stays_between(roots[0], p, lower, upper):
                why = f"the expected gradient {expected} vanishes there"
                return proved(_CLAIM, why, f"{roots[0]} for the probability p of label 1")
        elif roots := sympy.solve(expected, p):
            why = f"between {lower} and {upper} the expected gradient is {expected}"
            return proved(_CLAIM, why, f"{upper} where p > {roots[0]}, else {lower}, for the probability p of label 1")
    return unknown(_CLAIM, "the expected gradient was not solved")


def _stays_between(root: Expr, p: Symbol, lower: Expr, upper: Expr) -> bool:
    found = range_of(root, {p: Range(Fraction(0), Fraction(1))})
    return bool(Fraction(int(lower)) <= found.lower and found.upper <= Fraction(int(upper)))
