"""How a raw score becomes the prediction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy
from sympy import Expr

from symloss.declare.axes import map_elements, softmax
from symloss.declare.nodes import Axis, Data


@dataclass(frozen=True)
class Link:
    """A link by its inverse: ``inverse(raw_score, axis, at)`` is the prediction; no axis for elementwise links."""

    name: str
    inverse: Callable[[Data, Axis | None, Expr | None], Expr]
    over_axis: bool = False
    forward: str = "identity"

    def compose(self, expression: Expr, y_pred: Data, raw_score: Data, axis: Axis | None) -> Expr:
        """The expression with every prediction replaced by the inverse link of the raw score."""
        if not self.over_axis:
            return expression.xreplace({y_pred: self.inverse(raw_score, None, None)})
        return map_elements(
            expression, lambda node: self.inverse(raw_score, axis, node.index) if node.data == y_pred else node
        )


logit_link = Link("logit", lambda score, axis, at: 1 / (1 + sympy.exp(-score)), forward="logit")
log_link = Link("log", lambda score, axis, at: sympy.exp(score), forward="log")
softmax_link = Link("softmax", softmax, over_axis=True, forward="log")  # type: ignore[arg-type]
