"""The sign of the Hessian, and what follows from it: convex, strongly convex, and where curvature is missing."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import mpmath
import numpy as np
import sympy
from sympy import Expr

from symloss.analyse.findings import Finding, Grade, proved, refuted, supported
from symloss.analyse.landscape import Landscape, point
from symloss.analyse.one_sided import jump_at
from symloss.analyse.ranges import End, Range

_FLAT = 1e-9
_FINEST = 60
_SIMPLE = 100


@dataclass(frozen=True)
class Region:
    """Scores (or residuals) between two ends where the Hessian has one sign, at the default parameters.

    ``y_true`` is the label it holds for, None where residuals are meant, which it holds for at every label.
    """

    y_true: float | None
    lower: float
    upper: float
    sign: str

    def __str__(self) -> str:
        ends = f"({self.lower:.4g}, {self.upper:.4g})".replace("inf", "oo")
        if self.y_true is None:
            return f"{self.sign} for y_pred - y_true in {ends}"
        return f"{self.sign} for y_pred in {ends} where y_true = {self.y_true:g}"


def hessian_is_positive(landscape: Landscape) -> Finding:
    """Whether a Newton step exists everywhere; refuted by a point where the Hessian is 0 or negative."""
    claim = "hessian_positive"
    found = range_over_forms(landscape, landscape.hessian)
    if found.is_positive:
        return proved(claim, f"the Hessian stays in {shown(found)} by interval arithmetic")
    counter = _lowest(landscape, landscape.hessian, "hessian", at_most=True)
    if counter is not None:
        number = float(landscape.exact(landscape.hessian, counter))
        return refuted(claim, f"the Hessian is {number:.4g} there", counter)
    return supported(claim, "positive at every point tried, over labels, scores and parameters")


def is_convex(landscape: Landscape) -> Finding:
    """Whether the loss is convex in y_pred."""
    claim = "convex"
    counter = _lowest(landscape, landscape.hessian, "hessian", at_most=False)
    if counter is not None:
        number = float(landscape.exact(landscape.hessian, counter))
        return refuted(claim, f"the Hessian is {number:.4g} there", counter)
    jumps = _downward_jump(landscape)
    if jumps is not None and jumps.grade is Grade.REFUTED:
        return jumps
    found = range_over_forms(landscape, landscape.hessian)
    if found.is_nonnegative and jumps is None:
        return proved(claim, f"the Hessian stays in {shown(found)} by interval arithmetic, and no slope jumps down")
    return supported(claim, "no negative Hessian and no slope that jumps down at any point tried")


def is_strongly_convex(landscape: Landscape) -> Finding:
    """Whether the Hessian keeps a distance from 0, for fixed parameters; the answer is the distance."""
    claim = "strongly_convex"
    hessian, pred, true = landscape.hessian, landscape.loss.pred_symbol, landscape.loss.true_symbol
    found = range_over_forms(landscape, hessian)
    if not hessian.free_symbols & {pred, true} and hessian != 0 and found.is_nonnegative:
        return proved(claim, "the Hessian does not depend on the prediction", str(hessian))
    fixed = landscape.range_at_defaults(hessian)
    if fixed.lower > 0 and _downward_jump(landscape) is None:
        why = f"at the default parameters the Hessian stays in {shown(fixed)} by interval arithmetic"
        return proved(claim, why, end(fixed.lower))
    lowest = np.inf
    for setting in landscape.settings(inputs=True):
        points = landscape.points(setting, far=True)
        (numbers,) = landscape.numbers(points, "hessian")
        lowest = min(lowest, np.nanmin(numbers))
        flat = np.flatnonzero(numbers < _FLAT)
        if flat.size:
            at = point(points, int(flat[np.argmin(np.abs(points["y_pred"][flat]))]))
            number = float(landscape.exact(hessian, at))
            if number < _FLAT:
                return refuted(claim, f"the Hessian is {number:.4g} there", at)
    return supported(claim, "the lowest Hessian of the points tried", f"{lowest:.6g}")


def regions(landscape: Landscape) -> list[Region]:
    """Where the Hessian is negative or zero at the default parameters, label by label, ends found by bisection."""
    setting = landscape.usual
    points = landscape.points(setting)
    (numbers,) = landscape.numbers(points, "hessian")
    found = []
    labels = dict.fromkeys(points["y_true"].tolist())
    for label in [0.0] if landscape.residual is not None else labels:
        here = points["y_true"] == label
        scores, signs = points["y_pred"][here], np.sign(numbers[here])
        found += _regions_for(landscape, setting, label, scores, signs)
    return found


def _regions_for(
    landscape: Landscape, setting: dict[str, float], label: float, scores: np.ndarray, signs: np.ndarray
) -> list[Region]:
    """Runs of points of one sign, without those that consist of a single point."""
    signs = _without_underflow(landscape, setting, label, scores, signs)
    named = None if landscape.residual is not None else label
    found = []
    for start, stop in _runs(signs):
        if signs[start] > 0 or stop - start < 2 or np.isnan(signs[start]):
            continue
        lower = -np.inf if start == 0 else _turn(landscape, setting, label, scores[start], scores[start - 1])
        upper = np.inf if stop == len(signs) else _turn(landscape, setting, label, scores[stop - 1], scores[stop])
        found.append(Region(named, float(lower), float(upper), "negative" if signs[start] < 0 else "zero"))
    return found


def _runs(signs: np.ndarray) -> list[tuple[int, int]]:
    starts = np.flatnonzero(np.diff(signs, prepend=2.0)).tolist()
    return list(zip(starts, [*starts[1:], len(signs)], strict=True))


def _without_underflow(
    landscape: Landscape, setting: dict[str, float], label: float, scores: np.ndarray, signs: np.ndarray
) -> np.ndarray:
    """The signs with those that are 0 only because the floats end taken from 40 digits."""
    signs = signs.copy()
    for start, stop in _runs(signs):
        nearest = start + int(np.argmin(np.abs(scores[start:stop])))
        if signs[start] == 0:
            exact = landscape.exact(landscape.hessian, {"y_true": label, "y_pred": float(scores[nearest])} | setting)
            signs[start:stop] = float(mpmath.sign(exact))
    return signs


def _turn(landscape: Landscape, setting: dict[str, float], label: float, inside: float, outside: float) -> float:
    """Where the sign turns between two scores."""

    def sign(score: float) -> float:
        points = {"y_true": np.float64(label), "y_pred": np.float64(score)} | setting
        return float(np.sign(landscape.numbers(points, "hessian")[0]))  # type: ignore[arg-type]

    here = sign(inside)
    for _ in range(_FINEST):
        middle = inside + (outside - inside) / 2
        if sign(middle) == here:
            inside = middle
        else:
            outside = middle
    return outside


def range_over_forms(landscape: Landscape, expression: Expr) -> Range:
    """The narrowest of the ranges of a few forms of the expression."""
    forms = dict.fromkeys(
        [expression, sympy.factor_terms(expression), sympy.collect(expression, landscape.loss.true_symbol)]
    )
    ranges = [landscape.range_of(form) for form in forms]
    positive = [found for found in ranges if found.is_positive]
    return (positive or sorted(ranges, key=lambda found: not found.is_nonnegative))[0]


def end(number: End) -> str:
    """An end of a range: a fraction where it is a simple one."""
    if isinstance(number, Fraction) and number.denominator <= _SIMPLE:
        return str(number)
    return f"{float(number):.6g}"


def shown(found: Range) -> str:
    """A range for people."""
    left, right = "(" if found.lower_open else "[", ")" if found.upper_open else "]"
    return f"{left}{end(found.lower)}, {end(found.upper)}{right}".replace("inf", "oo")


def _lowest(landscape: Landscape, expression: Expr, output: str, *, at_most: bool) -> dict[str, float] | None:
    """A point where an output is below 0 (or at 0 too), confirmed in 40 digits; the plainest of the worst."""
    for setting in landscape.settings(parameters=True, inputs=True):
        points = landscape.points(setting)
        (numbers,) = landscape.numbers(points, output)
        for place in np.argsort(np.where(np.isnan(numbers), np.inf, numbers))[:3]:
            if numbers[place] > 0 or (numbers[place] == 0 and not at_most):
                break
            at = point(points, int(place))
            exact = landscape.exact(expression, at)
            if exact < 0 or (at_most and exact == 0):
                return at
    return None


def _downward_jump(landscape: Landscape) -> Finding | None:
    """None where every slope that jumps is proved to jump up; refuted where one jumps down; else supported."""
    doubt: Finding | None = None
    for kink in landscape.mathematics.kinks:
        if kink.jumps != "gradient":
            continue
        for case in landscape.cases:
            jump = jump_at(case.of(landscape.gradient), landscape.loss.pred_symbol, case.of(kink.at))
            found = None if jump is None else landscape.range_of(jump)
            if found is not None and found.is_nonnegative:
                continue
            if found is not None and (-found).is_positive:
                at = landscape.usual
                return refuted("convex", f"the slope jumps down by {jump} at y_pred = {kink.at}", at)
            doubt = supported("convex", f"the jump of the slope at y_pred = {kink.at} was not proved to go up")
    return doubt
