"""One-sided limits at a boundary between branches, by deciding every comparison on the given side of it."""

from __future__ import annotations

from collections.abc import Callable

import sympy
from sympy import Expr, Integer, Symbol
from sympy.core.basic import Basic
from sympy.core.relational import Relational

from symloss import atoms

UNDECIDED = 2  # in the place of a sign: the branches stay


class _UndecidedError(Exception):
    """A comparison whose outcome beside the boundary is not known."""


def limits_at(expression: Expr, prediction: Symbol, boundary: Expr) -> tuple[Expr, Expr] | None:
    """The limits from below and from above as y_pred nears a boundary; None where they are not decided."""
    try:
        return tuple(_limit(expression, prediction, boundary, side) for side in (-1, 1))  # type: ignore[return-value]
    except _UndecidedError:
        return None


def inside(expression: Expr, prediction: Symbol, place: Expr) -> Expr:
    """The expression with the branches that hold around a place between all boundaries."""
    return sympy.sympify(chosen(expression, prediction, lambda gap: int(sympy.sign(gap.xreplace({prediction: place})))))  # type: ignore[no-any-return]


def jump_at(expression: Expr, prediction: Symbol, boundary: Expr) -> Expr | None:
    """The limit from above less that from below as y_pred passes a boundary; None where that is not decided."""
    limits = limits_at(expression, prediction, boundary)
    return None if limits is None else sympy.simplify(limits[1] - limits[0])


def _limit(expression: Expr, prediction: Symbol, boundary: Expr, side: int) -> Expr:
    branch = chosen(expression, prediction, lambda gap: _sign(gap, prediction, boundary, side))
    return sympy.sympify(branch).xreplace({prediction: boundary})  # type: ignore[no-any-return]


def chosen(expression: Basic, prediction: Symbol, sign: Callable[[Expr], int]) -> Basic:
    """The expression with every branch, sign and size of predictions chosen by the signs of differences.

    Where a sign is ``UNDECIDED`` the part stays as it is.
    """
    if not expression.has(prediction):
        return expression
    if isinstance(expression, sympy.Piecewise):
        holds = [branch.cond == sympy.true or _holds(branch.cond, prediction, sign) for branch in expression.args]
        first = next((place for place, outcome in enumerate(holds) if outcome is not False), None)
        if first is None or holds[first] is None:
            return expression
        return chosen(expression.args[first].expr, prediction, sign)
    if not expression.args:
        return expression
    arguments = [chosen(argument, prediction, sign) for argument in expression.args]
    if not isinstance(expression, _BRANCHING):
        return expression.func(*arguments)
    gap = arguments[0] - arguments[1] if len(arguments) > 1 else arguments[0]  # type: ignore[operator]
    direction = sign(gap)  # type: ignore[arg-type]
    return expression.func(*arguments) if direction == UNDECIDED else _decided(expression, arguments, direction)


_BRANCHING = (atoms.sign_of, atoms.magnitude, atoms.exceeds, atoms.maximum, atoms.minimum, sympy.Abs)


def _decided(expression: Basic, arguments: list[Basic], direction: int) -> Basic:
    match expression:
        case atoms.sign_of():
            return Integer(direction)
        case atoms.magnitude() | sympy.Abs():
            return direction * arguments[0]  # type: ignore[operator, no-any-return]
        case atoms.exceeds():
            return Integer(direction > 0)
        case atoms.maximum():
            return arguments[0 if direction > 0 else 1]
    return arguments[0 if direction < 0 else 1]


def _holds(condition: Basic, prediction: Symbol, sign: Callable[[Expr], int]) -> bool | None:
    """Whether a comparison holds; None where that is not decided."""
    if not isinstance(condition, Relational):
        raise _UndecidedError
    direction = sign(chosen(condition.lhs - condition.rhs, prediction, sign))  # type: ignore[arg-type]
    return None if direction == UNDECIDED else bool(condition.func(Integer(direction), Integer(0)))


def _sign(gap: Expr, prediction: Symbol, boundary: Expr, side: int) -> int:
    """The sign of a difference just beside the boundary: of its limit, or of the first slope that does not vanish."""
    for order in range(3):
        limit = sympy.simplify(gap.diff(prediction, order).xreplace({prediction: boundary}))
        if limit.is_zero:
            continue
        if limit.is_positive:
            return side**order
        if limit.is_negative:
            return -(side**order)
        raise _UndecidedError
    return 0
