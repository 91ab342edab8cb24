"""Applies the rules: from textbook mathematics to stable atoms, and from those to the form that is computed."""

from __future__ import annotations

import sympy
from sympy import Expr
from sympy.core.basic import Basic

from symloss.declare.axes import sum_over
from symloss.declare.binders import Binder, Norm, Total, Unit
from symloss.declare.nodes import Element, Index, Mark, fresh_index
from symloss.rules import FINISHING, LIFTING, vectors
from symloss.rules.rule import Rule, apply_rules


def lift(expression: Expr, fired: list[str] | None = None) -> Expr:
    """The expression on stable atoms; equal to it wherever both are defined."""
    trace = [] if fired is None else fired
    lifted = _rewrite(expression, LIFTING, trace)
    return vectors.normalise_by_length(lifted, trace)


def finish(expression: Expr, fired: list[str] | None = None) -> Expr:
    """The expression in the form that is computed."""
    return _rewrite(expression, FINISHING, [] if fired is None else fired)


def _rewrite(expression: Expr, rules: tuple[Rule, ...], fired: list[str]) -> Expr:
    """Bottom up; binders are opened and closed so that no rule ever sees a bound index."""
    if isinstance(expression, Element | Index | Mark) or not expression.args:
        return expression
    if expression.is_number:  # evaluated, not computed
        return expression
    if isinstance(expression, Binder):
        if isinstance(expression, Norm | Unit):
            return expression
        index = fresh_index(expression.axis, expression)
        body = _rewrite(expression.body(index), rules, fired)
        rebuilt: Basic = (
            sum_over(index, body)
            if isinstance(expression, Total)
            else type(expression).over(index, body, *expression.args[2:])
        )
    elif isinstance(expression, sympy.logic.boolalg.Boolean):
        rebuilt = expression.func(*[_rewrite(argument, rules, fired) for argument in expression.args])  # type: ignore[arg-type]
    else:
        arguments = [_rewrite(argument, rules, fired) for argument in expression.args]  # type: ignore[arg-type]
        rebuilt = expression if tuple(arguments) == expression.args else expression.func(*arguments)
    return apply_rules(rebuilt, rules, fired)  # type: ignore[return-value]
