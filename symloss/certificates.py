"""Certificates on disk: one JSON file per declaration beside the generated folders. Standard library only.

A certificate belongs to the code that was measured, whose hash it holds; for any other code it says nothing.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from symloss.errors import FileError
from symloss.files import replace_atomically

FOLDER = "certificates"
_MARK = "symloss certify"
_DIGITS = 16

Record = dict[str, Any]


def path_of(out: Path, stem: str) -> Path:
    """Where the certificates of a declaration file are kept."""
    return out / FOLDER / f"{stem}.json"


def shipped(stem: str) -> Path:
    """The certificates of a catalogue declaration that came with symloss: in the wheel, or in the checkout."""
    package = Path(__file__).parent
    folders = (package / "measured_catalogue", package.parent / "generated" / FOLDER)
    return next((folder for folder in folders if folder.is_dir()), folders[0]) / f"{stem}.json"


def read(path: Path) -> Record:
    """What was recorded: target, form, then code, environment and numbers; empty where there is no file.

    Raises FileError for a file of another kind.
    """
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FileError(f"{path} is no record of certificates: {error}; move it away or certify again") from error
    if not isinstance(found, dict) or found.pop("made_by", None) != _MARK:
        raise FileError(f"{path} is no record of certificates; move it away")
    return found


def write(path: Path, record: Record) -> None:
    """Replace the file; the same record gives the same bytes."""
    text = json.dumps({"made_by": _MARK, **record}, indent=1, sort_keys=True, ensure_ascii=False)
    replace_atomically(path, text + "\n")


def code_hash(text: str) -> str:
    """A hash of an emitted module's text, without its header, its source hash or any certificate."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def found_for(record: Record, target: str, form: str, text: str) -> Record | None:
    """The certificate of exactly this text, or None."""
    known = record.get(target, {}).get(form)
    return known if known is not None and known.get("code") == code_hash(text) else None


def arithmetic_for(record: Record, target: str, form: str, plain: str) -> Record:
    """The arithmetic that was chosen for the code whose text, computed in floats throughout, is this; else nothing."""
    known = record.get(target, {}).get(form, {})
    return known.get("arithmetic", {}) if known.get("in_floats") == code_hash(plain) else {}
