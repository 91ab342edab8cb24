"""Index notation over named axes of symbolic size.

SymPy sees every node here as an opaque real number. Bound indices are numbered by the height of their binder
(locally nameless), so expressions that are equal up to renaming are structurally equal, hash equal and can't
capture. Nothing is ever unrolled: the size of an axis is a symbol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Self, cast

import sympy
from sympy import Expr, Integer, Symbol
from sympy.core.basic import Basic
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


class Data(NotIterable, Symbol):
    """A data argument; ``y_pred[k]`` is its entry at an index (or at an integer label) of an axis."""

    def __new__(cls, name: str, **assumptions: bool | None) -> Self:
        return cast("Self", Symbol.__new__(cls, name, **{"real": True, **assumptions}))

    def __getitem__(self, index: Expr) -> Element:
        if not isinstance(index, Index | Data):
            raise DeclarationError(
                f"{self.name}[{index}] is not indexed by an axis index or a label; "
                "make one with Axis('K').index('k'), or use y_true where it holds integer labels"
            )
        return Element(self, index)


class Element(Node):
    """One entry of a data argument: ``args`` are the data symbol and the index or label."""

    @property
    def data(self) -> Data:
        """The array that is indexed."""
        return self.args[0]  # type: ignore[return-value]

    @property
    def index(self) -> Expr:
        """The index, or the label symbol that picks the entry."""
        return self.args[1]  # type: ignore[return-value]

    def _eval_is_nonnegative(self) -> bool | None:
        return self.data.is_nonnegative  # type: ignore[no-any-return]

    def _eval_is_positive(self) -> bool | None:
        return self.data.is_positive  # type: ignore[no-any-return]


class Delta(Node):
    """Iverson bracket ``[i = j]``; its derivative is zero."""

    is_nonnegative = True

    def __new__(cls, left: Expr, right: Expr) -> Expr:
        if left == right:
            return Integer(1)
        return Node.__new__(cls, *sorted((left, right), key=sympy.default_sort_key))


class Binder(Node):
    """A node that binds one index of ``args[0]``; ``args[1]`` is the axis, a third argument an outer index."""

    @classmethod
    def over(cls, index: Index, body: Expr, *at: Expr) -> Binder:
        """Bind the index in the body."""
        body = sympy.sympify(body)
        bound = _bound(index.axis, 1 + max((node.height for node in body.atoms(Binder)), default=0))
        return cls(body.xreplace({index: bound}), index.axis, *at)  # type: ignore[return-value]

    @property
    def axis(self) -> Axis:
        """The axis that is bound."""
        return self.args[1]  # type: ignore[return-value]

    @property
    def at(self) -> Expr:
        """The outer index of a node that is itself a vector (softmax, unit vector)."""
        return self.args[2]  # type: ignore[return-value]

    @property
    def height(self) -> int:
        """How many binders are nested here, this one included."""
        return 1 + max((node.height for node in self.args[0].atoms(Binder)), default=0)

    def body(self, index: Expr) -> Expr:
        """The body with the bound index replaced."""
        return self.args[0].xreplace({_bound(self.axis, self.height): index})  # type: ignore[return-value]


class Total(Binder):
    """Sum over an axis. Build it with :func:`sum_over`, which keeps it canonical."""

    def _eval_is_nonnegative(self) -> bool | None:
        return self.args[0].is_nonnegative  # type: ignore[attr-defined,no-any-return]

    def _eval_is_positive(self) -> bool | None:
        return self.args[0].is_positive  # type: ignore[attr-defined,no-any-return]


class LogSumExp(Binder):
    """Logarithm of the sum of exponentials over an axis."""


class Norm(Binder):
    """Euclidean length over an axis."""

    is_nonnegative = True


class Softmax(Binder):
    """``exp(u_i) / Σ_k exp(u_k)`` at the outer index i."""

    is_nonnegative = True


class SoftmaxComplement(Binder):
    """``1 - softmax_i``: the share of all other entries."""

    is_nonnegative = True


class LogSoftmax(Binder):
    """``u_i - log Σ_k exp(u_k)`` at the outer index i; never positive."""

    is_nonpositive = True


class Unit(Binder):
    """``u_i / ‖u‖`` at the outer index i; zero for the zero vector."""


class Share(Binder):
    """``u_i / Σ_k u_k`` at the outer index i."""

    def _eval_is_nonnegative(self) -> bool | None:
        return self.args[0].is_nonnegative  # type: ignore[attr-defined,no-any-return]


class ShareComplement(Binder):
    """``1 - u_i / Σ_k u_k``: the share of all other entries."""

    is_nonnegative = True


def _bound(axis: Axis, height: int) -> Index:
    return Index(Symbol(f"_{height}", integer=True, nonnegative=True), axis)


def fresh_index(axis: Axis, *used: Basic) -> Index:
    """An index of the axis whose letter occurs in none of the expressions."""
    letters = {node.letter for expression in used for node in expression.atoms(Index)}
    names = iter(["k", "j", "i", "l", "m", "n", *(f"k{number}" for number in range(1, 99))])
    return axis.index(next(name for name in names if name not in letters))


def softmax(scores: Data, axis: Axis, at: Expr) -> Expr:
    """The softmax of ``scores`` along the axis, at an index or label; declared as its textbook quotient."""
    other = fresh_index(axis, at)
    return sympy.exp(scores[at]) / sum_over(other, sympy.exp(scores[other]))


def norm(vector: Data, index: Index) -> Expr:
    """Euclidean length of a vector along the index's axis."""
    return Norm.over(index, vector[index])


def sum_over(index: Index, body: Expr) -> Expr:
    """Sum of ``body`` over the index, in canonical form.

    Factors without the index leave the sum; Σ_k [k = i] f(k) = f(i); a constant body gives the size of the axis;
    the entries of a softmax sum to one. A product is distributed over a sum only where one of these rules then fires.
    """
    body = sympy.sympify(body)
    if not body.has(index):
        return index.axis * body
    if isinstance(body, sympy.Add):
        parts = [sum_over(index, term) for term in body.args]
        if any(not isinstance(_without_coefficient(part), Total) for part in parts):
            return sympy.Add(*parts)
    outside, inside = body.as_independent(index, as_Add=False)
    if outside != 1:
        return outside * sum_over(index, inside)
    for factor in sympy.Mul.make_args(inside):
        if isinstance(factor, Delta) and index in factor.args:
            other = factor.args[0] if factor.args[1] == index else factor.args[1]
            return (inside / factor).xreplace({index: other})
    if isinstance(inside, Softmax | Share) and inside.at == index and not inside.args[0].has(index):
        return Integer(1)
    if isinstance(inside, Element) and getattr(inside.data, "is_simplex", False):
        return Integer(1)
    if isinstance(inside, sympy.Mul) and inside.has(Delta):
        expanded = sympy.expand_mul(inside)
        if isinstance(expanded, sympy.Add):
            return sum_over(index, expanded)
    return Total.over(index, inside)


def map_elements(expression: Expr, change: Callable[[Element], Expr]) -> Expr:
    """Replace entries of data arguments, opening and closing every binder on the way so that nothing is captured."""
    if isinstance(expression, Element):
        return change(expression)
    if isinstance(expression, Index | Delta) or not expression.args:
        return expression
    if isinstance(expression, Binder):
        index = fresh_index(expression.axis, expression)
        body = map_elements(expression.body(index), change)
        if isinstance(expression, Total):
            return sum_over(index, body)
        return type(expression).over(index, body, *expression.args[2:])
    return expression.func(*[map_elements(argument, change) for argument in expression.args])  # type: ignore[arg-type]


def substitute(expression: Expr, symbol: Expr, part: Expr) -> Expr:
    """Replace a symbol, or an indexed one at whatever index it occurs, by its definition."""
    if not isinstance(symbol, Element):
        return map_elements(expression, lambda node: node).xreplace({symbol: part})  # type: ignore[no-any-return]
    return map_elements(
        expression, lambda node: part.xreplace({symbol.index: node.index}) if node.data == symbol.data else node
    )


def _without_coefficient(expression: Expr) -> Expr:
    factors = [factor for factor in sympy.Mul.make_args(expression) if isinstance(factor, Total)]
    return factors[0] if len(factors) == 1 else expression


def outermost_nodes(expression: Basic) -> Iterator[Node]:
    """The indexed nodes that are not inside another node, in a deterministic order."""
    if isinstance(expression, Node):
        yield expression
        return
    for argument in expression.args:
        yield from outermost_nodes(argument)


class Probabilities(Data):
    """A data argument whose entries along the axis sum to one."""

    is_simplex = True


y_true = Data("y_true")
y_pred = Data("y_pred")
