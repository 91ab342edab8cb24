"""How well the rules do on losses they were not written for: ``python -m tests.accuracy [NAMES] [--points N] [--json]``.

Forty compositions of logarithms, exponentials, roots, powers, trigonometric and special functions, typed as in a paper,
are generated for NumPy and measured in float64 as ``symloss certify`` measures the catalogue.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

from sympy import (
    Abs,
    Max,
    Piecewise,
    Rational,
    Symbol,
    asin,
    atan,
    cos,
    cosh,
    digamma,
    erf,
    erfc,
    exp,
    log,
    loggamma,
    pi,
    sin,
    sqrt,
    tanh,
)

from symloss import Interval, Loss, Parameter, y_pred, y_true

if TYPE_CHECKING:
    from symloss.arithmetic import Arithmetic
    from symloss.verify.certificate import Line

REAL, UNIT, OPEN_UNIT = Interval(), Interval(0, 1), Interval(0, 1, lower_open=True, upper_open=True)
POSITIVE, COUNT = Interval(0, lower_open=True), Interval(0)
a, b = Symbol("a", positive=True), Symbol("b", positive=True)
residual = y_pred - y_true
z = residual / a
margin = y_true * y_pred
sigmoid = 1 / (1 + exp(-y_pred))


def _declared() -> Iterator[Loss]:
    def loss(name, expression, true=REAL, pred=REAL):
        roles = [Parameter(item, 1.0, Interval(0.1, 10), "a scale") for item in (a, b) if expression.has(item)]
        return Loss(name=name, summary="Invented.", expression=expression, y_true=true, y_pred=pred, parameters=roles)

    yield loss("cauchy", log(1 + z**2))
    yield loss("welsch", 1 - exp(-(z**2) / 2))
    yield loss("geman", z**2 / (1 + z**2))
    yield loss("fair", a**2 * (Abs(z) - log(1 + Abs(z))))
    yield loss("linex", exp(a * residual) - a * residual - 1)
    yield loss("logistic_distance", 2 * log(1 + exp(residual / a)) - residual / a)
    yield loss("arctangent", atan(z**2))
    yield loss("bounded_tanh", tanh(z) ** 2)
    yield loss("student", (a + 1) / 2 * log(1 + residual**2 / a))
    yield loss("root_of_log", sqrt(1 + log(1 + z**2)) - 1)
    yield loss("power_of_hyperbola", (1 + z**2) ** (b / 2) - 1)
    yield loss("smooth_absolute", residual * tanh(residual / a))
    yield loss("gaussian_error", residual * erf(z) + a * exp(-(z**2)) / sqrt(pi))
    yield loss("half_cosine", Piecewise((1 - cos(pi * z / 2), Abs(z) <= 1), (Abs(z) * pi / 2 + 1 - pi / 2, True)))
    yield loss("cosh_minus_one", cosh(z) - 1)
    yield loss("double_exponential", exp(z) + exp(-z) - 2)
    yield loss("log_one_plus_absolute", log(1 + Abs(z) / b))
    yield loss("asymmetric_logcosh", log(cosh(residual)) + residual / (2 + a))
    yield loss("sine_ripple", residual**2 + a * sin(residual) ** 2)
    yield loss("tukey_like", 1 - (1 + z**2) ** (-2))
    yield loss("brier_logit", (sigmoid - y_true) ** 2, UNIT)
    yield loss("savage", 1 / (1 + exp(y_pred)) ** 2 * y_true + (1 - y_true) / (1 + exp(-y_pred)) ** 2, UNIT)
    yield loss("symmetric_entropy", -y_true * log(sigmoid) - (1 - y_true) * log(1 - sigmoid) - b * sigmoid, UNIT)
    yield loss("complementary_log_log", y_true * -log(1 - exp(-exp(y_pred))) + (1 - y_true) * exp(y_pred), UNIT)
    yield loss("probit", -y_true * log(erfc(-y_pred) / 2) - (1 - y_true) * log(erfc(y_pred) / 2), UNIT)
    yield loss("angular", (asin(sqrt(y_pred)) - asin(sqrt(y_true))) ** 2, UNIT, OPEN_UNIT)
    yield loss("beta_likelihood", loggamma(a * y_pred) - a * y_pred * log(y_true), OPEN_UNIT, OPEN_UNIT)
    yield loss("log_odds_error", (log(y_pred / (1 - y_pred)) - y_true) ** 2, REAL, OPEN_UNIT)
    yield loss("gamma_shape", loggamma(y_pred) - y_pred * log(y_true), POSITIVE, POSITIVE)
    yield loss("digamma_match", (digamma(y_pred) - log(y_true)) ** 2 / 2, POSITIVE, POSITIVE)
    yield loss("negative_binomial", (y_true + a) * log(1 + exp(y_pred) / a) - y_true * y_pred, COUNT)
    yield loss("itakura_saito", y_true / y_pred - log(y_true / y_pred) - 1, POSITIVE, POSITIVE)
    yield loss("squared_roots", (sqrt(y_pred) - sqrt(y_true)) ** 2, COUNT, COUNT)
    yield loss("relative_log", log(y_pred / y_true) ** 2, POSITIVE, POSITIVE)
    yield loss(
        "jensen_shannon", _half_divergence(y_true, y_pred) + _half_divergence(y_pred, y_true), POSITIVE, POSITIVE
    )
    yield loss("inverse_gaussian", residual**2 / (y_true * y_pred**2), POSITIVE, POSITIVE)
    yield loss("square_root_hinge", sqrt(1 + Max(0, 1 - y_pred * y_true) ** 2) - 1)
    yield loss("weibull", y_true * exp(-a * y_pred) + a * y_pred, COUNT)
    yield loss("quartic_root", (1 + residual**4) ** Rational(1, 4) - 1)
    yield loss("softplus_squared", log(1 + exp(residual)) ** 2)


def _half_divergence(first, second):
    return first * log(2 * first / (first + second)) / 2


LOSSES = {loss.name: loss for loss in _declared()}


def main() -> None:
    """Measure, then print a table and the share that is good everywhere, or JSON for scripts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="names of these losses (default: all)")
    parser.add_argument("--points", type=int, default=3000, help="samples per function (default: 3000)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    chosen = [(name, arguments.points) for name in arguments.names or LOSSES]
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as pool:
        results = list(pool.map(measured, chosen))
    sys.stdout.write((json.dumps(results, indent=2) if arguments.json else as_table(results)) + "\n")


def measured(task: tuple[str, int]) -> dict[str, object]:
    """The certificate of one loss in float64 and the numbers it was computed in, or the error that it ends with."""
    from symloss.choose import choose_for
    from symloss.errors import SymlossError
    from symloss.mathematics import study
    from symloss.verify.oracle import Oracle

    name, points = task
    loss = LOSSES[name]

    try:
        mathematics = study(loss)
        arithmetic, lines = choose_for(mathematics, [mathematics], "numpy", ("float64",), points, Oracle(loss))
    except SymlossError as error:
        return {"name": name, "error": str(error)}
    found = {line.measurement.function: line.as_data() | {"numbers": _numbers(arithmetic, line)} for line in lines}
    return {"name": name} | found


def _numbers(arithmetic: Arithmetic, line: Line) -> str:
    name = line.measurement.function
    everywhere = "pairs" if name in arithmetic.paired else "floats"
    doubts = arithmetic.extended.get(name)
    if doubts is None:
        return everywhere
    return f"{everywhere}, extended where in doubt" if doubts else "extended"


def as_table(results: list[dict[str, object]]) -> str:
    """One line per loss: worst ulp/(1 + S) of value, gradient and Hessian, and where it is not good."""
    lines, good, functions = [f"{'':24}{'value':>10}{'gradient':>10}{'hessian':>10}"], 0, 0
    numbers: Counter[str] = Counter()
    for result in results:
        if "error" in result:
            lines.append(f"{result['name']:24}{result['error']}")
            continue
        parts = [result[part] for part in ("value", "gradient", "hessian")]
        functions += sum(part["certified"] for part in parts)
        good += all(part["certified"] for part in parts)
        numbers.update(part["numbers"] for part in parts if part["certified"])
        shown = ["inf" if part["worst_conditioned"] is None else f"{part['worst_conditioned']:.3g}" for part in parts]
        lines.append(f"{result['name']:24}" + "".join(f"{text:>10}" for text in shown))
        for name, part in zip(("value", "gradient", "hessian"), parts, strict=True):
            if not part["certified"]:
                lines.append(f"    {name}: {part['bad_points']} points, {'; '.join(part['not_certified_in'][:1])}")
    lines.append("good in " + "; ".join(f"{name}: {count}" for name, count in numbers.most_common()))
    lines.append(f"good everywhere: {good} of {len(results)} losses, {functions} of {3 * len(results)} functions")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
