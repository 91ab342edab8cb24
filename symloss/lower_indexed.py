"""Entries, brackets and sums over axes as array operations.

A sum of products is contracted without forming the product; what is equal up to renaming is computed once.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy
from sympy import Expr
from sympy.core.basic import Basic
from sympy.logic import boolalg

from symloss.declare import Axis, Bracket, Delta, Element, Index, Loss, Total
from symloss.declare.axes import multiplied_out, sum_over
from symloss.declare.binders import Binder, IsLargest, Largest, Restricted
from symloss.declare.nodes import Apart, Mark, bracket, free_indices
from symloss.derive import Derivation
from symloss.differentiate import VECTOR
from symloss.dimensions import Dims, dimension
from symloss.errors import UnsupportedError
from symloss.intermediates import Definition
from symloss.kernel import Input
from symloss.sorted_order import InSortedOrder
from symloss.stages import ROW_WEIGHT

_LETTER = "k"


class IndexedLowering(InSortedOrder):
    """The part of lowering that knows of indices; subclasses lower scalar expressions."""

    lower: Callable[[Basic], int]

    def __init__(self, derivation: Derivation) -> None:
        self.loss: Loss = derivation.loss
        super().__init__([axis.name for axis in self.loss.axes])
        self.definitions: dict[str, Definition] = {item.symbol.name: item for item in derivation.definitions}
        self._expressions: dict[Basic, int] = {}

    # -- letters ---------------------------------------------------------------------------------------------------

    def _number(self, index: Index) -> int:
        return int(index.letter[1:] or 1) - 1

    def _dim(self, index: Index) -> str:
        return dimension(index.axis.name, self._number(index))

    def _index(self, axis: Axis, number: int) -> Index:
        return axis.index(_LETTER + (str(number + 1) if number else ""))

    def slot(self, node: Binder) -> Index:
        """The index that a binder's body is opened at: the first that does not occur in it."""
        taken = {self._number(index) for index in free_indices(node.args[0]) if index.axis == node.axis}
        return self._index(node.axis, next(number for number in range(len(taken) + 1) if number not in taken))

    def _canonical(self, expression: Basic) -> tuple[Basic, dict[Index, Index]]:
        """The expression at the first letters of every axis, and which letters they stand for."""
        free = self._in_order(free_indices(expression))
        if isinstance(expression, Binder) and len(expression.args) > 2 and isinstance(expression.at, Index):
            inner = free_indices(expression.args[0])  # the outer index comes last, as the bound one does
            free = [index for index in free if index in inner] + [index for index in free if index not in inner]
        return self._renumbered(expression, free)

    def _renumbered(self, expression: Basic, free: list[Index]) -> tuple[Basic, dict[Index, Index]]:
        counts: dict[Axis, int] = {}
        letters: dict[Index, Index] = {}
        for index in free:
            number = counts.get(index.axis, 0)
            letters[self._index(index.axis, number)] = index
            counts[index.axis] = number + 1
        moved = {index: first for first, index in letters.items() if index != first}
        return (expression.xreplace(moved) if moved else expression), letters

    def _in_order(self, indices: set[Index]) -> list[Index]:
        def order(index: Index) -> tuple[int, int, str]:
            digits = index.letter[1:]
            number = int(digits) if index.letter[0] == _LETTER and digits.isdigit() else 0
            return self.axes.index(index.axis.name), number, index.letter

        return sorted(indices, key=order)

    def _transposed(self, expression: Basic) -> int | None:
        """The same expression with two indices of one axis exchanged, where that is known already."""
        free = self._in_order(free_indices(expression))
        for place, first in enumerate(free):
            for second in free[place + 1 :]:
                if first.axis != second.axis:
                    continue
                swapped = expression.xreplace({first: second, second: first})
                if swapped in self._expressions:
                    known = self._expressions[swapped]
                    exchange = {self._dim(first): self._dim(second), self._dim(second): self._dim(first)}
                    return self.relabel(known, tuple(exchange.get(dim, dim) for dim in self.dims(known)))
        return None

    def _read_at(self, position: int, letters: dict[Index, Index]) -> int:
        """A value at the indices that the first letters stand for."""
        known = {self._dim(first): index for first, index in letters.items()}
        dims = self.dims(position)
        indices = [known[dim] for dim in dims]
        if any(index.letter[0] != _LETTER for index in indices):
            return position
        return self.relabel(position, tuple(map(self._dim, indices))) if dims else position

    # -- leaves ----------------------------------------------------------------------------------------------------

    def input(self, name: str, kind: str) -> int:
        """The position of an input, with the dimensions of its axes."""
        dims = self._dims_of(name) if kind == "element" else ()
        return self.record(Input(name, kind), kind, name, dims)

    def _dims_of(self, name: str) -> Dims:
        axes = self._axes_of(name)
        return tuple(dimension(axis.name, axes[:place].count(axis)) for place, axis in enumerate(axes))

    def _axes_of(self, name: str) -> tuple[Axis, ...]:
        if name == VECTOR.name:
            return self.loss.axes_of_data("y_pred")
        if name == ROW_WEIGHT.name:
            assert self.loss.rows is not None
            return (self.loss.rows.axis,)
        return self.loss.axes_of_data(name)

    def lower_indexed(self, expression: Basic) -> int | None:
        """The position of an indexed node's value; None for what has a form of its own."""
        match expression:
            case Element():
                return self._element(expression)
            case Mark():
                return self.apply("select", self.flag(expression), self.constant(1), self.constant(0), name="one_hot")
            case Restricted():
                flag = self.flags(sympy.Mul.make_args(expression.args[0]))
                return self.apply("select", flag, self.lower(expression.args[1]), self.constant(-float("inf")))
            case Index():
                return self.apply("in_floats", self.positions(expression.axis))
            case Largest():
                return self.over(expression, "max_over_axis", self.lower(expression.body(self.slot(expression))))
            case IsLargest():
                return self._is_largest(expression)
        return None

    def _element(self, element: Element) -> int:
        definition = self.definitions.get(element.data.name)
        if definition is not None:
            return self.named(definition.at(element), element.data.name)
        name = element.data.name
        dims = self._dims_of(name)
        position = self.input(name, "element")
        labels = list(dims)
        for place, index in enumerate(element.indices):
            if isinstance(index, Index):
                labels[place] = self._dim(index)
        for place, index in enumerate(element.indices):
            if not isinstance(index, Index):
                return self._taken(self._at(position, tuple(labels)), labels[place], index)
        return self._at(position, tuple(labels))

    def _at(self, position: int, labels: Dims) -> int:
        """An array at indices, its diagonal where two are the same."""
        if len(set(labels)) < len(labels):
            first = self.dims(position)
            return self.diagonal(position, first[-2], first[-1])
        return self.in_order(self.relabel(position, labels))

    def named(self, expression: Expr, name: str) -> int:
        """Lower an expression that the author named."""
        raise NotImplementedError

    def _taken(self, entries: int, dim: str, label: Expr) -> int:
        """Entries at the integers of a label along one dimension."""
        at = self.label(label)
        if self.values[at].kind == "row" and len(self.dims(entries)) == 1:
            return self.apply("take_label", entries, at)
        entries = self.with_last(entries, dim)
        shared = self.dims(entries)[:-1]
        if not shared:
            return self._result("take", (entries, at), self.dims(at), "", "")
        picked = self._result("take", (entries, at), shared, "", "paired")
        return self.in_order(picked)

    def taken(self, entries: int, node: Binder) -> int:
        """Entries of a vector over an axis at the label that the node is taken at."""
        return self._taken(entries, self._dim(self.slot(node)), node.at)

    def label(self, label: Expr) -> int:
        """The integers of a label: one per sample, or one per entry of its axes."""
        if isinstance(label, Element):
            return self.lower(label)
        return self.input(str(label.name), "row")  # type: ignore[attr-defined]

    def _axis_size(self, axis: Axis) -> int:
        entries, place = self._array_over(axis)
        size = "size" if len(self.axes) == 1 else f"size_{axis.name.lower()}"
        return self.apply("axis_size", entries, name=size, layout="" if place == -1 else str(place))

    def _array_over(self, axis: Axis) -> tuple[int, int]:
        """An input that has an axis, and the place of that, counted from the end."""
        name = self.loss.axes[axis]
        axes = self.loss.axes_of_data(name)
        return self.input(name, "element"), axes.index(axis) - len(axes)

    # -- brackets --------------------------------------------------------------------------------------------------

    def flags(self, brackets: tuple[Basic, ...] | list[Expr]) -> int:
        """Whether all brackets hold."""
        first, *others = (self.flag(item) for item in brackets)
        for other in others:
            first = self.apply("logical_and", first, other)
        return first

    def flag(self, node: Basic) -> int:
        """Whether a bracket holds."""
        if not isinstance(node, Mark):
            raise UnsupportedError(f"{node} is no condition; write it with bracket(…)")
        if isinstance(node, Bracket):
            return self._condition_of(node)
        if isinstance(node, Apart):
            return self.apply("logical_not", self.flag(Delta(*node.args)))
        left, right = node.args
        if isinstance(left, Index) and isinstance(right, Index):
            entries = self.positions(left.axis)
            dims = tuple(sorted((self._dim(left), self._dim(right)), key=self._order))
            return self._result("is_same", (entries,), dims, "is_same", "")
        index, label = (left, right) if isinstance(left, Index) else (right, left)
        if self.loss.has_one_axis:
            return self._label_flag()
        places = self._read_at(self.positions(index.axis), {self._index(index.axis, 0): index})  # type: ignore[attr-defined]
        return self.apply("equal", places, self.label(label), name="is_label")  # type: ignore[arg-type]

    def _condition_of(self, node: Bracket) -> int:
        if not isinstance(node.condition, boolalg.Or):
            return self.lower(node.condition)
        first, *others = (self.flags(sympy.Mul.make_args(bracket(part))) for part in node.condition.args)
        for other in others:
            first = self.apply("logical_or", first, other)
        return first

    def positions(self, axis: Axis) -> int:
        """0, 1, 2, … along an axis."""
        return self._over_axis("positions", axis)

    def _over_axis(self, operation: str, axis: Axis) -> int:
        entries, place = self._array_over(axis)
        return self._result(operation, (entries,), (dimension(axis.name, 0),), "", str(place))

    def _label_flag(self) -> int:
        entries, label = self.input("y_pred", "element"), self.input("y_true", "row")
        return self.apply("is_label", entries, label, name="is_label")

    # -- over an axis ----------------------------------------------------------------------------------------------

    def _is_largest(self, node: IsLargest) -> int:
        flag = self.over(node, "is_first_maximum", self.lower(node.body(self.slot(node))), name="is_largest")
        entry = self.apply("select", flag, self.constant(1), self.constant(0))
        if node.at in free_indices(node.args[0]):
            return self.on_diagonal(entry, node)
        return entry if isinstance(node.at, Index) else self.taken(entry, node)

    def on_diagonal(self, entries: int, node: Binder) -> int:
        """Entries of a vector over an axis, such as a softmax, at an index that they depend on already."""
        return self.diagonal(entries, self._dim(node.at), self._dim(self.slot(node)))  # type: ignore[arg-type]

    def over(self, node: Binder, operation: str, position: int, name: str = "") -> int:
        """An operation over the axis that a binder binds."""
        dim = self._dim(self.slot(node))
        if not self.dims(position):
            return self.apply(operation, position, name=name)
        if operation != "is_first_maximum":
            return self.reduce(operation, position, dim, name=name)
        entries = self.with_last(position, dim)
        return self.in_order(self._result(operation, (entries,), self.dims(entries), name, ""))

    def total(self, node: Total) -> int:
        """A sum over an axis."""
        index = self.slot(node)
        body = node.body(index)
        ordered = self._in_sorted_order(list(sympy.Mul.make_args(body)), index)
        if ordered is None:
            ordered = self._distances(list(sympy.Mul.make_args(body)), index)
        if ordered is not None:
            return ordered
        terms = _contractible_terms(body) or self._terms_in_sorted_order(body, index)
        if terms:
            return self.lower(sympy.Add(*[sum_over(index, term) for term in terms]))
        groups = _by_indices(body)
        if len(groups) == 1:
            position = self.lower(body)
            return self.reduce("sum_over_axis", position, self._dim(index)) if self.dims(position) else position
        parts = [self.lower(sympy.Mul(*factors)) for factors in groups.values()]
        return self._contracted(parts, self._dim(index))

    def _contracted(self, parts: list[int], dim: str) -> int:
        """Sum of a product over one dimension: parts that fit into others are multiplied, two are contracted."""
        parts = sorted(parts, key=lambda part: len(self.dims(part)))
        while len(parts) > 2:
            small = parts.pop(0)
            host = next((part for part in parts if set(self.dims(small)) <= set(self.dims(part))), parts[0])
            parts[parts.index(host)] = self.apply("multiply", small, host)
            parts.sort(key=lambda part: len(self.dims(part)))
        if len(parts) == 1 or dim not in self.dims(parts[0]):
            return self.reduce("sum_over_axis", self.apply("multiply", *parts), dim)
        first, second = parts
        return self.contract(first, second, dim)


def _contractible_terms(body: Expr) -> tuple[Expr, ...]:
    """Terms of a sum, or of a product with one, whose factors all have fewer indices than the whole; () where not.

    They are contracted one by one, without an array over all indices.
    """
    most = len(free_indices(body))
    if all(len(free_indices(factor)) < most for factor in sympy.Mul.make_args(body)):
        return ()
    terms = sympy.Add.make_args(multiplied_out(body))
    are_small = all(len(free_indices(factor)) < most for term in terms for factor in sympy.Mul.make_args(term))
    return terms if len(terms) > 1 and are_small else ()


def _by_indices(product: Expr) -> dict[frozenset[Index], list[Expr]]:
    """The factors of a product, by the indices that they have."""
    groups: dict[frozenset[Index], list[Expr]] = {}
    for factor in sympy.Mul.make_args(product):
        groups.setdefault(free_indices(factor), []).append(factor)
    return groups
