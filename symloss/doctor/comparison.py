"""An objective beside the loss that it should be of: what differs, and in which way."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from symloss.doctor.accepted import Case, kind_of
from symloss.doctor.factors import common_factor
from symloss.doctor.returned import Derivatives
from symloss.doctor.samples import Sample
from symloss.doctor.symptoms import Array, Symptom, advice, fault, shown, worst
from symloss.doctor.truth import Truth

_TOLERANCE = 1e-4  # objectives may compute in float32
_FEW = 0.005


def comparison(truth: Truth, sample: Sample, found: Derivatives, true: Derivatives) -> Iterator[Symptom]:
    """Symptoms of a gradient and a Hessian that are not those of the loss, which are ``true``."""
    counts = true.are_finite
    gradient = np.where(counts, found.gradient, 0.0)
    expected = np.where(counts, true.gradient, 0.0)
    wrong = ~_close(gradient, expected)
    factor = 1.0
    if np.mean(wrong) > _FEW:
        known = _constant(gradient, expected)
        if known is None:
            yield _wrong_gradient(truth, sample, found, true, wrong)
            yield from _wrong_hessian(truth, sample, found, true, 1.0, counts)
            return
        factor = known
        yield from _of_factor(truth, factor, sample)
    yield from _wrong_hessian(truth, sample, found, true, abs(factor), counts)


def _of_factor(truth: Truth, factor: float, sample: Sample) -> Iterator[Symptom]:
    name = truth.handle.name
    if factor < 0:
        times = "" if np.isclose(factor, -1) else f", {shown(-factor)} times as large"
        yield fault("opposite-sign", f"the gradient has the opposite sign of that of {name}{times}", 1.0)
        return
    rows = len(sample.rows().y_true)
    parts = f" (1/{rows}, and there are {rows} rows)" if np.isclose(factor * rows, 1, rtol=1e-3) else ""
    tell = advice if 0.1 <= factor <= 10 and not parts else fault
    yield tell(
        "constant-factor",
        f"the gradient is {shown(factor)} times that of {name}{parts}: the same optimum, while regularisation and "
        "min_child_weight count by another measure",
        1.0,
    )


def _wrong_gradient(truth: Truth, sample: Sample, found: Derivatives, true: Derivatives, wrong: Array) -> Symptom:
    index, gap = _worst(found.gradient, true.gradient, wrong)
    by_prediction = truth.by_prediction(sample)
    name = truth.handle.name
    hint = ""
    if by_prediction is not None and np.mean(_close(found.gradient, by_prediction)) > 1 - _FEW:
        hint = (
            ". It is the derivative by the prediction, not by the raw score: multiply by the slope of the inverse link"
        )
    return fault(
        "wrong-variable" if hint else "wrong-gradient",
        f"the gradient is not that of {name}: {gap}{hint}",
        float(np.mean(wrong)),
        sample.point(index),
    )


def _wrong_hessian(
    truth: Truth, sample: Sample, found: Derivatives, true: Derivatives, factor: float, counts: Array
) -> Iterator[Symptom]:
    case = Case(sample, true.gradient * factor, found.curvature, true.curvature * factor, counts)
    if kind_of(case) is not None:
        return
    expected = true.curvature * factor
    wrong = counts & ~_close(found.curvature, expected)
    index, gap = _worst(found.curvature, expected, wrong)
    known = _constant(np.where(counts, found.curvature, 0.0), np.where(counts, expected, 0.0))
    opposite = ", the opposite sign everywhere" if known is not None and np.isclose(known, -1) else ""
    name = truth.handle.name
    yield fault(
        "wrong-hessian",
        f"the Hessian is not that of {name}{opposite}, nor a curvature that may stand in for it: {gap}",
        float(wrong.sum() / max(1, counts.sum())),
        sample.point(index),
    )


def _worst(found: Array, true: Array, wrong: Array) -> tuple[tuple[int, ...], str]:
    gap = np.where(wrong, np.where(np.isfinite(found), np.abs(found - true) / (1 + np.abs(true)), np.inf), -1.0)
    index = worst(gap)
    return index, f"expected {shown(true[index])}, got {shown(found[index])}"


def _close(found: Array, true: Array) -> Array:
    size = float(np.median(np.abs(true[np.isfinite(true)]))) if np.isfinite(true).any() else 0.0
    return np.abs(found - true) <= _TOLERANCE * (np.abs(true) + 1e-2 * size) + 1e-12


def _constant(found: Array, true: Array) -> float | None:
    """The number that all of one array is of the other; None where there is none."""
    counts = np.abs(true) > 1e-6 * np.abs(true[np.isfinite(true)]).max(initial=0.0)
    return common_factor(found, true, counts, 1e-3, 1 - _FEW) or None  # 0 is none
