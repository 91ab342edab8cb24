"""Nodes that bind an index: sums, maxima and lengths over an axis, and the vectors made of them.

Bound indices are numbered by the height of their binder (locally nameless), so expressions that are equal up to
renaming are structurally equal, hash equal and can't capture. Nothing is ever unrolled.
"""

from __future__ import annotations

from functools import cached_property

from sympy import Expr, Integer, Symbol

from symloss.declare.nodes import Axis, Index, Node


class Binder(Node):
    """A node that binds one index of ``args[0]``; ``args[1]`` is the axis, a third argument an outer index."""

    @classmethod
    def over(cls, index: Index, body: Expr, *at: Expr) -> Binder:
        """Bind the index in the body."""
        body = Integer(0) + body
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

    @cached_property
    def height(self) -> int:
        """How many binders are nested here, this one included."""
        return 1 + max((node.height for node in self.args[0].atoms(Binder)), default=0)

    def body(self, index: Expr) -> Expr:
        """The body with the bound index replaced."""
        return self.args[0].xreplace({_bound(self.axis, self.height): index})  # type: ignore[return-value]


class Total(Binder):
    """Sum over an axis. Build it with :func:`symloss.declare.sum_over`, which keeps it canonical."""

    def _eval_is_nonnegative(self) -> bool | None:
        return self.args[0].is_nonnegative  # type: ignore[attr-defined,no-any-return]

    def _eval_is_positive(self) -> bool | None:
        return self.args[0].is_positive  # type: ignore[attr-defined,no-any-return]


class LogSumExp(Binder):
    """Logarithm of the sum of exponentials over an axis."""


class Largest(Binder):
    """Maximum over an axis."""

    def _eval_is_nonnegative(self) -> bool | None:
        return self.args[0].is_nonnegative  # type: ignore[attr-defined,no-any-return]


class IsLargest(Binder):
    """One at the first entry that equals the maximum over the axis, else zero; constant almost everywhere."""

    is_nonnegative = True


class Restricted(Node):
    """``args[1]`` where a product of brackets ``args[0]`` is one, else minus infinity; an entry of a maximum."""

    is_finite = None  # type: ignore[assignment]
    is_real = None  # type: ignore[assignment]
    is_extended_real = True


class Norm(Binder):
    """Euclidean length over an axis."""

    is_nonnegative = True

    def __new__(cls, body: Expr, axis: Axis) -> Expr:
        return body if body == 0 else Node.__new__(cls, body, axis)  # type: ignore[call-arg]


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

    def __new__(cls, body: Expr, axis: Axis, at: Expr) -> Expr:
        return body if body == 0 else Node.__new__(cls, body, axis, at)  # type: ignore[call-arg]


class Share(Binder):
    """``u_i / Σ_k u_k`` at the outer index i."""

    def _eval_is_nonnegative(self) -> bool | None:
        return self.args[0].is_nonnegative  # type: ignore[attr-defined,no-any-return]


class ShareComplement(Binder):
    """``1 - u_i / Σ_k u_k``: the share of all other entries."""

    is_nonnegative = True


def _bound(axis: Axis, height: int) -> Index:
    return Index(Symbol(f"_{height}", integer=True, nonnegative=True), axis)
