"""Lays out Python the way the usual formatters do, so that generated files need none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

WIDTH = 120


def call(head: str, arguments: Sequence[str], tail: str = ")", indent: int = 0, last: str = ",") -> str:
    """``head(a, b)`` on one line, else the arguments on one of their own, else a line each and ``last`` behind."""
    margin = " " * indent
    flat = f"{head}{', '.join(arguments)}{tail}"
    if len(margin + flat) <= WIDTH:
        return flat
    inner = f"{margin}    {', '.join(arguments)}"
    if len(inner) <= WIDTH:
        return f"{head}\n{inner}\n{margin}{tail}"
    lines = ",\n".join(f"{margin}    {argument}" for argument in arguments)
    return f"{head}\n{lines}{last}\n{margin}{tail}"


def call_in_c(head: str, arguments: Sequence[str], tail: str = ")", indent: int = 0) -> str:
    """The same for C, which takes no comma behind the last argument."""
    return call(head, arguments, tail, indent, last="")


def assignment(name: str, code: str, indent: int = 4, operator: str = "=") -> str:
    """``name = code``, or ``name += code``; a call that does not fit on the line is laid out as one."""
    head, bracket, rest = code.partition("(")
    if indent + len(name) + 3 + len(head) > WIDTH - 4 and ", " in name:
        return _one_a_line("(", name.split(", "), indent, f") = {code}")
    left = f"{name} {operator} "
    if indent + len(left) + len(code) <= WIDTH or not bracket or _end_of_call(rest) != len(rest) - 1:
        return f"{left}{code}"
    return call(f"{left}{head}(", _arguments(rest[:-1]), ")", indent)


def returned(results: Sequence[str], indent: int = 4) -> str:
    """``return a, b``, in parentheses and one result a line where it does not fit."""
    flat = f"return {', '.join(results)}"
    return flat if indent + len(flat) <= WIDTH else _one_a_line("return (", results, indent)


def _one_a_line(head: str, items: Sequence[str], indent: int, tail: str = ")") -> str:
    margin = " " * indent
    return f"{head}\n" + "".join(f"{margin}    {item},\n" for item in items) + margin + tail


def _end_of_call(rest: str) -> int:
    """Where the bracket closes that was open before."""
    depth = 1
    for place, letter in enumerate(rest):
        depth += (letter in "([") - (letter in ")]")
        if depth == 0:
            return place
    return -1


def _arguments(text: str) -> list[str]:
    """What commas outside brackets and strings separate."""
    parts, depth, quoted_ = [""], 0, False
    for letter in text:
        quoted_ ^= letter == '"'
        depth += 0 if quoted_ else (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0 and not quoted_:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


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
