"""The derivative of a gradient by its own score, by central differences, away from kinks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from symloss.doctor.callback import Callback
from symloss.doctor.samples import Sample
from symloss.doctor.symptoms import Array

_STEP = 1e-3  # the third root of what float32 resolves, nearly: objectives may compute in it
_KINK = 0.05
_SOME_ROWS = 60


@dataclass(frozen=True)
class Slopes:
    """How a gradient changes with its score, and where that is known."""

    values: Array
    known: Array


def slopes_of(callback: Callback, sample: Sample, gradient: Array, *, one_by_one: bool) -> Slopes:
    """The second derivative by every score, from the gradient at both sides of it.

    Scores are moved ``one_by_one`` where the derivatives of a row depend on those of other rows; then for some rows.
    """
    if one_by_one:
        return _row_by_row(callback, sample, gradient)
    if sample.scores.ndim == 2:
        return _along(callback, sample, gradient, np.ones_like(sample.scores), ...)
    count = sample.scores.shape[2]
    columns = []
    for place in range(count):
        direction = np.zeros(count)
        direction[place] = 1.0
        columns.append(_along(callback, sample, gradient, direction, place))
    return Slopes(
        np.stack([item.values for item in columns], axis=-1), np.stack([item.known for item in columns], axis=-1)
    )


def _along(callback: Callback, sample: Sample, gradient: Array, direction: Array, place: object) -> Slopes:
    """Along one direction, for the derivative by one score or by all of an elementwise objective."""
    index = (..., place) if isinstance(place, int) else ...
    here = gradient[index]
    size = np.abs(sample.scores[index])
    step = _STEP * (1 + size)
    shift = step * direction if isinstance(place, type(...)) else step[..., None] * direction
    above = sample.evaluate(callback, sample.scores + shift).gradient[index]
    below = sample.evaluate(callback, sample.scores - shift).gradient[index]
    return _between(below, here, above, step)


def _row_by_row(callback: Callback, sample: Sample, gradient: Array) -> Slopes:
    rows = sample.rows()
    below, above = np.full(rows.scores.shape, np.nan), np.full(rows.scores.shape, np.nan)
    step = _STEP * (1 + np.abs(rows.scores))
    count = len(rows.y_true) if rows.scores.ndim == 1 else 0
    for row in range(0, count, max(1, count // _SOME_ROWS)):
        for side, gradients in ((-1, below), (1, above)):
            scores = rows.scores.copy()
            scores[row] += side * step[row]
            gradients[row] = callback(replace(rows, scores=scores)).gradient[row]
    shape = gradient.shape
    return _between(below.reshape(shape), gradient, above.reshape(shape), step.reshape(shape))


def _between(below: Array, here: Array, above: Array, step: Array) -> Slopes:
    """Central differences, known where those to both sides are alike."""
    right, left = (above - here) / step, (here - below) / step
    values = (above - below) / (2 * step)
    finite = np.isfinite(values) & np.isfinite(here)
    typical = float(np.median(np.abs(values[finite]))) if finite.any() else 0.0
    smooth = np.abs(right - left) <= _KINK * (np.abs(right) + np.abs(left) + typical)
    return Slopes(values, finite & smooth)
