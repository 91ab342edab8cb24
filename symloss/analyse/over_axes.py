"""Convexity and steepness of losses over axes, whose size is a symbol: by composition rules, then by numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np
import sympy
from sympy import Expr
from sympy.core.basic import Basic

from symloss import atoms
from symloss.analyse.convexity import end, shown
from symloss.analyse.differentiability import bending_parts
from symloss.analyse.findings import Finding, Grade, proved, refuted, supported, unknown
from symloss.analyse.numbers import can_evaluate, evaluate
from symloss.analyse.ranges import EVERYTHING, Range, Ranges, range_of
from symloss.analyse.structure import Layout, layout_of
from symloss.declare import Axis, Element, LogSoftmax, LogSumExp, Loss, Norm, Simplex, Softmax, Total, outermost_nodes
from symloss.declare.binders import Largest, Restricted, Share, ShareComplement, SoftmaxComplement
from symloss.declare.checks import sample
from symloss.declare.domain import ClassLabel, Domain, Interval, entries_of
from symloss.declare.functions import clamp
from symloss.declare.nodes import Apart, Bracket, Delta, Node
from symloss.modules import Mathematics
from symloss.stabilise import lift

_POINTS, _ENTRIES, _SETTINGS = 300, 3, 12
_NEGATIVE = 1e-9
_CONSTANT, _AFFINE, _CONVEX, _CONCAVE, _NEITHER = "constant", "affine", "convex", "concave", "neither"
_FLIPPED = {_CONVEX: _CONCAVE, _CONCAVE: _CONVEX}
_UNIT = Range(Fraction(0), Fraction(1))
_OPEN_UNIT = Range(Fraction(0), Fraction(1), lower_open=True, upper_open=True)
_NONNEGATIVE = Range(Fraction(0), float("inf"), upper_open=True)
_RISING = (atoms.softplus, sympy.exp, atoms.exp_minus_one)
_BOWLS = (
    *(atoms.softplus, sympy.exp, atoms.exp_minus_one, atoms.logcosh, atoms.hypotenuse, atoms.hypotenuse_excess),
    *(atoms.magnitude, sympy.Abs, atoms.exp_excess),
)


def is_convex(mathematics: Mathematics) -> Finding:
    """Whether the loss is convex in all scores together."""
    claim, loss = "convex", mathematics.loss
    if _Composition(loss).of(lift(loss.full_expression)) in (_CONVEX, _AFFINE):
        return proved(claim, "convex functions of affine ones, put together by rules that keep convexity")
    if layout_of(loss) is not Layout.OUTPUTS or not can_evaluate(mathematics.kernel, "hessian_vector_product"):
        return unknown(claim, "no rule proves it, and the full Hessian was not searched")
    tried = 0
    for setting in settings(loss):
        points = samples(loss, setting)
        matrices = _full_hessians(mathematics, points)
        lowest = np.linalg.eigvalsh(matrices)[:, 0]
        tried += len(lowest)
        place = int(np.argmin(lowest))
        if lowest[place] < -_NEGATIVE * max(1.0, float(np.abs(matrices[place]).max())):
            why = f"the full Hessian has the eigenvalue {lowest[place]:.4g} there"
            return refuted(claim, why, at_sample(points, place))
    return supported(claim, f"no negative eigenvalue of the full Hessian at {tried} points")


def at_sample(points: Mapping[str, Any], place: int) -> dict[str, Any]:
    """One of many samples, by the names of the arguments."""
    return {name: np.squeeze(array[place] if np.ndim(array) else array).tolist() for name, array in points.items()}


def settings(loss: Loss) -> Iterator[dict[str, float]]:
    """The default parameters, then others of their domains."""
    yield {item.name: float(item.default) for item in loss.parameters}
    rng = np.random.default_rng(0)
    for _ in range(_SETTINGS if loss.parameters else 0):
        yield {item.name: float(sample(item.domain, rng.uniform(0.05, 0.95))) for item in loss.parameters}


def samples(loss: Loss, setting: dict[str, float]) -> dict[str, Any]:
    """Random samples of three scores, near 0 and far off, with labels of every kind that the domain has."""
    rng = np.random.default_rng(1)
    scale = np.repeat([0.1, 1.0, 4.0], _POINTS // 3)[:, None]
    found: dict[str, Any] = dict(setting)
    domains: dict[str, Domain] = {"y_pred": loss.y_pred, "y_true": loss.y_true}
    domains |= {item.name: item.domain for item in loss.extra_inputs}
    for name, domain in domains.items():
        entries = entries_of(domain)
        shape = (_POINTS, _ENTRIES if loss.axes_of_data(name) else 1)
        if isinstance(domain, ClassLabel):
            found[name] = rng.integers(0, _ENTRIES, (_POINTS, 1)).astype(np.float64)
        elif isinstance(domain, Simplex):
            found[name] = np.eye(_ENTRIES)[rng.integers(0, _ENTRIES, _POINTS)]
        elif np.isfinite(entries.lower) and np.isfinite(entries.upper):
            found[name] = rng.uniform(entries.lower, entries.upper, shape)
        elif np.isfinite(entries.lower):
            found[name] = entries.lower + np.abs(rng.normal(size=shape)) * scale
        else:
            found[name] = rng.normal(size=shape) * scale
    return found


def _full_hessians(mathematics: Mathematics, points: dict[str, Any]) -> np.ndarray:
    """The Hessian of every sample, column by column; 0 where it leaves the floats."""
    columns = []
    for direction in np.eye(_ENTRIES):
        vector = np.broadcast_to(direction, points["y_pred"].shape)
        (column,) = evaluate(mathematics.kernel, {**points, "vector": vector}, "hessian_vector_product")
        columns.append(column)
    matrices = np.nan_to_num(np.stack(columns, axis=-1), posinf=0.0, neginf=0.0)
    return (matrices + matrices.swapaxes(-1, -2)) / 2


def largest_entry(mathematics: Mathematics, output: str, claim: str) -> Finding:
    """The bound on an entry of the gradient, or of the Hessian's diagonal, at the default parameters."""
    loss, derivation = mathematics.loss, mathematics.derivation
    if not loss.has_one_axis:
        return unknown(claim, "entries over several axes are not bounded")
    expression = derivation.spelled_out(derivation.steps[output][1])
    defaults = {
        symbol: sympy.nsimplify(item.default, rational=True)
        for item in loss.parameters
        for symbol in loss.symbols
        if symbol.name == item.name
    }
    if output == "hessian" and expression == 0 and bending_parts(loss):
        return refuted(claim, "the gradient jumps from one linear piece to the next", {})
    found = range_of_entries(loss, expression.xreplace(defaults))
    bound, _ = found.largest_size()
    if bound == float("inf"):
        return unknown(claim, "interval arithmetic finds no bound")
    name = "gradient" if output == "gradient" else "Hessian's diagonal"
    return proved(
        claim, f"at the default parameters every entry of the {name} stays in {shown(found)}", f"{end(bound)} per entry"
    )


def minimiser(mathematics: Mathematics) -> Finding:
    """The declared functional: the best constant is the mean of a statistic of the labels, entry by entry."""
    loss = mathematics.loss
    link = "" if loss.composed is None or loss.link is None else f", on the scale of the inverse {loss.link.name} link"
    said = "share of every class" if isinstance(loss.y_true, ClassLabel) else "mean"
    return Finding("minimiser", Grade.SUPPORTED, "as declared; verification compares start values with it", said + link)


def range_of_entries(loss: Loss, expression: Expr) -> Range:
    """A range of an expression with entries, sums and softmaxes in it, for any number of entries."""
    known: dict[Basic, Expr] = {}
    ranges: dict[sympy.Symbol, Range] = {}
    for node in outermost_nodes(expression):
        twin = _twin(node)
        if twin in known:
            known[node] = known[twin] if twin == node else 1 - known[twin]
            continue
        dummy = sympy.Dummy("entry", real=True)
        ranges[dummy] = _of_node(loss, twin)
        known[twin] = dummy
        known[node] = dummy if twin == node else 1 - dummy
    bare = expression.xreplace(known).replace(clamp, lambda inside, lower, upper: inside)
    return range_of(bare, {**_of_symbols(loss), **ranges})


def _twin(node: Node) -> Node:
    """The softmax or share that a complement belongs to; any other node is its own."""
    twins = {SoftmaxComplement: Softmax, ShareComplement: Share}
    return twins[type(node)](*node.args) if type(node) in twins else node  # type: ignore[index, return-value]


def _of_node(loss: Loss, node: Node) -> Range:
    match node:
        case Softmax():
            return _OPEN_UNIT
        case Share() | Delta() | Apart() | Bracket():
            return _UNIT
        case Element():
            return _of_data(loss).get(node.data.name, EVERYTHING)
        case Total():
            body = range_of_entries(loss, node.args[0])  # type: ignore[arg-type]
            return body * _NONNEGATIVE
        case Norm():
            return _NONNEGATIVE
    return EVERYTHING


def _of_data(loss: Loss) -> dict[str, Range]:
    domains = {"y_true": loss.y_true, "y_pred": loss.y_pred} | {item.name: item.domain for item in loss.extra_inputs}
    return {
        name: _UNIT if isinstance(domain, Simplex | ClassLabel) else Range.of(entries_of(domain))
        for name, domain in domains.items()
    }


def _of_symbols(loss: Loss) -> Ranges:
    found = {
        symbol: Range.of(item.domain) for item in loss.parameters for symbol in loss.symbols if symbol.name == item.name
    }
    found |= {axis: Range.of(Interval(1.0)) for axis in loss.full_expression.atoms(Axis)}
    return found


class _Composition:
    """Whether an expression is convex in the scores, by the rules of disciplined convex programming.

    Grant, Boyd, Ye (2006), Disciplined convex programming. Sound, not complete.
    """

    def __init__(self, loss: Loss) -> None:
        self.loss = loss

    def of(self, expression: Basic) -> str:
        if not expression.has(self.loss.pred_symbol):
            return _CONSTANT
        inner: str
        match expression:
            case Element() | sympy.Symbol():
                return _AFFINE
            case sympy.Add():
                return reduce(_summed, map(self.of, expression.args))
            case sympy.Mul():
                return self._of_product(expression)
            case Total():
                return self.of(expression.args[0])
            case LogSumExp() | Largest():
                return _CONVEX if self.of(expression.args[0]) in (_AFFINE, _CONVEX, _CONSTANT) else _NEITHER
            case LogSoftmax():
                return _CONCAVE if self.of(expression.args[0]) == _AFFINE else _NEITHER
            case Norm():
                return _CONVEX if self.of(expression.args[0]) == _AFFINE else _NEITHER
            case Restricted():
                return self.of(expression.args[1])
            case atoms.maximum() | sympy.Max():
                inner = reduce(_summed, map(self.of, expression.args))
                return _CONVEX if inner in (_AFFINE, _CONVEX) else _NEITHER
            case sympy.log():
                return _CONCAVE if self.of(expression.args[0]) in (_AFFINE, _CONCAVE) else _NEITHER
            case sympy.Pow():
                return self._of_power(*expression.as_base_exp())
            case atoms.finite_over():
                above, below = expression.args
                is_scaled = not below.has(self.loss.pred_symbol) and self._is_nonnegative(below)  # type: ignore[arg-type]
                return self.of(above) if is_scaled else _NEITHER
        if isinstance(expression, _BOWLS):
            inner = self.of(expression.args[0])
            rises = isinstance(expression, _RISING) and inner == _CONVEX
            return _CONVEX if inner == _AFFINE or rises else _NEITHER
        return _NEITHER

    def _of_power(self, base: Expr, exponent: Expr) -> str:
        inner = self.of(base)
        if exponent.is_Integer and exponent > 0 and exponent % 2 == 0:
            grows = inner == _CONVEX and self._is_nonnegative(base)
            return _CONVEX if inner == _AFFINE or grows else _NEITHER
        return _NEITHER

    def _of_product(self, expression: Expr) -> str:
        moving = [factor for factor in sympy.Mul.make_args(expression) if factor.has(self.loss.pred_symbol)]
        if len(moving) != 1:
            return _NEITHER
        rest = expression / moving[0]
        inner = self.of(moving[0])
        if inner == _AFFINE or self._is_nonnegative(rest):
            return inner
        return _FLIPPED.get(inner, inner) if self._is_nonnegative(-rest) else _NEITHER

    def _is_nonnegative(self, expression: Expr) -> bool:
        return bool(expression.is_nonnegative) or range_of_entries(self.loss, expression).is_nonnegative


def _summed(first: str, second: str) -> str:
    order = (_CONSTANT, _AFFINE)
    if first in order:
        return second if second not in order else order[max(order.index(first), order.index(second))]
    return first if second in (*order, first) else _NEITHER
