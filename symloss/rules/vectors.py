"""Normalised vectors: entries are divided by their length or sum before anything is multiplied."""

from __future__ import annotations

import sympy
from sympy import Expr

from symloss.declare import Element, Norm, Total, Unit, map_elements
from symloss.declare.binders import Share
from symloss.declare.nodes import fresh_index
from symloss.rules.rule import Rule


def _share(node: Expr) -> Expr | None:
    """``u_i / Σ u_k`` is the share."""
    if not isinstance(node, sympy.Mul):
        return None
    for factor in node.args:
        if isinstance(factor, sympy.Pow) and factor.exp == -1 and isinstance(factor.base, Total):
            total = factor.base
            index = fresh_index(total.axis, total)
            for other in node.args:
                ats = sorted({item.index for item in other.atoms(Element)}, key=sympy.default_sort_key)
                for at in ats:
                    if total.body(at) == other:
                        return node / (factor * other) * Share.over(index, total.body(index), at)
    return None


def normalise_by_length(expression: Expr, fired: list[str]) -> Expr:
    """Write entries of a vector whose length occurs as length times unit vector; the lengths then cancel."""
    lengths = {node.args[0].data: node for node in expression.atoms(Norm) if isinstance(node.args[0], Element)}
    if not lengths or expression.has(Unit):
        return expression

    def scale(node: Element) -> Expr:
        length = lengths.get(node.data)
        return node if length is None else length * Unit(length.args[0], length.axis, node.index)

    kept = {length: sympy.Dummy(f"length_{data.name}", positive=True) for data, length in lengths.items()}
    scaled = map_elements(expression.xreplace(kept), lambda node: scale(node).xreplace(kept))
    scaled = scaled.xreplace({dummy: length for length, dummy in kept.items()})
    if scaled.has(Norm):
        return expression
    fired.append("unit vectors")
    return scaled


def _example_share() -> Expr:
    from symloss.declare import Axis, sum_over, y_pred

    axis = Axis("K")
    return y_pred[axis.index("i")] / sum_over(axis.index("k"), y_pred[axis.index("k")])


RULES = (
    Rule(
        "share of a sum",
        _share,
        "the derivative p/P^2 overflows before its parts do",
        "quotient kept whole",
        _example_share,
    ),
)
