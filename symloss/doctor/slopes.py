"""The derivative of a gradient by its own score, by central differences, away from kinks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symloss.doctor.callback import Callback
from symloss.doctor.samples import Sample
from symloss.doctor.symptoms import Array

_STEP = 1e-3  # the third root of what float32 resolves, nearly: objectives may compute in it
_KINK = 0.05


@dataclass(frozen=True)
class Slopes:
    """How a gradient changes with its score, and where that is known."""

    values: Array
    known: Array


def slopes_of(callback: Callback, sample: Sample, gradient: Array) -> Slopes:
    """The second derivative by every score, from the gradient at both sides of it."""
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
    right, left = (above - here) / step, (here - below) / step
    values = (above - below) / (2 * step)
    finite = np.isfinite(values) & np.isfinite(here)
    typical = float(np.median(np.abs(values[finite]))) if finite.any() else 0.0
    smooth = np.abs(right - left) <= _KINK * (np.abs(right) + np.abs(left) + typical)
    return Slopes(values, finite & smooth)
