"""Named intermediates: the parts that a declaration names, the residual and the margin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, count, permutations

import sympy
from sympy import Expr, Symbol
from sympy.core.basic import Basic

from symloss.atoms import Atom
from symloss.declare import Data, Element, Index, Loss, Softmax, sum_over
from symloss.declare.axes import substitute
from symloss.declare.binders import Restricted
from symloss.declare.nodes import Probabilities, free_indices
from symloss.stabilise import lift


@dataclass(frozen=True)
class Definition:
    """A named intermediate of the mathematics, such as the residual; ``indices`` where it has entries."""

    symbol: Symbol
    expression: Expr
    indices: tuple[Index, ...] = ()

    @property
    def index(self) -> Index | None:
        """The index of what has entries along one axis."""
        return self.indices[0] if self.indices else None

    @property
    def entry(self) -> Expr:
        """The name with its indices."""
        return Element(self.symbol, *self.indices) if self.indices else self.symbol

    def at(self, entry: Expr) -> Expr:
        """The expression at the indices of an entry of the name."""
        if not self.indices:
            return self.expression
        assert isinstance(entry, Element)
        return self.expression.xreplace(dict(zip(self.indices, entry.indices, strict=True)))  # type: ignore[no-any-return]


def name_intermediates(loss: Loss, fired: list[str]) -> tuple[Expr, list[Definition], tuple[tuple[Expr, str], ...]]:
    """The lifted expression over named parts: those under ``where``, and the residual or margin.

    A part that lifts to a bare atom (a probability that is the sigmoid or softmax of logits) is put back, because rules
    look for the atom; over an axis, so is a part that depends on y_pred, because it has one slope per entry.
    What was put back is returned last, with its name.
    """
    expression, definitions, names = loss.expression, list[Definition](), list[tuple[Expr, str]]()
    parts = dict(loss.where)
    while parts:
        symbol = next(iter(parts))
        part = parts.pop(symbol)
        lifted = lift(part, fired)
        depends = _expanded(lifted, definitions).has(loss.pred_symbol)
        is_put_back = loss.has_one_axis or isinstance(lifted, Atom)
        if not lifted.args or (depends and is_put_back) or isinstance(lifted, Softmax):
            name: Expr = part if loss.has_one_axis and not lifted.has(Restricted) else lifted
            names.append((lifted, str(getattr(symbol, "data", symbol))))
        else:
            definition = _definition(symbol, lifted)
            definitions.append(definition)
            name = definition.entry
        expression = substitute(expression, symbol, name)
        parts = {key: substitute(value, symbol, name) for key, value in parts.items()}
    expression = lift(expression, fired)
    if loss.is_elementwise:
        expression, differences = name_differences(loss, expression)
        definitions = [*differences, *definitions]
    return lift(expression, fired), definitions, tuple(names)


def by_name(node: Expr, definitions: Iterable[Definition]) -> Expr:
    """The entry of the array whose expression a node is, at whatever indices; the node itself where it is none."""
    for item in definitions:
        if type(node) is not type(item.expression):
            continue
        places = sorted(free_indices(node), key=sympy.default_sort_key)
        for order in permutations(places, len(item.indices)):
            is_same_axis = [place.axis for place in order] == [index.axis for index in item.indices]
            entry = Element(item.symbol, *order) if order else item.symbol
            if is_same_axis and item.at(entry) == node:
                return entry
    return node


def _expanded(expression: Expr, definitions: list[Definition]) -> Expr:
    for item in reversed(definitions):
        expression = expression.xreplace({item.symbol: item.expression})
    return expression


def _definition(symbol: Expr, lifted: Expr) -> Definition:
    if not isinstance(symbol, Element):
        return Definition(Symbol(symbol.name, real=True), lifted)  # type: ignore[attr-defined]
    is_share = len(symbol.indices) == 1 and sum_over(symbol.index, lifted) == 1  # type: ignore[arg-type]
    kind = Probabilities if is_share else Data
    return Definition(kind(symbol.data.name), lifted, symbol.indices)


def name_differences(loss: Loss, expression: Expr) -> tuple[Expr, list[Definition]]:
    """Name the residual or the margin, so that the difference or product of the inputs is formed first, and once."""
    true, pred = loss.true_symbol, loss.pred_symbol
    residual, margin = (Symbol(free_name(name, loss), real=True) for name in ("residual", "margin"))
    named = _replace_difference(expression, pred, true, residual)
    if named.has(residual):
        return named, [Definition(residual, pred - true)]
    named = expression.subs(true * pred, margin)
    if named.has(margin) and not named.has(pred):
        return named, [Definition(margin, true * pred)]
    return expression, []


def spell_out_residual(expression: Expr, loss: Loss, definitions: list[Definition]) -> Expr:
    """Put differences of inputs back where a sum gets shorter: ``(p - y) - p`` is ``-y``, and does not cancel."""
    found = [item for item in definitions if item.expression == loss.pred_symbol - loss.true_symbol]

    def spelled(node: Basic) -> Basic:
        for item in found:
            factor = node.coeff(item.symbol)
            if factor != 0:
                other = node - factor * item.symbol + sympy.expand(factor * item.expression)
                if len(sympy.Add.make_args(other)) < len(node.args):
                    return other
        return node

    return expression.replace(lambda node: isinstance(node, sympy.Add), spelled) if found else expression


def free_name(name: str, loss: Loss, others: Iterable[str] = ()) -> str:
    """The name, or with the first number behind it that no symbol of the loss has and no other."""
    taken = set(others)
    taken |= {symbol.name for symbol in loss.full_expression.free_symbols} | {item.name for item in loss.symbols}
    taken |= {str(getattr(symbol, "data", symbol)) for symbol in loss.where}
    candidates = chain([name], (f"{name}_{number}" for number in count(2)))
    return next(candidate for candidate in candidates if candidate not in taken)


def _replace_difference(expression: Expr, pred: Symbol, true: Symbol, residual: Symbol) -> Expr:
    def is_difference(node: Basic) -> bool:
        return isinstance(node, sympy.Add) and node.coeff(pred) != 0 and node.coeff(pred) == -node.coeff(true)

    def replace(node: Basic) -> Basic:
        factor = node.coeff(pred)
        return sympy.expand(node - factor * (pred - true)) + factor * residual

    return expression.replace(is_difference, replace)  # type: ignore[no-any-return]
