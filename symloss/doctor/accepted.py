"""Curvatures that may stand in for the second derivative: what practitioners return on purpose, told from mistakes.

Each function says at which points a curvature is of its kind. The first kind that holds nearly everywhere is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from symloss.doctor.samples import Sample
from symloss.doctor.symptoms import Array

_TOLERANCE = 0.02
_NEARLY_ALL = 0.98


@dataclass(frozen=True)
class Case:
    """Gradient, curvature and second derivative at the points of a sample, and which of these count."""

    sample: Sample
    gradient: Array
    curvature: Array
    slope: Array
    counts: Array


def kind_of(case: Case) -> str | None:
    """What the curvature is, in words; None where it is nothing known."""
    counts = case.counts & np.isfinite(case.curvature)
    for words, holds in KINDS.items():
        with np.errstate(all="ignore"):
            right = holds(case) | _is_floored(case)
        if counts.any() and np.mean(right[counts]) >= _NEARLY_ALL:
            return words
    return None


def mismatched(case: Case) -> Array:
    """Where a curvature is neither the second derivative nor a floor above it."""
    return case.counts & ~(_close(case, case.curvature, case.slope) | _is_floored(case))


def _close(case: Case, first: Array, second: Array) -> Array:
    finite = np.abs(case.slope[case.counts])
    typical = float(np.median(finite)) if finite.size else 0.0
    size = np.maximum(np.abs(first), np.abs(second))
    return np.abs(first - second) <= _TOLERANCE * size + 1e-4 * typical + 1e-9


def _is_floored(case: Case) -> Array:
    """At the smallest curvature of all, where the second derivative is lower still: a clip that keeps it positive."""
    finite = case.curvature[np.isfinite(case.curvature)]
    if not finite.size or finite.min() <= 0 or np.ptp(finite) <= 1e-6 * finite.max():
        return np.zeros(case.curvature.shape, dtype=bool)
    floor = finite.min()
    return (case.curvature <= floor * (1 + 1e-6)) & (case.slope <= floor * (1 + _TOLERANCE) + 1e-9)


def _exact(case: Case) -> Array:
    return _close(case, case.curvature, case.slope)


def _absolute(case: Case) -> Array:
    return _close(case, case.curvature, np.abs(case.slope)) & _bends_up(case)


def _bends_up(case: Case) -> bool:
    """Whether the second derivative is positive where it is large; of a negated gradient it is negative there."""
    slope = case.slope[case.counts]
    large = slope[np.abs(slope) >= np.quantile(np.abs(slope), 0.95)] if slope.size else slope
    return bool(large.size and np.mean(large > 0) > 0.5)


def _constant(case: Case) -> Array:
    """One positive number, unless the second derivative is another number."""
    curvature, slope = case.curvature[case.counts], case.slope[case.counts]
    is_constant = curvature.size and np.ptp(curvature) <= 1e-6 * np.abs(curvature).max() and curvature.min() > 0
    bends = slope.size and np.ptp(slope) > _TOLERANCE * np.abs(slope).max()
    return np.full(case.slope.shape, bool(is_constant and (bends or not slope.any())))


def _multiple(case: Case) -> Array:
    """Twice the diagonal, or K/(K-1) times: bounds on the matrix over classes, as the libraries have them."""
    if case.sample.scores.ndim == 2:
        return np.zeros(case.slope.shape, dtype=bool)
    count = case.sample.scores.shape[2]
    factors = (2.0, count / (count - 1))
    return np.any([_near_all(case, _close(case, case.curvature, factor * case.slope)) for factor in factors], axis=0)


def _poisson_cap(case: Case) -> Array:
    """exp(0.7) times: what XGBoost's own Poisson objective does with ``max_delta_step``."""
    return _close(case, case.curvature, np.exp(0.7) * case.slope)


def _weight_of_residual(case: Case) -> Array:
    """Gradient over residual, or one number over it at a kink: iteratively reweighted least squares.

    A small number may stand against a division by 0: the curvature ends there.
    """
    if case.sample.scores.ndim != 2 or not _varies(case):
        return np.zeros(case.slope.shape, dtype=bool)
    residual = case.sample.scores - case.sample.y_true[:, None]
    near = (np.abs(residual) < 0.2) | (case.curvature >= case.curvature[case.counts].max() * (1 - 1e-6))
    product = case.curvature * np.abs(residual)
    flat = case.counts & ~near
    jump = np.full(product.shape, np.median(product[flat]) if flat.any() else 0.0)
    kinds = [_near_all(case, near | _close(case, product, size)) for size in (np.abs(case.gradient), jump)]
    return np.any(kinds, axis=0)


def _varies(case: Case) -> bool:
    curvature = case.curvature[case.counts]
    return bool(curvature.size and np.ptp(curvature) > 1e-3 * np.abs(curvature).max())


def _damped(case: Case) -> Array:
    """The second derivative plus one positive number."""
    counts = case.counts & np.isfinite(case.curvature)
    if not counts.any():
        return counts
    added = float(np.median((case.curvature - case.slope)[counts]))
    return _close(case, case.curvature, case.slope + added) & (added > 0) & _bends_up(case)


def _expected(case: Case) -> Array:
    """Free of the label: the second derivative where the gradient, affine in the label, is 0. Fisher information."""
    nothing = np.zeros(case.slope.shape, dtype=bool)
    if case.sample.scores.ndim != 2 or case.sample.is_bound or len(case.sample.y_true) < 2:
        return nothing
    y_true = case.sample.y_true[:, None]
    rise = (case.gradient[-1] - case.gradient[0]) / (y_true[-1] - y_true[0])
    is_affine = _close(case, case.gradient, case.gradient[0] + rise * (y_true - y_true[0]))
    right = y_true[0] - case.gradient[0] / rise
    bend = (case.slope[-1] - case.slope[0]) / (y_true[-1] - y_true[0])
    expected = case.slope[0] + bend * (right - y_true[0])
    return is_affine & _close(case, case.curvature, np.broadcast_to(expected, case.slope.shape))


def _free_of_label(case: Case) -> Array:
    """Positive and the same for all labels, as expected second derivatives of several outputs are."""
    if case.sample.scores.ndim != 3 or case.sample.are_classes:
        return np.zeros(case.slope.shape, dtype=bool)
    is_free = np.ptp(case.curvature, axis=0) <= _TOLERANCE * np.abs(case.curvature).max(axis=0)
    return np.broadcast_to(is_free & (case.curvature.min(axis=0) > 0), case.slope.shape) | _exact(case)


def _gauss_newton(case: Case) -> Array:
    """The second derivative without the bend of an inverse link: of the exponential, and of the logistic."""
    if case.sample.scores.ndim != 2:
        return np.zeros(case.slope.shape, dtype=bool)
    logistic = 1 / (1 + np.exp(-case.sample.scores))
    kinds = [
        _near_all(case, _close(case, case.curvature, case.slope - case.gradient * bend))
        for bend in (1.0, 1 - 2 * logistic)
    ]
    return np.any(kinds, axis=0)


def _size_of_gradient(case: Case) -> Array:
    """The size of the gradient: |p - y| in newer XGBoost."""
    if case.sample.scores.ndim != 3:
        return np.zeros(case.slope.shape, dtype=bool)
    return _close(case, case.curvature, np.abs(case.gradient))


def _even_weight(case: Case) -> Array:
    """Gradient over distance but for a line, one for each label: the tangent bound of Jaakkola and Jordan (2000)."""
    if case.sample.scores.ndim != 2 or case.sample.is_bound or not _varies(case):
        return np.zeros(case.slope.shape, dtype=bool)
    kinds = []
    for centre in (0.0, case.sample.y_true[:, None]):
        product = case.curvature * (case.sample.scores - centre)
        line = np.median(case.gradient - product, axis=1, keepdims=True)
        near = np.abs(case.sample.scores - centre) < 0.2
        kinds.append(_near_all(case, near | _close(case, product, case.gradient - line)))
    return np.any(kinds, axis=0)


def _near_all(case: Case, holds: Array) -> Array:
    """Everywhere or nowhere: a kind is not put together from points of two."""
    return np.full(holds.shape, bool(np.mean(holds[case.counts]) >= _NEARLY_ALL) if case.counts.any() else False)


KINDS: dict[str, Callable[[Case], Array]] = {
    "the second derivative": _exact,
    "the size of the second derivative": _absolute,
    "one constant: plain gradient descent": _constant,
    "a bound on the matrix over classes": _multiple,
    "the weight of a residual, as in iteratively reweighted least squares": _weight_of_residual,
    "the expected second derivative (Fisher information)": _expected,
    "free of the label, as an expected second derivative is": _free_of_label,
    "the second derivative without the bend of the link (Gauss-Newton)": _gauss_newton,
    "that of a parabola that touches the loss at equal distances from its centre": _even_weight,
    "the second derivative plus a constant": _damped,
    "exp(0.7) times the second derivative, XGBoost's own cap on Poisson's steps": _poisson_cap,
    "the size of the gradient": _size_of_gradient,
}
