"""Who is timed: symloss, and what a user might take in its place, each as its documentation recommends.

A rival makes, for a workload, a dtype and a task, a function of labels and predictions that returns two results: the
sum of the losses and the gradient per entry, or the gradient and the Hessian's diagonal. None means that it has none.
Frameworks are given arrays of their own and return them, so that no conversion is timed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from shutil import which
from types import ModuleType
from typing import Any

import numpy as np
import sympy

from symloss import load
from tests.speed.workloads import Workload, f, y

Run = Callable[[], tuple[Any, Any]]
Maker = Callable[[Workload, str, np.ndarray, np.ndarray], Run | None]
TASKS = ("value+gradient", "gradient+hessian")


def _of_module(module: ModuleType, task: str, labels: np.ndarray, scores: np.ndarray, workers: int) -> Run:
    keywords = {"reduction": "sum", "workers": workers}
    if task == "value+gradient":
        out = np.empty_like(scores)
        return lambda: module.loss_and_gradient(labels, scores, out=out, **keywords)
    pair = (np.empty_like(scores), np.empty_like(scores))
    return lambda: module.gradient_and_hessian(labels, scores, out=pair, **keywords)


def symloss(workload: Workload, task: str, labels: np.ndarray, scores: np.ndarray, *, workers: int = 1) -> Run:
    """The generated module."""
    return _of_module(import_module(f"generated.numpy.{workload.module}"), task, labels, scores, workers)


def symloss_two_workers(workload: Workload, task: str, labels: np.ndarray, scores: np.ndarray) -> Run:
    """The generated module, with two threads."""
    return symloss(workload, task, labels, scores, workers=2)


@cache
def _compiled(name: str, target: str) -> ModuleType:
    return load(name).compile(target)


def symloss_compiled(target: str, workers: int = 1) -> Maker:
    """The module of a compiled target."""

    def make(workload: Workload, task: str, labels: np.ndarray, scores: np.ndarray) -> Run:
        return _of_module(_compiled(workload.module, target), task, labels, scores, workers)

    return make


def numpy_by_hand(workload: Workload, task: str, labels: np.ndarray, scores: np.ndarray) -> Run | None:
    """Whole arrays, stable formulas."""
    if workload.by_hand is None:
        return None
    by_hand = workload.by_hand

    def value_and_gradient() -> tuple[Any, Any]:
        value, gradient, _ = by_hand(labels, scores)
        return value.sum(), gradient

    def gradient_and_hessian() -> tuple[Any, Any]:
        _, gradient, hessian = by_hand(labels, scores)
        return gradient, hessian

    return value_and_gradient if task == "value+gradient" else gradient_and_hessian


def _derivatives(workload: Workload) -> list[sympy.Expr]:
    formula = workload.formula
    return [formula, sympy.diff(formula, f), sympy.diff(formula, f, 2)]


def _without_delta(expression: sympy.Expr) -> sympy.Expr:
    return expression.replace(sympy.DiracDelta, lambda *arguments: sympy.Integer(0))


def lambdify(workload: Workload, task: str, labels: np.ndarray, scores: np.ndarray) -> Run | None:
    """``sympy.lambdify(cse=True)`` of the textbook formula and its derivatives."""
    if workload.formula is None:
        return None
    value, gradient, hessian = map(_without_delta, _derivatives(workload))
    if task == "value+gradient":
        made = sympy.lambdify((y, f), [value, gradient], "numpy", cse=True)

        def run() -> tuple[Any, Any]:
            values, slopes = made(labels, scores)
            return values.sum(), slopes

        return run
    made = sympy.lambdify((y, f), [gradient, hessian], "numpy", cse=True)
    return lambda: tuple(made(labels, scores))  # type: ignore[return-value]


def numexpr(workload: Workload, task: str, labels: np.ndarray, scores: np.ndarray) -> Run | None:
    """The numexpr library with one thread, one expression per result; it has no derivatives of its own."""
    if workload.formula is None:
        return None
    import numexpr as ne

    ne.set_num_threads(1)
    parts = _derivatives(workload)[:2] if task == "value+gradient" else _derivatives(workload)[1:]
    texts = [_numexpr_text(_without_delta(part)) for part in parts]
    names = {"y": labels, "f": scores}
    outs = (np.empty_like(scores), np.empty_like(scores))

    def run() -> tuple[Any, Any]:
        for text, out in zip(texts, outs, strict=True):
            if "f" in text or "y" in text:
                ne.evaluate(text, names, out=out, casting="unsafe")
            else:
                out.fill(float(text))
        return (outs[0].sum() if task == "value+gradient" else outs[0]), outs[1]

    return run


def _numexpr_text(expression: sympy.Expr) -> str:
    from sympy.printing.lambdarepr import NumExprPrinter

    signless = expression.replace(sympy.sign, lambda x: sympy.Piecewise((1, x > 0), (-1, True)))
    return NumExprPrinter()._print(signless)


_SCIKIT = {
    "squared": ("HalfSquaredError", {}, 2.0),
    "huber": ("HuberLoss", {"delta": 1.0}, 1.0),
    "logistic": ("HalfBinomialLoss", {}, 1.0),
    "poisson": ("HalfPoissonLoss", {}, 1.0),
    "quantile": ("PinballLoss", {"quantile": 0.5}, 1.0),
    "tweedie": ("HalfTweedieLoss", {"power": 1.5}, 1.0),
    "softmax 10": ("HalfMultinomialLoss", {"n_classes": 10}, 1.0),
    "softmax 1000": ("HalfMultinomialLoss", {"n_classes": 1000}, 1.0),
}


def scikit_learn(workload: Workload, task: str, labels: np.ndarray, scores: np.ndarray) -> Run | None:
    """The compiled losses of scikit-learn's own estimators, with one thread; some are halves of ours."""
    if workload.name not in _SCIKIT or (workload.name == "quantile" and task != "value+gradient"):
        return None  # it takes ones for the Hessian of an absolute value
    from sklearn._loss import loss

    kind, parameters, _ = _SCIKIT[workload.name]
    made = getattr(loss, kind)(**parameters)
    truth = labels.astype(scores.dtype)
    first, second = np.empty(len(scores), scores.dtype), np.empty_like(scores)
    if task == "value+gradient":

        def run() -> tuple[Any, Any]:
            made.loss_gradient(truth, scores, loss_out=first, gradient_out=second)
            return first.sum(), second

        return run
    third = np.empty_like(scores)
    return lambda: made.gradient_hessian(truth, scores, gradient_out=second, hessian_out=third)


def _torch_operations() -> Any:
    import torch

    class Operations:
        abs, exp, where = torch.abs, torch.exp, torch.where
        sigmoid, softplus = torch.sigmoid, torch.nn.functional.softplus

        @staticmethod
        def cross_entropy(labels: Any, scores: Any) -> Any:
            return torch.nn.functional.cross_entropy(scores, labels, reduction="none")

    return Operations


def _torch(workload: Workload, task: str, labels: np.ndarray, scores: np.ndarray, *, compiled: bool) -> Run | None:
    import torch

    if task != "value+gradient" and (workload.classes or compiled):
        return None  # torch.compile has no second derivatives, and a diagonal over classes takes as many passes
    torch.set_num_threads(1)
    operations = _torch_operations()
    truth, leaf = torch.from_numpy(labels), torch.from_numpy(scores).requires_grad_()

    def total(truth: Any, leaf: Any) -> Any:
        return workload.framework(operations, truth, leaf).sum()

    if compiled:
        torch._dynamo.reset()
        total = torch.compile(total, dynamic=False)

    def value_and_gradient() -> tuple[Any, Any]:
        value = total(truth, leaf)
        (gradient,) = torch.autograd.grad(value, leaf)
        return value, gradient

    def gradient_and_hessian() -> tuple[Any, Any]:
        (gradient,) = torch.autograd.grad(total(truth, leaf), leaf, create_graph=True)
        if gradient.requires_grad:
            (hessian,) = torch.autograd.grad(gradient.sum(), leaf, allow_unused=True)
            return gradient, torch.zeros_like(leaf) if hessian is None else hessian
        return gradient, torch.zeros_like(leaf)

    return value_and_gradient if task == "value+gradient" else gradient_and_hessian


def torch_eager(workload: Workload, task: str, labels: np.ndarray, scores: np.ndarray) -> Run | None:
    """PyTorch's autograd, one thread."""
    return _torch(workload, task, labels, scores, compiled=False)


def torch_compile(workload: Workload, task: str, labels: np.ndarray, scores: np.ndarray) -> Run | None:
    """``torch.compile``, one thread, compiled before it is timed."""
    return _torch(workload, task, labels, scores, compiled=True)


def jax_jit(workload: Workload, task: str, labels: np.ndarray, scores: np.ndarray) -> Run | None:
    """``jax.jit`` of value and gradient, compiled before it is timed."""
    import jax

    jax.config.update("jax_enable_x64", True)
    numpy = jax.numpy

    class Operations:
        abs, exp, where = numpy.abs, numpy.exp, numpy.where
        sigmoid, softplus = jax.nn.sigmoid, jax.nn.softplus

        @staticmethod
        def cross_entropy(labels: Any, scores: Any) -> Any:
            return -numpy.take_along_axis(jax.nn.log_softmax(scores), labels[:, None], axis=1)[:, 0]

    def total(truth: Any, leaf: Any) -> Any:
        return workload.framework(Operations, truth, leaf).sum()

    truth, leaf = jax.device_put(labels), jax.device_put(scores)
    if task == "value+gradient":
        made = jax.jit(jax.value_and_grad(total, argnums=1))
    elif workload.classes:
        return None
    else:
        slope = jax.grad(total, argnums=1)

        def both(truth: Any, leaf: Any) -> Any:
            return jax.jvp(lambda inner: slope(truth, inner), (leaf,), (numpy.ones_like(leaf),))

        made = jax.jit(both)
    return lambda: jax.block_until_ready(made(truth, leaf))


def tensorflow_xla(workload: Workload, task: str, labels: np.ndarray, scores: np.ndarray) -> Run | None:
    """``tf.function(jit_compile=True)`` around a tape, compiled before it is timed."""
    import tensorflow as tf

    if task != "value+gradient" and workload.classes:
        return None

    class Operations:
        abs, exp, where = tf.abs, tf.exp, tf.where
        sigmoid, softplus = tf.sigmoid, tf.nn.softplus

        @staticmethod
        def cross_entropy(labels: Any, scores: Any) -> Any:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores)

    def total(truth: Any, leaf: Any) -> Any:
        return tf.reduce_sum(workload.framework(Operations, truth, leaf))

    @tf.function(jit_compile=True)
    def value_and_gradient(truth: Any, leaf: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(leaf)
            value = total(truth, leaf)
        return value, tape.gradient(value, leaf)

    @tf.function(jit_compile=True)
    def gradient_and_hessian(truth: Any, leaf: Any) -> Any:
        with tf.GradientTape() as outer:
            outer.watch(leaf)
            with tf.GradientTape() as tape:
                tape.watch(leaf)
                value = total(truth, leaf)
            gradient = tape.gradient(value, leaf)
        hessian = outer.gradient(gradient, leaf, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return gradient, hessian

    made = value_and_gradient if task == "value+gradient" else gradient_and_hessian
    truth, leaf = tf.constant(labels), tf.constant(scores)

    def run() -> tuple[Any, Any]:
        first, second = made(truth, leaf)
        return np.asarray(first), np.asarray(second)

    return run


OURS: Mapping[str, Maker] = {
    "symloss": symloss,
    "symloss (2 workers)": symloss_two_workers,
    "symloss C": symloss_compiled("c"),
    "symloss C (2 workers)": symloss_compiled("c", workers=2),
    "symloss numba": symloss_compiled("numba"),
}
IN_NUMPY: Mapping[str, Maker] = {
    "by hand": numpy_by_hand,
    "lambdify": lambdify,
    "numexpr": numexpr,
    "scikit-learn": scikit_learn,
}
FRAMEWORKS: Mapping[str, Maker] = {
    "torch": torch_eager,
    "torch.compile": torch_compile,
    "jax.jit": jax_jit,
    "tf XLA": tensorflow_xla,
}
RIVALS: Mapping[str, Maker] = {**OURS, **IN_NUMPY, **FRAMEWORKS}
PACKAGES = {
    "symloss numba": "numba",
    "numexpr": "numexpr",
    "scikit-learn": "sklearn",
    "torch": "torch",
    "torch.compile": "torch",
    "jax.jit": "jax",
    "tf XLA": "tensorflow",
}
# What a rival's losses are smaller by.
HALVES = {("scikit-learn", name): factor for name, (_, _, factor) in _SCIKIT.items()}


def installed() -> list[str]:
    """The rivals that can be timed here."""
    in_c = [name for name in OURS if name.startswith("symloss C")]
    absent = in_c if all(which(name) is None for name in ("cc", "gcc", "clang")) else []
    absent += [name for name, package in PACKAGES.items() if find_spec(package) is None]
    return [name for name in RIVALS if name not in absent]
