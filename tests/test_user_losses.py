"""Losses that people write by hand, typed as in their papers: generated, and verified like the catalogue's own."""

import numpy as np
import pytest
from sympy import (
    Abs,
    Heaviside,
    Max,
    Min,
    Piecewise,
    Symbol,
    atan,
    cos,
    exp,
    log,
    pi,
    sign,
    sqrt,
)

from symloss import ExtraInput, Interval, Loss, Parameter, load, y_pred, y_true
from symloss.declare import Axis, ClassLabel, Simplex, Vectors, real, sum_over, unit
from symloss.verify.checks import verify_module
from symloss.verify.examination import Examination

residual = y_pred - y_true
a, b = Symbol("a"), Symbol("b")
UNIT, POSITIVE = Interval(0, 1), Interval(0, lower_open=True)


def declared(name, expression, **roles):
    parameters = [
        Parameter(symbol, 1.0, Interval(0.1, 10), "a scale")
        for symbol in (a, b)
        if symbol in expression.free_symbols and "extra_inputs" not in roles
    ]
    return Loss(name=name, summary="As in the paper.", expression=expression, parameters=parameters, **roles)


sigmoid = 1 / (1 + exp(-y_pred))
LOSSES = [
    declared("cauchy", a**2 / 2 * log(1 + (residual / a) ** 2)),
    declared("welsch", 1 - exp(-(residual**2) / 2)),
    declared("geman_mcclure", residual**2 / (residual**2 + 4)),
    declared("bce_from_its_definition", -y_true * log(sigmoid) - (1 - y_true) * log(1 - sigmoid), y_true=UNIT),
    declared("log_cosh_from_exponentials", log((exp(residual) + exp(-residual)) / 2)),
    declared("periodic", 1 - cos(2 * pi * residual / a)),
    declared(
        "wing",
        Piecewise((a * log(1 + Abs(residual) / b), Abs(residual) < a), (Abs(residual) - a + a * log(1 + a / b), True)),
    ),
    declared("squared_roots", (sqrt(y_pred) - sqrt(y_true)) ** 2, y_true=Interval(0), y_pred=Interval(0)),
    declared("powers_of_a_parameter", 2**a * residual**2),
    declared("elastic", 0.5 * residual**2 + 0.1 * Abs(residual)),
    declared("three_sided", Max(0, residual, -2 * residual - 1)),
    declared("truncated", Min(residual**2, 4)),
    declared("tenth_power", residual**10),
    declared(
        "negative_binomial",
        -y_true * log(y_pred / (y_pred + a)) + a * log(1 + y_pred / a),
        y_true=Interval(0),
        y_pred=POSITIVE,
    ),
    declared(
        "tversky",
        1 - (y_true * y_pred + 1) / (y_true * y_pred + a * (1 - y_true) * y_pred + b * y_true * (1 - y_pred) + 1),
        y_true=UNIT,
        y_pred=UNIT,
    ),
    declared("pinball_with_a_step", (Heaviside(residual) - a / 11) * residual),
    declared("absolute_with_a_sign", sign(residual) * residual),
    declared("pinball_with_an_indicator", Abs(a / 11 - Piecewise((1, y_true < y_pred), (0, True))) * Abs(residual)),
    declared("arctangent", atan(residual**2)),
    declared("power_of_the_error", Abs(residual) ** (1 + a / 5)),
    declared(
        "tukey", Piecewise((a**2 / 6 * (1 - (1 - (residual / a) ** 2) ** 3), Abs(residual) <= a), (a**2 / 6, True))
    ),
    declared("linex", exp(a * residual) - a * residual - 1),
]

K = Axis("K")
k, j = K.index("k"), K.index("j")
PROBABILITIES = {"y_true": Simplex("K"), "y_pred": Vectors("K", unit)}
VECTORS = {"y_true": Vectors("K", real), "y_pred": Vectors("K", real)}
gap = y_pred[k] - y_true[k]
whole = sum_over(j, exp(y_pred[j]))
LOSSES += [
    declared("brier", sum_over(k, gap**2), **PROBABILITIES),
    declared("hellinger", sum_over(k, (sqrt(y_pred[k]) - sqrt(y_true[k])) ** 2) / 2, **PROBABILITIES),
    declared(
        "softmax_crossentropy",
        -sum_over(k, y_true[k] * log(exp(y_pred[k]) / whole)),
        y_true=Simplex("K"),
        y_pred=Vectors("K", real),
    ),
    declared(
        "softmax_of_the_label", -log(exp(y_pred[y_true]) / whole), y_true=ClassLabel("K"), y_pred=Vectors("K", real)
    ),
    declared("mean_of_squares", sum_over(k, gap**2) / K, **VECTORS),
    declared("euclidean_distance", sqrt(sum_over(k, gap**2)), **VECTORS),
    declared(
        "soft_dice",
        1 - (2 * sum_over(k, y_pred[k] * y_true[k]) + 1) / (sum_over(k, y_pred[k]) + sum_over(k, y_true[k]) + 1),
        y_true=Vectors("K", unit),
        y_pred=Vectors("K", unit),
    ),
    declared(
        "brier_with_a_temperature",
        log(a) + a * sum_over(k, gap**2),
        **PROBABILITIES,
        extra_inputs=[ExtraInput(a, POSITIVE, "one number per sample")],
    ),
]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
@pytest.mark.parametrize("target", ["numpy", "tensorflow", "torch"])
def test_a_textbook_declaration_passes_verification(loss, target, tmp_path):
    """At random, extreme, kink-adjacent and parameter-edge points, to a few ulps."""
    path = tmp_path / f"{loss.name}.py"
    path.write_text(load(loss).generate(target), encoding="utf-8")
    report = verify_module(Examination(loss), target, path)
    assert report.passed, [str(failure) for failure in report.failures]
    assert report.undecided < report.points
    assert load(loss).latex()


def test_the_best_constant_vector_is_found_where_no_closed_form_is_declared():
    """Against the closed form that the mathematics has."""
    targets = np.array([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3], [0.0, 0.9, 0.1]])
    weights = np.array([1.0, 2.0, 0.5])
    module = load(next(loss for loss in LOSSES if loss.name == "hellinger")).compile("numpy")
    best = np.average(np.sqrt(targets), axis=0, weights=weights) ** 2
    np.testing.assert_allclose(module.start_value(targets, sample_weight=weights), best, rtol=1e-7)


def test_an_extra_input_over_an_axis_has_one_number_per_sample():
    """One per entry would have no meaning for the value, and its first column is not it."""
    module = load(next(loss for loss in LOSSES if loss.name == "brier_with_a_temperature")).compile("numpy")
    with pytest.raises(ValueError, match=r"a has shape \(1, 3\), the samples have \(1,\)"):
        module.loss([[1.0, 0.0, 0.0]], [[0.5, 0.2, 0.3]], a=[[1.0, 2.0, 3.0]])
    every = module.loss([[1.0, 0.0, 0.0]], [[0.5, 0.2, 0.3]], a=2.0)
    assert every == module.loss([[1.0, 0.0, 0.0]], [[0.5, 0.2, 0.3]], a=[2.0])
