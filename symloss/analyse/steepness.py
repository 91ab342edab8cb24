"""Lipschitz constants of the loss and of its gradient: the largest sizes of the first and the second derivative."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import sympy
from sympy import Expr, Symbol

from symloss.analyse.convexity import end, shown
from symloss.analyse.findings import Finding, proved, refuted, supported
from symloss.analyse.landscape import Landscape, point
from symloss.analyse.numbers import Numbers
from symloss.analyse.ranges import End
from symloss.declare.domain import entries_of
from symloss.display import Notation

_AGREE = 1e-6
_GROWING = 1.01
_NEAR = 1e100
_BESIDE = 1e-7
_STEEP = 1e6
_MOST_GROWTHS = 4  # exponentials and logarithms, with more of which limit() takes minutes


def is_lipschitz(landscape: Landscape) -> Finding:
    """Whether the gradient is bounded, for fixed parameters; the answer is the bound."""
    return _largest(landscape, landscape.gradient, "gradient", "lipschitz")


def is_smooth(landscape: Landscape) -> Finding:
    """Whether the gradient itself is Lipschitz: it never jumps, and the Hessian is bounded, which is the answer."""
    claim = "smooth"
    for kink in landscape.mathematics.kinks:
        if kink.jumps == "gradient":
            return refuted(claim, f"the gradient jumps at y_pred = {kink.at}", landscape.at_kink(kink))
    return _largest(landscape, landscape.hessian, "hessian", claim)


def bound_of(landscape: Landscape, expression: Expr, output: str) -> Expr | None:
    """The largest size of a derivative as an expression in the parameters, where one is known for all of them."""
    if not expression.free_symbols & {landscape.loss.pred_symbol, landscape.loss.true_symbol}:
        return landscape.opened(sympy.Abs(expression))
    bound, _ = landscape.range_at_defaults(expression).largest_size()
    if bound == float("inf"):
        return None
    if landscape.loss.parameters and landscape.range_of(expression) != landscape.range_at_defaults(expression):
        return next((item for item in _candidates(landscape, expression) if _agrees(landscape, item, output)), None)
    return sympy.Rational(bound.numerator, bound.denominator)  # type: ignore[union-attr]


def _largest(landscape: Landscape, expression: Expr, output: str, claim: str) -> Finding:
    if not expression.free_symbols & {landscape.loss.pred_symbol, landscape.loss.true_symbol}:
        formula = landscape.opened(sympy.Abs(expression))
        return proved(claim, f"the {_TITLES[output]} does not depend on the prediction", str(formula))
    found = landscape.range_at_defaults(expression)
    bound, _ = found.largest_size()
    if bound != float("inf"):
        return _bounded(landscape, expression, output, claim, bound)
    for setting in landscape.settings(inputs=True):
        points, sizes = _sizes(landscape, setting, output)
        if np.max(sizes) > _GROWING * np.max(sizes[_is_near(landscape, points["y_pred"])], initial=0.0) or np.isinf(
            np.max(sizes)
        ):
            steep = sizes >= min(_STEEP, np.max(sizes))
            at = point(points, int(np.argmin(np.where(steep, sizes, np.inf))))
            size = abs(float(landscape.exact(expression, at)))
            return refuted(claim, f"the {_TITLES[output]} is {size:.4g} there, and grows", at)
    _, sizes = _sizes(landscape, landscape.usual, output)
    why = f"the largest {_TITLES[output]} of {sizes.size} points over the whole float range"
    return supported(claim, why, _formula(landscape, expression, output) or f"{np.max(sizes):.6g}")


def _sizes(landscape: Landscape, setting: dict[str, float], output: str) -> tuple[dict[str, Numbers], Numbers]:
    """Points near and far, and the sizes of an output there; infinite where they leave the floats."""
    points = landscape.points(setting, far=True)
    sizes = np.abs(landscape.numbers(points, output)[0])
    return points, np.where(np.isnan(sizes), np.inf, sizes)


_TITLES = {"gradient": "gradient", "hessian": "Hessian"}


def _is_near(landscape: Landscape, scores: np.ndarray) -> np.ndarray:
    """Which scores are not far out, nor right beside a finite end of the domain."""
    domain = entries_of(landscape.loss.y_pred)
    beside = np.minimum(scores - domain.lower, domain.upper - scores)
    return np.asarray((np.abs(scores) <= _NEAR) & (beside >= _BESIDE))


def _bounded(landscape: Landscape, expression: Expr, output: str, claim: str, bound: End) -> Finding:
    """A bound by interval arithmetic, as a formula in the parameters where one agrees with the numbers."""
    formula = _formula(landscape, expression, output)
    largest = float(np.max(_sizes(landscape, landscape.usual, output)[1]))
    shown_range = shown(landscape.range_at_defaults(expression))
    why = f"at the default parameters the {_TITLES[output]} stays in {shown_range} by interval arithmetic"
    if abs(float(bound) - largest) > _AGREE * float(bound):
        return proved(claim, f"{why}; the largest of the points tried is {largest:.6g}", f"at most {end(bound)}")
    return proved(claim, why, formula or end(bound))


def _formula(landscape: Landscape, expression: Expr, output: str) -> str:
    """The bound in terms of the parameters: a limit or a stationary value that agrees with the numbers everywhere."""
    if not (landscape.loss.parameters or landscape.loss.extra_inputs):
        return ""
    for candidate in _candidates(landscape, expression):
        if _agrees(landscape, candidate, output):
            return str(landscape.opened(candidate))
    return ""


def _candidates(landscape: Landscape, expression: Expr) -> Iterator[Expr]:
    """Limits at both ends and the value at 0 of every branch, for a label of 0, and the largest of all."""
    notation = Notation(landscape.loss, plain=True)
    found: list[Expr] = []
    for case in landscape.cases:
        plain = notation.shown(case.of(expression))
        for branch in [part.expr for part in plain.args] if isinstance(plain, sympy.Piecewise) else [plain]:
            by_name = {symbol.name: symbol for symbol in branch.free_symbols}
            at_label = branch.xreplace({by_name.get("y_true", sympy.S.NaN): sympy.Integer(0)})
            upward = at_label.replace(sympy.sign, lambda inside: sympy.Integer(1))
            score = by_name.get("y_pred", Symbol("y_pred"))
            found += [sympy.Abs(_limit(upward, score, place)) for place in (sympy.oo, -sympy.oo, sympy.Integer(0))]
    finite = [item for item in found if not item.has(sympy.oo, sympy.nan, sympy.zoo, sympy.AccumBounds, sympy.Limit)]
    yield from dict.fromkeys(finite)
    if len(finite) > 1:
        yield sympy.Max(*dict.fromkeys(finite))


def _limit(expression: Expr, score: Symbol, place: Expr) -> Expr:
    if place.is_finite:
        return expression.xreplace({score: place})
    if len(expression.atoms(sympy.exp, sympy.log)) > _MOST_GROWTHS:
        return sympy.nan
    try:
        return sympy.limit(expression, score, place)
    except (NotImplementedError, ValueError, TypeError):  # what SymPy raises where it knows no limit
        return sympy.nan


def _agrees(landscape: Landscape, candidate: Expr, output: str) -> bool:
    """Whether a formula is the largest size at every setting of the parameters."""
    for setting in landscape.settings(parameters=True, inputs=True):
        largest = float(np.max(_sizes(landscape, setting, output)[1]))
        known = {symbol: setting[symbol.name] for symbol in candidate.free_symbols if symbol.name in setting}
        claimed = candidate.xreplace(known)
        if not claimed.is_number or not abs(float(claimed) - largest) <= _AGREE * max(abs(largest), 1e-300):
            return False
    return True
