"""The checks themselves. Each compares an emitted function with something independent and records what it found."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
from mpmath import mpf

from symloss.declare import Loss, stop_gradient
from symloss.declare.domain import contains_all
from symloss.errors import SymlossError
from symloss.verify.balls import UndecidedError
from symloss.verify.batches import (
    batch_of,
    batch_truth,
    close,
    reductions,
    rows_of,
    vectors_and_products,
    weights_of,
)
from symloss.verify.certificate import certify, environment
from symloss.verify.examination import Examination
from symloss.verify.faces import open_module
from symloss.verify.framework_checks import (
    check_jax_reductions,
    check_keras_reductions,
    check_plain_autodiff,
    check_products,
    check_torch_reductions,
)
from symloss.verify.frameworks import DifferentiatedModule
from symloss.verify.modules import NumpyModule, arrays
from symloss.verify.oracle import Point, Truth
from symloss.verify.probes import Probe
from symloss.verify.report import Failure, Report, cause_of

_SMALLEST = 4 * 5e-324
_FLUSHED = 4 * float(np.finfo(np.float64).tiny)  # where subnormals may be flushed to zero
_LARGEST = float(np.finfo(np.float64).max)
_LARGEST_SCORE = 1e5  # what is larger is a length, which formulas divide by
_RECHECKED = 600  # samples of a certificate that is checked again


def verify_module(examination: Examination, target: str, path: Path, *, until_failure: bool = False) -> Report:
    """Run every check on one emitted module; with ``until_failure``, stop after the first check that fails."""
    loss = examination.loss
    report = Report(loss.name, target)
    emitted = open_module(loss, target, path)
    for check in CHECKS[target]:
        try:
            check(examination, emitted, report)
        except Exception as error:  # noqa: BLE001 - a wrong module may raise anything, and that is a failure to report
            report.failures.append(_raised(report, check.__name__.strip("_"), "batch", None, error))
        if until_failure and report.failures:
            break
    return report


# -- single samples ------------------------------------------------------------------------------------------------


def _against_truth(examination: Examination, emitted: NumpyModule | DifferentiatedModule, report: Report) -> None:
    """Value, gradient and Hessian at every probe."""
    wrong: dict[str, list[tuple[Failure, float]]] = {}
    decided = []
    for probe in examination.probes:
        point = emitted.adjusted(probe.point)
        try:
            decided.append((probe, point, examination.truth(point)))
        except UndecidedError:
            report.undecided += 1
    report.points += len(decided)
    for (probe, point, truth), results in zip(decided, _computed(emitted, report, decided), strict=False):
        for function, got in results.items():
            expected = [truth.value] if function == "value" else list(getattr(truth, function))
            whole = _scale(expected, point) if examination.compares_entries else None
            for place, (number, exact) in enumerate(zip(got, expected, strict=True)):
                size = _error(examination, point, function, place, float(number), exact, whole, flushes=emitted.flushes)
                if size <= examination.limit:
                    report.record(function, size)
                    continue
                failure = Failure(report.loss, report.target, function, probe.group, point, float(number), float(exact))
                wrong.setdefault(function, []).append((failure, size))
    if not report.points:
        never = UndecidedError("no affordable precision tells what the formula says at any point")
        report.failures.append(_raised(report, "every function", "all", None, never))
    for items in wrong.values():
        worst = max(items, key=lambda item: item[1])[0]
        cause = cause_of([(failure.got, failure.expected) for failure, _ in items])
        report.failures.append(replace(worst, cause=cause))


def _computed(
    emitted: NumpyModule | DifferentiatedModule, report: Report, decided: list[tuple[Probe, Point, Truth]]
) -> list[dict[str, np.ndarray]]:
    """What the module gives at all points; up to the first that it raises an error for, which is a failure."""
    try:
        return emitted.all_of([point for _, point, _ in decided])
    except (ValueError, TypeError, ArithmeticError, SymlossError):
        found = []
    for probe, point, _ in decided:
        try:
            found.append(emitted.all(point))
        except (ValueError, TypeError, ArithmeticError, SymlossError) as error:
            report.failures.append(_raised(report, "every function", probe.group, point, error))
            break
    return found


def _error(
    examination: Examination,
    point: Point,
    function: str,
    place: int,
    got: float,
    exact: mpf,
    whole: mpf | None = None,
    *,
    flushes: bool,
) -> float:
    """Ulps of the result divided by 1 + S; 0 where the truth is undefined (a kink, 0/0).

    Where entries are compared with each other every result is a sum over all others of what logarithms of sums have
    rounded to an ulp of the scores: ulps are those of ``whole``, the largest result or the largest score.
    """
    if mpmath.isnan(exact):
        return 0.0
    if mpmath.isinf(exact) or abs(exact) > _LARGEST:
        return 0.0 if math.isinf(got) and (got > 0) == (exact > 0) else math.inf
    if not math.isfinite(got):
        return 0.0 if abs(exact) > _LARGEST / 4 else math.inf
    difference = abs(mpf(got) - exact)
    if difference <= (_FLUSHED if flushes else _SMALLEST):
        return 0.0
    ulp = mpf(math.ulp(float(exact if whole is None else whole)))
    error = difference / ulp
    if error <= examination.limit:
        return float(error)

    def pick(truth: Truth) -> mpf:
        return truth.value if function == "value" else getattr(truth, function)[place]

    return float(error / (1 + examination.sensitivity(point, pick, ulp)))


def _scale(entries: list[mpf], point: Point) -> mpf:
    finite = [abs(entry) for entry in entries if mpmath.isfinite(entry) and abs(entry) <= _LARGEST]
    scores = point.y_pred if isinstance(point.y_pred, tuple) else (point.y_pred,)
    return max([*finite, *(mpf(abs(score)) for score in scores if abs(score) < _LARGEST_SCORE)], default=mpf(1))


def _raised(report: Report, function: str, group: str, point: Point | None, error: BaseException) -> Failure:
    cause = f"raised {type(error).__name__}: {error}"
    return Failure(report.loss, report.target, function, group, point, math.nan, math.nan, cause)


# -- batches -------------------------------------------------------------------------------------------------------


def _array_reductions(examination: Examination, emitted: NumpyModule, report: Report) -> None:
    """Mean, sum and none, with and without weights; weight 2 equals the row twice."""
    points = batch_of(examination, emitted)
    y_true, y_pred, keywords = arrays(examination.loss, points)
    module, count, rows = emitted.module, len(points), rows_of(examination.loss, points[0])
    for item in reductions(examination, points):
        given = {**keywords, "sample_weight": item.sample_weight, "reduction": item.name}
        for name, exact in (("loss", item.value), ("gradient", item.gradient), ("hessian", item.hessian)):
            got = getattr(module, name)(y_true, y_pred, **given)
            if rows and name == "loss" and item.name == "none":
                got = got.sum(axis=-1)
            close(report, item.label(name), got, exact)
    twice = np.repeat(np.arange(len(points)), 2)
    repeated = {name: item[twice] if isinstance(item, np.ndarray) else item for name, item in keywords.items()}
    doubled = module.loss(y_true[twice], y_pred[twice], **repeated)
    close(
        report,
        "loss, weight 2",
        module.loss(y_true, y_pred, sample_weight=np.full((count, rows) if rows else count, 2.0), **keywords),
        doubled,
    )


def _array_pairs(examination: Examination, emitted: NumpyModule, report: Report) -> None:
    """The functions that return two results give the same numbers."""
    points = batch_of(examination, emitted)
    y_true, y_pred, keywords = arrays(examination.loss, points)
    value, gradient, hessian = batch_truth(examination, points)
    pairs = (("loss_and_gradient", (value.sum(), gradient)), ("gradient_and_hessian", (gradient, hessian)))
    for name, expected in pairs:
        got = getattr(emitted.module, name)(y_true, y_pred, reduction="sum", **keywords)
        for part, exact in zip(got, expected, strict=True):
            close(report, name, part, exact)


def _array_large_arrays(examination: Examination, emitted: NumpyModule, report: Report) -> None:
    """A batch repeated until it takes more than one block gives what the batch gives, sample by sample."""
    block = getattr(emitted.module, "_BLOCK", None)
    if block is None:
        return  # all is computed at once
    points = batch_of(examination, emitted)
    y_true, y_pred, keywords = arrays(examination.loss, points)
    times = block // y_pred.size + 2
    large = {
        name: np.concatenate([item] * times) if isinstance(item, np.ndarray) else item
        for name, item in keywords.items()
    }
    labels, predictions = np.concatenate([y_true] * times), np.concatenate([y_pred] * times)
    for name in ("loss", "gradient", "hessian"):
        function = getattr(emitted.module, name)
        few = function(y_true, y_pred, reduction="none", **keywords)
        many = function(labels, predictions, reduction="none", **large)
        close(report, f"{name}, more than one block", many, np.concatenate([few] * times), 1e-15)


def _array_products(examination: Examination, emitted: NumpyModule, report: Report) -> None:
    """Hessian-vector product and full Hessian of losses over an axis."""
    if examination.loss.is_elementwise:
        return
    points = batch_of(examination, emitted)[:2]
    y_true, y_pred, keywords = arrays(examination.loss, points)
    vectors, exact = vectors_and_products(examination, points)
    along = vectors.reshape(y_pred.shape)
    got = emitted.module.hessian_vector_product(y_true, y_pred, along, reduction="sum", **keywords)
    close(report, "hessian_vector_product", got, exact)
    full = emitted.module.hessian_full(y_true, y_pred, reduction="sum", **keywords)
    full = full.reshape(len(points), vectors.shape[1], -1)
    close(report, "hessian_full", full @ vectors[0], exact)
    close(report, "hessian_full, diagonal", np.diagonal(full, axis1=-2, axis2=-1), batch_truth(examination, points)[2])


def _array_start_value(examination: Examination, emitted: NumpyModule, report: Report) -> None:
    """No constant close by is better."""
    loss = examination.loss
    points = batch_of(examination, emitted)
    y_true, _, keywords = arrays(loss, points)
    weight = weights_of(len(points))
    if points[0].sizes:
        return
    try:
        start = emitted.module.start_value(y_true, sample_weight=weight, **keywords)
    except ValueError as error:
        if "no finite constant" not in str(error):
            report.failures.append(_raised(report, "start_value", "batch", None, error))
        return
    here = _total(examination, points, weight, start)
    step = 1e-3
    for direction in _directions(np.atleast_1d(np.asarray(start))):
        for sign in (-1, 1):
            there = _total(examination, points, weight, start + sign * step * direction)
            if there is not None and here is not None and there < here - 1e-12 * abs(here):
                report.failures.append(
                    Failure(loss.name, report.target, "start_value", "batch", None, here, there, "not best")
                )
                return


def _directions(start: np.ndarray) -> list[Any]:
    if start.size == 1:
        return [1.0]
    unit = np.eye(start.size)
    return [unit[place] - unit[(place + 1) % start.size] for place in range(start.size)]


def _total(examination: Examination, points: list[Point], weight: np.ndarray, start: Any) -> float | None:
    constant = tuple(float(entry) for entry in start) if np.ndim(start) else float(start)
    entries = constant if isinstance(constant, tuple) else (constant,)
    if not contains_all(examination.loss.y_pred, entries):
        return None
    total = mpf(0)
    for point, factor in zip(points, weight, strict=True):
        direction = None if examination.loss.is_elementwise else [0.0] * len(entries)
        total += factor * examination.oracle.along(replace(point, y_pred=constant), direction)[0]
    return float(total)


def _array_certificate(examination: Examination, emitted: NumpyModule, report: Report) -> None:
    """The certificate that the module carries holds on this machine too, as far as a short measurement tells."""
    certificate = getattr(emitted.module, "METADATA", {}).get("certificate")
    if certificate is None:
        return
    for line in certify(examination.loss, emitted, ["float64"], _RECHECKED, examination.oracle):
        function = line.measurement.function
        if certificate["float64"][function]["certified"] and not line.is_certified:
            worst = line.measurement.bad[0]
            here = ", ".join(f"{name} {value}" for name, value in environment("", report.target).items() if value)
            found = f"{worst.conditioned:.3g} ulp/(1 + S), {line.limit:g} allowed"
            cause = f"the certificate does not hold here ({here}): {found}"
            report.failures.append(
                Failure(
                    report.loss, report.target, function, "certificate", worst.point, worst.got, worst.expected, cause
                )
            )


def _array_inverse_link(examination: Examination, emitted: NumpyModule, report: Report) -> None:
    """The inverse link, against its declaration."""
    loss = examination.loss
    if loss.inverse_link is None:
        return
    scores = [probe.point for probe in examination.probes if probe.group in ("random", "extreme")]
    for point in scores:
        exact = examination.oracle.predictions(point)
        got = np.atleast_1d(emitted.module.inverse_link(np.array(point.y_pred)))
        for number, wanted in zip(got, exact, strict=True):
            if wanted > _LARGEST:
                wanted = mpf("inf")  # noqa: PLW2901
            if not (number == wanted or abs(number - wanted) <= 1e-9 * abs(wanted) + _SMALLEST):
                report.failures.append(
                    Failure(loss.name, report.target, "inverse_link", "extreme", point, float(number), float(wanted))
                )
                return


# -- finite differences --------------------------------------------------------------------------------------------


def _finite_differences(examination: Examination, emitted: NumpyModule | DifferentiatedModule, report: Report) -> None:
    """Central differences of the emitted value and gradient, at random points away from kinks."""
    if examination.loss.full_expression.has(stop_gradient):
        return  # weights that are constants for the derivative, which differences see moving
    for point in batch_of(examination, emitted):
        entries = point.y_pred if isinstance(point.y_pred, tuple) else (point.y_pred,)
        moves = [(place, *_steps(point, place)) for place in range(len(entries))]
        inside = [move for move in moves if all(_inside(examination.loss, side) for side in move[2])]
        here, *there = emitted.all_of([point, *(side for _, _, sides in inside for side in sides)])
        for number, (place, step, _) in enumerate(inside):
            sides = there[2 * number : 2 * number + 2]
            values = [float(np.ravel(found["value"])[0]) for found in sides]
            slopes = [found["gradient"][place] for found in sides]
            curvatures = [found["hessian"][place] for found in sides]
            _near(
                report,
                "gradient, finite differences",
                point,
                here["gradient"][place],
                (values[1] - values[0]) / (2 * step),
                slack=1e-9 * max(map(abs, values)) / step + abs(slopes[1] - slopes[0]),
            )
            _near(
                report,
                "hessian, finite differences",
                point,
                here["hessian"][place],
                (slopes[1] - slopes[0]) / (2 * step),
                slack=1e-9 * max(map(abs, slopes)) / step + abs(curvatures[1] - curvatures[0]),
            )


def _steps(point: Point, place: int) -> tuple[float, list[Point]]:
    """The step for one entry, and the points on both sides of it."""
    entry = point.y_pred[place] if isinstance(point.y_pred, tuple) else point.y_pred
    step = 1e-6 * max(1.0, abs(entry)) if abs(entry) > 1e-4 else 1e-7 * abs(entry)
    return step, [_moved(point, place, entry + sign * step) for sign in (-1, 1)]


def _near(report: Report, function: str, point: Point, got: float, wanted: float, slack: float) -> None:
    if not abs(got - wanted) <= 1e-5 * max(abs(got), abs(wanted)) + slack + 1e-12:
        report.failures.append(
            Failure(report.loss, report.target, function, "finite differences", point, float(got), float(wanted))
        )


def _moved(point: Point, place: int, entry: float) -> Point:
    if isinstance(point.y_pred, tuple):
        return replace(point, y_pred=(*point.y_pred[:place], entry, *point.y_pred[place + 1 :]))
    return replace(point, y_pred=entry)


def _inside(loss: Loss, point: Point) -> bool:
    return contains_all(loss.y_pred, point.y_pred if isinstance(point.y_pred, tuple) else (point.y_pred,))


_OF_ARRAYS: tuple[Callable[[Examination, Any, Report], None], ...] = (
    _array_reductions,
    _array_pairs,
    _array_large_arrays,
    _array_products,
    _against_truth,
    _finite_differences,
    _array_start_value,
    _array_inverse_link,
    _array_certificate,
)
CHECKS: Mapping[str, tuple[Callable[[Examination, Any, Report], None], ...]] = {
    "numpy": _OF_ARRAYS,
    "tensorflow": (check_keras_reductions, check_products, check_plain_autodiff, _against_truth, _finite_differences),
    "torch": (check_torch_reductions, check_products, _against_truth, _finite_differences),
    "jax": (check_jax_reductions, check_products, _against_truth, _finite_differences),
    "numba": _OF_ARRAYS,
    "c": _OF_ARRAYS,
}
