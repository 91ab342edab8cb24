"""One face for the emitted modules of every target: numbers in, numbers out, at single samples and over batches."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Mapping
from dataclasses import replace
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


class NumpyModule:
    """An emitted NumPy module."""

    target = "numpy"
    modes: tuple[str, ...] = ("",)
    flushes = False
    fixed: Mapping[str, float] = MappingProxyType({})

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


class TensorflowModule:
    """An emitted TensorFlow module, evaluated eagerly in float64 and differentiated by tapes."""

    target = "tensorflow"
    modes: tuple[str, ...] = ("eager", "graph", "xla")
    flushes = True  # its kernels may flush subnormals to zero

    def __init__(self, loss: Loss, module: ModuleType) -> None:
        import tensorflow as tf

        with held_back():
            tf.constant(0.0)  # the first tensor looks for devices, and says so

        self.tf = tf
        self.loss = loss
        self.module = module
        self.function = getattr(module, loss.name)
        self.accepted = set(inspect.signature(self.function).parameters)
        named = {item.name for item in loss.parameters} - self.accepted
        fixed = {} if loss.keras is None else loss.keras.fixed
        self.fixed: Mapping[str, float] = {name: value for name, value in fixed.items() if name in named}

    def adjusted(self, point: Point) -> Point:
        """Parameters that the Keras namesake fixes have those values."""
        return replace(point, constants={**point.constants, **self.fixed})

    def evaluate(self, points: list[Point]) -> tuple[Any, Any, Any]:
        """Value per sample, gradient and Hessian diagonal as arrays."""
        value, gradient, outer, moving = self._recorded(points)
        with outer:
            entries = self.tf.unstack(self.tf.reshape(gradient, [len(points), -1]), axis=-1)
        rows = [outer.gradient(entry, moving) for entry in entries]
        diagonal = [
            np.zeros(len(points)) if row is None else row.numpy().reshape(len(points), -1)[:, place]
            for place, row in enumerate(rows)
        ]
        return value.numpy(), gradient.numpy().reshape(len(points), -1), np.stack(diagonal, axis=-1)

    def product(self, points: list[Point], vectors: np.ndarray) -> np.ndarray:
        """The Hessian of every point times its vector; shape (points, entries)."""
        _, gradient, outer, moving = self._recorded(points)
        along = self.tf.reshape(self.tf.constant(vectors), gradient.shape)
        product = outer.gradient(gradient, moving, output_gradients=along)
        return np.zeros(vectors.shape) if product is None else product.numpy().reshape(vectors.shape)  # type: ignore[no-any-return]

    def _keywords(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What the function takes of these, and its switch to this form."""
        keywords = {name: value for name, value in given.items() if name in self.accepted}
        keras = self.loss.keras
        if keras is not None and keras.switch is not None and keras.switch[0] in self.accepted:
            keywords[keras.switch[0]] = True
        return keywords

    def _recorded(self, points: list[Point]) -> tuple[Any, Any, Any, Any]:
        """Value and gradient, the tape that the gradient is recorded on, and y_pred."""
        tf = self.tf
        y_true, y_pred, keywords = arrays(self.loss, points)
        if self.loss.is_elementwise:  # the function takes the mean over the last axis: make it one entry long
            y_true, y_pred = y_true[:, None], y_pred[:, None]
            keywords |= {item.name: keywords[item.name][:, None] for item in self.loss.extra_inputs}
        keywords = self._keywords(keywords)
        moving = tf.constant(y_pred)
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(moving)
            with tf.GradientTape() as inner:
                inner.watch(moving)
                value = self.function(y_true, moving, **keywords)
                if self.loss.rows is not None:
                    value = tf.reduce_sum(value, axis=-1)
            gradient = inner.gradient(value, moving)
        return value, gradient, outer, moving

    def evaluator(self, mode: str) -> Evaluate:
        """Value, gradient and Hessian of a batch, eagerly, in a graph or compiled by XLA; rows by entries."""
        tf, compiled = self.tf, self._derivatives
        if mode != "eager":
            compiled = tf.function(compiled, jit_compile=mode == "xla", reduce_retracing=False)

        def evaluate(batch: Batch, functions: tuple[str, ...] = FUNCTIONS) -> dict[str, np.ndarray]:
            del functions  # all come from the same tapes
            y_true, y_pred, extras = batch.y_true, batch.y_pred, batch.extras
            if self.loss.is_elementwise:
                y_true, y_pred = y_true[:, None], y_pred[:, None]
                extras = {name: values[:, None] for name, values in extras.items()}
            keywords = self._keywords({**batch.parameters, **extras})
            with held_back():
                results = compiled(tf.constant(y_true), tf.constant(y_pred), keywords)
            parts = ("value", "gradient", "hessian")
            return {
                part: np.asarray(result).reshape(len(batch), -1) for part, result in zip(parts, results, strict=True)
            }

        return evaluate

    def _derivatives(self, y_true: Any, y_pred: Any, keywords: dict[str, Any]) -> tuple[Any, Any, Any]:
        tf = self.tf
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(y_pred)
            with tf.GradientTape() as inner:
                inner.watch(y_pred)
                value = self.function(y_true, y_pred, **keywords)
            gradient = inner.gradient(value, y_pred)
            entries = tf.unstack(gradient, axis=-1)
        rows = [outer.gradient(entry, y_pred) for entry in entries]
        diagonal = [
            tf.zeros_like(entry) if row is None else row[..., place]
            for place, (row, entry) in enumerate(zip(rows, entries, strict=True))
        ]
        return value, gradient, tf.stack(diagonal, axis=-1)

    def all(self, point: Point) -> dict[str, np.ndarray]:
        """Value, gradient and Hessian of one sample."""
        return self.all_of([point])[0]

    def all_of(self, points: list[Point]) -> list[dict[str, np.ndarray]]:
        """The same of several samples; those that share parameters and sizes are one batch."""
        batches: dict[str, list[int]] = {}
        names = [item.name for item in self.loss.parameters]
        for place, point in enumerate(points):
            key = repr(([point.constants[name] for name in names], point.sizes, np.shape(point.y_pred)))
            batches.setdefault(key, []).append(place)
        found: dict[int, dict[str, np.ndarray]] = {}
        for places in batches.values():
            value, gradient, hessian = self.evaluate([points[place] for place in places])
            for row, place in enumerate(places):
                found[place] = {"value": value[row : row + 1], "gradient": gradient[row], "hessian": hessian[row]}
        return [found[place] for place in range(len(points))]


FACES: dict[str, type[NumpyModule | TensorflowModule]] = {
    "numpy": NumpyModule,
    "tensorflow": TensorflowModule,
    "numba": NumbaModule,
    "c": CompiledModule,
}


def open_module(loss: Loss, target: str, path: Path) -> NumpyModule | TensorflowModule:
    """The face of the emitted module at a path."""
    return FACES[target](loss, load(path))
