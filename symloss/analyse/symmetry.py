"""Whether errors to both sides cost the same, or both labels are treated alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy
from sympy import Expr
from sympy.core.basic import Basic

from symloss import atoms
from symloss.analyse.findings import Finding, proved, refuted, supported, unknown
from symloss.analyse.landscape import Landscape, point
from symloss.analyse.numbers import Numbers
from symloss.declare import Signs
from symloss.declare.domain import Interval, entries_of, unit

_DIFFERENT = 1e-9
_PLAIN = 0.01
_EVEN = (
    *(atoms.logcosh, atoms.secant_h, atoms.hypotenuse, atoms.hypotenuse_excess, atoms.hypotenuse_inverse),
    *(atoms.log_hypotenuse, atoms.magnitude, sympy.Abs),
)
_ODD = (atoms.tangent_h, atoms.hypotenuse_unit, atoms.sign_of)


def is_symmetric(landscape: Landscape) -> Finding:
    """Errors up and down cost the same, of numbers; exchanging the labels mirrors the loss, of two classes."""
    claim = "symmetric"
    loss = landscape.loss
    true, pred = loss.true_symbol, loss.pred_symbol
    if isinstance(loss.y_true, Signs):
        return _compared(landscape, claim, {true: -true, pred: -pred}, "with both signs exchanged")
    if loss.y_true == unit and entries_of(loss.y_pred) == Interval():
        return _compared(landscape, claim, {true: 1 - true, pred: -pred}, "with the labels exchanged")
    if loss.y_true == unit and loss.y_pred == unit:
        return _compared(landscape, claim, {true: 1 - true, pred: 1 - pred}, "with the labels exchanged")
    return _compared(landscape, claim, {pred: 2 * true - pred}, "as far off on the other side of y_true")


def _compared(landscape: Landscape, claim: str, mirror: dict[Basic, Expr], where: str) -> Finding:
    """Compare the loss with its mirror image, by symbols and by numbers."""
    mirrored = landscape.value.xreplace(mirror)
    if sympy.expand(_settled(mirrored) - _settled(landscape.value)) == 0:
        return proved(claim, f"the loss is the same expression {where}")
    tried = 0
    for setting in landscape.settings(parameters=True, inputs=True):
        points = landscape.points(setting)
        reflected = dict(points)
        for symbol, image in mirror.items():
            reflected[symbol.name] = _affine(image, points)  # type: ignore[attr-defined]
        inside = _in_domain(landscape, reflected["y_pred"])
        (here,), (there,) = landscape.numbers(points, "value"), landscape.numbers(reflected, "value")
        with np.errstate(all="ignore"):
            gaps = np.abs(here - there) / np.maximum(1, np.abs(here))
        gaps = np.where(inside & np.isfinite(gaps) & (np.abs(points["y_pred"]) < 1e3), gaps, 0)
        tried += int(inside.sum())
        if np.max(gaps) > _DIFFERENT:
            place = int(np.argmin(np.where(gaps > min(_PLAIN, np.max(gaps)) / 2, np.abs(points["y_pred"]), np.inf)))
            at = point(points, place)
            return refuted(claim, f"the loss is {here[place]:.6g} there and {there[place]:.6g} {where}", at)
    return supported(claim, f"equal {where} at {tried} points") if tried else unknown(claim, "no point has an image")


def _affine(image: Expr, points: Mapping[str, Numbers]) -> Numbers:
    """A sum of numbers and of multiples of the arguments, at points."""
    found: Numbers = np.zeros(np.shape(points["y_pred"]))
    for term in sympy.Add.make_args(image):
        factor, symbol = term.as_coeff_Mul()
        found = found + float(factor) * (points[symbol.name] if symbol.is_Symbol else float(symbol))
    return found


def _in_domain(landscape: Landscape, scores: np.ndarray) -> np.ndarray:
    domain = entries_of(landscape.loss.y_pred)
    return np.asarray((scores > domain.lower) & (scores < domain.upper))


def _settled(expression: Expr) -> Expr:
    """Even functions of one sign of their argument, odd ones with the sign in front."""

    def settle(node: Basic) -> Basic:
        argument = sympy.expand(node.args[0])
        is_minus = argument.could_extract_minus_sign()
        if isinstance(node, _EVEN):
            return node.func(-argument if is_minus else argument)
        return -node.func(-argument) if is_minus else node.func(argument)  # type: ignore[operator, no-any-return]

    return expression.replace(lambda node: isinstance(node, (*_EVEN, *_ODD)), settle)  # type: ignore[no-any-return]
