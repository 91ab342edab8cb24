"""The one Jinja environment, strict about undefined names; finds templates in a wheel or in a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2

from symloss import layout
from symloss.errors import FileError


@cache
def templates_folder() -> Path:
    """``symloss/templates`` in a wheel, ``templates`` beside the package in a checkout."""
    package = Path(__file__).parent
    for folder in (package / "templates", package.parent / "templates"):
        if (folder / "python").is_dir():
            return folder
    raise FileError(f"no templates beside {package}; reinstall symloss")


@cache
def environment() -> jinja2.Environment:
    """Blocks are ``{% %}``; for LaTeX templates the same, since no formula contains them."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_folder()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - the output is code, not HTML
    )
    made.globals["call"] = layout.call
    made.globals["literal"] = layout.literal
    return made


def render(template: str, **values: object) -> str:
    """A template's text with the values filled in."""
    return environment().get_template(template).render(**values)
