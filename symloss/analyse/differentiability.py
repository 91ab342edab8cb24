"""Whether first and second derivatives exist everywhere, and where they jump."""

from __future__ import annotations

import sympy

from symloss.analyse.findings import Finding, proved, refuted, supported
from symloss.analyse.landscape import Landscape
from symloss.declare import Loss
from symloss.declare.binders import IsLargest, Largest
from symloss.declare.functions import stop_gradient
from symloss.modules import Mathematics

_CLAIM = "twice_differentiable"
_BENDING = (sympy.Piecewise, sympy.Abs, sympy.Max, sympy.Min, sympy.sign, sympy.Heaviside, Largest, IsLargest)


def is_twice_differentiable(mathematics: Mathematics) -> Finding:
    """Whether two derivatives exist inside the domain; refuted by a kink, or where the second is infinite."""
    loss = mathematics.loss
    if mathematics.kinks:
        kink = mathematics.kinks[0]
        return refuted(_CLAIM, f"the {kink.jumps} jumps at y_pred = {kink.at}", Landscape(mathematics).at_kink(kink))
    if loss.is_elementwise and (pole := _pole(Landscape(mathematics))) is not None:
        return pole
    bending = bending_parts(loss)
    if not bending:
        return proved(_CLAIM, "made of smooth functions of y_pred alone")
    names = ", ".join(sorted({type(part).__name__ for part in bending}))
    if loss.is_elementwise:
        return supported(_CLAIM, f"neither derivative jumps where the branches of {names} meet, at every point tried")
    return refuted(_CLAIM, f"{names} of predictions bend where their arguments meet", {})


def bending_parts(loss: Loss) -> list[sympy.Basic]:
    """Functions of y_pred in the loss that have branches."""
    held = loss.full_expression.replace(stop_gradient, lambda inside: sympy.Integer(1))
    parts = [part for part in sympy.preorder_traversal(held) if isinstance(part, _BENDING)]
    return [part for part in parts if part.has(loss.pred_symbol)]


def _pole(landscape: Landscape) -> Finding | None:
    """A boundary inside the domain where the second derivative grows without end, as that of |r|^1.5 at 0."""
    loss = landscape.loss
    if not bending_parts(loss):
        return None
    for label in (1.0, 0.5):
        steps = [10.0**-power for power in (3, 6, 9)]
        for centre in (label, 0.0):
            at = [{"y_true": label, "y_pred": centre + step} | landscape.usual for step in steps]
            sizes = [abs(float(landscape.exact(landscape.hessian, place))) for place in at]
            if sizes[0] * 10 < sizes[1] and sizes[1] * 10 < sizes[2]:
                why = f"the Hessian grows to {sizes[2]:.4g} as y_pred nears {centre:g}"
                return refuted(_CLAIM, why, {"y_true": label, "y_pred": centre} | landscape.usual)
    return None
