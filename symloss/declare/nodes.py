"""The leaves of index notation: axes, indices, entries of arrays and brackets.

SymPy sees every node here as an opaque real number; its own rules never look inside.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self, cast

import sympy
from sympy import Expr, Integer, Symbol
from sympy.core.basic import Basic
from sympy.core.cache import cacheit
from sympy.core.relational import Relational
from sympy.logic import boolalg
from sympy.utilities.iterables import NotIterable

from symloss.errors import DeclarationError


class Axis(Symbol):
    """A named axis; the symbol itself is the axis's size, so ``1 / classes`` is one over the number of classes."""

    def __new__(cls, name: str) -> Self:
        return cast("Self", Symbol.__new__(cls, name, integer=True, positive=True))

    def index(self, letter: str) -> Index:
        """An index that runs over this axis, printed with the given letter."""
        return Index(Symbol(letter, integer=True, nonnegative=True), self)


class Node(NotIterable, Expr):
    """Base of everything that carries an index: real, scalar and opaque to SymPy's own rules."""

    is_commutative = True
    is_real = True
    is_finite = True
    is_extended_real = True

    def _eval_derivative(self, _symbol: Symbol) -> Expr:
        return Integer(0)  # derivatives of nodes are taken by symloss.derive, never by SymPy


class Index(Node):
    """An index into an axis; ``args`` are the letter and the axis."""

    is_integer = True

    @property
    def letter(self) -> str:
        """The letter the author gave."""
        return self.args[0].name  # type: ignore[attr-defined,no-any-return]

    @property
    def axis(self) -> Axis:
        """The axis the index runs over."""
        return self.args[1]  # type: ignore[return-value]

    @property
    def is_bound(self) -> bool:
        """Whether a binder gave the letter."""
        return self.letter.startswith("_")


class Data(NotIterable, Symbol):
    """A data argument; ``y_pred[k]`` is its entry at an index (or at an integer label) of an axis."""

    def __new__(cls, name: str, **assumptions: bool | None) -> Self:
        return cast("Self", Symbol.__new__(cls, name, **{"real": True, **assumptions}))

    def __getitem__(self, index: Expr | tuple[Expr, ...]) -> Element:
        indices = index if isinstance(index, tuple) else (index,)
        for item in indices:
            if not isinstance(item, Index | Data | Element):
                raise DeclarationError(
                    f"{self.name}[{item}] is not indexed by an axis index or a label; "
                    "make one with Axis('K').index('k'), or use y_true where it holds integer labels"
                )
        return Element(self, *indices)


class Element(Node):
    """One entry of a data argument: ``args`` are the data symbol and an index or label for each of its axes."""

    @property
    def data(self) -> Data:
        """The array that is indexed."""
        return self.args[0]  # type: ignore[return-value]

    @property
    def index(self) -> Expr:
        """The index, or the label that picks the entry, of an array with one axis."""
        return self.args[1]  # type: ignore[return-value]

    @property
    def indices(self) -> tuple[Expr, ...]:
        """The index or label of every axis."""
        return self.args[1:]  # type: ignore[return-value]

    def _eval_is_integer(self) -> bool | None:
        return self.data.is_integer  # type: ignore[no-any-return]

    def _eval_is_nonnegative(self) -> bool | None:
        return self.data.is_nonnegative  # type: ignore[no-any-return]

    def _eval_is_positive(self) -> bool | None:
        return self.data.is_positive  # type: ignore[no-any-return]


class Mark(Node):
    """Iverson bracket: one where a condition holds, else zero; its own square, with derivative zero."""

    is_nonnegative = True
    is_integer = True

    def _eval_power(self, exponent: Expr) -> Expr | None:
        return self if exponent.is_positive else None


class _OfPlaces(Mark):
    """A mark of two indices, or of an index and a label."""

    if_equal: Integer

    def __new__(cls, left: Expr, right: Expr) -> Expr:
        if left == right:
            return cls.if_equal
        return Node.__new__(cls, *sorted((left, right), key=sympy.default_sort_key))


class Delta(_OfPlaces):
    """``[i = j]``; sums over it collapse."""

    if_equal = Integer(1)


class Apart(_OfPlaces):
    """``[i != j]``: a mask, never one minus another mark."""

    if_equal = Integer(0)


class Bracket(Mark):
    """``[a = b]``, ``[a != b]``, ``[a < b]`` or ``[a <= b]`` of data, or an or of these; see :func:`bracket`."""

    def __new__(cls, condition: Basic) -> Expr:
        if condition in (sympy.true, sympy.false):
            return Integer(1 if condition == sympy.true else 0)
        return cast("Expr", Node.__new__(cls, condition))  # type: ignore[call-arg]

    @property
    def condition(self) -> Relational | boolalg.Or:
        """The comparison, or several of which one holds."""
        return self.args[0]  # type: ignore[return-value]


def bracket(condition: Basic) -> Expr:
    """One where the condition holds, else zero: masks, pairs, groups and orders.

    ``bracket(Eq(y_true[i], y_true[j]))`` tells whether two rows have the same label, ``bracket(Ne(i, j))`` whether they
    are different rows, ``bracket(Le(k, j))`` makes a sum cumulative. Conditions may be joined with &, | and ~.
    Raises DeclarationError for anything that is no comparison.
    """
    condition = sympy.sympify(condition)
    if isinstance(condition, boolalg.Not):
        condition = boolalg.to_nnf(condition, simplify=False)  # the opposite comparisons, joined the other way
    if isinstance(condition, boolalg.And):
        return sympy.Mul(*map(bracket, condition.args))
    if isinstance(condition, boolalg.Or):
        list(map(bracket, condition.args))  # each must be a condition
        return Bracket(condition)
    if condition in (sympy.true, sympy.false):
        return Bracket(condition)
    if not isinstance(condition, Relational):
        raise DeclarationError(f"bracket({condition}) is no comparison; write Eq(a, b), Ne(a, b), a < b, a <= b, …")
    left, right = condition.args
    match condition:
        case sympy.Eq() | sympy.Ne():
            if isinstance(left, Index) or isinstance(right, Index):
                return (Delta if isinstance(condition, sympy.Eq) else Apart)(left, right)
            return Bracket(condition.func(*sorted((left, right), key=sympy.default_sort_key)))
        case sympy.StrictGreaterThan() | sympy.GreaterThan():
            return bracket(condition.reversed)
    return Bracket(condition)


class Probabilities(Data):
    """A data argument whose entries along the axis sum to one."""

    is_simplex = True


def fresh_index(axis: Axis, *used: Basic) -> Index:
    """An index of the axis whose letter occurs in none of the expressions."""
    letters = {node.letter for expression in used for node in expression.atoms(Index)}
    names = iter(["k", "j", "i", "l", "m", "n", *(f"k{number}" for number in range(1, 99))])
    return axis.index(next(name for name in names if name not in letters))


@cacheit  # type: ignore[untyped-decorator]
def free_indices(expression: Basic) -> frozenset[Index]:
    """The indices that no binder binds."""
    return frozenset(index for index in expression.atoms(Index) if not index.is_bound)


def indices_of_entries(expression: Basic) -> list[Expr]:
    """Every index and label that an entry of an array is taken at, in a deterministic order."""
    found = {index for entry in expression.atoms(Element) for index in entry.indices}
    return sorted(found, key=sympy.default_sort_key)


def outermost_nodes(expression: Basic) -> Iterator[Node]:
    """The indexed nodes that are not inside another node, in a deterministic order."""
    if isinstance(expression, Node):
        yield expression
        return
    for argument in expression.args:
        yield from outermost_nodes(argument)


y_true = Data("y_true")
y_pred = Data("y_pred")
