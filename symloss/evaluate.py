"""Numbers for expressions over nodes and atoms, to check that two forms of the mathematics agree.

The compiler uses it on its own derivation steps and tests use it on rules; verification has its own evaluator.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import mpmath
import sympy
from sympy import Expr
from sympy.core.basic import Basic

from symloss.atoms import perpendicular
from symloss.declare import (
    Bracket,
    ClassLabel,
    Delta,
    Domain,
    Element,
    ExtraInput,
    Index,
    Interval,
    LogSoftmax,
    LogSumExp,
    Loss,
    Node,
    Norm,
    Parameter,
    Rising,
    Signs,
    Simplex,
    Softmax,
    Total,
    Unit,
    outermost_nodes,
)
from symloss.declare.binders import (
    Binder,
    IsLargest,
    Largest,
    Restricted,
    Share,
    ShareComplement,
    SoftmaxComplement,
)
from symloss.declare.domain import entries_of
from symloss.declare.nodes import Apart, fresh_index
from symloss.display import Notation, across

Values = Mapping[str, Any]
Places = Mapping[Index, int]

_DIGITS = 40
_CLASSES = 3


def number(expression: Expr, loss: Loss, values: Values) -> mpmath.mpf:
    """The value at given data (nested sequences over the axes), parameters and named places of free indices."""
    (found,) = numbers([expression], Reader(loss), values)
    return found


def numbers(expressions: Iterable[Expr], reader: Reader, values: Values) -> list[mpmath.mpf]:
    """The values of several expressions at the same data."""
    with mpmath.workdps(_DIGITS):
        reading = _Reading(reader, values)
        return [reading.number(expression, {}) for expression in expressions]


class Reader:
    """What the expressions of a loss are as functions of numbers: worked out once, for any data."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        self._notation = Notation(loss, plain=True)
        self._plain: dict[Basic, tuple[Expr, dict[Node, sympy.Dummy]]] = {}

    def plain(self, expression: Basic) -> tuple[Expr, dict[Node, sympy.Dummy]]:
        """An ordinary function of numbers, and the nodes that these are the values of."""
        if expression not in self._plain:
            whole = expression.replace(lambda part: isinstance(part, perpendicular), lambda part: across(*part.args))
            nodes = {node: sympy.Dummy(f"n{place}", real=True) for place, node in enumerate(outermost_nodes(whole))}
            self._plain[expression] = self._notation.shown(whole.xreplace(nodes)), nodes  # type: ignore[arg-type]
        return self._plain[expression]


class _Reading:
    """Nodes become numbers, place by place; what is left is an ordinary function of numbers."""

    def __init__(self, reader: Reader, values: Values) -> None:
        self.reader = reader
        self.values = values
        self.sizes = _sizes(reader.loss, values)
        self.known: dict[tuple[Basic, tuple[int, ...]], Expr] = {}

    def number(self, expression: Basic, places: Places) -> mpmath.mpf:
        """The value where free indices are at places; other letters have theirs among the values."""
        shown, nodes = self.reader.plain(expression)
        point = {dummy: self._node(node, places) for node, dummy in nodes.items()}
        point |= {symbol: self._symbol(symbol.name) for symbol in shown.free_symbols - point.keys()}
        return shown.xreplace(point).evalf(_DIGITS)._to_mpmath(140)  # noqa: SLF001 - SymPy's own door to mpmath

    def _symbol(self, name: str) -> Expr:
        return sympy.Integer(self.sizes[name]) if name in self.sizes else _float(self.values[name])

    def _node(self, node: Node, places: Places) -> Expr:
        free = sorted(node.atoms(Index) & places.keys(), key=sympy.default_sort_key)
        key = (node, tuple(places[index] for index in free))
        if key not in self.known:
            self.known[key] = self._evaluated(node, places)
        return self.known[key]

    def _evaluated(self, node: Node, places: Places) -> Expr:
        match node:
            case Element():
                entry: Any = self.values[node.data.name]
                for index in node.indices:
                    entry = entry[self._place(index, places)]
                return _float(entry)
            case Index():
                return sympy.Integer(self._place(node, places))
            case Delta() | Apart():
                left, right = (self._place(index, places) for index in node.args)  # type: ignore[arg-type]
                return sympy.Integer((left == right) == isinstance(node, Delta))
            case Bracket():
                return sympy.Integer(self._holds(node.condition, places))
            case Restricted():
                is_member = self.number(node.args[0], places) == 1
                return _float(self.number(node.args[1], places)) if is_member else sympy.Float("-inf")
        assert isinstance(node, Binder)
        return self._binder(node, places)

    def _holds(self, condition: Basic, places: Places) -> bool:
        if isinstance(condition, sympy.And | sympy.Or):
            parts = [self._holds(part, places) for part in condition.args]
            return all(parts) if isinstance(condition, sympy.And) else any(parts)
        return bool(condition.func(*(_float(self.number(side, places)) for side in condition.args)))

    def _place(self, index: Expr, places: Places) -> int:
        if isinstance(index, Index):
            return places[index] if index in places else int(self.values[index.letter])  # type: ignore[arg-type]
        return int(self.number(index, places))

    def _binder(self, node: Binder, places: Places) -> Expr:
        bound = fresh_index(node.axis, node, *places)
        body = node.body(bound)
        entries = [self.number(body, {**places, bound: place}) for place in range(self.sizes[node.axis.name])]
        own = entries[self._place(node.at, places)] if len(node.args) > 2 else None
        return _float(_VECTORS[type(node)](entries, own) if own is not None else _WHOLE[type(node)](entries))


def _share(entries: list[mpmath.mpf], own: mpmath.mpf) -> mpmath.mpf:
    return own / mpmath.fsum(entries)


def _length(entries: list[mpmath.mpf]) -> mpmath.mpf:
    return mpmath.sqrt(mpmath.fsum(entry**2 for entry in entries))


def _softmax(entries: list[mpmath.mpf], own: mpmath.mpf) -> mpmath.mpf:
    return mpmath.exp(own - _log_sum_exp(entries))


def _log_sum_exp(entries: list[mpmath.mpf]) -> mpmath.mpf:
    return mpmath.log(mpmath.fsum(mpmath.exp(entry) for entry in entries))


_WHOLE: dict[type, Callable[[list[mpmath.mpf]], mpmath.mpf]] = {
    Total: mpmath.fsum,
    LogSumExp: _log_sum_exp,
    Largest: max,
    Norm: _length,
}
_VECTORS: dict[type, Callable[[list[mpmath.mpf], mpmath.mpf], mpmath.mpf]] = {
    Softmax: _softmax,
    SoftmaxComplement: lambda entries, own: 1 - _softmax(entries, own),
    LogSoftmax: lambda entries, own: own - _log_sum_exp(entries),
    Unit: lambda entries, own: own / _length(entries),
    Share: _share,
    ShareComplement: lambda entries, own: 1 - _share(entries, own),
    IsLargest: lambda entries, own: mpmath.mpf(own == max(entries)),
}


def _sizes(loss: Loss, values: Values) -> dict[str, int]:
    """The sizes of all axes, as the data have them."""
    sizes: dict[str, int] = {}
    for name, data in values.items():
        entries: Any = data
        for axis in loss.axes_of_data(name):
            sizes[axis.name] = len(entries)
            entries = entries[0]
    return sizes


def _float(value: Any) -> sympy.Float:
    return sympy.Float(value if isinstance(value, mpmath.mpf) else repr(float(value)), _DIGITS)


def points(loss: Loss) -> list[dict[str, Any]]:
    """A few points inside every domain; free indices j and m are given places."""
    return [_point(loss, step) for step in range(5)]


def _point(loss: Loss, step: int) -> dict[str, Any]:
    values: dict[str, Any] = {"j": 1.0, "m": 2.0, "i": 0.0}
    items: list[Parameter | ExtraInput] = [*loss.parameters, *loss.extra_inputs]
    for order, item in enumerate(items):
        values[item.name] = _array(loss, item.name, item.domain, 0.31 + 0.17 * step + 0.23 * order)
    for order, (name, domain) in enumerate((("y_true", loss.y_true), ("y_pred", loss.y_pred))):
        values[name] = _array(loss, name, domain, 0.1313 + 0.2917 * step + 0.3719 * order)
    if isinstance(loss.y_true, Simplex):
        values["y_true"] = [0.25, 0.5, 0.25]
    if isinstance(loss.y_true, ClassLabel) and not loss.y_true.over:
        values["y_true"] = float(step % _CLASSES)
    if isinstance(loss.y_true, Signs):
        values["y_true"] = 1.0 if step % 2 else -1.0
    values["vector"] = [0.5, -1.25, 2.0]
    return values


def _array(loss: Loss, name: str, domain: Domain, first: float) -> Any:
    """Numbers of a domain in nested lists over the axes, three entries each."""
    entries, count = entries_of(domain), itertools.count()

    def nested(depth: int) -> Any:
        if depth == 0:
            return _inside(entries, first + 0.2137 * next(count))
        numbers = [nested(depth - 1) for _ in range(_CLASSES)]
        return sorted(numbers) if isinstance(domain, Rising) else numbers

    return nested(len(loss.axes_of_data(name)))


def _inside(domain: Interval, fraction: float) -> float:
    lower, upper = max(domain.lower, -2.0), min(domain.upper, 2.0)
    lower, upper = (lower, upper) if lower < upper else (lower, lower + 2.0)
    return round(lower + (0.05 + 0.9 * (fraction % 1.0)) * (upper - lower), 6)
