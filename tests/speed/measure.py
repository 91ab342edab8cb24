"""Times rivals in turns: a busy moment hits all alike; what they return is compared before anything is timed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tests.speed.rivals import HALVES, RIVALS, Run
from tests.speed.workloads import WORKLOADS, Workload

SHORTEST = 2e-3  # seconds that one measurement takes at least: short runs are repeated


@dataclass(frozen=True)
class Row:
    """One rival at one workload, dtype, size and task: the median time per entry, and over it the fastest's."""

    workload: str
    task: str
    dtype: str
    entries: int
    rival: str
    nanoseconds: float
    against_symloss: float
    wrong_by: float


def rows_of(
    names: Sequence[str],
    tasks: Sequence[str],
    dtypes: Sequence[str],
    sizes: Sequence[int],
    rivals: Sequence[str],
    repeat: int,
) -> Iterator[list[Row]]:
    """All rivals at one workload, dtype, size and task after the other."""
    for name in names:
        for dtype in dtypes:
            for size in sizes:
                for task in tasks:
                    yield measured(WORKLOADS[name], task, dtype, size, rivals, repeat)


def measured(workload: Workload, task: str, dtype: str, size: int, rivals: Sequence[str], repeat: int) -> list[Row]:
    """The rows of the rivals that have this."""
    labels, scores = workload.data(size, dtype)
    runs: dict[str, Run] = {}
    wrong: dict[str, float] = {}
    with np.errstate(all="ignore"):
        reference = RIVALS["symloss"](workload, task, labels, scores)()
        reference = tuple(np.array(item, np.float64) for item in reference)
        for rival in rivals:
            made = RIVALS[rival](workload, task, labels, scores)
            if made is not None:
                runs[rival] = made
                wrong[rival] = _wrong_by(made(), reference, HALVES.get((rival, workload.name), 1.0), workload)
        seconds = _in_turns(runs, repeat)
    ours = seconds.get("symloss", float("nan"))
    return [
        Row(
            workload.name,
            task,
            dtype,
            scores.size,
            rival,
            1e9 * seconds[rival] / scores.size,
            seconds[rival] / ours,
            wrong[rival],
        )
        for rival in runs
    ]


def _wrong_by(found: tuple, reference: tuple, factor: float, workload: Workload) -> float:
    """The largest difference, over the largest number of each result; losses may differ by what has no score.

    One entry in a hundred thousand may differ: that many lie so near a jump that rounding takes them to its other side.
    """
    worst = 0.0
    for raw, wanted in zip(found, reference, strict=True):
        got = factor * np.asarray(raw.detach() if hasattr(raw, "detach") else raw, np.float64)
        if np.ndim(wanted) == 0 and workload.labels in ("count", "binary"):
            continue  # a constant of the labels is left out by some
        apart = np.sort(np.abs(got - wanted), axis=None)
        worst = max(worst, float(apart[-1 - apart.size // 100_000] / max(np.max(np.abs(wanted)), 1e-30)))
    return worst


def _in_turns(runs: dict[str, Run], repeat: int) -> dict[str, float]:
    """Median seconds of one call."""
    counts = {}
    for rival, run in runs.items():
        run()
        begun = time.perf_counter()
        run()
        counts[rival] = max(1, int(SHORTEST / max(time.perf_counter() - begun, 1e-9)))
    times: dict[str, list[float]] = {rival: [] for rival in runs}
    for _ in range(repeat):
        for rival, run in runs.items():
            begun = time.perf_counter()
            for _ in range(counts[rival]):
                run()
            times[rival].append((time.perf_counter() - begun) / counts[rival])
    return {rival: statistics.median(found) for rival, found in times.items()}


def memory_floor(dtype: str, entries: int, repeat: int) -> float:
    """Nanoseconds per entry of reading two arrays and writing one: what no function of both can go below."""
    first, second, out = (np.ones(entries, dtype) for _ in range(3))
    return 1e9 * _in_turns({"add": lambda: (np.add(first, second, out=out), None)}, repeat)["add"] / entries
