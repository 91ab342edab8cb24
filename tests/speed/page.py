"""A race as a page: how it was run, a picture, a table for every task, dtype and size, and who was ahead where."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.speed.measure import Row
from tests.speed.report import Floors, draw, machine, mean_ratio
from tests.speed.rivals import IN_NUMPY, OURS

PAGE, PICTURE = "speed.md", "speed.svg"
_HEAD = """\
# How fast generated code is

Every number is a median over turns in which all rivals ran one after the other, after their results were compared:
nanoseconds per entry for one call from Python, checks included. `symloss` is the NumPy module, `symloss C` and
`symloss numba` are the compiled ones. They use one core unless workers are named; PyTorch, JAX and XLA use all. Run it on
your machine, where the numbers will be others:

```sh
python -m tests.speed --page .
```

Measured on {machine}. {floors}

![nanoseconds per entry against the number of entries]({picture})

A dotted line in the picture is the memory: two arrays read, one written.
"""


def write_page(rows: Sequence[Row], floors: Floors, missing: Sequence[str], folder: Path) -> None:
    """Write the page and its picture into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    draw(rows, floors, folder / PICTURE)
    (folder / PAGE).write_text(page(rows, floors, missing), encoding="utf-8")


def page(rows: Sequence[Row], floors: Floors, missing: Sequence[str] = ()) -> str:
    """The text, in Markdown."""
    about = ", ".join(f"{key} {value}" for key, value in machine().items())
    traffic = ", ".join(f"{floor:.2f} ({dtype}, {size:.0e})" for (dtype, size), floor in floors.items())
    parts = [_HEAD.format(machine=about, floors=f"The memory takes, in ns per entry: {traffic}.", picture=PICTURE)]
    if missing:
        parts.append(f"Not installed where this ran: {', '.join(missing)}.\n")
    for task, dtype, entries in dict.fromkeys((row.task, row.dtype, row.entries) for row in rows):
        chosen = [row for row in rows if (row.task, row.dtype, row.entries) == (task, dtype, entries)]
        parts.append(f"## {task.replace('+', ' and ')}, {dtype}, {entries:,} entries\n\n{_table(chosen)}\n")
    parts.append(_standing(rows))
    return "\n".join(parts)


def _table(rows: Sequence[Row]) -> str:
    """Losses against rivals; the last line is the geometric mean of every rival's time over that of the NumPy module."""
    rivals = list(dict.fromkeys(row.rival for row in rows))
    times: dict[str, dict[str, float]] = {}
    for row in rows:
        times.setdefault(row.workload, {})[row.rival] = row.nanoseconds
    lines = [["loss", *rivals], ["---", *["---:"] * len(rivals)]]
    for loss, found in times.items():
        best = min(found.values())
        cells = [_cell(found.get(rival), best) for rival in rivals]
        lines.append([loss, *cells])
    lines.append(["times symloss", *(_ratio(mean_ratio(rows, rival)) for rival in rivals)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(time: float | None, best: float) -> str:
    if time is None:
        return "–"
    return f"**{time:.2f}**" if time == best else f"{time:.2f}"


def _ratio(number: float) -> str:
    return f"{number:.2f}" if math.isfinite(number) else "–"  # without symloss in the race


def _standing(rows: Sequence[Row]) -> str:
    """How often each of ours was ahead of every rival, and of those that are NumPy; where it was not, by whom."""
    lines = ["## Who is ahead\n"]
    races: dict[tuple[str, str, str, int], dict[str, float]] = {}
    for row in rows:
        races.setdefault((row.workload, row.task, row.dtype, row.entries), {})[row.rival] = row.nanoseconds
    for ours in dict.fromkeys(row.rival for row in rows if row.rival in OURS):
        run = [race for race in races.values() if ours in race]
        among_numpy = sum(_is_ahead(race, ours, tuple(IN_NUMPY)) for race in run)
        among_all = sum(_is_ahead(race, ours, _others(race)) for race in run)
        lines.append(
            f"- {ours}: ahead of every NumPy rival in {among_numpy} of {len(run)} races, of every rival in {among_all}."
        )
    return "\n".join(lines) + "\n"


def _others(race: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(rival for rival in race if rival not in OURS)


def _is_ahead(race: Mapping[str, float], ours: str, rivals: Sequence[str]) -> bool:
    return all(race[ours] <= race[rival] for rival in rivals if rival in race)
