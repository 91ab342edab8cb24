"""One face for the emitted modules of every target: numbers in, numbers out, at single samples and over batches."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np

from symloss.declare import ClassLabel, Domain, Identifiers, Loss
from symloss.errors import FileError, MissingFrameworkError
from symloss.verify.grid import Batch
from symloss.verify.measure import FUNCTIONS, Evaluate
from symloss.verify.oracle import Point
from symloss.verify.quiet import held_back


def load(path: Path) -> ModuleType:
    """Import an emitted file under a private name, without touching ``sys.path``."""
    if not path.is_file():
        raise FileError(f"{path} does not exist; run symloss generate first")
    name = f"_symloss_verified_{path.parent.name}_{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    try:
        with held_back():
            specification.loader.exec_module(module)
    except ModuleNotFoundError as error:
        raise MissingFrameworkError(
            f"{path.parent.name} is not installed ({error.name}); pip install 'symloss[{path.parent.name}]'"
        ) from error
    except Exception as error:
        raise FileError(f"{path} can't be imported: {type(error).__name__}: {error}") from error
    return module


def arrays(loss: Loss, points: list[Point]) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """A batch of points that share their parameters, as the arguments of an emitted function."""
    y_true = _stacked(loss, "y_true", loss.y_true, [point.y_true for point in points], points[0])
    y_pred = _stacked(loss, "y_pred", loss.y_pred, [point.y_pred for point in points], points[0])
    keywords: dict[str, Any] = {item.name: points[0].constants[item.name] for item in loss.parameters}
    for item in loss.extra_inputs:
        values = [point.constants[item.name] for point in points]
        keywords[item.name] = _stacked(loss, item.name, item.domain, values, points[0])
    return y_true, y_pred, keywords


def _stacked(loss: Loss, name: str, domain: Domain, values: list[Any], point: Point) -> np.ndarray:
    """Samples of one argument, each in the shape of its axes."""
    array = np.array(values, dtype=np.int64 if isinstance(domain, ClassLabel | Identifiers) else np.float64)
    if not point.sizes:
        return array
    sizes = dict(point.sizes)
    return array.reshape(len(values), *(sizes[axis.name] for axis in loss.axes_of_data(name)))


class Face:
    """What measurement asks of an emitted module: its target, and the modes in which it runs."""

    target: str
    modes: tuple[str, ...] = ("",)
    compiled_modes: tuple[str, ...] = ()  # they wait for a compiler, so only certificates and parity look at them
    flushes = False
    fixed: Mapping[str, float] = MappingProxyType({})

    def functions(self, _mode: str) -> tuple[str, ...]:
        """What a mode can compute."""
        return FUNCTIONS


class NumpyModule(Face):
    """An emitted NumPy module."""

    target = "numpy"

    def __init__(self, loss: Loss, module: ModuleType) -> None:
        self.loss = loss
        self.module = module

    def adjusted(self, point: Point) -> Point:
        """NumPy takes every parameter as given."""
        return point

    def all(self, point: Point) -> dict[str, np.ndarray]:
        """Value, gradient and Hessian of one sample."""
        return {
            "value": np.array([self.value(point)]),
            "gradient": self.gradient(point),
            "hessian": self.hessian(point),
        }

    def all_of(self, points: list[Point]) -> list[dict[str, np.ndarray]]:
        """The same of several samples."""
        return [self.all(point) for point in points]

    def value(self, point: Point) -> float:
        return float(np.sum(self._call("loss", point)[0]))

    def gradient(self, point: Point) -> np.ndarray:
        return np.ravel(self._call("gradient", point)[0])

    def hessian(self, point: Point) -> np.ndarray:
        return np.ravel(self._call("hessian", point)[0])

    def evaluator(self, _mode: str) -> Evaluate:
        """Value, gradient and Hessian of a batch; rows by entries."""

        def evaluate(batch: Batch, functions: tuple[str, ...] = FUNCTIONS) -> dict[str, np.ndarray]:
            names = {"value": "loss", "gradient": "gradient", "hessian": "hessian"}
            keywords = {**batch.parameters, **batch.extras}
            results = {
                part: getattr(self.module, names[part])(batch.y_true, batch.y_pred, reduction="none", **keywords)
                for part in functions
            }
            found = {part: np.asarray(result).reshape(len(batch), -1) for part, result in results.items()}
            if self.loss.rows is not None and "value" in found:
                found["value"] = found["value"].sum(axis=1, keepdims=True)
            return found

        return evaluate

    def _call(self, name: str, point: Point) -> np.ndarray:
        y_true, y_pred, keywords = arrays(self.loss, [point])
        return getattr(self.module, name)(y_true, y_pred, reduction="none", **keywords)  # type: ignore[no-any-return]


class CompiledModule(NumpyModule):
    """An emitted module that calls its compiled library."""

    target = "c"


class NumbaModule(NumpyModule):
    """An emitted module that numba compiles."""

    target = "numba"
