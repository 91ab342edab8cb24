"""What objectives cost: ``python -m tests.boosting [--rows N] [--repeat N] [--json]``.

Gradient and curvature of many rows against NumPy kernels tuned by hand (in place, one buffer per result, no checks),
and training 100 trees with an objective of symloss, with the tuned kernel as objective, and with the library's own.
Runs take turns; medians and ratios are of one process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

Arrays = tuple[np.ndarray, np.ndarray]
Kernel = Callable[[np.ndarray, np.ndarray], Arrays]
TREES = 100


def squared(y_true: np.ndarray, score: np.ndarray) -> Arrays:
    """Half the squared error."""
    return score - y_true, np.ones_like(score)


def logistic(y_true: np.ndarray, score: np.ndarray) -> Arrays:
    """Binary cross-entropy of a logit."""
    share = np.negative(score)
    np.exp(share, out=share)
    share += 1
    np.reciprocal(share, out=share)
    gradient = share - y_true
    np.multiply(share, 1 - share, out=share)
    return gradient, share


def poisson(y_true: np.ndarray, score: np.ndarray) -> Arrays:
    """Poisson in the log mean."""
    mean = np.exp(score)
    return mean - y_true, mean


def huber(y_true: np.ndarray, score: np.ndarray) -> Arrays:
    """Huber's loss with delta 1 and its majoriser."""
    residual = score - y_true
    size = np.abs(residual)
    np.clip(residual, -1, 1, out=residual)
    np.maximum(size, 1, out=size)
    return residual, np.reciprocal(size, out=size)


TUNED: dict[str, Kernel] = {
    "half_squared_error": squared,
    "binary_crossentropy_logits": logistic,
    "poisson_nll": poisson,
    "huber": huber,
}
BUILT_IN = {
    "xgboost": {
        "half_squared_error": {"objective": "reg:squarederror"},
        "binary_crossentropy_logits": {"objective": "binary:logistic"},
        "poisson_nll": {"objective": "count:poisson"},
    },
    "lightgbm": {
        "half_squared_error": {"objective": "regression"},
        "binary_crossentropy_logits": {"objective": "binary"},
        "poisson_nll": {"objective": "poisson"},
        "huber": {"objective": "huber", "alpha": 1.0},
    },
}


def objective(library: str, name: str) -> Any:
    """The objective of a generated module."""
    module = import_module(f"generated.{library}.{name}")
    return next(item for key, item in vars(module).items() if key.endswith("Objective"))()


def labels(name: str, rng: np.random.Generator, rows: int) -> np.ndarray:
    """Labels of the loss's domain."""
    if name == "binary_crossentropy_logits":
        return rng.integers(0, 2, rows).astype(np.float64)
    return rng.poisson(2.0, rows).astype(np.float64) if name == "poisson_nll" else rng.normal(size=rows)


def medians(runs: dict[str, Callable[[], Any]], repeat: int) -> dict[str, float]:
    """Median seconds of runs that take turns, after one of each that isn't counted."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeat + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if turn:
                found[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds) for name, seconds in found.items()}


def of_derivatives(name: str, rows: int, repeat: int) -> dict[str, Any]:
    """Milliseconds of gradient and curvature, and the ratio to the tuned kernel, in float64."""
    rng, tuned, made = np.random.default_rng(0), TUNED[name], objective("xgboost", name)
    y_true, score = labels(name, rng, rows), rng.normal(size=rows)
    for ours, theirs in zip(made.derivatives(y_true, score), tuned(y_true, score), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    runs = {"symloss": lambda: made.derivatives(y_true, score), "rival": lambda: tuned(y_true, score)}
    return {"what": "derivatives", "library": "numpy", "loss": name, **compared(medians(runs, repeat))}


def of_training(library: str, name: str, rows: int, repeat: int) -> dict[str, Any]:
    """Milliseconds of training, the ratio to the library's own objective, and the share that derivatives take."""
    rng, made = np.random.default_rng(0), objective(library, name)
    X, y_true, score = rng.normal(size=(rows, 10)), labels(name, rng, rows), rng.normal(size=rows)
    runs = {
        "symloss": lambda: made.train(params_of(library), made.data(X, y_true), TREES),
        "rival": lambda: train_built_in(library, BUILT_IN[library][name], X, y_true),
        "derivatives": lambda: made.derivatives(y_true, score),
    }
    seconds = medians(runs, repeat)
    share = TREES * seconds.pop("derivatives") / seconds["symloss"]
    return {"what": f"training {TREES} trees", "library": library, "loss": name, **compared(seconds), "share": share}


def compared(seconds: dict[str, float]) -> dict[str, float]:
    """Milliseconds of both, and their ratio."""
    milliseconds = {name: value * 1e3 for name, value in seconds.items()}
    return {**milliseconds, "ratio": seconds["symloss"] / seconds["rival"]}


def params_of(library: str) -> dict[str, Any]:
    """Ordinary trees."""
    return {"max_depth": 6} if library == "xgboost" else {"num_leaves": 31, "verbosity": -1}


def train_built_in(library: str, built_in: dict[str, Any], X: np.ndarray, y_true: np.ndarray) -> Any:
    """A model of the library's own objective."""
    params = params_of(library) | built_in
    if library == "xgboost":
        import xgboost

        return xgboost.train(params, xgboost.DMatrix(X, y_true), TREES)
    import lightgbm

    return lightgbm.train(params, lightgbm.Dataset(X, y_true), TREES)


def as_table(found: list[dict[str, Any]]) -> str:
    """One line per measurement."""
    lines = ["what\tlibrary\tloss\tsymloss ms\trival ms\tratio\tshare of derivatives"]
    for row in found:
        share = f"{row['share']:.1%}" if "share" in row else ""
        numbers = f"{row['symloss']:.1f}\t{row['rival']:.1f}\t{row['ratio']:.2f}\t{share}"
        lines.append(f"{row['what']}\t{row['library']}\t{row['loss']}\t{numbers}")
    return "\n".join(lines)


def main() -> None:
    """Measure, then print a table, or JSON for scripts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows (default: a million)")
    parser.add_argument("--repeat", type=int, default=5, help="runs per measurement (default: 5)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    rows, repeat = arguments.rows, arguments.repeat
    found = [of_derivatives(name, rows, repeat) for name in TUNED]
    found += [of_training(library, name, rows, repeat) for library, losses in BUILT_IN.items() for name in losses]
    sys.stdout.write((json.dumps(found, indent=2) if arguments.json else as_table(found)) + "\n")


if __name__ == "__main__":
    main()
