"""The losses that are timed: their data, and what a user without symloss would write.

``formula`` is the loss per sample in textbook SymPy, for lambdify and numexpr. ``by_hand`` is the NumPy that a careful
colleague writes: value, gradient and Hessian per sample, stable but unblocked. ``framework`` is the loss per sample in
the operations of an array library (``Operations``), which differentiates it by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from sympy import Abs, Piecewise, cosh, exp, log

Array = np.ndarray
y, f = sympy.symbols("y f", real=True)


@dataclass(frozen=True)
class Workload:
    """One loss at default parameters: the name of its module, its data and its other spellings."""

    name: str
    module: str
    labels: str  # "normal", "binary", "count" or "class"
    framework: Callable[[Any, Any, Any], Any]
    formula: sympy.Expr | None = None
    by_hand: Callable[[Array, Array], tuple[Array, Array, Array]] | None = None
    classes: int = 0

    def data(self, count: int, dtype: str) -> tuple[Array, Array]:
        """Labels and predictions of some entries: whole rows of them over classes."""
        rng = np.random.default_rng(0)
        if self.classes:
            rows = max(1, count // self.classes)
            return rng.integers(0, self.classes, rows), rng.normal(size=(rows, self.classes)).astype(dtype)
        draw = {
            "normal": lambda: rng.normal(size=count),
            "binary": lambda: rng.random(count) < 0.5,
            "count": lambda: rng.poisson(1.5, count),
        }[self.labels]
        return draw().astype(dtype), (1.5 * rng.normal(size=count)).astype(dtype)


def _squared(target: Array, score: Array) -> tuple[Array, Array, Array]:
    residual = score - target
    return residual**2, 2 * residual, np.full_like(score, 2)


def _huber(target: Array, score: Array) -> tuple[Array, Array, Array]:
    residual = score - target
    size = np.abs(residual)
    value = np.where(size <= 1, residual**2 / 2, size - 0.5)
    return value, np.clip(residual, -1, 1), (size <= 1).astype(score.dtype)


def _log_cosh(target: Array, score: Array) -> tuple[Array, Array, Array]:
    residual = score - target
    size = np.abs(residual)
    slope = np.tanh(residual)
    return size + np.log1p(np.exp(-2 * size)) - np.log(2), slope, 1 - slope**2


def _logistic(target: Array, score: Array) -> tuple[Array, Array, Array]:
    share = 1 / (1 + np.exp(-score))
    value = np.maximum(score, 0) - score * target + np.log1p(np.exp(-np.abs(score)))
    return value, share - target, share * (1 - share)


def _poisson(target: Array, score: Array) -> tuple[Array, Array, Array]:
    mean = np.exp(score)
    return mean - target * score, mean - target, mean


def _quantile(target: Array, score: Array) -> tuple[Array, Array, Array]:
    residual = score - target
    return np.where(residual < 0, -residual, residual) / 2, np.where(residual < 0, -0.5, 0.5), np.zeros_like(score)


def _tweedie(target: Array, score: Array) -> tuple[Array, Array, Array]:
    up, down = np.exp(score / 2), np.exp(-score / 2)
    return 2 * up + 2 * target * down, up - target * down, (up + target * down) / 2


def _softmax(target: Array, score: Array) -> tuple[Array, Array, Array]:
    rows = np.arange(len(target))
    shifted = score - score.max(axis=1, keepdims=True)
    weight = np.exp(shifted)
    total = weight.sum(axis=1, keepdims=True)
    share = weight / total
    value = np.log(total[:, 0]) - shifted[rows, target]
    gradient = share.copy()
    gradient[rows, target] -= 1
    return value, gradient, share * (1 - share)


WORKLOADS: Mapping[str, Workload] = {
    item.name: item
    for item in (
        Workload("squared", "squared_error", "normal", lambda xp, t, s: (s - t) ** 2, (f - y) ** 2, _squared),
        Workload(
            "huber",
            "huber",
            "normal",
            lambda xp, t, s: xp.where(xp.abs(s - t) <= 1, (s - t) ** 2 / 2, xp.abs(s - t) - 0.5),
            Piecewise(((f - y) ** 2 / 2, Abs(f - y) <= 1), (Abs(f - y) - sympy.Rational(1, 2), True)),
            _huber,
        ),
        Workload(
            "log-cosh",
            "log_cosh",
            "normal",
            lambda xp, t, s: xp.softplus(-2 * (s - t)) + (s - t) - float(np.log(2)),
            log(cosh(f - y)),
            _log_cosh,
        ),
        Workload(
            "logistic",
            "binary_crossentropy_logits",
            "binary",
            lambda xp, t, s: xp.softplus(s) - t * s,
            log(1 + exp(f)) - y * f,
            _logistic,
        ),
        Workload(
            "focal",
            "focal_binary",
            "binary",
            lambda xp, t, s: (
                (0.75 - 0.5 * t) * (t * xp.sigmoid(-s) + (1 - t) * xp.sigmoid(s)) ** 2 * (xp.softplus(s) - t * s)
            ),
            (sympy.Rational(3, 4) - y / 2)
            * (y / (1 + exp(f)) + (1 - y) / (1 + exp(-f))) ** 2
            * (log(1 + exp(f)) - y * f),
            None,
        ),
        Workload("poisson", "poisson_nll", "count", lambda xp, t, s: xp.exp(s) - t * s, exp(f) - y * f, _poisson),
        Workload(
            "quantile",
            "pinball",
            "normal",
            lambda xp, t, s: xp.where(s < t, (t - s) / 2, (s - t) / 2),
            Piecewise(((y - f) / 2, f < y), ((f - y) / 2, True)),
            _quantile,
        ),
        Workload(
            "tweedie",
            "tweedie",
            "count",
            lambda xp, t, s: 2 * xp.exp(s / 2) + 2 * t * xp.exp(-s / 2),
            2 * exp(f / 2) + 2 * y * exp(-f / 2),
            _tweedie,
        ),
        *(
            Workload(
                f"softmax {classes}",
                "sparse_categorical_crossentropy_logits",
                "class",
                lambda xp, t, s: xp.cross_entropy(t, s),
                None,
                _softmax,
                classes,
            )
            for classes in (10, 1000)
        ),
    )
}
