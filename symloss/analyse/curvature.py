"""What may stand in for the second derivative where a Newton step needs a positive one, derived from the expression.

``exact`` is the Hessian and ``absolute`` its size; ``floor`` keeps it above a small number. The others are derived:

- ``gauss_newton``: the curvature in the prediction, ``l'' m'^2``, without that of the inverse link m; it is
  ``h - g m''/m'``. Schraudolph, N. (2002), Fast curvature matrix-vector products, Neural Comp. 14.
- ``fisher``: the Hessian expected where the prediction is right. Where gradient and Hessian are affine in the label,
  that is the Hessian at the label that makes the gradient 0. Fisher scoring: McCullagh, Nelder (1989), section 2.5.
- ``majoriser``: the curvature of a parabola that touches the loss at the score and lies above it everywhere. About a
  centre where the loss is an even function plus a line, it is ``e'(t)/t`` wherever that falls with t > 0: Hunter, Lange
  (2004), A tutorial on MM algorithms, Am. Stat. 58; Jaakkola, Jordan (2000) for the logistic loss. Else it is the
  largest Hessian, where that is known.
- ``ones``: 1, which makes the step plain gradient descent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import sympy
from sympy import Expr, Integer, Symbol

from symloss import atoms
from symloss.analyse.convexity import is_strongly_convex, range_over_forms, shown
from symloss.analyse.findings import Finding, Grade, proved, refuted, supported
from symloss.analyse.fisher import Scores, information
from symloss.analyse.landscape import Landscape, point
from symloss.analyse.numbers import Numbers, evaluate
from symloss.analyse.one_sided import UNDECIDED, chosen
from symloss.analyse.over_axes import at_sample, range_of_entries, samples, settings
from symloss.analyse.steepness import bound_of
from symloss.analyse.structure import Layout, layout_of
from symloss.declare import Delta, Signs
from symloss.declare.outputs import Output
from symloss.differentiate import along_entry, differentiate
from symloss.display import Notation
from symloss.lower import GRADIENT, HESSIAN, SMOOTHING, lower
from symloss.mathematics import study
from symloss.modules import Mathematics, Provenance, imported, module_text
from symloss.simplify import tidy
from symloss.stabilise import lift
from symloss.stages import entry_indices
from symloss.targets import find

POLICIES = ("exact", "floor", "absolute", "gauss_newton", "fisher", "majoriser", "ones")
_SAFE_ORDER = ("exact", "fisher", "majoriser", "gauss_newton", "absolute", "ones")
_DISTANCES = tuple(10.0 ** (power / 4) for power in range(-24, 25))
_ROUNDING = 1e-20


@dataclass(frozen=True)
class Curvature:
    """One policy for one loss: the expression, whether it is positive wherever the gradient is not 0, and why.

    The expression is in the symbols of the loss, ``GRADIENT``, ``HESSIAN`` and, where the loss has a kink at the
    centre of the parabola, ``SMOOTHING``. What is not proved to be positive is kept above a small number in code.
    """

    policy: str
    expression: Expr
    finding: Finding

    @property
    def is_safe(self) -> bool:
        """Whether a Newton step with it exists wherever the loss is not flat."""
        return self.finding.grade.holds


def curvatures(mathematics: Mathematics) -> dict[str, Curvature]:
    """Every policy that a loss of real scores allows, in the order of ``POLICIES``."""
    if mathematics.loss.is_elementwise:
        return _of_one_score(Landscape(mathematics))
    return _of_lists(mathematics) if layout_of(mathematics.loss) is Layout.LIST else _of_many_scores(mathematics)


def output_curvatures(outputs: Sequence[Output], studied: Sequence[Mathematics]) -> list[dict[str, Curvature]]:
    """The policies of every predicted parameter: its own, and Fisher's where Bartlett's identities give it."""
    landscapes = [Landscape(item) for item in studied]
    scores = _scores(outputs, landscapes)
    found = []
    for output, landscape in zip(outputs, landscapes, strict=True):
        mine = {
            name: item for name, item in _of_one_score(landscape).items() if name not in ("majoriser", "gauss_newton")
        }
        expected = information(scores, output.name)
        if expected is not None:
            given = {Symbol(other.raw_name, real=True): Symbol(other.raw_name, real=True) for other in outputs}
            given[Symbol(output.raw_name, real=True)] = landscape.loss.pred_symbol
            typed = {Symbol(symbol.name, real=True): symbol for symbol in landscape.loss.symbols}
            stable = tidy(lift(expected.xreplace(given).xreplace(typed)), landscape.loss)
            mine["fisher"] = Curvature("fisher", stable, _is_positive(landscape, stable, "fisher"))
        found.append({policy: mine[policy] for policy in POLICIES if policy in mine})
    return found


def _scores(outputs: Sequence[Output], landscapes: Sequence[Landscape]) -> Scores:
    """The derivatives by all raw scores, each under its own name, in ordinary functions."""
    gradients = {}
    for output, landscape in zip(outputs, landscapes, strict=True):
        shown_gradient = Notation(landscape.loss, plain=True).shown(landscape.gradient)
        own = {Symbol("y_pred", real=True): Symbol(output.raw_name, real=True)}
        typed = {Symbol(item.name, real=True): item.symbol for item in landscape.loss.parameters}
        gradients[output.name] = shown_gradient.xreplace(own).xreplace(typed)
    hessians = {
        (first.name, second.name): sympy.diff(gradients[first.name], Symbol(second.raw_name, real=True))
        for place, first in enumerate(outputs)
        for second in outputs[place:]
    }
    kinked = frozenset(
        output.name for output, landscape in zip(outputs, landscapes, strict=True) if landscape.mathematics.kinks
    )
    return Scores(Symbol("y_true", real=True), gradients, hessians, kinked)


def _of_one_score(landscape: Landscape) -> dict[str, Curvature]:
    hessian, composed = landscape.hessian, landscape.loss.composed
    derived = {
        "exact": HESSIAN,
        "floor": None if hessian == 0 else HESSIAN,
        "absolute": None if hessian == 0 else atoms.magnitude(HESSIAN),
        "gauss_newton": _gauss_newton(landscape),
        "fisher": _fisher(landscape),
        "majoriser": _majoriser(landscape),
        "ones": Integer(1),
    }
    found = {
        policy: Curvature(policy, expression, _is_positive(landscape, expression, policy))
        for policy, expression in derived.items()
        if expression is not None
    }
    if "floor" in found:
        found["floor"] = replace(found["floor"], finding=proved("floor", "what is not positive is replaced"))
    if "gauss_newton" in found and composed is not None:  # h - g m''/m' cancels where l'' m'^2 does not
        outer = Landscape(study(replace(composed, link=None, forms={}, fixed_by_link={})))
        found["gauss_newton"] = replace(found["gauss_newton"], finding=_is_positive(outer, HESSIAN, "gauss_newton"))
    return found


def _of_many_scores(mathematics: Mathematics) -> dict[str, Curvature]:
    """The diagonal of the Hessian, and a bound on the whole matrix where its entries beside the diagonal are negative.

    ``D - H`` has no negative eigenvalue for a diagonal matrix D with ``D_jj = Σ_m |H_jm|`` (Gershgorin); for a softmax
    that is ``2 s (1 - s)``.
    """
    loss, derivation = mathematics.loss, mathematics.derivation
    diagonal = derivation.spelled_out(derivation.steps["hessian"][1])
    found = range_of_entries(loss, diagonal)
    if found.is_positive:
        exact = proved("exact", f"every entry of the diagonal stays in {shown(found)} by interval arithmetic")
    else:
        exact = _diagonal_is_positive(
            mathematics, lambda points: evaluate(mathematics.kernel, points, "gradient", "hessian")
        )
    policies = _on_diagonal(exact, vanishes=diagonal == 0)
    if _beside_is_negative(mathematics):
        bound = Integer(2) * HESSIAN
        policies["majoriser"] = Curvature("majoriser", bound, replace(exact, claim="majoriser"))
    policies["ones"] = Curvature("ones", Integer(1), proved("ones", "1 is positive"))
    return policies


def _on_diagonal(exact: Finding, *, vanishes: bool) -> dict[str, Curvature]:
    """The policies that are made of the diagonal itself."""
    policies = {
        "exact": Curvature("exact", HESSIAN, exact),
        "floor": Curvature("floor", HESSIAN, proved("floor", "what is not positive is replaced")),
    }
    if not vanishes:
        is_crossed = Finding("absolute", Grade.SUPPORTED, "the size of the diagonal is 0 at single points only")
        policies["absolute"] = Curvature("absolute", atoms.magnitude(HESSIAN), is_crossed)
    return policies


def _of_lists(mathematics: Mathematics) -> dict[str, Curvature]:
    """The diagonal of the Hessian over a list, as the generated NumPy module computes it."""
    name = mathematics.loss.name
    plain = Provenance("a declaration", "symloss.load(loss).generate('numpy')", "none", (name,))
    module = imported(module_text(mathematics, find("numpy"), plain, []), name)
    exact = _diagonal_is_positive(mathematics, lambda points: module.gradient_and_hessian(**points, reduction="sum"))
    return _on_diagonal(exact, vanishes=False) | {
        "ones": Curvature("ones", Integer(1), proved("ones", "1 is positive"))
    }


def _diagonal_is_positive(
    mathematics: Mathematics, derivatives: Callable[[dict[str, Any]], tuple[Numbers, ...]]
) -> Finding:
    """Tried at many samples, by whatever computes gradient and diagonal at them."""
    tried = 0
    for setting in settings(mathematics.loss):
        points = samples(mathematics.loss, setting)
        gradient, diagonal = derivatives(points)
        bad = np.argwhere((diagonal <= 0) & (gradient != 0))
        tried += diagonal.size
        if bad.size:
            place = int(bad[0][0])
            why = f"an entry of the diagonal is {diagonal[tuple(bad[0])]:.4g} there, and the gradient is not 0"
            return refuted("exact", why, at_sample(points, place))
    return supported("exact", f"positive at {tried} entries tried, wherever the gradient is not 0")


def _beside_is_negative(mathematics: Mathematics) -> bool:
    """Whether a constant shift of all scores changes nothing, and no entry beside the diagonal is positive."""
    loss, derivation = mathematics.loss, mathematics.derivation
    (at,), (other,) = entry_indices(loss)
    gradient = derivation.steps["gradient"][1]
    beside = tidy(differentiate(gradient, along_entry(loss.pred_symbol, (other,))), loss)
    beside = derivation.spelled_out(beside.xreplace({Delta(at, other): Integer(0)}))
    if beside == 0 or not range_of_entries(loss, -beside).is_nonnegative:
        return False
    points = samples(loss, next(settings(loss)))
    ones = {**points, "vector": np.ones(points["y_pred"].shape)}
    product, diagonal = evaluate(mathematics.kernel, ones, "hessian_vector_product", "hessian")
    return bool(np.all(np.abs(product) <= 1e-9 * np.maximum(1, np.abs(diagonal))))


def safe_default(mathematics: Mathematics, found: Mapping[str, Curvature]) -> str:
    """The first policy that gives a Newton step everywhere, the most exact ones first.

    Of a residual the exact one comes after the majoriser where it fades: far from the label the step ``g/h`` of a
    log-cosh is thousands of times the distance, and residuals may be as large as labels are.
    """
    order: tuple[str, ...] = _SAFE_ORDER
    if mathematics.loss.is_elementwise and "majoriser" in found:
        landscape = Landscape(mathematics)
        if landscape.residual is not None and is_strongly_convex(landscape).grade is Grade.REFUTED:
            order = ("majoriser", *_SAFE_ORDER)
    return next(policy for policy in order if policy in found and found[policy].is_safe)


def _is_positive(landscape: Landscape, expression: Expr, policy: str) -> Finding:
    """Whether a curvature is positive wherever the gradient is not 0."""
    spelled = _spelled(landscape, expression)
    found = range_over_forms(landscape, spelled)
    if found.is_positive:
        return proved(policy, f"it stays in {shown(found)} by interval arithmetic")
    kernel = lower(landscape.mathematics.derivation, {policy: expression})
    for setting in landscape.settings(parameters=True, inputs=True):
        points: dict[str, Any] = landscape.points(setting) | {"smoothing": np.float64(1e-3)}
        numbers, slopes = evaluate(kernel, points, policy, "gradient")
        counts = np.isfinite(numbers) & (slopes != 0)
        place = int(np.argmin(np.where(counts, numbers, np.inf)))
        if counts[place] and numbers[place] <= 0:
            at = {name: number for name, number in point(points, place).items() if name != "smoothing"}
            exact = landscape.exact(spelled, at | {"smoothing": 1e-3})
            if exact <= 0:
                return refuted(policy, f"it is {float(exact):.4g} there, and the gradient is not 0", at)
    return supported(policy, "positive at every point tried where the gradient is not 0")


def _spelled(landscape: Landscape, expression: Expr) -> Expr:
    return expression.xreplace({GRADIENT: landscape.gradient, HESSIAN: landscape.hessian})  # type: ignore[no-any-return]


def _gauss_newton(landscape: Landscape) -> Expr | None:
    """``h - g m''/m'`` for an inverse link m; None where no link is composed, or the loss is convex in the score."""
    loss = landscape.loss
    if loss.inverse_link is None:
        return None
    slope = sympy.diff(loss.inverse_link, loss.pred_symbol)
    bend = lift(sympy.simplify(sympy.diff(slope, loss.pred_symbol) / slope))
    return HESSIAN - GRADIENT * tidy(bend, loss)


def _fisher(landscape: Landscape) -> Expr | None:
    """The Hessian at the label that makes the gradient 0, where both are affine in the label."""
    loss = landscape.loss
    true = loss.true_symbol
    if isinstance(loss.y_true, Signs) or loss.inverse_link is None:
        return None
    label = sympy.Dummy("label", real=True)
    notation = Notation(loss, plain=True)
    parts = (landscape.gradient, landscape.hessian)
    gradient, hessian = (notation.shown(part.xreplace({true: label})) for part in parts)
    if gradient.has(sympy.Piecewise) or not all(sympy.diff(part, label, 2) == 0 for part in (gradient, hessian)):
        return None
    slope = sympy.diff(gradient, label)
    if slope == 0:
        return None
    right = sympy.simplify(-gradient.xreplace({label: Integer(0)}) / slope)
    expected = sympy.simplify(hessian.xreplace({label: right}))
    typed = {Symbol(symbol.name, real=True): symbol for symbol in loss.symbols}
    return tidy(lift(expected.xreplace(typed)), loss)


def _majoriser(landscape: Landscape) -> Expr | None:
    """``e'(t)/t`` about a centre where the loss is an even function e plus a line; else the largest Hessian."""
    for centre in _centres(landscape):
        found = _about(landscape, centre)
        if found is not None:
            return found
    bound = None if _jumps(landscape) else bound_of(landscape, landscape.hessian, "hessian")
    return None if bound is None or bound == 0 else lift(landscape.opened(bound))


def _centres(landscape: Landscape) -> list[Expr]:
    """Where a loss may be even about: its label, its kinks, or a score of 0."""
    loss = landscape.loss
    kinks = [kink.at for kink in landscape.mathematics.kinks]
    labels = [loss.true_symbol] if landscape.residual is not None else []
    return [*labels, *(kinks if len(kinks) == 1 else []), *([] if landscape.residual is not None else [Integer(0)])]


def _jumps(landscape: Landscape) -> bool:
    return any(kink.jumps == "gradient" for kink in landscape.mathematics.kinks)


def _about(landscape: Landscape, centre: Expr) -> Expr | None:
    """``e'(t)/t`` at the distance t from a centre, the same for both labels; None where the loss is not even there."""
    loss = landscape.loss
    step = sympy.Dummy("t", positive=True)
    found = [_even_slope(landscape, case.of(landscape.gradient), case.of(centre), step) for case in landscape.cases]
    even, line = found[0] or (None, None)
    if even is None or any(other is None or sympy.expand(other[0] - even) != 0 for other in found):
        return None
    if not _falls_over(landscape, even, step):
        return None
    distance = loss.pred_symbol - centre
    if _jumps(landscape):
        return even.xreplace({step: atoms.magnitude(distance)}) / atoms.maximum(atoms.magnitude(distance), SMOOTHING)
    quotient = _quotient_in_branches(landscape, even, step)
    if quotient is not None and line == 0:
        return quotient.xreplace({step: atoms.magnitude(distance)})
    whole, size = (
        (GRADIENT, distance)
        if line == 0
        else (even.xreplace({step: atoms.magnitude(distance)}), atoms.magnitude(distance))
    )
    return sympy.Piecewise((HESSIAN, sympy.Eq(distance, 0)), (whole / size, True))


def _quotient_in_branches(landscape: Landscape, even: Expr, step: Symbol) -> Expr | None:
    """``e'(t)/t`` where e' has branches and that at 0 is a multiple of t, so that nothing is divided by 0."""
    notation = Notation(landscape.loss, plain=True)
    known = {Symbol(symbol.name, real=True): symbol for symbol in landscape.loss.symbols}
    folded = sympy.piecewise_fold(notation.shown(even).xreplace(known | {Symbol(step.name, real=True): step}))
    if not isinstance(folded, sympy.Piecewise):
        return None
    branches = [(sympy.cancel(branch.expr / step), branch.cond) for branch in folded.args]
    at_zero = next((quotient for quotient, cond in branches if cond.subs(step, 0) == True), None)  # noqa: E712 - SymPy's
    if at_zero is None or at_zero.has(step):
        return None
    return lift(sympy.Piecewise(*branches))


def _even_slope(landscape: Landscape, gradient: Expr, centre: Expr, step: Symbol) -> tuple[Expr, Expr] | None:
    """The slope of the even part at a distance t, and that of the line, where the odd part is one."""
    notation = Notation(landscape.loss, plain=True)
    above, below = (_moved(gradient, landscape.loss.pred_symbol, centre + sign * step) for sign in (1, -1))
    both = notation.shown(above + below)
    if not _is_constant_in(both, step.name):
        return None
    line = sympy.simplify(both) / 2
    return lift(tidy((above - below) / 2, landscape.loss)), line


def _is_constant_in(expression: Expr, name: str) -> bool:
    """Whether an expression is the same number at every distance, with other symbols at some values."""
    others = sorted(expression.free_symbols, key=str)
    values = {symbol: sympy.Float(f"0.{3 + 2 * place}7", 30) for place, symbol in enumerate(others)}
    step = next((symbol for symbol in others if symbol.name == name), None)
    if step is None:
        return True
    numbers = [
        expression.xreplace({**values, step: sympy.Float(size, 30)}).evalf(30) for size in ("0.1", "0.7", "2", "11")
    ]
    is_finite = all(number.is_number and number.is_finite for number in numbers)
    return is_finite and all(abs(number - numbers[0]) <= _ROUNDING * (1 + abs(numbers[0])) for number in numbers)


def _moved(gradient: Expr, prediction: Symbol, place: Expr) -> Expr:
    """The gradient at a place, with the branches chosen that hold there for every distance."""

    def sign(gap: Expr) -> int:
        there = sympy.simplify(gap.xreplace({prediction: place}))
        return int(sympy.sign(there)) if sympy.sign(there).is_Integer else UNDECIDED

    return sympy.sympify(chosen(gradient, prediction, sign)).xreplace({prediction: place})  # type: ignore[no-any-return]


def _falls_over(landscape: Landscape, even: Expr, step: Symbol) -> bool:
    """Whether ``e'(t)/t`` never rises with t > 0, tried at many distances and parameters."""
    shown_step = Symbol("t", positive=True)
    plain = Notation(landscape.loss, plain=True).shown(even.xreplace({step: shown_step}))
    place = next((symbol for symbol in plain.free_symbols if symbol.name == "t"), shown_step)
    quotient = plain / place
    for setting in landscape.settings(parameters=True, inputs=True):
        known = {
            symbol: sympy.Float(setting[symbol.name], 30) for symbol in plain.free_symbols if symbol.name in setting
        }
        here = quotient.xreplace(known)
        if here.free_symbols - {place}:
            return False
        numbers = [here.xreplace({place: sympy.Float(distance, 30)}).evalf(30) for distance in _DISTANCES]
        if any(not (after - before <= _ROUNDING * abs(before)) for before, after in pairwise(numbers)):
            return False
    return True
