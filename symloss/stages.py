"""The chain rule through named arrays, stage by stage: reverse for the gradient, forward for its derivative.

With the arrays ``T`` that a declaration names (similarities, normalised embeddings), ``T_slope`` is the derivative of
the loss with respect to T, and ``T_change`` how T moves along the vector. Every stage is as small as a careful hand
would write it, and nothing is multiplied out.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, cached_property

import sympy
from sympy import Expr, Integer, Symbol

from symloss.atoms import sigmoid
from symloss.declare import Data, Element, Index, LogSumExp, Loss, Softmax, sum_over
from symloss.declare.axes import gathered_by_brackets, map_nodes
from symloss.declare.nodes import free_indices, fresh_index
from symloss.differentiate import VECTOR, Direction, along_entry, differentiate, entry_tangent
from symloss.intermediates import Definition, by_name, free_name
from symloss.simplify import tidy
from symloss.stabilise import finish, lift

# Letters of an entry, and of another entry, by axis.
_LETTERS, _OTHER_LETTERS = ("j", "d", "e"), ("m", "f", "g")
# From how many operations on a function is given a name, and which.
_LONG = 8
_PART_NAMES = {Softmax: "softmax", LogSumExp: "log_sum_exp", sigmoid: "sigmoid"}
ROW_WEIGHT = Data("row_weight", nonnegative=True)


def entry_indices(loss: Loss) -> tuple[tuple[Index, ...], tuple[Index, ...]]:
    """The indices of an entry of y_pred, and those of another."""
    axes = loss.axes_of_data("y_pred")
    return tuple(
        tuple(axis.index(letter) for axis, letter in zip(axes, letters, strict=False))
        for letters in (_LETTERS, _OTHER_LETTERS)
    )  # type: ignore[return-value]


class Stages:
    """A loss over named arrays, and its derivatives."""

    def __init__(self, loss: Loss, expression: Expr, definitions: list[Definition], fired: list[str]) -> None:
        self.loss = loss
        self.expression = expression
        self.fired = fired
        self.at = entry_indices(loss)[0]
        self.arrays = definitions  # each uses those before it
        self.slopes: dict[Symbol, Definition] = {}
        self.changes: dict[Symbol, Expr | Definition] = {}
        self.parts: list[Definition] = []
        self.named_slopes: list[Definition] = []
        self.named_changes: list[Definition] = []

    def finished(self) -> tuple[Definition, ...]:
        """All named arrays in the form that is computed."""
        found = [*self.moving, *self.named_changes]
        return tuple(replace(item, expression=finish(item.expression, self.fired)) for item in found)

    @property
    def moving(self) -> list[Definition]:
        """All named arrays but the changes, which move no further."""
        return [*self.arrays, *self.named_slopes]

    def _stable(self, expression: Expr) -> Expr:
        return self._named(lift(tidy(expression, self.loss), self.fired))

    def _named(self, expression: Expr) -> Expr:
        """Arrays by their names, and a name for every long softmax, sigmoid or the like: all terms repeat them."""
        return map_nodes(expression, self._name)

    def _name(self, node: Expr) -> Expr:
        found = by_name(node, [*self.arrays, *self.parts])
        is_long = isinstance(found, Softmax | LogSumExp | sigmoid) and sympy.count_ops(found) >= _LONG
        if not is_long:
            return found
        indices = tuple(sorted(free_indices(node), key=sympy.default_sort_key))
        name = free_name(_PART_NAMES[type(node)], self.loss, [item.symbol.name for item in self.parts])
        symbol = Data(name) if indices else Symbol(name, real=True)
        self.parts.append(Definition(symbol, node, indices))
        self.named_slopes.append(self.parts[-1])
        return self.parts[-1].entry

    def _depends(self, expression: Expr) -> bool:
        symbols = expression.free_symbols
        return self.loss.pred_symbol in symbols or any(
            item.symbol in symbols and self._depends(item.expression) for item in self.arrays
        )

    # -- first order: backwards ------------------------------------------------------------------------------------

    @cached_property
    def whole(self) -> Expr:
        """The loss as one number: the rows, each times its weight."""
        rows = self.loss.rows
        return self.expression if rows is None else sum_over(rows, ROW_WEIGHT[rows] * self.expression)

    @cached_property
    def gradient(self) -> Expr:
        """The derivative with respect to the entry of y_pred at ``at``."""
        active = [item for item in self.arrays if self._depends(item.expression)]
        for place in range(len(active) - 1, -1, -1):
            item = active[place]
            slope = self._backwards(item.symbol, item.indices, active[place + 1 :])
            if slope != 0:
                self.slopes[item.symbol] = self._keep(
                    f"{item.symbol.name}_slope", slope, item.indices, self.named_slopes
                )
        return self._backwards(self.loss.pred_symbol, self.at, active)

    def _backwards(self, symbol: Symbol, at: tuple[Index, ...], later: list[Definition]) -> Expr:
        """What the loss and the later arrays, each times its slope, say of an entry."""
        direction = along_entry(symbol, at)
        total = differentiate(self.whole, direction)
        for item in later:
            if item.symbol not in self.slopes or not item.expression.has(symbol):
                continue
            entry = _apart(item, at)
            body = self.slopes[item.symbol].at(entry) * differentiate(item.at(entry), direction)
            for index in reversed(entry.indices if isinstance(entry, Element) else ()):
                body = sum_over(index, body)  # type: ignore[arg-type]
            total += body
        return self._stable(total)

    def _keep(self, name: str, expression: Expr, indices: tuple[Index, ...], named: list[Definition]) -> Definition:
        """A definition whose expression is its own name where it is worth one."""
        if sympy.count_ops(expression) == 0 and not expression.has(Element):
            return Definition(Data(name), expression, indices)
        free = free_name(name, self.loss)
        symbol = Data(free) if indices else Symbol(free, real=True)
        named.append(Definition(symbol, expression, indices))
        return Definition(symbol, named[-1].entry, indices)

    # -- second order: forwards ------------------------------------------------------------------------------------

    @cached_property
    def product(self) -> Expr:
        """The Hessian times the vector, at the entry ``at``."""
        gradient = self.gradient
        return self._stable(differentiate(gradient, Direction(self._change)))

    @cached_property
    def directional(self) -> Expr:
        """The derivative of every row along the vector."""
        return self._stable(differentiate(self.expression, Direction(self._change)))

    def _change(self, leaf: Expr) -> Expr:
        """How a leaf moves when y_pred moves along the vector."""
        symbol = leaf.data if isinstance(leaf, Element) else leaf
        if symbol == self.loss.pred_symbol:
            return VECTOR[leaf.indices] if isinstance(leaf, Element) else VECTOR
        found = next((item for item in self.moving if item.symbol == symbol), None)
        if found is None:
            return Integer(0)
        if found.symbol not in self.changes:
            moved = self._stable(differentiate(found.expression, Direction(self._change)))
            self.changes[found.symbol] = (
                self._keep(f"{found.symbol.name}_change", moved, found.indices, self.named_changes)
                if moved != 0
                else moved
            )
        change = self.changes[found.symbol]
        return change.at(leaf) if isinstance(change, Definition) else change

    @cached_property
    def hessian(self) -> Expr:
        """The second derivative with respect to the entry of y_pred at ``at``."""
        gradient = self.gradient
        pred, at = self.loss.pred_symbol, self.at
        other = entry_indices(self.loss)[1]
        arrays = {item.symbol: item for item in self.moving}

        @cache
        def of(leaf: Expr) -> Expr:
            symbol = leaf.data if isinstance(leaf, Element) else leaf
            if symbol in arrays:
                tangent = tidy(differentiate(arrays[symbol].at(leaf), direction), self.loss)
                return gathered_by_brackets(self._named(tangent))
            return entry_tangent(leaf, pred, other)

        direction = Direction(of, other)
        entry = differentiate(gradient, direction)
        return self._stable(entry.xreplace(dict(zip(other, at, strict=True))))


def _apart(item: Definition, used: tuple[Index, ...]) -> Expr:
    """The entry of an array at indices that are free to be summed over."""
    taken: list[Expr] = [*used, item.expression]
    fresh: list[Expr] = []
    for index in item.indices:
        found = fresh_index(index.axis, *taken)
        taken.append(found)
        fresh.append(found)
    return Element(item.symbol, *fresh) if fresh else item.symbol
