"""How fast generated code is, and its rivals, in one run: ``python -m tests.speed [LOSSES]``.

Every rival runs in turn, after its results were compared; medians are shown in ns per entry, and how many times that
of symloss. Rivals that are not installed are left out and named. ``NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL"``
in front shows what a machine without AVX-512 does.

Examples: python -m tests.speed · python -m tests.speed huber logistic --sizes 1e3,1e6 --dtypes float64 ·
python -m tests.speed --rivals symloss,lambdify --csv speed.csv --picture speed.svg ·
python -m tests.speed --page generated/docs
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from tests.speed.measure import Row, memory_floor, rows_of
from tests.speed.page import write_page
from tests.speed.report import as_table, draw, machine, summary, write_csv
from tests.speed.rivals import RIVALS, TASKS, installed
from tests.speed.workloads import WORKLOADS


def main() -> None:
    """Measure, then print a table, or JSON for scripts."""
    arguments = _parser().parse_args()
    names = _chosen(arguments.losses, WORKLOADS, "loss")
    rivals = _chosen(arguments.rivals.split(",") if arguments.rivals else [], RIVALS, "rival")
    missing = [rival for rival in rivals if rival not in installed()]
    rivals = [rival for rival in rivals if rival not in missing]
    sizes = [int(float(size)) for size in arguments.sizes.split(",")]
    dtypes, tasks = arguments.dtypes.split(","), arguments.tasks.split(",")
    rows: list[Row] = []
    for found in rows_of(names, tasks, dtypes, sizes, rivals, arguments.repeat):
        rows += found
        if not arguments.json and found:
            _say(as_table(found))
    floors = {(dtype, size): memory_floor(dtype, size, arguments.repeat) for dtype in dtypes for size in sizes}
    if arguments.csv:
        write_csv(rows, arguments.csv)
    if arguments.picture:
        draw(rows, floors, arguments.picture)
    if arguments.page:
        write_page(rows, floors, missing, arguments.page)
    if arguments.json:
        _say(json.dumps({"machine": machine(), "missing": missing, "rows": list(map(asdict, rows))}, indent=2))
        return
    _say("")
    _say(", ".join(f"{key} {value}" for key, value in machine().items()))
    for (dtype, size), floor in floors.items():
        _say(f"memory, two arrays read and one written: {floor:.2f} ns per entry, {dtype}, {size:.0e} entries")
    _say(summary(rows))
    if missing:
        _say(f"not installed: {', '.join(missing)}")
    wrong = [row for row in rows if row.wrong_by > (1e-6 if row.dtype == "float64" else 1e-3)]
    for row in wrong:
        _say(f"differs from symloss: {row.rival} at {row.workload}, {row.task}, {row.dtype}: {row.wrong_by:.1e}")
    sys.exit(1 if wrong else 0)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.speed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("losses", nargs="*", help=f"of {', '.join(WORKLOADS)} (default: all)")
    parser.add_argument("--rivals", default="", help=f"of {', '.join(RIVALS)} (default: all that are installed)")
    parser.add_argument("--sizes", default="1e3,1e5,1e7", help="numbers of entries (default: %(default)s)")
    parser.add_argument("--dtypes", default="float64,float32", help="default: %(default)s")
    parser.add_argument("--tasks", default=",".join(TASKS), help="default: %(default)s")
    parser.add_argument("--repeat", type=int, default=7, help="turns, of which the median counts (default: 7)")
    parser.add_argument("--csv", type=Path, help="write every row into this file")
    parser.add_argument("--picture", type=Path, help="draw ns per entry into this file (svg, png, pdf)")
    parser.add_argument("--page", type=Path, help="write a page with all tables and the picture into this folder")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _chosen(wanted: list[str], known: object, kind: str) -> list[str]:
    unknown = [name for name in wanted if name not in known]  # type: ignore[operator]
    if unknown:
        sys.exit(f"there is no {kind} {', '.join(unknown)}; choose from {', '.join(known)}")  # type: ignore[call-overload]
    return wanted or list(known)  # type: ignore[call-overload]


if __name__ == "__main__":
    main()
