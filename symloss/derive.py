"""Value, gradient, Hessian and kinks of a loss, almost everywhere and without unrolling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import sympy
from sympy import Expr, Integer, Symbol

from symloss.atoms import difference
from symloss.declare import Data, Delta, Element, Index, Loss, sum_over
from symloss.declare.axes import substitute
from symloss.differentiate import VECTOR, Direction, along_entry, along_vector, differentiate
from symloss.intermediates import Definition, free_name, name_intermediates, spell_out_residual
from symloss.own_entry import own_entry_apart
from symloss.simplify import split_by_label, tidy
from symloss.stabilise import finish, lift
from symloss.stages import Stages, entry_indices
from symloss.start import start_statistic


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

    def spelled_out(self, expression: Expr) -> Expr:
        """The expression with every named intermediate put back."""
        for item in reversed(self.definitions):
            if item.index is None:
                expression = expression.xreplace({item.symbol: item.expression})
            elif isinstance(item.symbol, Data):
                expression = substitute(expression, item.entry, item.expression)
        return expression


def derive(loss: Loss) -> Derivation:
    """Lift the declaration to stable atoms, differentiate there, and bring every result to its stable form."""
    fired: list[str] = []
    expression, definitions, names = name_intermediates(loss, fired)
    if loss.is_elementwise:
        derivation = _derive_elementwise(loss, expression, definitions, fired)
    elif loss.has_one_axis:
        derivation = _derive_over_axis(loss, expression, definitions, fired)
    else:
        derivation = _derive_over_axes(loss, expression, definitions, fired)
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
        return differentiate(expression, Direction(self._along))

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
    """A loss over one axis: the Hessian's entries are formed, so that its structure can be found."""
    pred = loss.pred_symbol
    (at,), (other,) = entry_indices(loss)
    bare = differentiate(expression, along_entry(pred, (at,)))
    gradient = lift(tidy(bare, loss), fired)
    entry = differentiate(gradient, along_entry(pred, (other,)))
    diagonal = lift(tidy(entry.xreplace({other: at}), loss), fired)
    value = finish(expression, fired)
    slope, curvature = (own_entry_apart(finish(item, fired), at) for item in (gradient, diagonal))
    steps = {
        "gradient": (bare, gradient, slope),
        "hessian": (entry.xreplace({other: at}), diagonal, curvature),
    }
    product = _product_by_structure(loss, entry, at, other, curvature, fired)
    if product is None:
        product = finish(lift(tidy(differentiate(gradient, along_vector(pred)), loss), fired), fired)
    rules = tuple(dict.fromkeys(fired))
    return Derivation(
        loss, tuple(definitions), value, slope, curvature, product, indices=(at,), steps=steps, rules=rules
    )


def _derive_over_axes(loss: Loss, expression: Expr, definitions: list[Definition], fired: list[str]) -> Derivation:
    """A loss over several axes, or with a value per row: stage by stage through its named arrays."""
    stages = Stages(loss, expression, definitions, fired)
    directional = None if loss.rows is None else finish(stages.directional, fired)
    value, gradient, hessian, product = (
        finish(item, fired) for item in (stages.expression, stages.gradient, stages.hessian, stages.product)
    )
    return Derivation(
        loss,
        stages.finished(),
        value,
        gradient,
        hessian,
        product,
        indices=stages.at,
        rules=tuple(dict.fromkeys(fired)),
        steps={"gradient": (stages.gradient,), "hessian": (stages.hessian,)},
        directional=directional,
    )


def _product_by_structure(
    loss: Loss, entry: Expr, at: Index, other: Index, curvature: Expr, fired: list[str]
) -> Expr | None:
    """The product with a vector where the Hessian is diagonal plus low rank; None where it is not."""
    beside = lift(tidy(entry.xreplace({Delta(at, other): Integer(0)}), loss), fired)
    if not all(_is_separable(term, at, other) for term in sympy.Add.make_args(sympy.expand_mul(beside))):
        return None
    return curvature * Element(VECTOR, at) + finish(_product_beside_diagonal(beside, at, other), fired)


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
