"""Lays out Python the way the usual formatters do, so that generated files need none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

WIDTH = 120


def call(head: str, arguments: Sequence[str], tail: str = ")", indent: int = 0) -> str:
    """``head(a, b)`` on one line, else the arguments on a line of their own, else one line each."""
    margin = " " * indent
    flat = f"{head}{', '.join(arguments)}{tail}"
    if len(margin + flat) <= WIDTH:
        return flat
    inner = f"{margin}    {', '.join(arguments)}"
    if len(inner) <= WIDTH:
        return f"{head}\n{inner}\n{margin}{tail}"
    lines = "".join(f"{margin}    {argument},\n" for argument in arguments)
    return f"{head}\n{lines}{margin}{tail}"


def literal(value: object, indent: int = 0, lead: int = 0) -> str:
    """A Python literal; containers that do not fit on the line are written one item a line."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Mapping):
        items = [(f"{literal(key)}: ", item) for key, item in value.items()]
        return _container("{", items, "}", indent, lead)
    if isinstance(value, list | tuple):
        return _container("[", [("", item) for item in value], "]", indent, lead)
    return repr(value).replace("e+", "e")  # as the formatter has it


def _container(left: str, items: list[tuple[str, object]], right: str, indent: int, lead: int) -> str:
    flat = left + ", ".join(key + literal(item) for key, item in items) + right
    if lead + indent + len(flat) <= WIDTH and "\n" not in flat:
        return flat
    margin = " " * (indent + 4)
    lines = "".join(f"{margin}{key}{literal(item, indent + 4, len(key) + 1)},\n" for key, item in items)
    return f"{left}\n{lines}{' ' * indent}{right}"


def quoted(text: str) -> str:
    """A string literal in double quotes, or in single ones where that saves escapes."""
    body = repr(text)
    if body.startswith('"'):
        return body
    inner = body[1:-1].replace("\\'", "'")
    if '"' in inner:
        return body
    return f'"{inner}"'
