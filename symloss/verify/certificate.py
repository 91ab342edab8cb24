"""What was measured of one emitted module, where, and against what: a certificate to print, store and check again."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from symloss.declare import Loss
from symloss.verify.frameworks import DifferentiatedModule
from symloss.verify.measure import Error, Examiner, Measurement
from symloss.verify.modules import NumpyModule
from symloss.verify.oracle import Oracle

# The error that is good, in ulps or in ulps divided by 1 + S.
LIMITS: Mapping[tuple[str, str], float] = {
    ("numpy", "float64"): 4.0,
    ("numpy", "float32"): 6.0,
    ("numba", "float64"): 4.0,
    ("numba", "float32"): 4.0,
    ("c", "float64"): 4.0,
    ("c", "float32"): 4.0,
    ("torch", "float64"): 4.0,
    ("torch", "float32"): 6.0,
    ("jax", "float64"): 8.0,
    ("jax", "float32"): 8.0,
    ("tensorflow", "float64"): 8.0,
    ("tensorflow", "float32"): 8.0,
}
_OF_COMPILERS = 8.0  # which order and join steps as they like
DTYPES: Mapping[str, type[np.floating[Any]]] = {"float64": np.float64, "float32": np.float32}


@dataclass(frozen=True)
class Line:
    """One function of one target in one dtype and mode."""

    loss: str
    target: str
    mode: str
    dtype: str
    limit: float
    measurement: Measurement

    @property
    def is_certified(self) -> bool:
        """Whether every number measured is good."""
        return self.measurement.is_certified

    def regions(self) -> list[str]:
        """Where it is not certified, in words."""
        return regions(list(self.measurement.bad))

    def as_data(self) -> dict[str, Any]:
        """For JSON and METADATA: plain numbers and texts."""
        found = self.measurement
        worst = found.worst_conditioned
        return {
            "points": found.points,
            "worst_ulps": _rounded(found.worst.ulps if found.worst else 0.0),
            "worst_conditioned": _rounded(worst.conditioned if worst else 0.0),
            "ulps_999": _rounded(found.most),
            "conditioned_999": _rounded(found.most_conditioned),
            "worst_at": place_of(worst) if worst else "",
            "undecided": found.undecided,
            "limit": self.limit,
            "certified": self.is_certified,
            "bad_points": found.bad_count,
            "not_certified_in": self.regions(),
        }


def limit_of(target: str, mode: str, dtype: str) -> float:
    """The error that is good in a mode of a target."""
    return _OF_COMPILERS if mode == "compiled" else LIMITS[target, dtype]


def certify(
    loss: Loss,
    module: NumpyModule | DifferentiatedModule,
    dtypes: list[str],
    points: int,
    oracle: Oracle | None = None,
    *,
    with_compilers: bool = False,
) -> Iterator[Line]:
    """Measure every function of a module in every dtype and mode; in those that wait for a compiler where asked."""
    oracle = Oracle(loss) if oracle is None else oracle
    for dtype in dtypes:
        examiner = Examiner(loss, DTYPES[dtype], oracle, module.fixed, flushes=module.flushes)
        yield from measure(examiner, module, dtype, points, with_compilers=with_compilers)


def measure(
    examiner: Examiner,
    module: NumpyModule | DifferentiatedModule,
    dtype: str,
    points: int,
    *,
    with_compilers: bool = False,
) -> Iterator[Line]:
    """Measure all functions in one dtype and every mode; an examiner keeps the truth for the next measurement."""
    for mode in (*module.modes, *(module.compiled_modes if with_compilers else ())):
        limit, functions = limit_of(module.target, mode, dtype), module.functions(mode)
        found = examiner.measure(module.evaluator(mode), limit=limit, count=points, functions=functions)
        for measurement in found:
            yield Line(examiner.loss.name, module.target, mode, dtype, limit, measurement)


def as_data(lines: list[Line]) -> dict[str, Any]:
    """The lines of one module as nested data: dtype, mode where there are several, function."""
    nested: dict[str, Any] = {}
    for line in lines:
        modes = nested.setdefault(line.dtype, {})
        modes.setdefault(line.mode, {})[line.measurement.function] = line.as_data()
    return {dtype: modes[""] if set(modes) == {""} else modes for dtype, modes in nested.items()}


def environment(numbers: str, target: str) -> dict[str, str]:
    """What the numbers depend on: other processors and versions round other functions differently."""
    features = _processor_features()
    libraries = {"numpy": np.__version__}
    if target == "c":
        libraries["libc"] = " ".join(platform.libc_ver()).strip() or platform.platform()
    elif target != "numpy":
        libraries[target] = version(target)
    return {
        **libraries,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "simd": features,
        "oracle": numbers,
    }


def _processor_features() -> str:
    """The widest vector instructions that NumPy uses here."""
    found = np.show_config(mode="dicts")
    extensions = found.get("SIMD Extensions", {}) if found else {}
    features = extensions.get("found") or extensions.get("baseline") or ["unknown"]
    return str(features[-1])


def _rounded(number: float) -> float | None:
    """Three digits, up; None for an infinite error, which plain JSON has no word for."""
    if not math.isfinite(number):
        return None
    if number == 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(number)) - 2)
    return float(f"{math.ceil(number / step) * step:.3g}")


def place_of(error: Error) -> str:
    """Where, in the words of the arguments."""
    shown = {"y_true": error.point.y_true, "y_pred": error.point.y_pred, **error.point.constants}
    entry = f", entry {error.entry}" if isinstance(error.point.y_pred, tuple) else ""
    return ", ".join(f"{name}={_spelled(value)}" for name, value in shown.items()) + entry


def _spelled(value: float | tuple[float, ...]) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_spelled, value))})"
    return repr(value).removesuffix(".0")


def regions(errors: list[Error]) -> list[str]:
    """Boxes around the bad points, one for each sign of the prediction and setting of the parameters."""
    boxes: dict[tuple[Any, ...], list[Error]] = {}
    for error in errors:
        pred = error.point.y_pred
        single = pred[error.entry] if isinstance(pred, tuple) else pred
        key = (math.copysign(1, single), tuple(sorted(_parameters(error).items())))
        boxes.setdefault(key, []).append(error)
    return [_box(members) for members in list(boxes.values())[:8]]


def _parameters(error: Error) -> dict[str, float]:
    """The constants that are one number."""
    return {name: value for name, value in error.point.constants.items() if not isinstance(value, tuple)}


def _box(errors: list[Error]) -> str:
    sides = []
    for name in ("y_true", "y_pred"):
        numbers: list[float] = []
        for error in errors:
            values = getattr(error.point, name)
            is_of_entries = isinstance(values, tuple) and not error.point.sizes
            numbers += [values[error.entry]] if is_of_entries else np.ravel(values).tolist()
        low, high = min(numbers), max(numbers)
        sides.append(f"{name} = {low:.3g}" if low == high else f"{low:.3g} <= {name} <= {high:.3g}")
    constants = [f"{name} = {value:.6g}" for name, value in _parameters(errors[0]).items()]
    return ", ".join(sides + constants)
