"""What derivatives say of themselves, without a formula: are they finite, consistent, positive, towards the label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from symloss.doctor.accepted import Case, kind_of, mismatched
from symloss.doctor.callback import Callback, matrices_of
from symloss.doctor.data_sets import Rows
from symloss.doctor.factors import common_factor
from symloss.doctor.returned import Derivatives, FailedCall
from symloss.doctor.samples import Sample
from symloss.doctor.slopes import slopes_of
from symloss.doctor.symptoms import Array, Symptom, advice, fault, note, shown, worst

_FEW = 0.005
_SOME = 0.1
_MOST = 0.6
_ALIKE = 0.02  # relative, of second derivatives by differences
_REACHED = 50.0  # scores that training reaches
_FAR = np.concatenate([np.arange(1, 51), np.geomspace(52, 1e4, 40)])
_FACE_VALUE = {"xgboost": np.float32, "lightgbm": np.float64, "catboost": np.float64}


def calculus(
    callback: Callback, sample: Sample, found: Derivatives, *, leads: bool, is_coupled: bool
) -> Iterator[Symptom]:
    """Symptoms of the numbers that an objective returns; ``found`` are its derivatives at the sample.

    ``leads`` tells whether they should lead to the label, ``is_coupled`` whether those of a row depend on other rows.
    """
    unfinished = list(_finite(callback, sample, found))
    yield from unfinished
    if not np.isfinite(found.gradient).any():
        return
    if not np.any(found.gradient[np.isfinite(found.gradient)]):
        yield fault("no-gradient", "the gradient is 0 at every point: there is nothing to descend", 1.0)
        return
    yield from _consistent(callback, sample, found, is_coupled=is_coupled)
    if callback.style == "calc_ders_multi":
        yield from _matrix(callback, sample)
    yield from _positive(sample, found)
    if leads and not is_coupled:
        yield from _direction(callback, sample, found)
    if not unfinished:
        yield from _overflow(callback, sample)


def _finite(callback: Callback, sample: Sample, found: Derivatives) -> Iterator[Symptom]:
    good = found.are_finite
    if good.all():
        return
    index = _first(~good)
    message = f"gradient {shown(found.gradient[index])}, Hessian {shown(found.curvature[index])}"
    yield fault("not-finite", message, float(np.mean(~good)), sample.point(index))
    if _is_of_probabilities(callback, sample):
        yield fault("link-missing", f"finite for scores in (0, 1) only: {_LINK_MISSING}")


_LINK_MISSING = (
    "the formula is one of probabilities, and libraries pass raw scores; start from p = 1/(1 + exp(-score)) and "
    "multiply the gradient by p(1 - p)"
)


def _is_of_probabilities(callback: Callback, sample: Sample) -> bool:
    """Whether derivatives are finite, and lead to the label, where scores are probabilities."""
    if sample.scores.ndim != 2 or sample.is_bound or not set(sample.y_true) <= {-1.0, 0.0, 1.0}:
        return False
    inside = Sample(sample.kind, sample.y_true, np.tile(np.linspace(0.03, 0.97, 48), (len(sample.y_true), 1)))
    try:
        found = inside.evaluate(callback)
    except FailedCall:
        return False
    return bool(found.are_finite.all()) and _away(found, inside) < _SOME


def _consistent(callback: Callback, sample: Sample, found: Derivatives, *, is_coupled: bool) -> Iterator[Symptom]:
    slopes = slopes_of(callback, sample, found.gradient, one_by_one=is_coupled)
    known = slopes.known & np.isfinite(found.curvature)
    if not known.any():
        return
    case = Case(sample, found.gradient, found.curvature, slopes.values, known)
    kind = kind_of(case)
    if kind is not None:
        if kind != "the second derivative":
            yield note("curvature", f"the Hessian is not the derivative of the gradient; it is {kind}")
        return
    wrong = mismatched(case)
    index = worst(np.where(wrong, np.abs(found.curvature - slopes.values), -1.0))
    share = float(wrong.sum() / known.sum())
    bends = known & (np.abs(slopes.values) > 1e-6)
    factor = common_factor(found.curvature, slopes.values, bends, _ALIKE)
    how = f", which it is {shown(factor)} times everywhere" if factor is not None else ""
    yield fault(
        "inconsistent",
        f"the Hessian is not the derivative of the gradient{how}: {shown(found.curvature[index])} where that is "
        f"{shown(slopes.values[index])}",
        share,
        sample.point(index),
    )


def _matrix(callback: Callback, sample: Sample) -> Iterator[Symptom]:
    """What is beside the diagonal of CatBoost's matrices: nothing, or the derivative by another score."""
    rows = sample.rows()
    matrices = matrices_of(callback, rows)
    count = sample.scores.shape[2]
    beside = ~np.eye(count, dtype=bool)
    if not matrices[:, beside].any():
        return
    step = 1e-4
    columns = []
    for entry in step * np.eye(count):
        above, below = (callback(Rows(rows.y_true, rows.scores + sign * entry)).gradient for sign in (1, -1))
        columns.append((above - below) / (2 * step))
    gap = np.abs(matrices - np.stack(columns, axis=-1)) * beside
    size = np.abs(matrices).max(axis=(1, 2), keepdims=True)
    wrong = (gap > _ALIKE * size + 1e-6).any(axis=(1, 2))
    if np.mean(wrong) > _FEW:
        yield fault(
            "wrong-matrix",
            "beside its diagonal a row's matrix is not the derivative of its vector by other scores; zeros will do",
            float(np.mean(wrong)),
        )


def _positive(sample: Sample, found: Derivatives) -> Iterator[Symptom]:
    """A Hessian that is 0 or negative where the gradient is not 0."""
    steep = found.are_finite & (found.gradient != 0)
    bad = steep & (found.curvature <= 0)
    share = float(bad.sum() / max(1, steep.sum()))
    if share < _FEW:
        return
    index = worst(np.where(steep, -found.curvature, -np.inf))
    vanishes = bool(np.all(found.curvature[bad] == 0))
    what = "0" if vanishes else "0 or negative"
    yield fault(
        "hessian-not-positive",
        f"the Hessian is {what} where the gradient is not 0, here {shown(found.curvature[index])} with gradient "
        f"{shown(found.gradient[index])}: Newton steps of leaves are thrown away, unbounded, or uphill",
        share,
        sample.point(index),
    )


def _direction(callback: Callback, sample: Sample, found: Derivatives) -> Iterator[Symptom]:
    if sample.scores.ndim == 3 and not sample.are_classes:
        return
    share = _away(found, sample)
    if np.isnan(share):
        yield fault("points-away", "the gradient has the same sign for every label and score", 1.0)
        return
    if share < _SOME:
        return
    mistaken = _is_of_probabilities(callback, sample)
    if mistaken:
        yield fault("link-missing", f"leads to the label for scores in (0, 1) only: {_LINK_MISSING}")
    if share >= _MOST or mistaken:
        sign = (
            "derivatives of the negated loss, which CatBoost maximises"
            if callback.library == "catboost"
            else ("the gradient of the loss, prediction minus label for squared error")
        )
        swapped = _swapped(callback, sample)
        yield fault("points-away", f"the gradient points away from the label; return {sign}{swapped}", share)
    else:
        yield advice("points-away", "the gradient does not always point towards the label", share)


def leads_to_label(true: Derivatives, sample: Sample) -> bool:
    """Whether the gradient of a loss points towards the label, as that of most losses does."""
    is_told = sample.scores.ndim == 2 or sample.are_classes
    return is_told and _away(true, sample) < _SOME


def _away(found: Derivatives, sample: Sample) -> float:
    """Share of pairs of points at which a gradient's sign falls with the score, or rises with the label.

    Both are the same for every link. NaN where all signs are equal.
    """
    sign = np.where(np.isfinite(found.gradient), np.sign(found.gradient), 0.0)
    if sample.scores.ndim == 3:
        own = np.zeros(sign.shape, dtype=bool)
        for place, label in enumerate(sample.y_true.astype(int)):
            own[place, :, label] = True
        decided = sign != 0
        return float(np.mean(np.where(own, sign > 0, sign < 0)[decided])) if decided.any() else np.nan
    order = np.argsort(sample.scores, axis=1)
    by_score = np.take_along_axis(sign, order, axis=1)
    rising = [(by_score[:, :-1], by_score[:, 1:]), (by_score[:, 0], by_score[:, -1])]
    if not sample.is_bound:
        ranks = np.argsort(sample.y_true)
        rising += [(sign[high], sign[low]) for low, high in combinations(ranks, 2)]
    lower = np.concatenate([np.ravel(a) for a, _ in rising])
    upper = np.concatenate([np.ravel(b) for _, b in rising])
    differ = lower * upper < 0
    if not differ.any():
        return 0.0 if (sign > 0).any() and (sign < 0).any() else np.nan
    return float(np.mean(lower[differ] > upper[differ]))


def _swapped(callback: Callback, sample: Sample) -> str:
    """Whether labels and scores have changed places."""
    if callback.style != "scikit-learn" or sample.scores.ndim != 2:
        return ""
    rows = sample.rows()
    try:
        turned = callback(Rows(rows.scores, rows.y_true))
    except FailedCall:
        return ""
    shape = sample.scores.shape if not sample.is_bound else (len(rows.y_true), 1)
    if sample.is_bound or _away(Derivatives(turned.gradient.reshape(shape), turned.curvature), sample) >= _SOME:
        return ""
    return ". With its two arguments exchanged it does: scikit-learn style passes y_true first"


def _overflow(callback: Callback, sample: Sample) -> Iterator[Symptom]:
    """The smallest score at which a derivative overflows, in the precision that the library passes."""
    if sample.is_bound:
        return
    sides = (1.0,) if "predictions" in sample.kind else (1.0, -1.0)
    scores = np.concatenate([side * _FAR for side in sides])
    labels = sample.y_true[[0, len(sample.y_true) // 2, -1]]
    for precision in dict.fromkeys((_FACE_VALUE[callback.library], np.float64)):
        at = replace(sample, y_true=labels, scores=_pushed(sample, scores.astype(precision), len(labels)))
        try:
            bad = ~at.evaluate(callback).are_finite
            if not bad.any():
                continue
            index = _first(bad & (np.abs(at.scores) == np.abs(at.scores[bad]).min()))
            reached = _first_bad(callback, replace(at, y_true=labels[[index[0]]]), at.scores[index], precision)
        except FailedCall as failed:
            yield fault("raises", f"for {np.dtype(precision).name} scores to ±1e4 it {failed.symptom.message}")
            return
        tell = fault if abs(reached) <= _REACHED else advice
        what = f"not finite from a score of {shown(reached)} on, in {np.dtype(precision).name}"
        yield tell("overflow", what, at={"y_true": float(at.y_true[index[0]]), "score": reached})
        return


def _first_bad(callback: Callback, sample: Sample, bad: float, precision: Any) -> float:
    """The smallest score of the same sign that overflows, to three digits, between that and the score before it."""
    before = _FAR[np.searchsorted(_FAR, abs(float(bad)) * (1 - 1e-6)) - 1] if abs(bad) > 1 else 0.0
    ends = [float(np.sign(bad)) * before, float(bad)]
    while abs(ends[1] - ends[0]) > 1e-3 * abs(ends[1]):
        middle = precision(sum(ends) / 2)
        found = replace(sample, scores=_pushed(sample, np.array([middle]), 1)).evaluate(callback)
        ends[int(not found.are_finite.all())] = float(middle)
    return ends[1]


def _pushed(sample: Sample, scores: Array, count: int) -> Array:
    """Scores for every label; of several classes the first is far out, the others are 0."""
    rows = np.tile(scores, (count, 1))
    if sample.scores.ndim == 2:
        return rows
    pushed = np.zeros((*rows.shape, sample.scores.shape[2]), dtype=scores.dtype)
    pushed[..., 0] = rows
    return pushed


def _first(bad: Array) -> tuple[int, ...]:
    return tuple(map(int, np.argwhere(bad)[0]))
