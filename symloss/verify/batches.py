"""A batch of points that share their parameters, what the declaration says of it, and how results are compared."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symloss.declare import Loss
from symloss.verify.examination import Examination
from symloss.verify.frameworks import DifferentiatedModule
from symloss.verify.modules import NumpyModule
from symloss.verify.oracle import Point
from symloss.verify.report import Failure, Report, cause_of

_BATCH = 6


def batch_of(examination: Examination, emitted: NumpyModule | DifferentiatedModule) -> list[Point]:
    """Random points that share the parameters of the first."""
    drawn = [probe.point for probe in examination.probes if probe.group == "random"][:_BATCH]
    shared = {item.name: drawn[0].constants[item.name] for item in examination.loss.parameters}
    return [emitted.adjusted(replace(point, constants={**point.constants, **shared})) for point in drawn]


def close(report: Report, function: str, got: Any, expected: Any, tolerance: float = 1e-11) -> None:
    """Compare arrays; record the first entry that is off."""
    got, expected = np.atleast_1d(np.asarray(got, dtype=float)), np.atleast_1d(np.asarray(expected, dtype=float))
    if got.ndim > expected.ndim == 2:
        got = got.reshape(len(got), -1)
    if got.shape != expected.shape:
        cause = f"shape {got.shape} instead of {expected.shape}"
        report.failures.append(Failure(report.loss, report.target, function, "batch", None, math.nan, math.nan, cause))
        return
    scale = np.maximum(np.abs(expected), np.abs(expected).max(initial=0) * 1e-3)
    off = ~(np.abs(got - expected) <= tolerance * scale + 1e-300)
    if off.any():
        pairs = list(zip(got[off].tolist(), expected[off].tolist(), strict=True))
        first = pairs[0]
        report.failures.append(
            Failure(report.loss, report.target, function, "batch", None, first[0], first[1], cause_of(pairs))
        )


def batch_truth(examination: Examination, points: list[Point]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Value, gradient and Hessian diagonal of every point, as the declaration has them."""
    truths = [examination.truth(point) for point in points]
    value = np.array([float(truth.value) for truth in truths])
    gradient = np.array([[float(entry) for entry in truth.gradient] for truth in truths])
    hessian = np.array([[float(entry) for entry in truth.hessian] for truth in truths])
    if examination.loss.is_elementwise:
        gradient, hessian = gradient[:, 0], hessian[:, 0]
    return value, gradient, hessian


def weights_of(count: int) -> np.ndarray:
    """Unequal weights for so many points."""
    return np.array([0.5, 2.0, 1.0, 3.0, 0.25, 1.5][:count])


def rows_of(loss: Loss, point: Point) -> int:
    """How many rows a sample has, where the loss has a value for each; else 0."""
    return dict(point.sizes)[loss.rows.axis.name] if loss.rows is not None else 0


def vectors_and_products(examination: Examination, points: list[Point]) -> tuple[np.ndarray, np.ndarray]:
    """A vector for every point, the same for all, and the Hessian times it."""
    vector = np.linspace(-1.0, 2.0, len(points[0].y_pred))  # type: ignore[arg-type]
    exact = [[float(entry) for entry in examination.oracle.product(point, list(vector))] for point in points]
    return np.tile(vector, (len(points), 1)), np.array(exact)


@dataclass(frozen=True)
class Reduction:
    """One way to reduce a batch, and what must come out: the value, and derivatives of the reduced loss.

    ``sample_weight`` has one number per sample, or per row where the loss has a value for each; None for none.
    """

    name: str
    sample_weight: np.ndarray | None
    value: Any
    gradient: np.ndarray
    hessian: np.ndarray

    def label(self, function: str) -> str:
        """What a report calls it."""
        return f"{function}, reduction {self.name}" + ("" if self.sample_weight is None else ", weighted")


def reductions(examination: Examination, points: list[Point]) -> Iterator[Reduction]:
    """None, sum and mean, with and without weights."""
    value, *derivatives = batch_truth(examination, points)
    count, rows = len(points), rows_of(examination.loss, points[0])
    for weight in (None, weights_of(count)):
        factor = np.ones(count) if weight is None else weight
        per_row = weight if weight is None or not rows else np.tile(weight[:, None], (1, rows))
        total = factor.sum() * (rows or 1)
        weighted = [item * (factor if item.ndim == 1 else factor[:, None]) for item in (value, *derivatives)]
        yield Reduction("none", per_row, *weighted)
        yield Reduction("sum", per_row, weighted[0].sum(), *weighted[1:])
        yield Reduction("mean", per_row, weighted[0].sum() / total, *(item / total for item in weighted[1:]))
