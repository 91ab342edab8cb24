"""What an objective does when it is called, whatever its formula: its form, its memory, its weights, its other rows."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from symloss.doctor.callback import Callback, parameter_names
from symloss.doctor.data_sets import doubled
from symloss.doctor.factors import common_factor
from symloss.doctor.returned import Derivatives, FailedCall
from symloss.doctor.samples import Sample
from symloss.doctor.symptoms import Array, Symptom, advice, fault, shown

_CLOSE = 1e-6  # relative; what is summed in another order differs by less, in float32 too


def repeats(callback: Callback, sample: Sample, found: Derivatives) -> Iterator[Symptom]:
    """Whether a second call returns what the first has found."""
    again = sample.evaluate(callback)
    if not (_same(found.gradient, again.gradient) and _same(found.curvature, again.curvature)):
        yield fault("not-deterministic", "two calls with the same arguments return different derivatives")


def conduct(callback: Callback, sample: Sample, found: Derivatives) -> Iterator[Symptom]:
    """Symptoms of the way in which an objective takes and returns arrays; ``found`` are its derivatives."""
    yield from _form(callback, sample)
    yield from _weights(callback, sample, found)


def _form(callback: Callback, sample: Sample) -> Iterator[Symptom]:
    """Arguments that are changed, and derivatives that a library would convert."""
    rows = sample.rows()
    lent = rows.copied()
    returned = callback.returned(lent, lent=True)
    pairs = {"y_true": (rows.y_true, lent.y_true), "the scores": (rows.scores, lent.scores)}
    if changed := [name for name, (before, after) in pairs.items() if not _same(before, after)]:
        yield advice(
            "changes-input",
            f"changes {' and '.join(changed)} in place: what the library computes next is computed from that",
        )
    if callback.style not in {"native", "scikit-learn"}:
        return
    for item, what in zip(returned, ("gradient", "Hessian"), strict=True):
        array = np.asarray(item)
        if array.dtype.kind in "iub":
            yield fault(
                "dtype", f"the {what} has the dtype {array.dtype}: its fractions are lost; return float32 or float64"
            )
        elif array.dtype == np.float16:
            yield advice(
                "dtype", f"the {what} is float16, which has 3 digits and ends at 65504; return float32 or float64"
            )
        elif array.shape != rows.scores.shape:
            yield advice("shape", f"the {what} has the shape {array.shape}, the scores {rows.scores.shape}")


def of_other_rows(callback: Callback, sample: Sample, found: Derivatives) -> Iterator[Symptom]:
    """Whether derivatives of a row depend on which others there are, or on how many."""
    if sample.is_bound:
        return
    rows = sample.rows()
    shape = rows.scores.shape
    alone = Derivatives(found.gradient.reshape(shape), found.curvature.reshape(shape))
    twice = callback(doubled(rows)).gradient[: len(rows.y_true)]
    steep = np.isfinite(alone.gradient) & np.isfinite(twice) & (np.abs(alone.gradient) > 1e-9)
    ratio = common_factor(twice, alone.gradient, steep, 1e-4)
    if ratio is not None and abs(ratio - 1) > 1e-3:
        by = "divided by the number of rows" if abs(ratio - 0.5) < 1e-3 else f"{shown(ratio)} times as large"
        yield fault(
            "divided-by-rows",
            f"the gradient is {by} when every row is there twice: in a large table regularisation outweighs any row, "
            "and XGBoost never splits below min_child_weight; return the derivatives of each row's own loss",
        )
        return
    moved = replace(rows, scores=rows.scores.copy(), y_true=rows.y_true.copy())
    moved.scores[0] = rows.scores[-1]
    moved.y_true[0] = rows.y_true[-1]
    there = callback(moved)
    parts = ((alone.gradient, there.gradient), (alone.curvature, there.curvature))
    half = callback(rows.taken(slice(None, None, 2)))
    halves = ((alone.gradient[::2], half.gradient), (alone.curvature[::2], half.curvature))
    touched = [not _same(before[1:], after[1:]) for before, after in parts]
    parted = [not _same(before, after) for before, after in halves]
    if any(touched) or any(parted):
        how = (
            "change with the score and label of another row" if any(touched) else "differ where other rows are left out"
        )
        yield fault(
            "rows-coupled",
            f"derivatives of a row {how}: cross-validation, blocks of rows and clusters give another model; "
            "right for losses over lists (Cox, ranking) alone, not for a scale taken from the rows at hand",
        )


def _weights(callback: Callback, sample: Sample, plain: Derivatives) -> Iterator[Symptom]:
    """Whether a weight multiplies both derivatives, which no library does itself."""
    random = np.random.default_rng(3)
    weights = random.integers(1, 5, sample.scores.shape[:2]).astype(np.float64)
    ignored = (
        "sample weights change nothing, and no library multiplies an objective's derivatives by them: "
        "multiply both by the weights"
    )
    if callback.style == "scikit-learn" and not _takes_weights(callback):
        yield advice("weights-ignored", f"takes no weights: {ignored}")
        return
    try:
        weighted = sample.evaluate(callback, weights=weights)
    except FailedCall as failed:
        yield advice("weights-ignored", f"with sample weights it {failed.symptom.message}")
        return
    factors = weights.reshape(*weights.shape, *[1] * (sample.scores.ndim - 2))
    parts = {"gradient": (plain.gradient, weighted.gradient), "Hessian": (plain.curvature, weighted.curvature)}
    if all(_same(before, after) for before, after in parts.values()):
        yield advice("weights-ignored", ignored)
        return
    wrong = [name for name, (before, after) in parts.items() if not _same(before * factors, after)]
    if wrong:
        yield fault("weights-wrong", f"the {' and the '.join(wrong)} with weights is not the weight times that without")


def _takes_weights(callback: Callback) -> bool:
    """By name in XGBoost, by place in LightGBM."""
    if callback.library == "xgboost":
        return "sample_weight" in inspect.signature(callback.function).parameters
    return len(parameter_names(callback.function)) >= 3


def pickles(function: Any) -> Iterator[Symptom]:
    """Whether workers, ``n_jobs`` and a saved estimator can have an objective."""
    try:
        pickle.dumps(function)
    except Exception as error:  # noqa: BLE001 - whatever stops it
        yield advice(
            "not-picklable",
            f"can't be pickled ({type(error).__name__}: {error}): searches with n_jobs, clusters and saved estimators "
            "fail; make it a function or a class at the top of a module",
        )


def _same(first: Array, second: Array) -> bool:
    return bool(np.allclose(first, second, rtol=_CLOSE, atol=1e-12, equal_nan=True))
