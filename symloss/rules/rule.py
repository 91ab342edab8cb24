"""A stabilising identity: its name, where the naive form fails, its source, an example, and the rewrite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sympy import Expr
from sympy.core.basic import Basic

Rewrite = Callable[[Expr], Expr | None]


@dataclass(frozen=True)
class Rule:
    """``rewrite`` returns an equal expression, or None where the rule does not apply."""

    name: str
    rewrite: Rewrite
    fails: str
    source: str
    example: Callable[[], Expr]


def apply_rules(expression: Basic, rules: tuple[Rule, ...], fired: list[str]) -> Basic:
    """Rewrite one node until no rule applies, and record which did."""
    for _ in range(20):
        for rule in rules:
            changed = rule.rewrite(expression)  # type: ignore[arg-type]
            if changed is not None and changed != expression:
                fired.append(rule.name)
                expression = changed
                break
        else:
            return expression
    return expression
