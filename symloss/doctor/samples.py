"""Labels and scores to call an objective with: one grid for every kind of label, all numbers exact in float32."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from symloss.doctor.callback import Callback
from symloss.doctor.data_sets import Rows
from symloss.doctor.returned import Derivatives
from symloss.doctor.symptoms import Array
from symloss.errors import SymlossError

_PLACES = 41
_MOST_LABELS = 9
_CLASS_SCORES = 24


@dataclass(frozen=True)
class Sample:
    """Labels (labels,) and, for every label, scores (labels, places) or (labels, places, classes).

    ``are_classes`` tells that labels are numbers of the scores, from 0. ``is_bound`` tells that the labels are all
    rows of a data set, in order: an objective that holds arrays of its own, one number per row, takes no others.
    """

    kind: str
    y_true: Array
    scores: Array
    is_bound: bool = False
    are_classes: bool = False

    def evaluate(self, callback: Callback, scores: Array | None = None, weights: Array | None = None) -> Derivatives:
        """Derivatives at scores of the shape of these; raises FailedCall."""
        at = self.scores if scores is None else scores
        if self.is_bound:
            columns = [callback(self._column(at, weights, place)) for place in range(at.shape[1])]
            return Derivatives(
                np.stack([item.gradient for item in columns], axis=1),
                np.stack([item.curvature for item in columns], axis=1),
            )
        found = callback(self.rows(at, weights))
        return Derivatives(found.gradient.reshape(at.shape), found.curvature.reshape(at.shape))

    def rows(self, scores: Array | None = None, weights: Array | None = None) -> Rows:
        """One row per label and place; of a bound sample, one per label at the first place."""
        at = self.scores if scores is None else scores
        if self.is_bound:
            return self._column(at, weights, 0)
        flat = at.reshape(-1, *at.shape[2:])
        return Rows(np.repeat(self.y_true, at.shape[1]), flat, None if weights is None else weights.ravel())

    def _column(self, scores: Array, weights: Array | None, place: int) -> Rows:
        return Rows(self.y_true, scores[:, place], None if weights is None else weights[:, place])

    def point(self, index: tuple[int, ...]) -> dict[str, float | list[float]]:
        """The label and the scores at an index, for a message."""
        score = self.scores[index[:2]]
        return {"y_true": float(self.y_true[index[0]]), "score": score.tolist() if np.ndim(score) else float(score)}


def _exact(values: Any) -> Array:
    return np.asarray(values, dtype=np.float32).astype(np.float64)


def _grid(kind: str, labels: Any, scores: Any) -> Sample:
    y_true = _exact(labels)
    return Sample(kind, y_true, np.tile(_exact(scores), (len(y_true), 1)))


def _spread(lower: float, upper: float) -> Array:
    """Places between two ends, none at a round number, where a branch might change."""
    return lower + (upper - lower) * (np.arange(_PLACES) + 0.37) / _PLACES


_SCALES = (-6.4, -3.1, -1.7, -0.6, 0.4, 1.2, 2.3, 4.7, 7.9)
_SIZES = (0.3, 0.7, 1.0, 1.9, 3.2, 6.0, 12.5, 20.0)

KINDS: dict[str, Callable[[], Sample]] = {
    "real": lambda: _grid("real labels", _SCALES, _spread(-14, 14)),
    "binary": lambda: _grid("labels 0 and 1", (0, 1), _spread(-12, 12)),
    "signs": lambda: _grid("labels -1 and 1", (-1, 1), _spread(-12, 12)),
    "counts": lambda: _grid("counts", (0, 1, 2, 3, 5, 9, 16), _spread(-4, 4)),
    "positive": lambda: _grid("positive labels", _SIZES, _spread(-4, 4)),
    "positive predictions": lambda: _grid("positive labels and predictions", _SIZES, _spread(0.1, 25)),
}


def of_classes(count: int) -> Sample:
    """Class numbers, and random scores of every class."""
    random = np.random.default_rng(7)
    scores = 2.5 * random.standard_normal((count, _CLASS_SCORES, count))
    return Sample(f"{count} classes", np.arange(float(count)), _exact(scores), are_classes=True)


def of_outputs(labels: Sample, count: int) -> Sample:
    """The labels of another sample with several scores each, the same for every label."""
    scores = 1.5 * np.random.default_rng(7).standard_normal((_CLASS_SCORES, count))
    return Sample(labels.kind, labels.y_true, np.tile(_exact(scores), (len(labels.y_true), 1, 1)))


def of_labels(values: Any, *, bound: bool) -> Sample:
    """Labels of the user's own; some of them, from the smallest to the largest, unless all are bound.

    Raises SymlossError for labels that are not finite numbers in one dimension.
    """
    y_true = np.asarray(values)
    if y_true.ndim != 1 or y_true.dtype.kind not in "fiub" or not y_true.size or not np.isfinite(y_true).all():
        raise SymlossError(
            f"labels have to be finite numbers in one dimension; got {y_true.dtype}, shape {y_true.shape}"
        )
    y_true = _exact(y_true)
    different = np.unique(y_true)
    lower, upper = float(different[0]), float(different[-1])
    width = max(upper - lower, 1.0)
    places = _spread(-12, 12) if set(different) <= {-1.0, 0.0, 1.0} else _spread(lower - width, upper + width)
    if bound:
        random = np.random.default_rng(7)
        scores = np.stack([random.permutation(np.resize(places, len(y_true))) for _ in range(12)], axis=1)
        return Sample("your labels", y_true, _exact(scores), is_bound=True)
    chosen = different[np.unique(np.linspace(0, len(different) - 1, _MOST_LABELS).round().astype(int))]
    return _grid("your labels", chosen, places)
