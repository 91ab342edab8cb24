"""Which losses a boosting library can not train, and why: one JSON file per library, beside its modules.

A refusal stands for the module that there is not, so that a fresh folder is known to be complete without deriving
anything. Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from symloss.files import read_record, write_record

_NAME = "refused.json"
_MARK = "symloss generate"


class Refusal(TypedDict):
    """One loss: where it is declared, the hash of what the refusal was made from, and the reason.

    ``beside`` are the modules that the same declaration file makes in the library.
    """

    origin: str
    source: str
    why: str
    beside: list[str]


def path_of(folder: Path) -> Path:
    """Where the refusals of a library are kept."""
    return folder / _NAME


def read(folder: Path) -> dict[str, Refusal]:
    """The refusals by the name of the loss; raises FileError for a file of another kind."""
    return read_record(path_of(folder), _MARK, "list of refusals", "generate again")


def write(folder: Path, refusals: dict[str, Refusal]) -> None:
    """Replace the file; the same refusals give the same bytes."""
    write_record(path_of(folder), _MARK, refusals)


def modules_beside(refused: Mapping[str, Refusal], origin: str, source: str) -> tuple[str, ...] | None:
    """What a declaration file with refused losses makes, if they were refused as it is now; else None."""
    found = (item for item in refused.values() if item["origin"] == origin and item["source"] == source)
    refusal = next(found, None)
    return None if refusal is None else tuple(refusal["beside"])
