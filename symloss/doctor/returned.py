"""What an objective returned, as arrays; whatever else it is becomes a symptom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symloss.doctor.data_sets import Rows
from symloss.doctor.symptoms import Array, Symptom, fault

CATBOOST_METHODS = ("calc_ders_multi", "calc_ders_range")


@dataclass(frozen=True)
class Derivatives:
    """Gradient and curvature of the loss of each row by its scores."""

    gradient: Array
    curvature: Array

    @property
    def are_finite(self) -> Array:
        """Where both are."""
        return np.isfinite(self.gradient) & np.isfinite(self.curvature)


class FailedCall(Exception):  # noqa: N818 - it carries a symptom, not an error of ours
    """An objective did not return derivatives; ``symptom`` says what it did."""

    def __init__(self, symptom: Symptom) -> None:
        super().__init__(symptom.message)
        self.symptom = symptom


def read(returned: Any, rows: Rows, style: str) -> Derivatives:
    """What an objective returned as the derivatives of a loss to be lowered; raises FailedCall for another form."""
    if style in CATBOOST_METHODS:
        gradient, curvature = _of_catboost(returned, rows, style)
        return Derivatives(-gradient, -curvature)
    if not isinstance(returned, Sequence | np.ndarray) or isinstance(returned, str) or len(returned) != 2:
        raise FailedCall(
            fault("not-a-pair", f"returns {kind_of(returned)} where a pair is expected: gradient, Hessian")
        )
    gradient, curvature = (
        _as_array(item, what, rows.scores) for item, what in zip(returned, ("gradient", "Hessian"), strict=True)
    )
    return Derivatives(gradient, curvature)


def _as_array(item: Any, what: str, scores: Array) -> Array:
    """A derivative in float64, of the shape of the scores; raises FailedCall for any other thing."""
    try:
        array = np.asarray(item)
    except (TypeError, ValueError) as error:
        raise FailedCall(
            fault("dtype", f"the {what} is {kind_of(item)} that is no array of numbers: {error}")
        ) from error
    if array.dtype.kind not in "fiub":
        raise FailedCall(fault("dtype", f"the {what} has the dtype {array.dtype}; return float32 or float64"))
    if array.shape == scores.shape or (array.shape == (len(scores), 1) and scores.ndim == 1):
        return array.reshape(scores.shape).astype(np.float64)
    if scores.ndim == 2 and array.shape == (scores.size,):
        raise FailedCall(
            fault(
                "flat",
                f"the {what} is flat, {array.shape}, for scores of shape {scores.shape}: XGBoost reads it row by row, "
                "LightGBM class by class, neither says so; return the shape that came in",
            )
        )
    turned = scores.ndim == 2 and array.shape == scores.shape[::-1]
    why = "; rows and classes changed places" if turned else ""
    raise FailedCall(
        fault(
            "shape",
            f"the {what} has the shape {array.shape}, the scores {scores.shape}{why}; return one number per score",
        )
    )


def _of_catboost(returned: Any, rows: Rows, style: str) -> tuple[Array, Array]:
    """Both derivatives as CatBoost reads them; the matrix of a row is represented by its diagonal."""
    wanted = "a list of pairs, one per row" if style == "calc_ders_range" else "a vector and a matrix per row"
    try:
        pairs = list(returned)
        if len(pairs) != len(rows.y_true):
            raise FailedCall(
                fault("shape", f"returns {len(pairs)} values for {len(rows.y_true)} rows; CatBoost expects {wanted}")
            )
        first = np.array([pair[0] for pair in pairs], dtype=np.float64)
        second = np.array([pair[1] for pair in pairs], dtype=np.float64)
    except (TypeError, ValueError, IndexError) as error:
        raise FailedCall(fault("shape", f"returns {kind_of(returned)}; CatBoost expects {wanted} ({error})")) from error
    if style == "calc_ders_multi":
        count = rows.scores.shape[-1]
        if first.shape != rows.scores.shape or second.shape != (*rows.scores.shape, count):
            raise FailedCall(
                fault(
                    "shape",
                    f"a row gets a vector of shape {first.shape[1:]} and a matrix of shape {second.shape[1:]} "
                    f"for {count} classes; CatBoost expects ({count},) and ({count}, {count})",
                )
            )
        second = np.diagonal(second, axis1=1, axis2=2)
    elif first.shape != rows.scores.shape or second.shape != rows.scores.shape:
        raise FailedCall(
            fault("shape", f"derivatives have the shapes {first.shape} and {second.shape}; CatBoost expects {wanted}")
        )
    return first, second


def kind_of(value: Any) -> str:
    """A value in words, for a message."""
    if isinstance(value, np.ndarray):
        return f"one array of shape {value.shape}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"{len(value)} values"
    return "nothing" if value is None else f"a {type(value).__name__}"
