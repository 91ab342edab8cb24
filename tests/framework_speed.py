"""How fast the losses of the frameworks are beside ours, forward and backward: ``python -m tests.framework_speed``.

PyTorch eagerly and by ``torch.compile``, optax by ``jax.jit``, Keras on TensorFlow eagerly and by XLA. Both are compared
before they are timed, run in turn, and the medians count; a ratio above 1 says how many times as long the framework's own
takes.

Examples: python -m tests.framework_speed · python -m tests.framework_speed torch --losses huber --sizes 1e3,1e7 ·
python -m tests.framework_speed --sizes 1e6 --device cuda --json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from statistics import geometric_mean, median
from typing import Any

import numpy as np

from symloss.terminal import print_table
from symloss.torch_signature import torch_name
from tests.conftest import load
from tests.frameworks import FORMS, FRAMEWORKS
from tests.test_numpy_modules import _batch

Run = Callable[[], Any]
MODES = {"torch": ("eager", "compiled"), "optax": ("jit",), "keras": ("eager", "xla")}
_SECONDS = 0.2  # that one turn takes at least, so that short calls are repeated


@dataclass(frozen=True)
class Row:
    """One loss in one mode at one size: seconds of a call, forward and backward."""

    framework: str
    mode: str
    loss: str
    dtype: str
    entries: int
    ours: float
    own: float

    @property
    def ratio(self) -> float:
        """How many times as long the framework's own takes."""
        return self.own / self.ours


def data_of(name: str, entries: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Targets and predictions in the domain of a loss, some thousands of samples again and again."""
    y_true, y_pred, _ = _batch(name, (1000,))
    count = max(1, entries // y_pred[0].size)
    spread = [np.resize(item, (count, *item.shape[1:])) for item in (y_true, y_pred)]
    return tuple(item.astype(dtype) if item.dtype.kind == "f" else item for item in spread)  # type: ignore[return-value]


def of_torch(name: str, mode: str, data: tuple[np.ndarray, np.ndarray], device: str) -> tuple[Run, Run]:
    """Ours and PyTorch's own; each gives the value and the gradient."""
    import torch

    y_true, y_pred = (torch.from_numpy(item).to(device) for item in data)
    y_pred.requires_grad_()
    own = FRAMEWORKS["torch"][2]()[name]
    ours = getattr(load("torch", name), torch_name(FORMS[name]).function)

    def made(function: Any) -> Run:
        if mode == "compiled":
            function = torch.compile(function)

        def run() -> Any:
            value = function(y_pred, y_true)
            gradient = torch.autograd.grad(value, y_pred)[0]
            if device != "cpu":
                torch.cuda.synchronize()
            return value.detach(), gradient

        return run

    def theirs(y_pred: Any, y_true: Any) -> Any:
        try:
            return own(y_true, y_pred, reduction="mean")
        except TypeError:  # composed of several
            return own(y_true, y_pred).mean()

    return made(ours), made(theirs)


def of_optax(name: str, mode: str, data: tuple[np.ndarray, np.ndarray], device: str) -> tuple[Run, Run]:
    """Ours and optax's, compiled."""
    import jax

    del mode
    target = jax.devices("gpu" if device == "cuda" else "cpu")[0]
    own, ours = FRAMEWORKS["optax"][2]()[name], getattr(load("jax", name), name)
    with jax.enable_x64(True):
        y_true, y_pred = (jax.device_put(item, target) for item in data)

    def made(function: Any) -> Run:
        compiled = jax.jit(jax.value_and_grad(function))

        def run() -> Any:
            with jax.enable_x64(True):
                return jax.block_until_ready(compiled(y_pred, y_true))

        return run

    return made(lambda y_pred, y_true: ours(y_true, y_pred)), made(lambda y_pred, y_true: own(y_true, y_pred).mean())


def of_keras(name: str, mode: str, data: tuple[np.ndarray, np.ndarray], device: str) -> tuple[Run, Run]:
    """Ours and Keras's, on TensorFlow."""
    import tensorflow as tf

    del device  # TensorFlow takes a GPU where there is one
    own = FRAMEWORKS["keras"][2]()[name]
    function = getattr(load("tensorflow", name), name)
    switch = FORMS[name].keras.switch if FORMS[name].keras is not None else None
    given = {switch[0]: True} if switch is not None and name.endswith("_logits") else {}
    shaped = [item[:, None] if FORMS[name].is_elementwise else item for item in data]
    y_true, y_pred = (tf.constant(item) for item in shaped)

    def made(function: Any) -> Run:
        def run(y_true: Any, y_pred: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(y_pred)
                value = tf.reduce_mean(function(y_true, y_pred))
            return value, tape.gradient(value, y_pred)

        compiled = tf.function(run, jit_compile=True) if mode == "xla" else run

        def call() -> Any:
            value, gradient = compiled(y_true, y_pred)
            return value.numpy(), gradient

        return call

    return made(lambda y_true, y_pred: function(y_true, y_pred, **given)), made(own)


MAKERS = {"torch": of_torch, "optax": of_optax, "keras": of_keras}


def rows_of(
    framework: str, name: str, dtype: str, sizes: list[int], device: str = "cpu", turns: int = 7
) -> Iterator[Row]:
    """Every mode and size; both are compared first."""
    for mode in MODES[framework]:
        for entries in sizes:
            runs = MAKERS[framework](name, mode, data_of(name, entries, dtype), device)
            values = [float(np.asarray(run()[0].cpu() if framework == "torch" else run()[0])) for run in runs]
            np.testing.assert_allclose(values[0], values[1], rtol=1e-3 if dtype == "float32" else 1e-5, atol=1e-6)
            ours, own = in_turns(runs, turns)
            yield Row(framework, mode, name, dtype, entries, ours, own)


def in_turns(runs: tuple[Run, Run], turns: int) -> list[float]:
    """The median seconds of a call of each, several calls in a turn where one is short."""
    repeats = []
    for run in runs:
        start = time.perf_counter()
        run()
        repeats.append(max(1, int(_SECONDS / max(time.perf_counter() - start, 1e-7) / turns)))
    found: list[list[float]] = [[], []]
    for _ in range(turns):
        for place, run in enumerate(runs):
            start = time.perf_counter()
            for _ in range(repeats[place]):
                run()
            found[place].append((time.perf_counter() - start) / repeats[place])
    return [median(times) for times in found]


def main() -> None:
    """Measure, then print a table, or JSON for scripts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frameworks", nargs="*", help=f"of {', '.join(FRAMEWORKS)} (default: all)")
    parser.add_argument("--losses", default="", help="names, comma-separated (default: all that a framework has)")
    parser.add_argument("--sizes", default="1e3,1e7", help="numbers of entries (default: %(default)s)")
    parser.add_argument("--dtypes", default="float32", help="default: %(default)s")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.frameworks) - set(FRAMEWORKS))
    if unknown:
        parser.error(f"unknown framework {', '.join(unknown)}; choose from {', '.join(FRAMEWORKS)}")
    wanted, sizes = set(arguments.losses.split(",")) - {""}, [int(float(size)) for size in arguments.sizes.split(",")]
    rows: list[Row] = []
    for framework in arguments.frameworks or FRAMEWORKS:
        for name in (name for name in FRAMEWORKS[framework][2]() if not wanted or name in wanted):
            for dtype in arguments.dtypes.split(","):
                sys.stderr.write(f"{framework}: {name}, {dtype}\n")
                rows += rows_of(framework, name, dtype, sizes, arguments.device)
    if arguments.json:
        sys.stdout.write(json.dumps([{**asdict(row), "ratio": row.ratio} for row in rows], indent=2) + "\n")
        return
    headings = ["framework", "mode", "loss", "dtype", "entries", "ours, us", "its own, us", "ratio"]
    print_table(headings, [_cells(row) for row in rows])
    for framework, mode in dict.fromkeys((row.framework, row.mode) for row in rows):
        ratios = [row.ratio for row in rows if (row.framework, row.mode) == (framework, mode)]
        behind = sum(ratio < 1 for ratio in ratios)
        mean = geometric_mean(ratios)
        sys.stdout.write(
            f"{framework}, {mode}: {mean:.2f} times as fast in the mean, slower in {behind} of {len(ratios)}\n"
        )


def _cells(row: Row) -> list[str]:
    times = [f"{1e6 * seconds:.4g}" for seconds in (row.ours, row.own)]
    return [row.framework, row.mode, row.loss, row.dtype, f"{row.entries:.0e}", *times, f"{row.ratio:.2f}"]


if __name__ == "__main__":
    main()
