"""How commands show themselves: progress and colour on a terminal, which alone needs Rich; plain lines in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from symloss.pipeline import Progress


@contextmanager
def show_progress(doing: str, *, show: bool) -> Iterator[Progress]:
    """A live line on a terminal; silence in a pipe."""
    if not show or not sys.stderr.isatty():
        yield lambda label: None
        return
    from rich.console import Console

    with Console(stderr=True).status(doing) as status:
        yield lambda label: status.update(f"{doing} {label}")


@contextmanager
def show_bar(doing: str, total: int, *, show: bool) -> Iterator[Progress]:
    """A progress bar on a terminal; silence in a pipe."""
    if not show or not sys.stderr.isatty():
        yield lambda label: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=total)
        yield lambda label: bar.update(task, advance=1, description=f"{doing} {label}")


def print_table(columns: list[str], rows: list[list[str]], colours: Mapping[str, str] | None = None) -> None:
    """A coloured table on a terminal, tab-separated lines in a pipe; a row's first cell may name its colour."""
    if not sys.stdout.isatty():
        for row in [columns, *rows]:
            click.echo("\t".join(row))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == columns[0])
    for row in rows:
        table.add_row(*map(escape, row), style="red" if row[-1] == "FAIL" else (colours or {}).get(row[0]))
    Console().print(table)
