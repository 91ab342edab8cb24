"""The kernel of a loss, evaluated in NumPy floats on many points at once, to look for counter-examples.

For elementwise losses, and for those over one axis, which is the last of every array; rows have size 1 there.

Kernels are in the form that is computed, so that a search over the whole float range is not misled by rounding; what
is found is believed only after :mod:`symloss.evaluate` has confirmed it in 40 digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

from symloss.kernel import Apply, Constant, Input, Kernel

Numbers = NDArray[np.float64]


def evaluate(kernel: Kernel, data: Mapping[str, Numbers], *outputs: str) -> tuple[Numbers, ...]:
    """The outputs at arrays that broadcast, by the names of the inputs."""
    values: dict[int, Any] = {}
    with np.errstate(all="ignore"):
        for position in kernel.needed_for(*outputs):
            match kernel.values[position].definition:
                case Input(name=name):
                    values[position] = data[name]
                case Constant(number=number):
                    values[position] = np.float64(float(number))
                case Apply(operation=operation, operands=operands):
                    values[position] = _OPERATIONS[operation](*(values[operand] for operand in operands))
    shape = np.broadcast_shapes(*(np.shape(numbers) for numbers in data.values()))
    return tuple(np.broadcast_to(np.asarray(values[kernel.outputs[name]], np.float64), shape) for name in outputs)


def can_evaluate(kernel: Kernel, *outputs: str) -> bool:
    """Whether every operation that the outputs need is one of those here."""
    needed = [kernel.values[position].definition for position in kernel.needed_for(*outputs)]
    return all(item.operation in _OPERATIONS for item in needed if isinstance(item, Apply))


def _one_by_one(function: Callable[[float], float]) -> Callable[[Numbers], Numbers]:
    def at(number: float) -> float:
        try:
            return float(function(number))
        except (ValueError, OverflowError, ZeroDivisionError):
            return math.nan

    return np.vectorize(at, otypes=[np.float64])


def _sum_error(a: Numbers, b: Numbers) -> Numbers:
    """Knuth's: what rounding takes from a + b."""
    total = a + b
    part = total - a
    return np.asarray((a - (total - part)) + (b - part))


def _polygamma(order: int) -> Callable[[Numbers], Numbers]:
    return _one_by_one(lambda x: float(mpmath.polygamma(order, x)))


_OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "negate": np.negative,
    "power": np.power,
    "absolute": np.abs,
    "sign": np.sign,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "clip": np.clip,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "arcsin": np.arcsin,
    "arccos": np.arccos,
    "arctan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "erf": _one_by_one(math.erf),
    "erfc": _one_by_one(math.erfc),
    "lgamma": _one_by_one(math.lgamma),
    "digamma": _polygamma(0),
    "trigamma": _polygamma(1),
    "tetragamma": _polygamma(2),
    "less": np.less,
    "less_equal": np.less_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_not": np.logical_not,
    "select": np.where,
    "sum_error": _sum_error,
    "product_error": lambda a, b: np.zeros(np.broadcast_shapes(np.shape(a), np.shape(b))),
    "binade": lambda a: np.exp2(np.floor(np.log2(np.abs(a)))),
    "closeness": lambda a: np.float64(0.5),
    "smallest_normal": lambda a: np.finfo(np.float64).tiny,
    "fill": lambda a, b: np.broadcast_to(a, np.shape(b)),
    "sum_over_axis": lambda a: a.sum(axis=-1, keepdims=True),
    "max_over_axis": lambda a: a.max(axis=-1, keepdims=True),
    "is_first_maximum": lambda a: np.arange(a.shape[-1]) == a.argmax(axis=-1, keepdims=True),
    "is_label": lambda a, b: np.arange(a.shape[-1]) == b,
    "take_label": lambda a, b: np.take_along_axis(a, b.astype(np.intp), axis=-1),
    "dot": lambda a, b: ((a * b).sum(axis=-1, keepdims=True), np.float64(0)),
    "nearest_part": lambda pair: pair[0],
    "missing_part": lambda pair: pair[1],
    "axis_size": lambda a: np.float64(a.shape[-1]),
    "in_floats": lambda a: a,
}
