"""Finds the templates in a wheel or in a checkout; separate from Jinja so that a warm check does not import it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from symloss.errors import FileError


@cache
def templates_folder() -> Path:
    """``symloss/templates`` in a wheel, ``templates`` beside the package in a checkout."""
    package = Path(__file__).parent
    for folder in (package / "templates", package.parent / "templates"):
        if (folder / "python").is_dir():
            return folder
    raise FileError(f"no templates beside {package}; reinstall symloss")
