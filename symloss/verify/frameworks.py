"""Emitted modules that a framework differentiates: TensorFlow by tapes, PyTorch by its graph, JAX by its transforms."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np

from symloss.declare import Loss
from symloss.torch_signature import torch_name
from symloss.verify.grid import Batch
from symloss.verify.measure import FUNCTIONS, Evaluate
from symloss.verify.modules import Face, arrays
from symloss.verify.oracle import Point
from symloss.verify.quiet import held_back


class DifferentiatedModule(Face):
    """An emitted module that its framework differentiates."""

    loss: Loss
    module: ModuleType

    def adjusted(self, point: Point) -> Point:
        """Every parameter is taken as given, but for those that a namesake fixes."""
        return point

    def evaluate(self, points: list[Point]) -> tuple[Any, Any, Any]:
        """Value per sample, gradient and Hessian diagonal of points that share parameters and sizes, as arrays."""
        raise NotImplementedError

    def product(self, points: list[Point], vectors: np.ndarray) -> np.ndarray:
        """The Hessian of every point times its vector; shape (points, entries)."""
        raise NotImplementedError

    def evaluator(self, mode: str) -> Evaluate:
        """Value, gradient and Hessian of a batch in one mode; rows by entries."""
        raise NotImplementedError

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


class TensorflowModule(DifferentiatedModule):
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
        entries = np.size(points[0].y_pred)  # every point as often: one way back gives a row of each Hessian
        value, gradient, outer, moving = self._recorded([point for point in points for _ in range(entries)])
        diagonal = self._diagonal(gradient, moving, outer, entries)
        return value.numpy()[::entries], gradient.numpy().reshape(-1, entries)[::entries], diagonal.numpy()

    def _diagonal(self, gradient: Any, moving: Any, outer: Any, entries: int) -> Any:
        """The diagonal of every Hessian, of samples that are there once for each of its rows."""
        tf, samples = self.tf, gradient.shape[0] // entries
        units = tf.reshape(tf.tile(tf.eye(entries, dtype=gradient.dtype), [samples, 1]), gradient.shape)
        rows = outer.gradient(gradient, moving, output_gradients=units)
        square = tf.reshape(tf.zeros_like(moving) if rows is None else rows, [samples, entries, entries])
        return tf.linalg.diag_part(square)

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
        with tf.GradientTape() as outer:
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
            filled = batch if mode == "eager" else batch.filled()
            entries = filled.y_pred[0].size
            repeated = filled.rows(np.repeat(np.arange(len(filled)), entries))
            y_true, y_pred, extras = repeated.y_true, repeated.y_pred, repeated.extras
            if self.loss.is_elementwise:
                y_true, y_pred = y_true[:, None], y_pred[:, None]
                extras = {name: values[:, None] for name, values in extras.items()}
            keywords = self._keywords({**batch.parameters, **extras})
            with held_back():
                results = compiled(tf.constant(y_true), tf.constant(y_pred), keywords)
            value, gradient, hessian = (np.asarray(item) for item in results)
            found = {"value": value[::entries], "gradient": gradient[::entries], "hessian": hessian}
            return {part: item.reshape(len(filled), -1)[: len(batch)] for part, item in found.items()}

        return evaluate

    def _derivatives(self, y_true: Any, y_pred: Any, keywords: dict[str, Any]) -> tuple[Any, Any, Any]:
        tf = self.tf
        with tf.GradientTape() as outer:
            outer.watch(y_pred)
            with tf.GradientTape() as inner:
                inner.watch(y_pred)
                value = self.function(y_true, y_pred, **keywords)
            gradient = inner.gradient(value, y_pred)
        return value, gradient, self._diagonal(gradient, y_pred, outer, y_pred.shape[-1])


class TorchModule(DifferentiatedModule):
    """An emitted PyTorch module, differentiated by its autograd."""

    target = "torch"
    modes: tuple[str, ...] = ("eager",)
    compiled_modes: tuple[str, ...] = ("compiled",)

    def __init__(self, loss: Loss, module: ModuleType) -> None:
        import torch

        self.torch = torch
        self.loss = loss
        self.module = module
        self.function = getattr(module, torch_name(loss).function)

    def evaluate(self, points: list[Point]) -> tuple[Any, Any, Any]:
        """Value per sample, gradient and Hessian diagonal as arrays."""
        y_true, y_pred, keywords = arrays(self.loss, points)
        labels, moving = self._tensors(y_true, y_pred)
        value, gradient = self._gradient(labels, moving, self._keywords(keywords))
        hessian, rows = self._diagonal(gradient, moving), len(points)
        return value.detach().numpy(), gradient.detach().numpy().reshape(rows, -1), hessian.numpy().reshape(rows, -1)

    def product(self, points: list[Point], vectors: np.ndarray) -> np.ndarray:
        """The Hessian of every point times its vector; shape (points, entries)."""
        y_true, y_pred, keywords = arrays(self.loss, points)
        labels, moving = self._tensors(y_true, y_pred)
        _, gradient = self._gradient(labels, moving, self._keywords(keywords))
        along = self.torch.from_numpy(vectors.reshape(y_pred.shape))
        return self.torch.autograd.grad(gradient, moving, along)[0].numpy().reshape(vectors.shape)  # type: ignore[no-any-return]

    def functions(self, mode: str) -> tuple[str, ...]:
        """What PyTorch compiles it does not differentiate twice."""
        return FUNCTIONS if mode == "eager" else FUNCTIONS[:2]

    def evaluator(self, mode: str) -> Evaluate:
        """Value, gradient and Hessian of a batch, or in compiled mode the first two; rows by entries."""
        return self._eager() if mode == "eager" else self._compiled()

    def _eager(self) -> Evaluate:
        def evaluate(batch: Batch, functions: tuple[str, ...] = FUNCTIONS) -> dict[str, np.ndarray]:
            labels, moving = self._tensors(batch.y_true, batch.y_pred)
            keywords = self._keywords({**batch.parameters, **batch.extras})
            value, gradient = self._gradient(labels, moving, keywords)
            found = {"value": value.detach(), "gradient": gradient.detach()}
            if "hessian" in functions:
                found["hessian"] = self._diagonal(gradient, moving)
            return {part: found[part].numpy().reshape(len(batch), -1) for part in functions}

        return evaluate

    def _compiled(self) -> Evaluate:
        """Forward and backward through one graph, for any size and number."""
        torch, compiled = self.torch, self.compiled

        def evaluate(batch: Batch, functions: tuple[str, ...] = FUNCTIONS[:2]) -> dict[str, np.ndarray]:
            labels, moving = self._tensors(batch.y_true, batch.y_pred)
            parameters = {name: torch.tensor(number, dtype=torch.float64) for name, number in batch.parameters.items()}
            value = compiled(moving, labels, {**parameters, **self._keywords(batch.extras)})
            found = {"value": value.detach(), "gradient": torch.autograd.grad(value.sum(), moving)[0]}
            return {part: found[part].numpy().reshape(len(batch), -1) for part in functions}

        return evaluate

    @cached_property
    def compiled(self) -> Any:
        """The losses, compiled once for each dtype and shape that the compiler tells apart."""
        compiler: Any = self.torch.compile  # its annotations lack some arguments
        return compiler(self._losses, fullgraph=True, dynamic=True, recompile_limit=64, isolate_recompiles=True)

    def _losses(self, moving: Any, labels: Any, keywords: dict[str, Any]) -> Any:
        """The loss of every sample."""
        value = self.function(moving, labels, reduction="none", **keywords)
        return value if self.loss.rows is None else value.sum(-1)

    def _gradient(self, labels: Any, moving: Any, keywords: dict[str, Any]) -> tuple[Any, Any]:
        """Value per sample, and the gradient, which can be differentiated again."""
        value = self._losses(moving, labels, keywords)
        return value, self.torch.autograd.grad(value.sum(), moving, create_graph=True)[0]

    def _diagonal(self, gradient: Any, moving: Any) -> Any:
        """The derivative of every entry of the gradient with respect to that entry."""
        if self.loss.is_elementwise:
            return self.torch.autograd.grad(gradient.sum(), moving)[0]
        entries = gradient.reshape(len(moving), -1).unbind(-1)
        rows = [self.torch.autograd.grad(entry.sum(), moving, retain_graph=True)[0] for entry in entries]
        return self.torch.stack([row.reshape(len(moving), -1)[:, place] for place, row in enumerate(rows)], -1)

    def _tensors(self, *given: np.ndarray) -> list[Any]:
        """Targets and predictions; the latter is moving."""
        y_true, y_pred = map(self.torch.from_numpy, given)
        return [y_true, y_pred.requires_grad_()]

    def _keywords(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: self.torch.from_numpy(value) if isinstance(value, np.ndarray) else float(value)
            for name, value in given.items()
        }


class JaxModule(DifferentiatedModule):
    """An emitted JAX module, differentiated by its transforms, in double precision."""

    target = "jax"
    modes: tuple[str, ...] = ("eager", "jit")
    flushes = True  # XLA may flush subnormals to zero

    def __init__(self, loss: Loss, module: ModuleType) -> None:
        import jax

        self.jax = jax
        self.loss = loss
        self.module = module
        self.function = getattr(module, loss.name)
        self.compiled = jax.jit(self._derivatives)

    def evaluate(self, points: list[Point]) -> tuple[Any, Any, Any]:
        """Value per sample, gradient and Hessian diagonal as arrays, compiled."""
        count = len(points)
        filled = points + points[:1] * (2 ** (count - 1).bit_length() - count)  # few sizes are compiled
        with self.jax.enable_x64(True):  # noqa: FBT003 - the argument has no name
            y_true, y_pred, keywords = arrays(self.loss, filled)
            value, *derivatives = self.compiled(y_true, self.jax.numpy.asarray(y_pred), keywords)
        gradient, hessian = (np.asarray(item).reshape(len(filled), -1)[:count] for item in derivatives)
        return np.asarray(value)[:count], gradient, hessian

    def product(self, points: list[Point], vectors: np.ndarray) -> np.ndarray:
        """The Hessian of every point times its vector; shape (points, entries)."""
        with self.jax.enable_x64(True):  # noqa: FBT003
            y_true, y_pred, keywords = arrays(self.loss, points)
            slope = self.jax.grad(self._total(y_true, keywords))
            _, product = self.jax.jvp(slope, (y_pred,), (vectors.reshape(y_pred.shape),))
        return np.asarray(product).reshape(vectors.shape)

    def evaluator(self, mode: str) -> Evaluate:
        """Value, gradient and Hessian of a batch, operation by operation or compiled as a whole; rows by entries."""
        derivatives = self.compiled if mode == "jit" else self._derivatives

        def evaluate(batch: Batch, functions: tuple[str, ...] = FUNCTIONS) -> dict[str, np.ndarray]:
            filled = batch.filled()  # what runs operation by operation compiles every one of them
            with self.jax.enable_x64(True):  # noqa: FBT003
                keywords = {**batch.parameters, **filled.extras}
                results = derivatives(filled.y_true, self.jax.numpy.asarray(filled.y_pred), keywords)
            found = zip(("value", "gradient", "hessian"), results, strict=True)
            chosen = {part: np.asarray(item).reshape(len(filled), -1) for part, item in found if part in functions}
            return {part: item[: len(batch)] for part, item in chosen.items()}

        return evaluate

    def _total(self, y_true: Any, keywords: Mapping[str, Any]) -> Any:
        return lambda y_pred: self.function(y_true, y_pred, reduction="sum", **keywords)

    def _derivatives(self, y_true: Any, y_pred: Any, keywords: Mapping[str, Any]) -> tuple[Any, Any, Any]:
        jax, jnp = self.jax, self.jax.numpy
        value = self.function(y_true, y_pred, reduction="none", **keywords)
        if self.loss.rows is not None:
            value = value.sum(-1)
        slope = jax.grad(self._total(y_true, keywords))
        gradient = slope(y_pred)
        if self.loss.is_elementwise:
            return value, gradient, jax.jvp(slope, (y_pred,), (jnp.ones_like(y_pred),))[1]
        entries = y_pred[0].size

        def entry(place: Any) -> Any:
            unit = jnp.zeros(entries, y_pred.dtype).at[place].set(1).reshape(y_pred.shape[1:])
            row = jax.jvp(slope, (y_pred,), (jnp.broadcast_to(unit, y_pred.shape),))[1]
            return row.reshape(len(y_pred), entries)[:, place]

        return value, gradient, jnp.stack([entry(place) for place in range(entries)], -1)
