"""Calling an objective as each library does; what comes back, as the derivatives of a loss that is to be lowered."""

from __future__ import annotations

import inspect
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import CodeType
from typing import Any

import numpy as np

from symloss.doctor.data_sets import Rows, data_set
from symloss.doctor.returned import CATBOOST_METHODS, Derivatives, FailedCall, kind_of, read
from symloss.doctor.symptoms import Array, Symptom, fault
from symloss.errors import SymlossError

STYLES = ("native", "scikit-learn")
_LABELS = {"y_true", "y", "label", "labels", "target", "targets", "truth", "actual", "y_t", "true"}
_DATA_SETS = {"dtrain", "train_data", "dtrn", "data", "dataset", "train_set", "dmat", "dmatrix", "dtrain_", "d"}


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


@dataclass(frozen=True)
class Callback:
    """An objective, how it is called, and by which library."""

    function: Any
    library: str
    style: str
    clock: Clock

    def __call__(self, rows: Rows) -> Derivatives:
        """The derivatives at some rows; raises FailedCall where there are none."""
        return read(self.returned(rows), rows, self.style)

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
            f"{_name(function)} is {kind_of(function)} and can't be called; give a function of two arguments"
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


def matrices_of(callback: Callback, rows: Rows) -> Array:
    """Whole second derivatives of the loss, (rows, classes, classes), from ``calc_ders_multi``."""
    return -np.array([second for _, second in callback.returned(rows)], dtype=np.float64)
