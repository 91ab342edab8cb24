"""Normalised vectors: entries are divided by their length or sum before anything is multiplied."""

from __future__ import annotations

import sympy
from sympy import Expr

from symloss.declare import Element, Index, Norm, Total, Unit, map_elements
from symloss.declare.binders import Share
from symloss.declare.nodes import fresh_index, indices_of_entries
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
                for at in indices_of_entries(other):
                    if total.body(at) == other:
                        return node / (factor * other) * Share.over(index, total.body(index), at)
    return None


def normalise_by_length(expression: Expr, fired: list[str]) -> Expr:
    """Write entries of a vector whose length occurs as length times unit vector; the lengths then cancel."""
    norms = sorted(
        (node for node in expression.atoms(Norm) if isinstance(node.args[0], Element)), key=sympy.default_sort_key
    )
    places = {node.args[0].data: _place_of_bound(node) for node in norms}  # type: ignore[attr-defined]
    if not norms or expression.has(Unit):
        return expression
    lengths: dict[Expr, Expr] = {}

    def length_of(norm: Expr) -> Expr:
        return lengths.setdefault(norm, sympy.Dummy(f"length_{len(lengths)}", positive=True))

    def scale(node: Element) -> Expr:
        if node.data not in places:
            return node
        place, axis, bound = places[node.data]
        body = Element(node.data, *(bound if number == place else index for number, index in enumerate(node.indices)))
        return length_of(Norm(body, axis)) * Unit(body, axis, node.indices[place])

    scaled = map_elements(expression.xreplace({norm: length_of(norm) for norm in norms}), scale)
    scaled = scaled.xreplace({dummy: length for length, dummy in lengths.items()})
    if scaled.has(Norm):
        return expression
    fired.append("unit vectors")
    return scaled


def _place_of_bound(norm: Norm) -> tuple[int, Expr, Expr]:
    """Which index of the vector's entries its length is taken over, the axis, and the bound index."""
    entry = norm.args[0]
    assert isinstance(entry, Element)
    place = next(number for number, index in enumerate(entry.indices) if isinstance(index, Index) and index.is_bound)
    return place, norm.axis, entry.indices[place]


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
