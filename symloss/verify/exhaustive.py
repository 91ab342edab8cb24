"""Every input of a narrow float: a proof instead of a sample, where predictions are all that varies.

float16 is compared with the oracle. float32 has 2^32 inputs: it is compared with the same function in float64, whose
certificate must then be read beside the proof; what the comparison adds is that nothing is lost on the way to float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from symloss.declare import ClassLabel, Interval, Loss, Signs
from symloss.declare.domain import entries_of
from symloss.errors import UnsupportedError
from symloss.verify.frameworks import DifferentiatedModule
from symloss.verify.grid import Array, Batch
from symloss.verify.measure import FUNCTIONS, Evaluate, Examiner, ulps
from symloss.verify.modules import NumpyModule

# Half an ulp for the final rounding and, for what is computed in the dtype itself, the limits of its certificate.
_BOUNDS = {("numpy", "float16"): 0.51, ("numpy", "float32"): 6.0}
_BOUND = 8.0
_BLOCK = 2**20


@dataclass(frozen=True)
class Proof:
    """One function, every prediction of a dtype at every label."""

    loss: str
    target: str
    dtype: str
    function: str
    inputs: int
    worst: float
    at: str
    bound: float

    @property
    def is_proved(self) -> bool:
        """Whether no input is off by more than the bound."""
        return self.worst <= self.bound

    def cells(self) -> list[str]:
        """For a table."""
        return [self.loss, self.target, self.dtype, self.function, str(self.inputs), f"{self.worst:.4g}", self.at]

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {**vars(self), "proved": self.is_proved}


def prove(loss: Loss, module: NumpyModule | DifferentiatedModule, dtype: str) -> Iterator[Proof]:
    """The worst error of value, gradient and Hessian over every prediction in the domain, at the default parameters.

    Raises UnsupportedError for a loss with more than one variable, where there are too many inputs to try.
    """
    labels = _labels(loss)
    kind: type[np.floating[Any]] = np.float16 if dtype == "float16" else np.float32
    worst = dict.fromkeys(FUNCTIONS, (0.0, ""))
    inputs = 0
    evaluate = module.evaluator(module.modes[0])
    examiner = Examiner(loss, kind)
    for batch in _every_batch(loss, labels, kind):
        inputs += len(batch)
        for function, errors in _errors(examiner, evaluate, batch, kind).items():
            place = int(np.argmax(errors))
            if errors[place] > worst[function][0]:
                at = f"y_true={batch.y_true[place]}, y_pred={batch.y_pred[place]!r}"
                worst[function] = (float(errors[place]), at)
    bound = _BOUNDS.get((module.target, dtype), _BOUND)
    for function, (size, at) in worst.items():
        yield Proof(loss.name, module.target, dtype, function, inputs, size, at, bound)


def _labels(loss: Loss) -> tuple[float, ...]:
    if loss.is_elementwise and not loss.extra_inputs and not isinstance(loss.y_true, ClassLabel):
        if isinstance(loss.y_true, Signs):
            return (-1.0, 1.0)
        if isinstance(loss.y_true, Interval) and (loss.y_true.lower, loss.y_true.upper) == (0.0, 1.0):
            return (0.0, 1.0)
    raise UnsupportedError(
        f"{loss.name} has more than one variable: only losses of labels -1 and 1, or 0 and 1, can be tried exhaustively"
    )


def _every_batch(loss: Loss, labels: tuple[float, ...], kind: type[np.floating[Any]]) -> Iterator[Batch]:
    domain = entries_of(loss.y_pred)
    parameters = {item.name: float(item.default) for item in loss.parameters}
    width = np.uint16 if kind is np.float16 else np.uint32
    for start in range(0, 2 ** (8 * np.dtype(kind).itemsize), _BLOCK):
        stop = min(start + _BLOCK, 2 ** (8 * np.dtype(kind).itemsize))
        numbers = np.arange(start, stop, dtype=np.uint64).astype(width).view(kind)
        numbers = numbers[np.isfinite(numbers)]
        above = numbers > domain.lower if domain.lower_open else numbers >= domain.lower
        below = numbers < domain.upper if domain.upper_open else numbers <= domain.upper
        numbers = numbers[above & below]
        for label in labels if len(numbers) else ():
            yield Batch(np.full(len(numbers), label, dtype=kind), numbers, parameters)


def _errors(examiner: Examiner, evaluate: Evaluate, batch: Batch, kind: type[np.floating[Any]]) -> dict[str, Array]:
    got = evaluate(batch)
    if kind is np.float16:
        truths, _ = examiner.truths(batch)
        exact = {name: (truths[name][:, 0, 0], truths[name][:, 0, 1]) for name in FUNCTIONS}
    else:
        wide = Batch(batch.y_true.astype(np.float64), batch.y_pred.astype(np.float64), batch.parameters)
        found = evaluate(wide)
        exact = {name: (found[name][:, 0], np.zeros(len(batch))) for name in FUNCTIONS}
    return {name: ulps(got[name][:, 0], *exact[name], kind) for name in FUNCTIONS}
