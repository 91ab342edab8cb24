"""Kernels of objectives: a short form of the derivatives wherever its results are the same to what libraries keep.

Libraries keep derivatives in float32, and a Newton step is ``-g/h``. So a gradient may be off by 1e-7 of itself, and by
as much as moves the step by 1e-13; a form that cancels beside the label does no harm. Which form that is, is measured
against the stable one, at every label, score, parameter and input that the analysis tries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import sympy
from sympy import Expr, GreaterThan, LessThan
from sympy.core.basic import Basic

from symloss import atoms
from symloss.analyse.landscape import Landscape
from symloss.analyse.numbers import Numbers, can_evaluate, evaluate
from symloss.derive import Derivation
from symloss.kernel import Apply, Kernel
from symloss.lower import Lowering, lower
from symloss.modules import Mathematics

_RELATIVE, _OF_STEP = 1e-7, 1e-13
_LARGEST = 1e30  # what objectives cut off
_COSTS = {"expm1": 20, "log1p": 20, "power": 20, "exp": 8, "log": 8, "tanh": 12, "select": 3, "sum_error": 6}


def objective_kernel(mathematics: Mathematics, further: Mapping[str, Expr]) -> Kernel:
    """The cheapest kernel with value, gradient, Hessian and ``further`` outputs that agrees with the stable one."""
    derivation = mathematics.derivation
    stable = lower(derivation, further)
    if not mathematics.loss.is_elementwise:
        return stable
    outputs = ("value", "gradient", "hessian", *further)
    if not can_evaluate(stable, *outputs):
        return stable
    textbook = _before_finishing(derivation)
    candidates = [
        lower(textbook, further, BriefLowering),
        lower(textbook, further),
        lower(derivation, further, BriefLowering),
    ]
    known = _numbers(mathematics, stable, outputs)
    for kernel in sorted(candidates, key=_cost):
        is_cheaper = _cost(kernel) < _cost(stable) and can_evaluate(kernel, *outputs)
        if is_cheaper and _agree(_numbers(mathematics, kernel, outputs), known):
            return kernel
    return stable


def _before_finishing(derivation: Derivation) -> Derivation:
    """With derivatives as the chain rule and the stable atoms give them, not yet kept from cancelling."""
    return replace(derivation, gradient=derivation.steps["gradient"][1], hessian=derivation.steps["hessian"][1])


class BriefLowering(Lowering):
    """Lowers some atoms by their definition, and sums and conditions as they are rounded."""

    def _lower(self, expression: Basic) -> int:
        form = _BRIEF.get(type(expression))
        return super()._lower(expression) if form is None else form(self, expression)

    def _exact_condition(self, condition: Basic) -> None:
        """Rounding may move a residual across a jump: training does not see it."""

    def _is_sum_of_inputs(self, expression: Expr) -> bool:
        del expression
        return False

    def _piecewise(self, expression: sympy.Piecewise) -> int:
        """1 where ``|x| <= c``, else ``c/|x|``, is the smaller of the two."""
        inside, outside = expression.args[0], expression.args[-1].expr
        if len(expression.args) == 2 and isinstance(inside.cond, GreaterThan | LessThan):
            bound, size = inside.cond.gts, inside.cond.lts
            if isinstance(size, atoms.magnitude) and inside.expr == 1 and outside == bound / size:
                return self.apply("minimum", self.lower(outside), self.constant(1))
        return super()._piecewise(expression)


def _sigmoid(lowering: Lowering, node: Basic) -> int:
    """``1 / (1 + exp(-x))``, of which the complement takes one subtraction."""
    x = node.args[0]
    one = lowering.constant(1)
    if x.could_extract_minus_sign():  # type: ignore[attr-defined]
        whole = lowering.lower(atoms.sigmoid(-x))  # type: ignore[operator]
        return lowering.apply("subtract", one, whole, name="sigmoid_of_minus")
    decay = lowering.apply("exp", lowering.apply("negate", lowering.lower(x)), name="decay")
    return lowering.apply("divide", one, lowering.apply("add", one, decay), name="sigmoid")


def _hypotenuse(lowering: Lowering, node: Basic) -> int:
    """``sqrt(1 + z^2)``, for sizes that a score may have."""
    z = lowering.lower(node.args[0])
    one = lowering.constant(1)
    square = lowering.apply("add", one, lowering.apply("multiply", z, z))
    return lowering.apply("sqrt", square, name="hypotenuse")


def _hypotenuse_inverse(lowering: Lowering, node: Basic) -> int:
    whole = lowering.lower(atoms.hypotenuse(node.args[0]))
    return lowering.apply("divide", lowering.constant(1), whole)


def _hypotenuse_unit(lowering: Lowering, node: Basic) -> int:
    whole = lowering.lower(atoms.hypotenuse(node.args[0]))
    return lowering.apply("divide", lowering.lower(node.args[0]), whole)


_BRIEF: dict[type[Basic], Callable[[Lowering, Basic], int]] = {
    atoms.sigmoid: _sigmoid,
    atoms.hypotenuse: _hypotenuse,
    atoms.hypotenuse_inverse: _hypotenuse_inverse,
    atoms.hypotenuse_unit: _hypotenuse_unit,
}


def _cost(kernel: Kernel) -> int:
    """Passes over an array, roughly, that derivatives take."""
    needed = kernel.needed_for(*(name for name in kernel.outputs if name not in {"value", "prediction"}))
    operations = [kernel.values[position].definition for position in needed]
    return sum(_COSTS.get(item.operation, 1) for item in operations if isinstance(item, Apply))


def _numbers(mathematics: Mathematics, kernel: Kernel, outputs: tuple[str, ...]) -> list[dict[str, Numbers]]:
    """The outputs at many labels and scores, for every setting of parameters and further inputs."""
    landscape = Landscape(mathematics)
    found = []
    for setting in landscape.settings(parameters=True, inputs=True):
        points: dict[str, Any] = landscape.points(setting) | {"smoothing": np.float64(1e-3)}
        found.append(dict(zip(outputs, evaluate(kernel, points, *outputs), strict=True)))
    return found


def _agree(found: list[dict[str, Numbers]], known: list[dict[str, Numbers]]) -> bool:
    """Whether all outputs are the same to what a step of training can tell."""
    for mine, true in zip(found, known, strict=True):
        curvature = np.abs(_cut(true["hessian"]))
        for name in true:
            size = np.abs(_cut(true[name]))
            usual = float(np.nanmedian(size))
            allowed = _RELATIVE * size + _OF_STEP * (usual + (curvature if name == "gradient" else 0.0))
            gap = np.abs(_cut(mine[name]) - _cut(true[name]))
            if not np.all((gap <= allowed) | (np.isnan(mine[name]) & np.isnan(true[name]))):
                return False
    return True


def _cut(numbers: Numbers) -> Numbers:
    return np.clip(numbers, -_LARGEST, _LARGEST)
