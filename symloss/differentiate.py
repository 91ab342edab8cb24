"""Derivatives of expressions over axes, without unrolling.

SymPy differentiates scalar expressions only: every indexed node and composite atom is replaced by a dummy before
``diff`` and put back after, with its own tangent rule. An entry of a derivative is the tangent along ``[k = j]``; sums
over that bracket collapse, so nothing depends on the size of an axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy
from sympy import Expr, Integer, Symbol

from symloss.atoms import CompositeAtom, over
from symloss.declare import (
    Axis,
    Bracket,
    Data,
    Delta,
    Element,
    Index,
    LogSoftmax,
    LogSumExp,
    Node,
    Norm,
    Softmax,
    Total,
    Unit,
    clamp,
    stop_gradient,
    sum_over,
)
from symloss.declare.binders import IsLargest, Largest, Restricted, Share
from symloss.declare.nodes import Apart, fresh_index
from symloss.simplify import tidy

VECTOR = Data("vector")


@dataclass(frozen=True)
class Direction:
    """How every leaf moves, and the indices that this brings in."""

    of: Callable[[Expr], Expr]
    indices: tuple[Index, ...] = ()


def along_entry(data: Symbol, at: tuple[Index, ...]) -> Direction:
    """The direction of one entry: the tangent of ``data[k]`` is ``[k = at]``."""
    return Direction(lambda leaf: entry_tangent(leaf, data, at), at)


def entry_tangent(leaf: Expr, data: Symbol, at: tuple[Index, ...]) -> Expr:
    """``[k = at]`` for ``data[k]``, else zero."""
    if leaf == data:
        return Integer(1)
    if not isinstance(leaf, Element) or leaf.data != data:
        return Integer(0)
    return sympy.Mul(*[Delta(index, place) for index, place in zip(leaf.indices, at, strict=True)])


def along_vector(data: Symbol) -> Direction:
    """The direction of the vector: the tangent of ``data[k]`` is ``vector[k]``."""
    return Direction(
        lambda leaf: VECTOR[leaf.indices] if isinstance(leaf, Element) and leaf.data == data else Integer(0)
    )


def differentiate(expression: Expr, direction: Direction) -> Expr:
    """The derivative of ``expression`` when every leaf moves along ``direction(leaf)``."""
    hidden: dict[Expr, Symbol] = {}

    def hide(node: Expr) -> Expr:
        if isinstance(node, Index | Axis):
            return node
        if isinstance(node, Node | CompositeAtom | clamp | stop_gradient | Symbol):
            if node not in hidden:
                hidden[node] = sympy.Dummy(f"n{len(hidden)}", real=True, positive=node.is_positive)
            return hidden[node]
        return node.func(*[hide(argument) for argument in node.args]) if node.args else node  # type: ignore[arg-type]

    bare = hide(expression)
    shown = {dummy: node for node, dummy in hidden.items()}
    terms = []
    for node, dummy in hidden.items():
        moved = _tangent(node, direction)
        if moved != 0:
            terms.append(bare.diff(dummy).xreplace(shown) * moved)
    return sympy.Add(*terms)


def _tangent(node: Expr, direction: Direction) -> Expr:
    def derivative(inner: Expr) -> Expr:
        return differentiate(inner, direction)

    if isinstance(node, CompositeAtom):
        return node.tangent(derivative)
    if isinstance(node, stop_gradient | Apart | Bracket | IsLargest):
        return Integer(0)
    if isinstance(node, Restricted):
        return derivative(node.args[1])  # type: ignore[arg-type]
    if isinstance(node, clamp):
        return derivative(node.args[0]).xreplace({node.args[0]: node})  # taken at the limited point
    if isinstance(node, Symbol | Element | Delta):
        return direction.of(node)
    return _binder_tangent(node, derivative, direction)


def _binder_tangent(node: Expr, derivative: Callable[[Expr], Expr], direction: Direction) -> Expr:
    k = fresh_index(node.axis, node, *direction.indices)
    body = node.body(k)
    moved = derivative(body)
    if isinstance(node, Total):
        return sum_over(k, tidy(moved))
    if moved == 0:
        return Integer(0)
    if isinstance(node, LogSumExp):
        return sum_over(k, Softmax(node.args[0], node.axis, k) * moved)
    if isinstance(node, Largest):
        return sum_over(k, IsLargest(node.args[0], node.axis, k) * moved)
    if isinstance(node, Norm):
        return sum_over(k, Unit(node.args[0], node.axis, k) * moved)
    own = derivative(node.body(node.at))
    if isinstance(node, Share):
        return (own - node * sum_over(k, moved)) / Total(node.args[0], node.axis)
    kind = Softmax if isinstance(node, LogSoftmax) else type(node)
    mean = sum_over(k, tidy(kind(node.args[0], node.axis, k) * moved))
    match node:
        case Softmax():
            return node * (own - mean)
        case LogSoftmax():
            return own - mean
        case Unit():
            return (own - node * mean) * over(1, Norm(node.args[0], node.axis))
    raise TypeError(f"no tangent rule for {type(node).__name__}")
