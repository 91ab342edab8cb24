"""Numbers for expressions over nodes and atoms, to check that two forms of the mathematics agree.

The compiler uses it on its own derivation steps and tests use it on rules; verification has its own evaluator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mpmath
import sympy
from sympy import Expr

from symloss.declare import ExtraInput, Interval, Loss, Parameter
from symloss.declare.domain import entries_of
from symloss.display import Notation

Values = Mapping[str, float | Sequence[float]]

_DIGITS = 40
_CLASSES = 3


def number(expression: Expr, loss: Loss, values: Values) -> mpmath.mpf:
    """The value at given data (sequences over the axis), parameters and named places of free indices."""
    shown = Notation(loss, plain=True).shown(expression)
    with mpmath.workdps(_DIGITS):
        return _number(shown, values)


def _number(shown: Expr, values: Values) -> mpmath.mpf:
    if isinstance(shown, sympy.Sum):
        letter = str(shown.args[1][0])
        places = range(_size(values))
        return mpmath.fsum(_number(shown.args[0], {**values, letter: float(place)}) for place in places)
    if shown.has(sympy.Sum):
        numbers = {node: _float(_number(node, values)) for node in _outermost_sums(shown)}
        shown = shown.xreplace(numbers)
    point = {symbol: _symbol(symbol.name, values) for symbol in shown.free_symbols}
    return shown.xreplace(point).evalf(_DIGITS)._to_mpmath(140)  # noqa: SLF001 - SymPy's own door to mpmath


def _outermost_sums(shown: Expr) -> list[Expr]:
    if isinstance(shown, sympy.Sum):
        return [shown]
    return [node for argument in shown.args for node in _outermost_sums(argument)]  # type: ignore[arg-type]


def _symbol(name: str, values: Values) -> Expr:
    base, _, letter = name.partition("@")
    if name == "K":
        return sympy.Integer(_size(values))
    entry = values[base]
    if letter:
        place = values["y_true"] if letter == "y_true" else values[letter]
        entry = entry[int(place)]  # type: ignore[index,arg-type]
    return sympy.Float(repr(float(entry)), _DIGITS)  # type: ignore[arg-type]


def _size(values: Values) -> int:
    return max((len(entry) for entry in values.values() if isinstance(entry, Sequence)), default=1)


def _float(value: mpmath.mpf) -> sympy.Float:
    return sympy.Float(value, _DIGITS)


def points(loss: Loss) -> list[dict[str, float | list[float]]]:
    """A few points inside every domain, for either kind of loss; free indices j and m are given places."""
    made = []
    for step in range(5):
        values: dict[str, float | list[float]] = {"j": 1.0, "m": 2.0, "i": 0.0}
        items: list[Parameter | ExtraInput] = [*loss.parameters, *loss.extra_inputs]
        for order, item in enumerate(items):
            values[item.name] = _inside(item.domain, 0.31 + 0.17 * step + 0.23 * order)
        for order, (name, domain) in enumerate((("y_true", loss.y_true), ("y_pred", loss.y_pred))):
            entries = entries_of(domain)
            first = 0.1313 + 0.2917 * step + 0.3719 * order
            numbers = [_inside(entries, first + 0.2137 * place) for place in range(_CLASSES)]
            values[name] = numbers[0] if loss.is_elementwise else numbers
        if type(loss.y_true).__name__ == "Simplex":
            values["y_true"] = [0.25, 0.5, 0.25]
        if type(loss.y_true).__name__ == "ClassLabel":
            values["y_true"] = float(step % _CLASSES)
        if type(loss.y_true).__name__ == "Signs":
            values["y_true"] = 1.0 if step % 2 else -1.0
        values["vector"] = [0.5, -1.25, 2.0]
        made.append(values)
    return made


def _inside(domain: Interval, fraction: float) -> float:
    lower, upper = max(domain.lower, -2.0), min(domain.upper, 2.0)
    lower, upper = (lower, upper) if lower < upper else (lower, lower + 2.0)
    return round(lower + (0.05 + 0.9 * (fraction % 1.0)) * (upper - lower), 6)
