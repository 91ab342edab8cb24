"""What a declaration must satisfy before anything is derived from it."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import sympy
from sympy import Expr, Symbol
from sympy.core.relational import Relational

from symloss.declare.domain import Domain, Interval, entries_of
from symloss.declare.functions import clamp, stop_gradient
from symloss.declare.nodes import Bracket, Element, Index, free_indices
from symloss.errors import DeclarationError, UnsupportedError

if TYPE_CHECKING:
    from symloss.declare.loss import Loss

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
_ARRAYS_OF_DERIVATIVES = frozenset({"vector", "row_weight"})
_JUMPING = (sympy.floor, sympy.ceiling, sympy.frac, sympy.DiracDelta)
_SYMPY_CONTAINERS = (sympy.MatrixBase, sympy.Tuple)


def identifier(name: str, reserved: frozenset[str]) -> None:
    """Names become modules, functions and keyword arguments, so they are lower-case Python identifiers."""
    if not isinstance(name, str) or not _IDENTIFIER.fullmatch(name) or keyword.iskeyword(name):
        raise DeclarationError(f"{name!r} can't be a name; use lower-case letters, digits and underscores")
    if name in reserved:
        raise DeclarationError(f"{name!r} is taken by the generated functions' own arguments; choose another name")


def plain_text(text: str) -> None:
    """Texts end up in docstrings and LaTeX, so they are single lines that cannot leave them."""
    if not isinstance(text, str) or not text.strip() or not text.isprintable() or "\\" in text or '"""' in text:
        raise DeclarationError(
            f"{text!r} is not a plain line of text; leave out quotes by threes, backslashes, newlines"
        )


def is_expression(expression: object) -> None:
    """A scalar SymPy expression or number; never text, which would have to be evaluated as code."""
    if isinstance(expression, str):
        raise DeclarationError("the expression is text; build it from SymPy symbols, text is never evaluated")
    if isinstance(expression, _SYMPY_CONTAINERS) or getattr(expression, "is_Matrix", False):
        raise DeclarationError("the expression is not a scalar; a loss gives one number per sample, sum over an axis")
    if not isinstance(expression, Expr | int | float):
        raise DeclarationError(f"the expression is a {type(expression).__name__}, not a SymPy expression")
    number = sympy.sympify(expression)
    if number.has(sympy.nan, sympy.zoo, sympy.I) or number.is_infinite:
        raise DeclarationError(f"the expression is {expression}; a loss is real and finite on its domain")


def run(loss: Loss) -> None:
    """All checks on a built loss; raises DeclarationError with what to do."""
    _definitions(loss)
    _roles(loss)
    _scalar(loss)
    _indices(loss)
    _no_jumping_brackets(loss.full_expression, loss.pred_symbol)
    _functions(loss.full_expression)
    if loss.is_elementwise:
        _continuous_and_not_constant(loss)


def _definitions(loss: Loss) -> None:
    for symbol in loss.where:
        name = symbol.data.name if isinstance(symbol, Element) else getattr(symbol, "name", None)
        if name is None:
            raise DeclarationError(f"where= defines {symbol}, which is not a symbol; use Symbol('label') or label[k]")
        identifier(name, _ARRAYS_OF_DERIVATIVES | {item.name for item in loss.symbols})


def _roles(loss: Loss) -> None:
    names = [symbol.name for symbol in loss.symbols]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DeclarationError(f"{', '.join(twice)} is declared more than once")
    bound = {argument for node in loss.full_expression.atoms(Index) for argument in node.args}
    free = loss.full_expression.free_symbols - set(loss.symbols) - bound
    if free:
        listed = ", ".join(sorted(str(symbol) for symbol in free))
        raise DeclarationError(
            f"the symbol {listed} has no role; use y_true and y_pred for data, "
            "declare constants in parameters=… and further data in extra_inputs=…"
        )
    for item in loss.parameters:
        if (
            item.symbol.name not in {symbol.name for symbol in loss.full_expression.free_symbols}
            and loss.composed is None
        ):
            raise DeclarationError(f"parameter {item.name} does not occur in the expression; remove it or use it")
    if loss.pred_symbol not in loss.full_expression.free_symbols:
        raise DeclarationError("y_pred does not occur in the expression, so the gradient is identically zero")


def _scalar(loss: Loss) -> None:
    free = free_indices(loss.full_expression) - ({loss.rows} if loss.rows is not None else set())
    if free:
        letters = ", ".join(sorted(index.letter for index in free))
        raise DeclarationError(
            f"the index {letters} is free, so the value is not a scalar; sum over it with sum_over(…), "
            "or declare rows= where the loss has one value for each"
        )
    data = {loss.true_symbol, loss.pred_symbol}
    if loss.full_expression.has(Element):
        indexed = {node.data for node in loss.full_expression.atoms(Element)}
        bare = data & indexed & set(_leaves_outside_elements(loss.full_expression))
        if bare:
            names = ", ".join(sorted(str(symbol) for symbol in bare))
            raise DeclarationError(f"{names} occurs with and without an index; index it everywhere")


def _indices(loss: Loss) -> None:
    """Every array is indexed by as many indices as it has axes, each of its own axis."""
    for node in sorted(loss.full_expression.atoms(Element), key=sympy.default_sort_key):
        axes = loss.axes_of_data(node.data.name)
        if len(node.indices) != len(axes):
            listed = ", ".join(map(str, axes)) or "no axis"
            raise DeclarationError(f"{_shown(node)} has {len(node.indices)} indices, {node.data} has {listed}")
        for place, (index, axis) in enumerate(zip(node.indices, axes, strict=True)):
            if isinstance(index, Index) and index.axis != axis:
                raise DeclarationError(
                    f"{node.data} is indexed by an index of axis {index.axis}, "
                    f"but axis {place + 1} of {node.data} is {axis}; take an index of {axis}"
                )


def _shown(node: Element) -> str:
    letters = [str(index.axis).lower() if isinstance(index, Index) else str(index) for index in node.indices]
    return f"{node.data}[{', '.join(letters)}]"  # binders have taken the author's letters


def _no_jumping_brackets(expression: Expr, prediction: Symbol) -> None:
    """A bracket of predictions makes the value jump, unless it is a constant weight."""
    held = expression.replace(stop_gradient, lambda inside: sympy.Integer(1))
    for node in held.atoms(Bracket):
        if node.has(prediction):
            raise DeclarationError(
                "a bracket of predictions makes the value jump; use Max, Abs or max_over, "
                "or stop_gradient(…) where it only weighs other terms"
            )


def _leaves_outside_elements(expression: Expr) -> set[Symbol]:
    if isinstance(expression, Element):
        return set()
    if isinstance(expression, Symbol):
        return {expression}
    return {leaf for argument in expression.args for leaf in _leaves_outside_elements(argument)}  # type: ignore[arg-type]


def _functions(expression: Expr) -> None:
    for node in sympy.preorder_traversal(expression):
        if isinstance(node, _JUMPING):
            raise DeclarationError(
                f"{node} jumps again and again; write the branches with Piecewise, or use a smooth function"
            )
        if isinstance(node, sympy.Derivative | sympy.Integral | sympy.Subs | sympy.Sum | sympy.Product):
            raise UnsupportedError(f"{type(node).__name__} can't be generated; evaluate it, or use sum_over for sums")
        if isinstance(node, sympy.Piecewise) and node.args[-1].cond != sympy.true:
            raise DeclarationError("the Piecewise has no branch for 'else'; end it with (expression, True)")


def sample(interval: Interval, fraction: float) -> sympy.Rational:
    """A rational point inside an interval, ``fraction`` of the way along its finite or human-sized part."""
    lower = interval.lower if interval.lower != -sympy.oo and interval.lower > -1e9 else -3.0
    upper = interval.upper if interval.upper < 1e9 else max(lower, 0.0) + 3.0
    return (
        sympy.Rational(round((lower + (upper - lower) * fraction) * 997), 997)
        if upper - lower > 0.1
        else (sympy.Rational(lower) + (sympy.Rational(upper) - sympy.Rational(lower)) * sympy.Rational(fraction))
    )


def sample_points(loss: Loss) -> list[dict[Symbol, sympy.Rational]]:
    """A few points inside all domains, away from special values."""
    points = []
    for step in range(7):
        point: dict[Symbol, sympy.Rational] = {}
        for number, (symbol, domain) in enumerate(_domains(loss)):
            fraction = ((0.37 * (step + 1) + 0.619 * (number + 1) * (step + 2)) % 0.9) + 0.05
            point[symbol] = sample(entries_of(domain), fraction)
        points.append(point)
    return points


def _domains(loss: Loss) -> list[tuple[Symbol, Domain]]:
    symbols = loss.symbols
    named = [*(item.domain for item in loss.parameters), *(item.domain for item in loss.extra_inputs)]
    return list(zip(symbols, [loss.y_true, loss.y_pred, *named], strict=True))  # type: ignore[arg-type]


def _continuous_and_not_constant(loss: Loss) -> None:
    prediction, moving = loss.pred_symbol, False
    expression = loss.full_expression.replace(clamp, lambda x, lower, upper: sympy.Min(sympy.Max(x, lower), upper))
    for point in sample_points(loss):
        value, other = (
            _number(expression, {**point, prediction: point[prediction] + step})
            for step in (0, sympy.Rational(1, 1000))
        )
        _real_and_finite(value, point)
        _no_pole_at_the_target(loss, expression, point)
        _no_jump(loss, expression, point)
        moving = moving or value != other
    if not moving:
        raise DeclarationError("the value does not change with y_pred, so the gradient is identically zero")


def _number(expression: Expr, point: Mapping[Symbol, Expr]) -> Expr:
    """The value in floats of forty digits: exact rationals would be raised to powers exactly."""
    return expression.xreplace({symbol: sympy.Float(value, 40) for symbol, value in point.items()}).evalf(40)  # type: ignore[no-any-return]


def _real_and_finite(value: Expr, point: dict[Symbol, sympy.Rational]) -> None:
    if value.is_real or not value.is_number:
        return
    kind = "infinite" if value.is_infinite else "not real"
    where = ", ".join(f"{symbol.name}={float(number):.4g}" for symbol, number in point.items())
    raise DeclarationError(f"the value is {kind} at {where}; narrow the domain of y_true, y_pred or the parameter")


def _no_pole_at_the_target(loss: Loss, expression: Expr, point: dict[Symbol, sympy.Rational]) -> None:
    target = point[loss.true_symbol]
    if not entries_of(loss.y_pred).contains(float(target)):
        return
    value = _number(expression, {**point, loss.pred_symbol: target})
    if value.is_infinite:
        raise DeclarationError("the value is infinite where y_pred = y_true; a loss is least near its target")


def _no_jump(loss: Loss, expression: Expr, point: dict[Symbol, sympy.Rational]) -> None:
    """Compare the value on both sides of every boundary that a condition, a sign or a step draws."""
    prediction = loss.pred_symbol
    at = {symbol: value for symbol, value in point.items() if symbol != prediction}
    step = sympy.Rational(1, 10**12)
    for left, right in _boundaries(loss.full_expression):
        for root in roots_of((left - right).xreplace(at), prediction):
            if not entries_of(loss.y_pred).contains(float(root)):
                continue
            below, above = (_number(expression, {**at, prediction: root + side}) for side in (-step, step))
            if below.is_finite and above.is_finite and abs(below - above) > 1e-9 * (1 + abs(below)):
                raise DeclarationError(
                    f"the value jumps from {sympy.N(below, 4)} to {sympy.N(above, 4)} where {left} = {right}; "
                    "make the branches meet there"
                )


def _boundaries(expression: Expr) -> list[tuple[Expr, Expr]]:
    """Both sides of every comparison, and the arguments of signs and steps beside 0."""
    relations = [
        relation for piecewise in expression.atoms(sympy.Piecewise) for relation in piecewise.atoms(Relational)
    ]
    steps = expression.atoms(sympy.sign, sympy.Heaviside)
    found = {(relation.lhs, relation.rhs) for relation in relations}
    found |= {(node.args[0], sympy.Integer(0)) for node in steps}
    return sorted(found, key=sympy.default_sort_key)


def roots_of(gap: Expr, prediction: Symbol) -> list[Expr]:
    """Where an expression vanishes as a function of the prediction; absolute values are resolved either way."""
    if prediction not in gap.free_symbols:
        return []
    pieces = [gap]
    for absolute in gap.atoms(sympy.Abs):
        pieces = [piece.xreplace({absolute: sign * absolute.args[0]}) for piece in pieces for sign in (1, -1)]
    roots: list[Expr] = []
    for piece in pieces:
        try:
            found = sympy.solve(piece, prediction)
        except NotImplementedError:
            continue
        roots.extend(
            root for root in found if root.is_real is not False and _vanishes(gap.xreplace({prediction: root}))
        )
    return roots


def _vanishes(gap: Expr) -> bool:
    numbers = {
        symbol: sympy.Rational(7 + 3 * place, 5) for place, symbol in enumerate(sorted(gap.free_symbols, key=str))
    }
    return bool(abs(gap.subs(numbers).evalf()) < 1e-9)
