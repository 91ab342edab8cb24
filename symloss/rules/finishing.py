"""Polishing of results that are not differentiated again."""

from __future__ import annotations

import sympy
from sympy import Expr

from symloss.atoms import ratio_excess, sigmoid
from symloss.declare import Softmax
from symloss.declare.axes import SoftmaxComplement
from symloss.rules.rule import Rule

_x = sympy.Symbol("x", real=True)
_a, _b = sympy.symbols("a b", positive=True)


def _excess_of_ratio(node: Expr) -> Expr | None:
    """``c a/b - c - c log(a/b)`` is ``c ratio_excess(a, b)``."""
    if not isinstance(node, sympy.Add):
        return None
    for term in node.args:
        logs = [factor for factor in sympy.Mul.make_args(term) if isinstance(factor, sympy.log)]
        if len(logs) != 1:
            continue
        coefficient, ratio = -term / logs[0], logs[0].args[0]
        if ratio.is_positive and coefficient * ratio in node.args and -coefficient in node.args:
            rest = [item for item in node.args if item not in (term, coefficient * ratio, -coefficient)]
            return sympy.Add(*rest, coefficient * ratio_excess(*sympy.fraction(ratio)))
    return None


def _share_minus_label(node: Expr) -> Expr | None:
    """``s - c`` is ``(1 - c) s - c (1 - s)`` for a sigmoid or softmax s: exact when the label c is 0 or 1."""
    if not isinstance(node, sympy.Add):
        return None
    shares = [term for term in node.args if isinstance(term, sigmoid | Softmax)]
    if len(shares) != 1 or any(item.has(sigmoid, Softmax) for item in node.args if item != shares[0]):
        return None
    label = -(node - shares[0])
    if label.is_number:
        return None
    return (1 - label) * shares[0] - label * _complement(shares[0])


def _complement(share: Expr) -> Expr:
    return sigmoid(-share.args[0]) if isinstance(share, sigmoid) else SoftmaxComplement(*share.args)


def _one_minus_softmax(node: Expr) -> Expr | None:
    """``1 - softmax`` is the share of the other classes."""
    if isinstance(node, sympy.Add) and len(node.args) == 2 and node.args[0] == 1:
        negative = -node.args[1]
        if isinstance(negative, Softmax):
            return SoftmaxComplement(*negative.args)
    return None


def _example_softmax() -> Expr:
    from symloss.declare import Axis, y_pred

    axis = Axis("K")
    return 1 - Softmax.over(axis.index("k"), y_pred[axis.index("k")], axis.index("i"))


RULES = (
    Rule("excess of a ratio", _excess_of_ratio, "cancels where the ratio is near 1",
         "t - log1p(t) by the series of atanh", lambda: _a / _b - 1 - sympy.log(_a / _b)),
    Rule("share minus label", _share_minus_label, "sigmoid(x) - 1 is 0 from x = 37",
         "s - c = (1 - c) s - c (1 - s)", lambda: sigmoid(_x) - _a),
    Rule("one minus softmax", _one_minus_softmax, "0 for a confident class", "share of the other classes",
         _example_softmax),
)
