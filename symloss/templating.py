"""The one Jinja environment, strict about undefined names."""

from __future__ import annotations

from functools import cache

import jinja2

from symloss import layout
from symloss.template_files import templates_folder


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
    made.globals["assignment"] = layout.assignment
    made.globals["returned"] = layout.returned
    made.globals["call"] = layout.call
    made.globals["call_in_c"] = layout.call_in_c
    made.globals["literal"] = layout.literal
    return made


def render(template: str, **values: object) -> str:
    """A template's text with the values filled in."""
    return environment().get_template(template).render(**values)
