"""Value numbering with array dimensions: an operation on the same operands is computed once.

Every dimension belongs to an index of an axis. Operands of different dimensions are expanded to common ones, and an
array that is read at other indices of the same axes is *relabelled*, which costs nothing, so that ``f(x_i)`` and
``f(x_j)`` are one array. A row has one dimension of size 1 behind those of the samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction

from symloss.kernel import Apply, Constant, Input, Value, result_kind

Dims = tuple[str, ...]
_OVER_LAST = frozenset({"sum_over_axis", "max_over_axis"})
_WITHOUT_DIMS = frozenset({"dot", "take_label", "axis_size", "closeness", "smallest_normal"})
_LETTERS = "ijlmnopqrs"


def dimension(axis: str, number: int) -> str:
    """The name of the dimension for the first, second, … index of an axis."""
    return f"{axis}:{number}"


class Values:
    """The values of a kernel in the making; positions stand for values."""

    def __init__(self, axes: Sequence[str]) -> None:
        self.axes = tuple(axes)
        self.values: list[Value] = []
        self._numbers: dict[tuple[Input | Constant | Apply, Dims], int] = {}

    # -- recording -------------------------------------------------------------------------------------------------

    def constant(self, number: Fraction | float, rest: float = 0.0) -> int:
        """The position of a constant; ``rest`` is what the float of an irrational number lacks."""
        exact = Fraction(number) if isinstance(number, int) else number
        return self.record(Constant(exact, rest), "parameter", "")

    def record(self, definition: Input | Constant | Apply, kind: str, name: str, dims: Dims = ()) -> int:
        """The position of a value, which is new where no other has the same definition."""
        key = (definition, dims)
        if key in self._numbers:
            position = self._numbers[key]
            known = self.values[position]
            if name and not known.name:
                self.values[position] = replace(known, name=name)
            return position
        self.values.append(Value(definition, kind, name, dims=dims))
        self._numbers[key] = len(self.values) - 1
        return len(self.values) - 1

    def dims(self, position: int) -> Dims:
        """The dimensions of a value."""
        return self.values[position].dims

    def apply(self, operation: str, *operands: int, name: str = "", layout: str = "") -> int:
        """The position of an operation's result, its operands expanded to common dimensions."""
        if operation in ("negate", "subtract") and (opposite := self._negated(operands[-1])) != operands[-1]:
            return opposite if operation == "negate" else self.apply("add", operands[0], opposite, name=name)
        if operation in _OVER_LAST:
            return self.reduce(operation, operands[0], self._last(operands[0]), name=name)
        if operation in _WITHOUT_DIMS:
            return self._result(operation, operands, (), name, layout)
        if operation == "is_first_maximum" and self.dims(operands[0]):
            return self._result(operation, operands, self.dims(operands[0]), name, layout)
        labelled = self._common_labels(operands)
        if labelled is not None:
            bases = [self._base(operand) for operand in operands]
            return self.relabel(self.apply(operation, *bases, name=name, layout=layout), labelled)
        dims = self.union(operands)
        expanded = tuple(self.expand(operand, dims) for operand in operands)
        return self._result(operation, expanded, dims, name, layout)

    def _negated(self, position: int) -> int:
        """What a value is the negative of; itself where it is none."""
        definition = self.values[position].definition
        is_negated = isinstance(definition, Apply) and definition.operation == "negate"
        return definition.operands[0] if is_negated else position  # type: ignore[union-attr]

    def _result(self, operation: str, operands: Iterable[int], dims: Dims, name: str, layout: str) -> int:
        places = tuple(operands)
        kind = result_kind(operation, [self.values[place].kind for place in places], dims)
        return self.record(Apply(operation, places, layout), kind, name, dims)

    # -- dimensions ------------------------------------------------------------------------------------------------

    def _order(self, dim: str) -> tuple[int, int]:
        axis, _, number = dim.partition(":")
        return self.axes.index(axis), int(number)

    def union(self, positions: Iterable[int]) -> Dims:
        """The dimensions that some values have together, in order."""
        return tuple(sorted({dim for position in positions for dim in self.dims(position)}, key=self._order))

    def _last(self, position: int) -> str:
        dims = self.dims(position)
        return dims[-1] if dims else ""

    def expand(self, position: int, dims: Dims) -> int:
        """The value with a dimension of size 1 for each one that it lacks."""
        value = self.values[position]
        if value.kind == "parameter" or value.dims == dims or len(dims) + len(value.dims) == 1:
            return position
        if not value.dims:  # a row has one dimension already
            layout = ":" + "+" * (len(dims) - 1)
        else:
            layout = "".join(":" if dim in value.dims else "+" for dim in dims)
        kind = "flag" if value.kind == "flag" else "element"
        return self.record(Apply("expand", (self._base(position),), layout), kind, "", dims)

    def _base(self, position: int) -> int:
        definition = self.values[position].definition
        is_label = isinstance(definition, Apply) and definition.operation == "relabel"
        return definition.operands[0] if is_label else position  # type: ignore[union-attr]

    def _common_labels(self, positions: Sequence[int]) -> Dims | None:
        """The dimensions that all values are relabelled to, where they are; rows and numbers take part in any."""
        moving = [position for position in positions if self.dims(position)]
        if not moving or any(self._base(position) == position for position in moving):
            return None
        labels = {self.dims(position) for position in moving}
        bases = {self.dims(self._base(position)) for position in moving}
        return labels.pop() if len(labels) == 1 and len(bases) == 1 else None

    def relabel(self, position: int, dims: Dims) -> int:
        """The value read at other indices, dimension by dimension; transposed where their order changes."""
        base = self._base(position)
        if self.dims(base) == dims:
            return base
        ordered = tuple(sorted(dims, key=self._order))
        if ordered == dims:
            return self._labelled(base, dims)
        return self.relabel(self.transpose(base, [dims.index(dim) for dim in ordered]), ordered)

    def _labelled(self, base: int, dims: Dims) -> int:
        return self.record(Apply("relabel", (base,), ",".join(dims)), self.values[base].kind, "", dims)

    def transpose(self, position: int, order: Sequence[int]) -> int:
        """The value with its dimensions in another order, and named in order."""
        base = self._base(position)
        own = self.dims(base)
        dims = self._first_numbers([own[place] for place in order])
        layout = "".join(map(str, order))
        return self.record(Apply("transpose", (base,), layout), self.values[base].kind, "", dims)

    def _first_numbers(self, dims: Sequence[str]) -> Dims:
        """The same axes with the first numbers each."""
        seen: dict[str, int] = {}
        named = []
        for dim in dims:
            axis = dim.partition(":")[0]
            named.append(dimension(axis, seen.get(axis, 0)))
            seen[axis] = seen.get(axis, 0) + 1
        return tuple(named)

    # -- over dimensions -------------------------------------------------------------------------------------------

    def reduce(self, operation: str, position: int, dim: str, name: str = "") -> int:
        """Sum or maximum over one dimension."""
        dims = self.dims(position)
        base, place = self._base(position), dims.index(dim) if dim else 0
        kept = tuple(other for other in dims if other != dim)
        own = tuple(other for number, other in enumerate(self.dims(base)) if number != place)
        layout = str(place - max(len(dims), 1))
        layout = "" if layout == "-1" else layout
        reduced = self._result(operation, (base,), own or (), name, layout)
        return self.relabel(reduced, kept) if kept else reduced

    def with_last(self, position: int, dim: str) -> int:
        """The value with a dimension moved behind the others; its dimensions are then out of order."""
        dims = self.dims(position)
        if dims[-1] == dim:
            return position
        order = [place for place, other in enumerate(dims) if other != dim] + [dims.index(dim)]
        moved = self.transpose(position, order)
        labels = tuple(dims[place] for place in order)
        return self._labelled(moved, labels)

    def in_order(self, position: int) -> int:
        """A value whose dimensions are out of order, with them in order."""
        dims = self.dims(position)
        ordered = tuple(sorted(dims, key=self._order))
        if ordered == dims:
            return position
        moved = self.transpose(position, [dims.index(dim) for dim in ordered])
        return self.relabel(moved, ordered)

    def contract(self, first: int, second: int, dim: str) -> int:
        """Sum over one dimension of a product, without the product."""
        dims = tuple(other for other in self.union((first, second)) if other != dim)
        first, second = self._as_matrices(first, second, dim)
        letters = dict(zip((*dims, dim), _LETTERS, strict=False))
        sides = ["".join(letters[item] for item in self.dims(position)) for position in (first, second)]
        result = "".join(letters[item] for item in dims)
        layout = f"{sides[0]},{sides[1]}->{result}"
        is_matrix = [len(side) for side in (*sides, result)] == [2, 2, 2] and sides[0][1] == sides[1][0]
        operation = "matrix_product" if is_matrix and result == sides[0][0] + sides[1][1] else "contract"
        names = self._first_numbers(dims)
        found = self._result(operation, (self._base(first), self._base(second)), names, "", layout)
        return self.relabel(found, dims) if dims else found

    def _as_matrices(self, first: int, second: int, dim: str) -> tuple[int, int]:
        """Both operands with the shared dimension inside, where both are matrices."""
        pair = (first, second)
        if any(len(self.dims(position)) != 2 for position in pair):
            return pair
        outer = [next(item for item in self.dims(position) if item != dim) for position in pair]
        if outer[0] == outer[1]:
            return pair
        if self._order(outer[0]) > self._order(outer[1]):
            first, second = second, first
        first = self.with_last(first, dim)
        if self.dims(second)[0] != dim:
            second = self.with_last(second, self.dims(second)[0])
        return first, second

    def diagonal(self, position: int, first: str, second: str) -> int:
        """Entries where two dimensions are at the same place, which is then that of the first."""
        if set(self.dims(position)[-2:]) != {first, second}:
            position = self.with_last(self.with_last(position, first), second)
        kept = self.dims(position)[:-2]
        names = self._first_numbers((*kept, first))
        found = self._result("diagonal", (self._base(position),), names, "", "")
        labels = (*kept, first)
        return self.in_order(self._labelled(found, labels)) if labels != names else found
