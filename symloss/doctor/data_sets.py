"""Labels and weights in the data set of a library, or in a stand-in where it is not installed."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

import numpy as np

from symloss.doctor.symptoms import Array


@dataclass(frozen=True)
class Rows:
    """What an objective is called with: labels (rows,), scores (rows,) or (rows, classes), weights (rows,) or none."""

    y_true: Array
    scores: Array
    weights: Array | None = None

    def copied(self) -> Rows:
        """The same in arrays of their own."""
        return Rows(self.y_true.copy(), self.scores.copy(), None if self.weights is None else self.weights.copy())

    def taken(self, rows: Any) -> Rows:
        """Some of the rows."""
        weights = None if self.weights is None else self.weights[rows]
        return Rows(self.y_true[rows], self.scores[rows], weights)


def doubled(rows: Rows) -> Rows:
    """Every row twice, the second half like the first."""
    weights = None if rows.weights is None else np.concatenate([rows.weights, rows.weights])
    return Rows(np.concatenate([rows.y_true, rows.y_true]), np.concatenate([rows.scores, rows.scores]), weights)


def is_installed(library: str) -> bool:
    """Whether a library can be imported."""
    return importlib.util.find_spec(library) is not None


def data_set(library: str, rows: Rows) -> Any:
    """Labels and weights in the library's own data set, or in a stand-in where it is not installed."""
    if not is_installed(library):
        return StandIn(rows.y_true, rows.weights)
    X = np.zeros((len(rows.y_true), 1))
    if library == "xgboost":
        import xgboost

        return xgboost.DMatrix(X, label=rows.y_true, weight=rows.weights)
    import lightgbm

    options = {"verbosity": -1, "feature_pre_filter": False}
    return lightgbm.Dataset(X, rows.y_true, weight=rows.weights, params=options, free_raw_data=False).construct()


@dataclass(frozen=True)
class StandIn:
    """What objectives ask of a DMatrix or a Dataset."""

    label: Array
    weight: Array | None

    def get_label(self) -> Array:
        """The labels, as the libraries keep them."""
        return self.label.astype(np.float32)

    def get_weight(self) -> Array | None:
        """The weights; None where there are none."""
        return None if self.weight is None else self.weight.astype(np.float32)

    def get_base_margin(self) -> Array:
        """Where training started: nowhere."""
        return np.empty(0, dtype=np.float32)

    def get_init_score(self) -> None:
        """Where training started: nowhere."""

    def get_group(self) -> None:
        """No rows are ranked together."""

    def num_row(self) -> int:
        """How many rows there are."""
        return len(self.label)

    num_data = num_row
