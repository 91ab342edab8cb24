"""Calling an objective as each library does; what comes back, as the derivatives of a loss that is to be lowered."""

from __future__ import annotations

import importlib.util
import inspect
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import CodeType
from typing import Any

import numpy as np

from symloss.doctor.symptoms import Array, Symptom, fault
from symloss.errors import SymlossError

STYLES = ("native", "scikit-learn")
CATBOOST_METHODS = ("calc_ders_multi", "calc_ders_range")
_LABELS = {"y_true", "y", "label", "labels", "target", "targets", "truth", "actual", "y_t", "true"}
_DATA_SETS = {"dtrain", "train_data", "dtrn", "data", "dataset", "train_set", "dmat", "dmatrix", "dtrain_", "d"}


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


@dataclass(frozen=True)
class Derivatives:
    """Gradient and curvature of the loss of each row by its scores."""

    gradient: Array
    curvature: Array


class Clock:
    """How long the call that is running has been."""

    def __init__(self) -> None:
        self._since: float | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Around one call."""
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._since = None

    def seconds(self) -> float:
        """Of the call that is running; 0 where none is."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since


class FailedCall(Exception):  # noqa: N818 - it carries a symptom, not an error of ours
    """An objective did not return derivatives; ``symptom`` says what it did."""

    def __init__(self, symptom: Symptom) -> None:
        super().__init__(symptom.message)
        self.symptom = symptom


@dataclass(frozen=True)
class Callback:
    """An objective, how it is called, and by which library."""

    function: Any
    library: str
    style: str
    clock: Clock

    def __call__(self, rows: Rows) -> Derivatives:
        """The derivatives at some rows; raises FailedCall where there are none."""
        return self.read(self.returned(rows), rows)

    def returned(self, rows: Rows, *, lent: bool = False) -> Any:
        """Whatever it returns for a copy of rows, or for those that are ``lent``; raises FailedCall where it raises."""
        with np.errstate(all="ignore"), self.clock.running():
            try:
                return _CALLS[self.style](self.function, self.library, rows if lent else rows.copied())
            except (Exception, SystemExit) as error:
                raise FailedCall(fault("raises", self._said(error, rows))) from error

    def _said(self, error: BaseException, rows: Rows) -> str:
        frames = traceback.extract_tb(error.__traceback__)
        own = _file_of(self.function)
        where = next((frame for frame in reversed(frames) if frame.filename == own), frames[-1])
        weighted = "" if rows.weights is None else " with weights"
        return (
            f"raises {type(error).__name__}: {error} (line {where.lineno}, {where.name}) for {len(rows.y_true)} rows, "
            f"scores of shape {rows.scores.shape}{weighted}"
        )

    def read(self, returned: Any, rows: Rows) -> Derivatives:
        """What was returned as derivatives; raises FailedCall where it has another form."""
        if self.style in CATBOOST_METHODS:
            gradient, curvature = _of_catboost(returned, rows, self.style)
            return Derivatives(-gradient, -curvature)
        if not isinstance(returned, Sequence | np.ndarray) or isinstance(returned, str) or len(returned) != 2:
            raise FailedCall(
                fault("not-a-pair", f"returns {_kind(returned)} where a pair is expected: gradient, Hessian")
            )
        gradient, curvature = (
            _as_array(item, what, rows.scores) for item, what in zip(returned, ("gradient", "Hessian"), strict=True)
        )
        return Derivatives(gradient, curvature)


def callback_of(
    function: Any, library: str, style: str | None, tries: list[Rows], clock: Clock
) -> tuple[Callback, tuple[Symptom, ...]]:
    """How a library would call an objective, found from its names, else by trying.

    Raises SymlossError for something that can't be called.
    """
    symptoms: tuple[Symptom, ...] = ()
    if library == "catboost":
        if inspect.isclass(function):
            symptoms = (
                fault("class-not-instance", f"{function.__name__} is a class: CatBoost takes an instance of it"),
            )
            function = _instance(function)
        method = next((name for name in CATBOOST_METHODS if callable(getattr(function, name, None))), None)
        if method is None:
            raise SymlossError(
                f"{_name(function)} has neither calc_ders_range nor calc_ders_multi, which CatBoost calls; "
                "give an instance of a class that has one of them"
            )
        return Callback(function, library, method, clock), symptoms
    if inspect.isclass(function):
        function = _instance(function)
    if not callable(function):
        raise SymlossError(
            f"{_name(function)} is {_kind(function)} and can't be called; give a function of two arguments"
        )
    return Callback(function, library, style or _style_of(function, library, tries, clock), clock), symptoms


def _instance(kind: type) -> Any:
    try:
        return kind()
    except TypeError as error:
        raise SymlossError(
            f"{kind.__name__} is a class whose instances need arguments ({error}); give an instance"
        ) from error


def _style_of(function: Callable[..., Any], library: str, tries: list[Rows], clock: Clock) -> str:
    names = [name.lower() for name in parameter_names(function)]
    if {"get_label", "get_weight"} & _words(function) or set(names[1:2]) & _DATA_SETS:
        return "native"
    if set(names[:1]) & _LABELS:
        return "scikit-learn"
    native = Callback(function, library, "native", clock)
    return "native" if any(_returns_pair(native, rows) for rows in tries) else "scikit-learn"


def _returns_pair(callback: Callback, rows: Rows) -> bool:
    try:
        callback(rows)
    except FailedCall:
        return False
    return True


def parameter_names(function: Callable[..., Any]) -> list[str]:
    """Names of the positional parameters; empty where they can't be known."""
    try:
        items = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [item.name for item in items if item.kind in {item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD}]


def code_of(function: Any) -> CodeType | None:
    """The code that runs first when an objective is called."""
    while isinstance(function, partial):
        function = function.func
    for method in CATBOOST_METHODS:
        if hasattr(function, method):
            function = getattr(function, method)
    if not hasattr(function, "__code__") and not hasattr(function, "__func__"):
        function = vars(type(function)).get("__call__")
    return getattr(function, "__code__", None)


def _words(function: Any) -> set[str]:
    """Attributes that the code of a function names, and that of functions within it."""
    found: set[str] = set()
    waiting = [code_of(function)]
    while waiting:
        code = waiting.pop()
        if code is not None:
            found |= set(code.co_names)
            waiting += [item for item in code.co_consts if isinstance(item, CodeType)]
    return found


def _file_of(function: Any) -> str:
    code = code_of(function)
    return "" if code is None else code.co_filename


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"one array of shape {value.shape}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"{len(value)} values"
    return "nothing" if value is None else f"a {type(value).__name__}"


def _call_native(function: Any, library: str, rows: Rows) -> Any:
    return function(rows.scores, data_set(library, rows))


def _call_with_labels(function: Any, library: str, rows: Rows) -> Any:
    if library == "xgboost":
        weighted = {} if rows.weights is None else {"sample_weight": rows.weights}
        return function(rows.y_true, rows.scores, **weighted)
    given = [rows.y_true, rows.scores, rows.weights, None][: max(2, len(parameter_names(function)))]
    return function(*given)


def _call_range(function: Any, library: str, rows: Rows) -> Any:
    del library
    return function.calc_ders_range(rows.scores, rows.y_true, rows.weights)


def _call_each_row(function: Any, library: str, rows: Rows) -> Any:
    del library
    weights = np.ones(len(rows.y_true)) if rows.weights is None else rows.weights
    return [
        function.calc_ders_multi(scores, label, weight)
        for scores, label, weight in zip(rows.scores, rows.y_true, weights, strict=True)
    ]


_CALLS = {
    "native": _call_native,
    "scikit-learn": _call_with_labels,
    "calc_ders_range": _call_range,
    "calc_ders_multi": _call_each_row,
}


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


def _as_array(item: Any, what: str, scores: Array) -> Array:
    """A derivative in float64, of the shape of the scores; raises FailedCall for any other thing."""
    try:
        array = np.asarray(item)
    except (TypeError, ValueError) as error:
        raise FailedCall(fault("dtype", f"the {what} is {_kind(item)} that is no array of numbers: {error}")) from error
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


def matrices_of(callback: Callback, rows: Rows) -> Array:
    """Whole second derivatives of the loss, (rows, classes, classes), from ``calc_ders_multi``."""
    return -np.array([second for _, second in callback.returned(rows)], dtype=np.float64)


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
        raise FailedCall(fault("shape", f"returns {_kind(returned)}; CatBoost expects {wanted} ({error})")) from error
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


def doubled(rows: Rows) -> Rows:
    """Every row twice, the second half like the first."""
    weights = None if rows.weights is None else np.concatenate([rows.weights, rows.weights])
    both = Rows(np.concatenate([rows.y_true, rows.y_true]), np.concatenate([rows.scores, rows.scores]))
    return replace(both, weights=weights)
