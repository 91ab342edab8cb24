"""Value, gradient, Hessian and kinks of a loss, almost everywhere and without unrolling.

SymPy differentiates scalar expressions only: every indexed node and composite atom is replaced by a dummy before
``diff`` and put back after, with its own tangent rule. A gradient entry is the tangent along ``[k = j]``; sums over
that bracket collapse, so nothing depends on the size of an axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, count

import sympy
from sympy import Expr, Integer, Symbol
from sympy.core.basic import Basic

from symloss.atoms import Atom, CompositeAtom, difference, over
from symloss.declare import (
    Axis,
    Data,
    Delta,
    Element,
    Index,
    LogSoftmax,
    LogSumExp,
    Loss,
    Node,
    Norm,
    Softmax,
    Total,
    Unit,
    clamp,
    stop_gradient,
    sum_over,
)
from symloss.declare.axes import substitute
from symloss.declare.binders import IsLargest, Largest, Restricted, Share
from symloss.declare.nodes import Bracket, Probabilities, fresh_index
from symloss.simplify import split_by_label, tidy
from symloss.stabilise import finish, lift
from symloss.start import start_statistic

Direction = Callable[[Expr], Expr]


@dataclass(frozen=True)
class Definition:
    """A named intermediate of the mathematics, such as the residual; ``index`` where it has entries along the axis."""

    symbol: Symbol
    expression: Expr
    index: Index | None = None


@dataclass(frozen=True)
class Derivation:
    """A loss with its derivatives on stable atoms.

    For a loss over axes, ``gradient``, ``hessian`` and ``hessian_vector_product`` are the entries at ``indices``,
    and ``vector`` is the direction of the product; an elementwise loss has neither. Where the loss has a value per
    row, derivatives are those of the sum of the rows, each times its entry of ``row_weight``, and
    ``directional`` is the derivative of every row along the vector. ``steps`` are the forms that
    gradient and Hessian went through, from the bare chain rule to what is computed, all equal.
    """

    loss: Loss
    definitions: tuple[Definition, ...]
    value: Expr
    gradient: Expr
    hessian: Expr
    hessian_vector_product: Expr | None = None
    indices: tuple[Index, ...] = ()
    rules: tuple[str, ...] = ()
    names: tuple[tuple[Expr, str], ...] = ()
    steps: Mapping[str, tuple[Expr, ...]] = field(default_factory=dict)
    prediction: Expr | None = None
    start_statistic: Expr | None = None
    directional: Expr | None = None

    @property
    def index(self) -> Index | None:
        """The index of a loss over one axis."""
        return self.indices[0] if self.indices else None


# Letters of an entry, and of another entry, by axis.
_LETTERS, _OTHER_LETTERS = ("j", "d", "e"), ("m", "f", "g")
VECTOR = Data("vector")
ROW_WEIGHT = Data("row_weight", nonnegative=True)


def derive(loss: Loss) -> Derivation:
    """Lift the declaration to stable atoms, differentiate there, and bring every result to its stable form."""
    fired: list[str] = []
    expression, definitions, names = name_intermediates(loss, fired)
    if loss.is_elementwise:
        derivation = _derive_elementwise(loss, expression, definitions, fired)
    else:
        derivation = _derive_over_axis(loss, expression, definitions, fired)
    prediction = None if loss.inverse_link is None else lift(loss.inverse_link)
    return replace(derivation, names=names, prediction=prediction, start_statistic=start_statistic(loss))


def _derive_elementwise(loss: Loss, expression: Expr, definitions: list[Definition], fired: list[str]) -> Derivation:
    chain = Chain(loss, definitions, fired)
    gradient = chain.derivative(expression)
    hessian = chain.derivative(gradient)
    value, slope, curvature = (
        finish(split_by_label(spell_out_residual(item, loss, definitions), loss, fired), fired)
        for item in (expression, gradient, hessian)
    )
    steps = {
        "gradient": (chain.bare(expression), gradient, slope),
        "hessian": (chain.bare(gradient), hessian, curvature),
    }
    named = chain.finished()
    return Derivation(loss, named, value, slope, curvature, steps=steps, rules=tuple(dict.fromkeys(fired)))


class Chain:
    """The chain rule through named intermediates: the slope of ``missing`` is named ``missing_slope``, and so on."""

    def __init__(self, loss: Loss, definitions: list[Definition], fired: list[str]) -> None:
        self.loss = loss
        self.definitions = list(definitions)
        self.fired = fired
        self.moved: dict[Symbol, Expr] = {loss.pred_symbol: Integer(1)}

    def bare(self, expression: Expr) -> Expr:
        """The derivative with respect to y_pred as the chain rule gives it."""
        return differentiate(expression, self._along)

    def derivative(self, expression: Expr) -> Expr:
        """The derivative, simplified and on stable atoms."""
        return lift(tidy(self.bare(expression), self.loss), self.fired)

    def _along(self, leaf: Expr) -> Expr:
        if leaf in self.moved:
            return self.moved[leaf]  # type: ignore[index]
        found = next((item for item in self.definitions if item.symbol == leaf), None)
        self.moved[leaf] = Integer(0) if found is None else self._slope_of(found)  # type: ignore[index]
        return self.moved[leaf]  # type: ignore[index]

    def _slope_of(self, definition: Definition) -> Expr:
        slope = self.derivative(definition.expression)
        if sympy.count_ops(slope) <= 1 or len(slope.free_symbols) <= 1:
            return slope
        name = definition.symbol.name
        base = name.removesuffix("_slope")
        suffix = "_curvature" if name.endswith("_slope") else "_slope"
        symbol = Symbol(free_name(base + suffix, self.loss), real=True)
        self.definitions.append(Definition(symbol, slope))
        return symbol

    def finished(self) -> tuple[Definition, ...]:
        """All definitions in the form that is computed."""
        return tuple(replace(item, expression=finish(item.expression, self.fired)) for item in self.definitions)


def _derive_over_axis(loss: Loss, expression: Expr, definitions: list[Definition], fired: list[str]) -> Derivation:
    pred, rows = loss.pred_symbol, loss.rows
    axes = loss.axes_of_data("y_pred")
    at = tuple(axis.index(letter) for axis, letter in zip(axes, _LETTERS, strict=False))
    other = tuple(axis.index(letter) for axis, letter in zip(axes, _OTHER_LETTERS, strict=False))
    whole = expression if rows is None else sum_over(rows, ROW_WEIGHT[rows] * expression)
    bare = differentiate(whole, entry_direction(pred, at))
    gradient = lift(tidy(bare, loss), fired)
    entry = differentiate(gradient, entry_direction(pred, other))
    same = dict(zip(other, at, strict=True))
    diagonal = lift(tidy(entry.xreplace(same), loss), fired)
    value, slope, curvature = (finish(item, fired) for item in (expression, gradient, diagonal))
    steps = {
        "gradient": (bare, gradient, slope),
        "hessian": (entry.xreplace(same), diagonal, curvature),
    }
    product = _product_by_structure(loss, entry, at, other, curvature, fired)
    if product is None:
        product = finish(lift(tidy(differentiate(gradient, along_vector(pred)), loss), fired), fired)
    directional = None
    if rows is not None:
        directional = finish(lift(tidy(differentiate(expression, along_vector(pred)), loss), fired), fired)
    rules = tuple(dict.fromkeys(fired))
    return Derivation(
        loss,
        tuple(definitions),
        value,
        slope,
        curvature,
        product,
        indices=at,
        steps=steps,
        rules=rules,
        directional=directional,
    )


def _product_by_structure(
    loss: Loss, entry: Expr, at: tuple[Index, ...], other: tuple[Index, ...], curvature: Expr, fired: list[str]
) -> Expr | None:
    """The product with a vector where the Hessian is diagonal plus low rank; None where it is not."""
    if len(at) != 1:
        return None
    beside = entry.xreplace({Delta(at[0], other[0]): Integer(0), Delta(other[0], at[0]): Integer(0)})
    beside = lift(tidy(beside, loss), fired)
    if not all(_is_separable(term, at[0], other[0]) for term in sympy.Add.make_args(sympy.expand_mul(beside))):
        return None
    return curvature * Element(VECTOR, at[0]) + finish(_product_beside_diagonal(beside, at[0], other[0]), fired)


def _is_separable(term: Expr, at: Index, other: Index) -> bool:
    """Whether every factor depends on one of the two places at most."""
    return not any(factor.has(at) and factor.has(other) for factor in sympy.Mul.make_args(term))


def _product_beside_diagonal(entry: Expr, at: Index, other: Index) -> Expr:
    """What the entries beside the diagonal add to the product: ``Σ_m a_j b_m v_m`` is ``a_j (Σ_m b_m v_m - b_j v_j)``.

    For a unit vector the difference is exactly 0, so that the product is as accurate as the diagonal.
    """
    product: Expr = Integer(0)
    for term in sympy.Add.make_args(sympy.expand_mul(entry)):
        factors = sympy.Mul.make_args(term)
        if any(isinstance(item, Delta) and item.has(at) and item.xreplace({at: other}) in factors for item in factors):
            continue  # one label is not at two places
        moving = sympy.Mul(*[factor for factor in factors if factor.has(other)], Element(VECTOR, other))
        fixed = sympy.Mul(*[factor for factor in factors if not factor.has(other)])
        product += fixed * difference(sum_over(other, moving), moving.xreplace({other: at}))
    return product


def entry_direction(data: Data, at: tuple[Index, ...]) -> Direction:
    """The direction of one entry: the tangent of ``data[k]`` is ``[k = at]``."""

    def direction(leaf: Expr) -> Expr:
        if not isinstance(leaf, Element) or leaf.data != data:
            return Integer(0)
        return sympy.Mul(*[Delta(index, place) for index, place in zip(leaf.indices, at, strict=True)])

    return direction


def along_vector(data: Data) -> Direction:
    """The direction of the vector: the tangent of ``data[k]`` is ``vector[k]``."""
    return lambda leaf: (
        Element(VECTOR, *leaf.indices) if isinstance(leaf, Element) and leaf.data == data else Integer(0)
    )


def name_intermediates(loss: Loss, fired: list[str]) -> tuple[Expr, list[Definition], tuple[tuple[Expr, str], ...]]:
    """The lifted expression over named parts: those under ``where``, and the residual or margin.

    A part that lifts to a bare atom (a probability that is the sigmoid of a logit) is put back, because rules look
    for the atom; over an axis, so is a part that depends on y_pred, because it has one slope per entry.
    What was put back is returned last, with its name.
    """
    expression, definitions, names = loss.expression, list[Definition](), list[tuple[Expr, str]]()
    parts = dict(loss.where)
    while parts:
        symbol = next(iter(parts))
        part = parts.pop(symbol)
        lifted = lift(part, fired)
        depends = _expanded(lifted, definitions).has(loss.pred_symbol)
        if not lifted.args or (depends and (not loss.is_elementwise or isinstance(lifted, Atom))):
            name: Expr = part
            names.append((lifted, str(getattr(symbol, "data", symbol))))
        else:
            definition = _definition(symbol, lifted)
            definitions.append(definition)
            name = definition.symbol if definition.index is None else Element(definition.symbol, definition.index)
        expression = substitute(expression, symbol, name)
        parts = {key: substitute(value, symbol, name) for key, value in parts.items()}
    expression = lift(expression, fired)
    if loss.is_elementwise:
        expression, differences = name_differences(loss, expression)
        definitions = [*differences, *definitions]
    return lift(expression, fired), definitions, tuple(names)


def _expanded(expression: Expr, definitions: list[Definition]) -> Expr:
    for item in reversed(definitions):
        expression = expression.xreplace({item.symbol: item.expression})
    return expression


def _definition(symbol: Expr, lifted: Expr) -> Definition:
    if not isinstance(symbol, Element):
        return Definition(Symbol(symbol.name, real=True), lifted)  # type: ignore[attr-defined]
    kind = Probabilities if sum_over(symbol.index, lifted) == 1 else Data
    return Definition(kind(symbol.data.name), lifted, symbol.index)


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


def free_name(name: str, loss: Loss) -> str:
    """The name, or with the first number behind it that no symbol of the loss has."""
    taken = {symbol.name for symbol in loss.full_expression.free_symbols} | {item.name for item in loss.symbols}
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
    if isinstance(node, stop_gradient | Bracket | IsLargest):
        return Integer(0)
    if isinstance(node, Restricted):
        return derivative(node.args[1])  # type: ignore[arg-type]
    if isinstance(node, clamp):
        return derivative(node.args[0]).xreplace({node.args[0]: node})  # taken at the limited point
    if isinstance(node, Symbol | Element | Delta):
        return direction(node)
    return _binder_tangent(node, derivative, direction)


def _binder_tangent(node: Expr, derivative: Direction, direction: Direction) -> Expr:
    k = fresh_index(node.axis, node, *_letters_of(direction, node))
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


def _letters_of(direction: Direction, node: Expr) -> list[Expr]:
    """What the direction adds at this axis, so that a fresh index can avoid its letters."""
    leaves = sorted(node.atoms(Element), key=sympy.default_sort_key)
    return [direction(leaf) for leaf in leaves]
