"""SymPy's own Sum, Indexed, MatrixSymbol and KroneckerDelta in the notation of named axes, where they have one meaning.

A sum from 0 to K - 1, or from 1 to K, runs over the axis K; one that ends at another index, as ``Sum(…, (j, 0, i))``
does, is a sum under a condition. A variable that is no subscript stands for the number it has in its range.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sympy
from sympy import Expr, Idx, Indexed, Integer, KroneckerDelta, Product, Sum, Symbol
from sympy.core.basic import Basic
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixExpr

from symloss.declare.axes import sum_over
from symloss.declare.nodes import Axis, Data, Delta, Element, Index, bracket
from symloss.errors import DeclarationError

_INDEXED = (Sum, Product, Indexed, MatrixElement, MatrixExpr, KroneckerDelta, Idx)


@dataclass(frozen=True)
class Range:
    """What a variable runs over: an axis, counted from 0 or from 1."""

    index: Index
    first: int


def named_axes(expressions: Iterable[Basic]) -> list[Expr]:
    """Expressions that belong together, their variables with one meaning, over named axes.

    Those without an indexed node of SymPy are as they were. Raises DeclarationError for a range that is no whole axis
    and ends at no other index, a shifted or constant subscript, a variable of two ranges, and a product.
    """
    given = list(expressions)
    if not any(isinstance(item, Basic) and item.has(*_INDEXED) for item in given):
        return given  # type: ignore[return-value]
    scalars = [_scalar(item) for item in given]
    return [_Reading(_ranges(scalars)).read(item) for item in scalars]


def _scalar(expression: Basic) -> Expr:
    """The entry of a 1 × 1 matrix, traces and matrix products as sums."""
    if isinstance(expression, MatrixExpr):
        if expression.shape != (1, 1):
            raise DeclarationError(f"the expression is a matrix of shape {expression.shape}; sum over its entries")
        expression = expression[0, 0]
    rewritten = sympy.sympify(expression)
    return rewritten.replace(sympy.Trace, lambda matrix: sympy.Trace(matrix).rewrite(Sum))  # type: ignore[no-any-return]


def _ranges(expressions: list[Expr]) -> dict[Symbol, Range]:
    """The range of every variable of a sum or Idx that runs over a whole axis, directly or up to such a variable."""
    limits = [limit for item in expressions for node in item.atoms(Sum) for limit in node.limits]
    for node in {index for item in expressions for index in item.atoms(Idx) if index.upper is not None}:
        limits.append(sympy.Tuple(node, node.lower, node.upper))
    found: dict[Symbol, Range] = {}
    for _ in range(len(limits) + 1):
        for variable, lower, upper in map(_limit, limits):
            known = _range_of(variable, lower, upper, found)
            if known is not None and found.setdefault(variable, known) != known:
                raise DeclarationError(f"{variable} runs over two ranges; give each its own letter")
    return found


def _limit(limit: sympy.Tuple) -> tuple[Symbol, Expr, Expr]:
    if len(limit) != 3:
        raise DeclarationError(f"the sum over {limit[0]} has no range; write (k, 1, K) or (k, 0, K - 1)")
    return limit[0], limit[1], limit[2]


def _range_of(variable: Symbol, lower: Expr, upper: Expr, found: dict[Symbol, Range]) -> Range | None:
    """From 0 or 1 to the size of an axis, from there to another variable, or from another variable to the size."""
    for first in (0, 1):
        size = sympy.expand(upper + 1 - first)
        is_size = isinstance(size, Symbol) and not isinstance(size, Idx) and size not in found
        if lower == first and is_size:
            return _named(variable, Axis(size.name), first)
        bound = upper if lower == first else lower if is_size else None
        end = None if bound is None else _end(bound, found)
        if end is not None and end[0].first == first and (bound is upper or size.name == end[0].index.axis.name):
            return _named(variable, end[0].index.axis, first)
    return None


def _named(variable: Symbol, axis: Axis, first: int) -> Range:
    return Range(axis.index(str(variable).lstrip("_")), first)


def _end(bound: Expr, found: dict[Symbol, Range]) -> tuple[Range, int] | None:
    """A bound as another variable and the number added to it."""
    for variable, known in found.items():
        added = sympy.expand(bound - variable)
        if added in (-1, 0, 1):
            return known, int(added)
    return None


class _Reading:
    """Reads one expression, given what its variables run over."""

    def __init__(self, ranges: dict[Symbol, Range]) -> None:
        self.ranges = ranges
        self.axes = {item.index.axis.name: item.index.axis for item in ranges.values()}

    def read(self, node: Basic) -> Expr:
        """The same over named axes."""
        match node:
            case Sum():
                return self._sum(node)
            case Product():
                raise DeclarationError(f"{node} is a product; write the exponential of a sum of logarithms")
            case Indexed():
                name = str(node.base.label)
                return Element(Data(name), *(self._subscript(item, node) for item in node.indices))
            case MatrixElement():
                return self._matrix_entry(node)
            case KroneckerDelta():
                return self._delta(node)
        if node in self.ranges:
            known = self.ranges[node]  # type: ignore[index]
            return known.index + known.first
        if isinstance(node, Symbol) and not isinstance(node, Data) and node.name in self.axes:
            return self.axes[node.name]
        if not node.args or not node.has(*_INDEXED, *self.ranges, *self._free_sizes(node)):
            return node  # type: ignore[return-value]
        return node.func(*(self.read(argument) for argument in node.args))  # type: ignore[no-any-return]

    def _free_sizes(self, node: Basic) -> list[Symbol]:
        return [symbol for symbol in node.free_symbols if getattr(symbol, "name", "") in self.axes]  # type: ignore[misc]

    def _sum(self, node: Sum) -> Expr:
        limits = [_limit(limit) for limit in node.limits]
        for variable, lower, upper in limits:
            if variable not in self.ranges:
                raise DeclarationError(
                    f"the sum over {variable} from {lower} to {upper} is not over a whole axis, 1 to K or 0 to K - 1, "
                    "nor up to another index"
                )
        body = self.read(node.function)
        for variable, lower, upper in limits:  # the innermost comes first
            index = self.ranges[variable].index
            others = {key: item for key, item in self.ranges.items() if key != variable}
            for bound, is_lower in ((lower, True), (upper, False)):
                if (end := _end(bound, others)) is not None:
                    body = bracket(_within(index, end[0].index, end[1], is_lower=is_lower)) * body
            body = sum_over(index, body)
        return body

    def _delta(self, node: KroneckerDelta) -> Expr:
        if len({self.ranges[item].first for item in node.args[:2] if item in self.ranges}) > 1:
            raise DeclarationError(f"{node} compares an index that counts from 0 with one that counts from 1")
        left, right = (self._subscript(item, node) for item in node.args[:2])
        return Delta(left, right)

    def _subscript(self, item: Basic, node: Basic) -> Expr:
        if item in self.ranges:
            return self.ranges[item].index  # type: ignore[index]
        if isinstance(item, Indexed | MatrixElement):
            return self.read(item)
        if isinstance(item, Symbol) and not isinstance(item, Idx) and item.name == "y_true":
            return Data("y_true")
        raise DeclarationError(
            f"{node} has the subscript {item}, which is neither a variable that a sum runs over nor a label; "
            "subscripts that are shifted or constant have no meaning on a named axis"
        )

    def _matrix_entry(self, node: MatrixElement) -> Expr:
        matrix, *places = node.args
        if not isinstance(matrix, sympy.MatrixSymbol):
            raise DeclarationError(f"{node} is an entry of an expression; expand it into entries of matrix symbols")
        kept = [
            self._subscript(place, node) for place, size in zip(places, matrix.shape, strict=True) if size != Integer(1)
        ]
        return Element(Data(matrix.name), *kept) if kept else Data(matrix.name)


def _within(index: Index, end: Index, added: int, *, is_lower: bool) -> Basic:
    """``j >= i`` for a lower bound i, ``j > i`` for i + 1; ``j <= i`` and ``j < i`` for upper ones."""
    if (added, is_lower) in ((0, True), (0, False)):
        return index >= end if is_lower else index <= end
    if (added, is_lower) in ((1, True), (-1, False)):
        return index > end if is_lower else index < end
    raise DeclarationError(f"a range of {index.letter} ends one beyond {end.letter}, outside its axis")
