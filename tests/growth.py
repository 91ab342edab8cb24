"""How time and memory grow with the number of rows: ``python -m tests.growth [--repeat N] [--json]``.

For losses over pairs of embeddings and over sorted lists: the median seconds and the peak of NumPy's memory, in arrays
of the size of y_pred, of every function; at twice the rows each, so that the ratios tell the order of growth. Beside
them the same formula of pairs as TensorFlow's own autodiff computes it, all pairs at once.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from symloss import load

FUNCTIONS = ("loss", "gradient", "hessian", "hessian_vector_product")
EMBEDDINGS = ("batch_hard_triplet", "circle", "clip", "infonce", "multi_similarity", "ntxent")
LISTS = ("cox_efron", "cox_partial_likelihood", "crps_ensemble", "listmle")
ROWS = {**dict.fromkeys(EMBEDDINGS, (256, 512)), **dict.fromkeys(LISTS, (50_000, 100_000))}
FEATURES = 128


def main() -> None:
    """Measure, then print a table, or JSON for scripts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5, help="runs per measurement (default: 5)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    found = list(measured(arguments.repeat))
    if arguments.json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return
    sys.stdout.write(f"{'loss':24}{'function':24}{'rows':>8}{'seconds':>10}{'ratio':>7}{'memory':>9}\n")
    for row in found:
        ratio = f"{row['ratio']:7.1f}" if "ratio" in row else " " * 7
        memory = f"{row['memory']:9.1f}" if "memory" in row else " " * 9
        sys.stdout.write(f"{row['loss']:24}{row['function']:24}{row['rows']:8}{row['seconds']:10.4f}{ratio}{memory}\n")
    sys.stdout.write("ratio: to half the rows; memory: peak beyond the arguments, in arrays of the size of y_pred\n")


def measured(repeat: int) -> Iterator[dict[str, Any]]:
    """One entry for every loss, function and number of rows."""
    dice = np.random.default_rng(20_261_125)
    for name, counts in ROWS.items():
        module = load(name).compile("numpy")
        for function in FUNCTIONS:
            before = 0.0
            for rows in counts:
                arguments, extras = drawn(name, rows, dice)
                others = (arguments[1],) if function == "hessian_vector_product" else ()
                seconds, memory = cost(lambda: getattr(module, function)(*arguments, *others, **extras), repeat)  # noqa: B023
                found = {"loss": name, "function": function, "rows": rows, "seconds": seconds}
                found["memory"] = memory / arguments[1].nbytes
                yield found | ({"ratio": seconds / before} if before else {})
                before = seconds
    yield from rivals(repeat, dice)


def drawn(name: str, rows: int, dice: np.random.Generator) -> tuple[tuple[Any, Any], dict[str, Any]]:
    """Labels with repetitions, or partners, or times with ties; and predictions."""
    if name in EMBEDDINGS:
        embeddings = dice.normal(size=(2, rows, FEATURES))
        partners = embeddings[1] if name in ("clip", "infonce") else dice.integers(0, rows // 8, rows)
        return (partners, embeddings[0]), {}
    extras = {"event": dice.integers(0, 2, rows).astype(float)} if name.startswith("cox") else {}
    target = 0.3 if name == "crps_ensemble" else dice.integers(0, 1000, rows).astype(float)
    return (target, dice.normal(size=rows)), extras


def cost(compute: Callable[[], object], repeat: int) -> tuple[float, int]:
    """Median seconds, and the peak of traced memory of one more run."""
    taken = []
    for _ in range(repeat):
        started = time.perf_counter()
        compute()
        taken.append(time.perf_counter() - started)
    tracemalloc.start()
    compute()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return statistics.median(taken), peak


def rivals(repeat: int, dice: np.random.Generator) -> Iterator[dict[str, Any]]:
    """The hardest triplets of a batch, value and gradient, as a hand writes them in TensorFlow."""
    import tensorflow as tf

    before = 0.0
    for rows in ROWS["batch_hard_triplet"]:
        (labels, embeddings), _ = drawn("batch_hard_triplet", rows, dice)
        same, other = labels[:, None] == labels, ~np.eye(rows, dtype=bool)
        predictions = tf.Variable(embeddings)

        def compute(same: Any = same, other: Any = other, predictions: Any = predictions) -> object:
            with tf.GradientTape() as tape:
                between = tf.expand_dims(predictions, 1) - predictions
                distance = tf.sqrt(tf.reduce_sum(between**2, -1) + 1e-16)
                farthest = tf.reduce_max(tf.where(same & other, distance, -np.inf), 1)
                nearest = tf.reduce_min(tf.where(same, np.inf, distance), 1)
                loss = tf.reduce_mean(tf.maximum(0.2 + farthest - nearest, 0))
            return tape.gradient(loss, predictions)

        seconds, _ = cost(compute, repeat)
        found = {"loss": "batch_hard_triplet", "function": "gradient (TensorFlow)", "rows": rows, "seconds": seconds}
        yield found | ({"ratio": seconds / before} if before else {})
        before = seconds


if __name__ == "__main__":
    main()
