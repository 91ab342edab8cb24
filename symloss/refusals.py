"""Which losses a boosting library can not train, and why: one JSON file per library, beside its modules.

A refusal stands for the module that there is not, so that a fresh folder is known to be complete without deriving
anything. Standard library only.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

from symloss.errors import FileError
from symloss.files import replace_atomically

_NAME = "refused.json"
_MARK = "symloss generate"


class Refusal(TypedDict):
    """One loss: where it is declared, the hash of what the refusal was made from, and the reason."""

    origin: str
    source: str
    why: str


def path_of(folder: Path) -> Path:
    """Where the refusals of a library are kept."""
    return folder / _NAME


def read(folder: Path) -> dict[str, Refusal]:
    """The refusals by the name of the loss; raises FileError for a file of another kind."""
    path = path_of(folder)
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FileError(f"{path} is no list of refusals: {error}; move it away or generate again") from error
    if not isinstance(found, dict) or found.pop("made_by", None) != _MARK:
        raise FileError(f"{path} is no list of refusals; move it away")
    return found


def write(folder: Path, refusals: dict[str, Refusal]) -> None:
    """Replace the file; the same refusals give the same bytes."""
    text = json.dumps({"made_by": _MARK, **refusals}, indent=1, sort_keys=True, ensure_ascii=False)
    replace_atomically(path_of(folder), text + "\n")


def is_fresh(folder: Path, origin: str, source: str) -> bool:
    """Whether a declaration is known to make no module here, from what it is now."""
    return any(item["origin"] == origin and item["source"] == source for item in read(folder).values())
