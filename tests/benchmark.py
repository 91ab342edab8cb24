"""What symloss costs on this machine: ``python -m tests.benchmark [NAMES] [--repeat N] [--json]``.

Every number is the median wall time of fresh processes, which take turns with their yardsticks so that a busy moment
hits all alike: an empty Python, ``import sympy`` and, where installed, ``import tensorflow``. Cold generation writes
into an empty folder; per loss means per generated form, Python's start included.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

SYMLOSS = (sys.executable, "-m", "symloss")
YARDSTICKS = {
    "python, empty": (sys.executable, "-c", "pass"),
    "python, import sympy": (sys.executable, "-c", "import sympy"),
}
if find_spec("tensorflow"):
    YARDSTICKS["python, import tensorflow"] = (sys.executable, "-c", "import tensorflow")
START_UP = {
    "import symloss": (sys.executable, "-c", "import symloss"),
    "symloss --help": (*SYMLOSS, "--help"),
    "symloss --version": (*SYMLOSS, "--version"),
}
COLD = {
    "generate numpy, cold": ("--target", "numpy"),
    "generate tensorflow, cold": ("--target", "tensorflow"),
    "generate numpy and tensorflow, cold": ("--target", "numpy,tensorflow"),
    "generate docs, cold": ("--target", "docs"),
    "generate everything, cold": (),
}


def main() -> None:
    """Measure, then print a table, or JSON for scripts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="catalogue names (default: the whole catalogue)")
    parser.add_argument("--repeat", type=int, default=5, help="processes per measurement (default: 5)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = measure(Path(folder), arguments.names, arguments.repeat)
    sys.stdout.write((json.dumps(results, indent=2) if arguments.json else as_table(results)) + "\n")


def measure(folder: Path, names: Sequence[str], repeat: int) -> dict[str, dict[str, float]]:
    """Median, fastest and slowest seconds of every run, and seconds per loss where a catalogue is generated."""
    fresh = folder / "fresh"
    seconds(generate(fresh, names))
    forms = len([path for path in (fresh / "numpy").glob("*.py") if path.stem != "__init__"])
    runs: dict[str, Callable[[int], Sequence[str]]] = {
        name: lambda turn, command=command: command for name, command in {**YARDSTICKS, **START_UP}.items()
    }
    runs["generate everything, warm"] = lambda turn: generate(fresh, names)
    runs["generate --check, warm"] = lambda turn: (*generate(fresh, names), "--check")
    for name, options in COLD.items():
        runs[name] = lambda turn, name=name, options=options: generate(folder / f"{name} {turn}", (*names, *options))

    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeat):
        for name, command in runs.items():
            if sys.stderr.isatty():
                sys.stderr.write(f"\r\033[Kturn {turn + 1} of {repeat}: {name}")
            taken[name].append(seconds(command(turn)))
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
    empty = statistics.median(taken["python, empty"])
    return {name: summary(times, empty, forms if name in COLD else None) for name, times in taken.items()}


def generate(out: Path, options: Sequence[str]) -> tuple[str, ...]:
    """The command that generates into a folder."""
    return (*SYMLOSS, "generate", "--out", str(out), *options)


def seconds(command: Sequence[str]) -> float:
    """Wall time of one process, which must succeed."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return time.perf_counter() - begin


def summary(times: list[float], empty: float, forms: int | None) -> dict[str, float]:
    """Median and range, the ratio to an empty Python, and the share of one loss."""
    median = statistics.median(times)
    found = {"median_s": median, "fastest_s": min(times), "slowest_s": max(times), "times_empty_python": median / empty}
    return found | ({"per_loss_s": median / forms} if forms else {})


def as_table(results: dict[str, dict[str, float]]) -> str:
    """One line per measurement."""
    lines = [f"{'':38}{'median':>9}{'fastest':>9}{'slowest':>9}{'x empty':>9}{'per loss':>10}"]
    for name, row in results.items():
        numbers = "".join(f"{row[key]:8.3f}s" for key in ("median_s", "fastest_s", "slowest_s"))
        share = f"{row['per_loss_s']:9.3f}s" if "per_loss_s" in row else ""
        lines.append(f"{name:38}{numbers}{row['times_empty_python']:9.1f}{share}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
