"""Rows as a table, as CSV, and as one picture."""

from __future__ import annotations

import csv
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import numpy as np

from tests.speed.measure import Row

Floors = Mapping[tuple[str, int], float]


def machine() -> dict[str, Any]:
    """What the numbers depend on."""
    found = np.show_config(mode="dicts").get("SIMD Extensions", {})
    name = platform.processor() or platform.machine()
    about = Path("/proc/cpuinfo")
    if about.is_file():
        models = [line.partition(":")[2].strip() for line in about.read_text().splitlines() if "model name" in line]
        name = models[0] if models else name
    return {
        "processor": name,
        "cores": os.cpu_count(),
        "NumPy": np.__version__,
        "SIMD": (found.get("found") or found.get("baseline") or ["unknown"])[-1],
        "Python": platform.python_version(),
    }


def as_table(rows: Sequence[Row]) -> str:
    """One line per workload, dtype, size and task; under every rival ns per entry and how many times symloss' that is."""
    rivals = list(dict.fromkeys(row.rival for row in rows))
    keys = list(dict.fromkeys((row.workload, row.task, row.dtype, row.entries) for row in rows))
    cells = [["loss", "task", "dtype", "entries", *rivals]]
    for key in keys:
        found = {row.rival: row for row in rows if (row.workload, row.task, row.dtype, row.entries) == key}
        times = [f"{found[r].nanoseconds:.2f} ({found[r].against_symloss:.2f})" if r in found else "–" for r in rivals]
        cells.append([*map(str, key[:3]), f"{key[3]:.0e}", *times])
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def summary(rows: Sequence[Row]) -> str:
    """Geometric means of every rival's time over symloss', by task, dtype and size, and where symloss is behind."""
    lines = []
    for task, dtype, entries in dict.fromkeys((row.task, row.dtype, row.entries) for row in rows):
        chosen = [row for row in rows if (row.task, row.dtype, row.entries) == (task, dtype, entries)]
        rivals = dict.fromkeys(row.rival for row in chosen if row.rival != "symloss")
        means = [f"{rival} {mean_ratio(chosen, rival):.2f}" for rival in rivals]
        lines.append(f"{task}, {dtype}, {entries:.0e} entries, times symloss: {', '.join(means)}")
    behind = [row for row in rows if row.against_symloss < 1 and not row.rival.startswith("symloss")]
    lines += [
        f"ahead of symloss: {row.rival} at {row.workload}, {row.task}, {row.dtype}, {row.entries:.0e} ({row.against_symloss:.2f})"
        for row in behind
    ]
    return "\n".join(lines)


def mean_ratio(rows: Sequence[Row], rival: str) -> float:
    """The geometric mean of a rival's times over those of symloss."""
    return geometric_mean(row.against_symloss for row in rows if row.rival == rival)


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """One line per row."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [item.name for item in fields(Row)])
        writer.writeheader()
        writer.writerows(map(asdict, rows))


def _styles(rivals: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Ours are thick, and dashed with several workers; rivals are thin, each with a color of its own."""
    ours = {"symloss": "black", "symloss C": "tab:red", "symloss numba": "tab:purple"}
    others = [rival for rival in rivals if not rival.startswith("symloss")]
    found: dict[str, dict[str, Any]] = {}
    for rival in rivals:
        name = rival.removesuffix(" (2 workers)")
        if name in ours:
            found[rival] = {"color": ours[name], "linewidth": 2.5, "linestyle": "-" if rival == name else "--"}
        else:
            found[rival] = {"color": f"C{(others.index(rival) * 3 + 1) % 10}", "linewidth": 1}
    return found


def draw(rows: Sequence[Row], floors: Floors, path: Path) -> None:
    """Ns per entry against the number of entries, one panel per loss, with the floor that memory sets."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot as plt

    shown = [row for row in rows if row.task == "value+gradient" and row.dtype == "float64"] or list(rows)
    losses = list(dict.fromkeys(row.workload for row in shown))
    columns = min(5, len(losses))
    lines = -(-len(losses) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(3.2 * columns, 3 * lines), squeeze=False, sharex=True)
    rivals = list(dict.fromkeys(row.rival for row in shown))
    styles = _styles(rivals)
    for panel, loss in zip(axes.flat, losses, strict=False):
        for rival in rivals:
            points = sorted(
                (row.entries, row.nanoseconds) for row in shown if (row.workload, row.rival) == (loss, rival)
            )
            if points:
                panel.plot(*zip(*points, strict=True), marker=".", **styles[rival])
        floor = sorted((entries, found) for (dtype, entries), found in floors.items() if dtype == "float64")
        if floor:
            panel.plot(*zip(*floor, strict=True), ":", color="black")
        panel.set(xscale="log", yscale="log", title=loss)
    for panel in list(axes.flat)[len(losses) :]:
        panel.axis("off")
    handles = [plt.Line2D([], [], **styles[rival]) for rival in rivals]
    handles.append(plt.Line2D([], [], color="black", linestyle=":"))
    figure.legend(handles, [*rivals, "memory"], loc="lower center", ncols=min(6, len(rivals) + 1), frameon=False)
    figure.supxlabel("entries", y=0.16)
    figure.supylabel("ns per entry, value and gradient")
    figure.tight_layout(rect=(0.01, 0.17, 1, 1))
    figure.savefig(path)
    plt.close(figure)
