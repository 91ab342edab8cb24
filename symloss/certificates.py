"""Certificates on disk: one JSON file per declaration beside the generated folders. Standard library only.

A certificate belongs to the code that was measured, whose hash it holds; for any other code it says nothing.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from symloss.files import read_record, write_record

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
    return read_record(path, _MARK, "record of certificates", "certify again")


def write(path: Path, record: Record) -> None:
    """Replace the file; the same record gives the same bytes."""
    write_record(path, _MARK, record)


def code_hash(text: str) -> str:
    """A hash of the text that a certificate is of."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def found_for(record: Record, target: str, form: str, text: str) -> Record | None:
    """The certificate of exactly this text, or None."""
    known = record.get(target, {}).get(form)
    return known if known is not None and known.get("code") == code_hash(text) else None


def arithmetic_for(record: Record, target: str, form: str, plain: str) -> Record:
    """The arithmetic that was chosen for the code whose text, computed in floats throughout, is this; else nothing."""
    known = record.get(target, {}).get(form, {})
    return known.get("arithmetic", {}) if known.get("in_floats") == code_hash(plain) else {}
