"""A loss: its expression and the role of every symbol in it. Frozen, and checked when it is built."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

import sympy
from sympy import Expr, Symbol

from symloss.declare import checks
from symloss.declare.axes import substitute
from symloss.declare.domain import (
    ClassLabel,
    Domain,
    Identifiers,
    Interval,
    Signs,
    Simplex,
    Vectors,
    axes_of,
    entries_of,
    real,
)
from symloss.declare.indexed import named_axes
from symloss.declare.link import Link
from symloss.declare.nodes import Axis, Data, Element, Index, Probabilities
from symloss.errors import DeclarationError

# Names that generated functions, classes and modules need for themselves.
RESERVED = frozenset(
    {"y_true", "y_pred", "sample_weight", "reduction", "axis", "dtype", "name", "vector", "row_weight"}
    | {"out", "workers"}
    | {"classes", "from_logits", "offsets", "lists"}
    | {"ignore_class", "np", "tf", "keras", "self", "call", "get_config", "from_config"}
    | {"with_gradient", "with_hessian", "backward", "in_floats", "doubtful"}
    | {"target", "dim", "ignore_index", "torch", "forward", "extra_repr", "training", "jax", "jnp", "ops"}
    | set(dir(builtins))
)


@dataclass(frozen=True)
class Parameter:
    """A named scalar constant of the loss: SymPy symbol, default, domain and one line of meaning."""

    symbol: Symbol
    default: float
    domain: Interval
    meaning: str

    def __post_init__(self) -> None:
        checks.identifier(self.name, RESERVED)
        checks.plain_text(self.meaning)
        if not self.domain.contains(self.default):
            raise DeclarationError(
                f"parameter {self.name}: the default {self.default!r} is outside its domain {self.domain}; "
                "change the default or widen the domain"
            )

    @property
    def name(self) -> str:
        """The keyword argument's name in every target."""
        return str(self.symbol.name)


@dataclass(frozen=True)
class ExtraInput:
    """A further input, such as a variance or a context weight: one value per element, or over axes of its own.

    One with a link is predicted as well where a model has several scores per row: the scale of a distribution, say.
    """

    symbol: Symbol
    domain: Domain
    meaning: str
    link: Link | None = None

    def __post_init__(self) -> None:
        checks.identifier(self.name, RESERVED)
        checks.plain_text(self.meaning)

    @property
    def name(self) -> str:
        """The keyword argument's name in every target."""
        return str(self.symbol.name)


@dataclass(frozen=True)
class KerasName:
    """The Keras class this loss stands in for: its name and the parameter values it uses there.

    ``defaults`` replace the declaration's defaults in the constructor, ``fixed`` are no constructor arguments at all,
    ``switch`` is a boolean argument that, when off, fixes parameters and scales the result. ``arguments`` are the
    constructor's, in its order; ``instance`` is the default instance name where it is not the class name in snake case.
    """

    name: str
    defaults: Mapping[str, float | str] = field(default_factory=dict)
    fixed: Mapping[str, float] = field(default_factory=dict)
    switch: tuple[str, Mapping[str, float], float] | None = None
    arguments: tuple[str, ...] = ()
    instance: str = ""


@dataclass(frozen=True)
class TorchName:
    """The PyTorch class and function this loss stands in for.

    ``arguments`` are those that the class takes by place, in its order; all others are keywords. ``dim`` is the
    dimension of the entries of a sample, ``ignores`` tells whether a label may be left out by ``ignore_index``.
    ``raw`` is what the form with the link composed stands in for.
    """

    name: str = ""
    function: str = ""
    arguments: tuple[str, ...] = ()
    dim: int = -1
    ignores: bool = False
    raw: TorchName | None = None


@dataclass(frozen=True)
class Loss:
    """One loss per sample, ``expression`` in the symbols ``y_true`` and ``y_pred``, its parameters and extra inputs.

    ``forms`` names what is generated: ``{"prediction": …}`` for the expression as declared, ``{"raw": …}`` for the
    expression with the link composed, or both. ``where`` defines further symbols that the expression uses, as a paper
    does: ``where={label: (1 - s) * y_true + s / 2}``, or ``{label[k]: …}`` for one with an index. ``minimiser`` is an
    expression in y_true whose weighted mean over the samples is the best constant prediction; elementwise losses
    rarely need it, it is solved for. Symbols are matched by name, so ``Symbol("y_pred")`` is as good as the one symloss
    exports. A loss that couples samples has one value per entry of an axis, which ``rows`` names by its index.
    Raises DeclarationError for a free symbol without a role, a default outside its domain, a value that
    jumps, a derivative that is zero everywhere, and functions nothing can be generated for.
    """

    name: str
    expression: Expr
    summary: str
    family: str = "custom"
    y_true: Domain = real
    y_pred: Domain = real
    parameters: tuple[Parameter, ...] = ()
    extra_inputs: tuple[ExtraInput, ...] = ()
    link: Link | None = None
    forms: Mapping[str, str] = field(default_factory=dict)
    fixed_by_link: Mapping[str, float] = field(default_factory=dict)
    where: Mapping[Expr, Expr] = field(default_factory=dict)
    minimiser: Expr | None = None
    keras: KerasName | None = None
    torch: TorchName | None = None
    references: tuple[str, ...] = ()
    composed: Loss | None = None
    rows: Index | None = None

    def __post_init__(self) -> None:
        checks.identifier(self.name, frozenset())
        for text in (self.summary, self.family, *self.references):
            checks.plain_text(text)
        set_field = object.__setattr__
        set_field(self, "parameters", tuple(self.parameters))
        set_field(self, "extra_inputs", tuple(self.extra_inputs))
        set_field(self, "references", tuple(self.references))
        set_field(self, "forms", MappingProxyType(dict(self.forms) or {"prediction": self.name}))
        try:
            whole, *parts = named_axes([self.expression, *self.where.values(), *self.where])
            keys, values = parts[len(self.where) :], parts[: len(self.where)]
            set_field(self, "expression", self._canonical(whole))
            named = {key: self._canonical(value) for key, value in zip(keys, values, strict=True)}
            set_field(self, "where", MappingProxyType(_in_order_of_use(named)))
            checks.run(self)
        except DeclarationError as error:
            raise DeclarationError(f"{self.name}: {error}") from None

    def _canonical(self, expression: Expr) -> Expr:
        """Give every symbol the assumptions of its domain, whatever object the author typed it with."""
        checks.is_expression(expression)
        expression = sympy.nsimplify(sympy.sympify(expression), rational=True)
        roles = {symbol.name: symbol for symbol in self.symbols}
        known = {symbol: roles[symbol.name] for symbol in expression.free_symbols if symbol.name in roles}
        return expression.xreplace(known)  # type: ignore[no-any-return]

    @cached_property
    def true_symbol(self) -> Data:
        """``y_true`` with the assumptions of its domain."""
        kind = Probabilities if isinstance(self.y_true, Simplex) else Data
        return kind("y_true", **_assumptions(self.y_true))

    @cached_property
    def pred_symbol(self) -> Data:
        """``y_pred`` with the assumptions of its domain."""
        return Data("y_pred", **_assumptions(self.y_pred))

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """Every symbol that has a role, assumptions included."""
        items: list[Parameter | ExtraInput] = [*self.parameters, *self.extra_inputs]
        named = [
            (Data if axes_of(item.domain) else Symbol)(item.name, **{"real": True, **_assumptions(item.domain)})
            for item in items
        ]
        return (self.true_symbol, self.pred_symbol, *named)

    @cached_property
    def axis(self) -> Axis | None:
        """The axis the loss couples entries over, or None for an elementwise loss."""
        return next(iter(self.axes_of_data("y_pred") or sorted(self.full_expression.atoms(Axis), key=str)), None)

    def axes_of_data(self, name: str) -> tuple[Axis, ...]:
        """The axes that an argument has within one sample: those of its domain, else those it is indexed by."""
        return self._axes_by_name.get(name, ())

    @cached_property
    def _axes_by_name(self) -> dict[str, tuple[Axis, ...]]:
        """The axes of every argument, y_pred first."""
        domains = {"y_pred": self.y_pred, "y_true": self.y_true}
        domains |= {item.name: item.domain for item in self.extra_inputs}
        return {name: tuple(map(Axis, axes_of(domain))) or self._axes_used(name) for name, domain in domains.items()}

    def _axes_used(self, name: str) -> tuple[Axis, ...]:
        used = [node for node in self.full_expression.atoms(Element) if node.data.name == name]
        found = {tuple(index.axis for index in node.indices) for node in used if _is_indexed_by_indices(node)}
        return min(found, key=str, default=())

    @cached_property
    def axes(self) -> dict[Axis, str]:
        """Every axis that an argument has, and the first argument that has it."""
        found: dict[Axis, str] = {}
        for name, axes in self._axes_by_name.items():
            for axis in axes:
                found.setdefault(axis, name)
        return found

    @cached_property
    def has_one_axis(self) -> bool:
        """Whether y_pred has one axis and every other argument has that one or none."""
        return self.rows is None and len(self.axes) == 1 and bool(self.axes_of_data("y_pred"))

    @cached_property
    def is_coupled(self) -> bool:
        """Whether arguments over axes differ in theirs, or samples in one array depend on each other."""
        own = self.axes_of_data("y_pred")
        has_arrays = any(self.axes_of_data(item.name) for item in self.extra_inputs)
        is_label = isinstance(self.y_true, ClassLabel) and not self.y_true.over
        is_alike = is_label or (self.axes_of_data("y_true") == own and not isinstance(self.y_true, Identifiers))
        return bool(self.axes) and (len(own) != 1 or has_arrays or self.rows is not None or not is_alike)

    @property
    def is_elementwise(self) -> bool:
        """Whether every element is a sample of its own."""
        return not self.full_expression.has(Element)

    @cached_property
    def full_expression(self) -> Expr:
        """The expression with everything under ``where`` substituted."""
        expression = self.expression
        for symbol, part in reversed(list(self.where.items())):
            expression = substitute(expression, symbol, part)
        return expression

    @property
    def prediction_name(self) -> str | None:
        """The name of the generated form that takes predictions."""
        return self.forms.get("prediction")

    @property
    def raw_name(self) -> str | None:
        """The name of the generated form that takes raw scores."""
        return self.forms.get("raw")

    @property
    def composed_at(self) -> dict[Symbol, float]:
        """The parameters that the link fixed, and their values."""
        if self.composed is None:
            return {}
        fixed = self.composed.fixed_by_link
        return {symbol: fixed[symbol.name] for symbol in self.composed.symbols if symbol.name in fixed}

    @property
    def prediction_only_raw(self) -> bool:
        """Whether the raw form is the only one, so that it stands for the declaration."""
        return self.composed is not None and self.composed.prediction_name is None

    @property
    def inverse_link(self) -> Expr | None:
        """The prediction as a function of the raw score (at index j of the axis), where a link is composed."""
        if self.composed is None or self.link is None:
            return None
        return self.link.inverse(self.pred_symbol, self.axis, self.axis.index("j") if self.axis else None)

    def generated_forms(self) -> tuple[Loss, ...]:
        """The losses to generate: the declaration itself, with its link composed, or both."""
        return self._forms

    @cached_property
    def _forms(self) -> tuple[Loss, ...]:
        built: list[Loss] = []
        if self.prediction_name is not None:
            built.append(replace(self, name=self.prediction_name, forms={}, link=None, fixed_by_link={}))
        if self.raw_name is not None:
            built.append(self._with_link_composed(self.raw_name))
        return tuple(built)

    def _with_link_composed(self, name: str) -> Loss:
        if self.link is None:
            raise DeclarationError(f"{self.name}: the form {name!r} takes raw scores, but no link is declared")
        fixed = {
            symbol: self.fixed_by_link[symbol.name] for symbol in self.symbols if symbol.name in self.fixed_by_link
        }
        rational = {symbol: sympy.nsimplify(value) for symbol, value in fixed.items()}
        domain: Domain = replace(self.y_pred, entries=real) if isinstance(self.y_pred, Vectors) else real
        score = Data("y_pred", **_assumptions(domain))
        link, axis = self.link, self.axis

        def compose(expression: Expr) -> Expr:
            return link.compose(_refresh(expression.xreplace(rational)), self.pred_symbol, score, axis)

        return replace(
            self,
            name=name,
            expression=compose(self.expression),
            where={symbol: compose(part) for symbol, part in self.where.items()},
            y_pred=domain,
            parameters=tuple(item for item in self.parameters if item.name not in self.fixed_by_link),
            forms={},
            fixed_by_link={},
            composed=self,
        )


def _refresh(expression: Expr) -> Expr:
    """Rebuild a guard whose limits became 0 and 1: on a probability it does nothing."""
    from symloss.declare.functions import clamp

    return expression.replace(  # type: ignore[no-any-return]
        lambda node: isinstance(node, clamp) and node.args[1] == 0 and node.args[2] in (1, sympy.oo),
        lambda node: node.args[0],
    )


def _in_order_of_use(where: dict[Expr, Expr]) -> dict[Expr, Expr]:
    """Definitions in an order in which each uses only those before it; the given one where that will do."""

    def name(symbol: Expr) -> Expr:
        return symbol.data if isinstance(symbol, Element) else symbol

    ordered: dict[Expr, Expr] = {}
    while len(ordered) < len(where):
        waiting = {name(symbol) for symbol in where if symbol not in ordered}
        ready = [symbol for symbol in where if symbol not in ordered and not where[symbol].free_symbols & waiting]
        if not ready:
            listed = ", ".join(sorted(map(str, waiting)))
            raise DeclarationError(f"where= defines {listed} by each other; one of them must come first")
        ordered |= {symbol: where[symbol] for symbol in ready[:1]}
    return ordered


def _is_indexed_by_indices(node: Element) -> bool:
    return all(isinstance(index, Index) for index in node.indices)


def _assumptions(domain: Domain) -> dict[str, bool]:
    if isinstance(domain, ClassLabel):
        return {"integer": True, "nonnegative": True}
    if isinstance(domain, Identifiers):
        return {"integer": True}
    if isinstance(domain, Signs):
        return {"integer": True, "nonzero": True}
    interval = entries_of(domain)
    if interval.lower > 0 or (interval.lower == 0 and interval.lower_open):
        return {"positive": True}
    if interval.lower == 0:
        return {"nonnegative": True}
    return {}
