"""Losses of many parameters and many terms: all of the compiler and of the reports ends, and soon."""

import numpy as np
import pytest
from sympy import Symbol, exp, log

import symloss
from symloss import Interval, Loss, Parameter, y_pred, y_true
from symloss.analyse.landscape import _spread

MANY = 25


def weighted(count, term):
    """A sum of terms, each with a parameter of its own."""
    symbols = [Symbol(f"p{place}", positive=True) for place in range(count)]
    expression = sum(term(symbol, place) for place, symbol in enumerate(symbols))
    parameters = [Parameter(symbol, 1.0, Interval(0.1, 10), "a weight") for symbol in symbols]
    return symloss.load(Loss(name="many", summary="Tried.", expression=expression, parameters=parameters))


@pytest.mark.parametrize(
    "term",
    [
        lambda p, place: p * (y_pred - y_true) ** 2,
        lambda p, place: p * (y_pred - y_true) ** 2 / (1 + p * place),
    ],
    ids=["weights", "quotients"],
)
def test_many_parameters(term):
    """Their combinations are not all tried, nor their divisors multiplied out."""
    handle = weighted(MANY, term)
    value, gradient = handle.compile("numpy").loss_and_gradient([1.0, 2.0], [0.5, 4.0], reduction="sum")
    weight = sum(float(term(1, place).subs({y_pred: 1, y_true: 0})) for place in range(MANY))
    np.testing.assert_allclose(value, weight * 4.25, rtol=1e-14)
    np.testing.assert_allclose(gradient, [-weight, 4 * weight], rtol=1e-14)
    assert "class Many" in handle.generate("xgboost")
    assert handle.report().finding("minimiser").answer == "mean"


def test_many_softplus_terms():
    """Every rule that looks for pairs of terms passes most pairs by."""
    handle = symloss.load(
        Loss(
            name="many",
            summary="Tried.",
            expression=sum(log(1 + exp(place * y_pred - y_true / (place + 1))) for place in range(1, 2 * MANY)),
        )
    )
    value = handle.compile("numpy").loss([0.0], [0.0], reduction="sum")
    np.testing.assert_allclose(value, (2 * MANY - 1) * np.log(2), rtol=1e-14)
    assert "static uint64_t compute_gradient" in handle.files("c")["many.c"]


@pytest.mark.parametrize("sizes", [[4] * 25, [4, 3, 5] * 9, [2] * 60, [3, 1, 4], [4, 4, 4]])
def test_settings_are_spread_over_all_choices(sizes):
    """The first comes first, there are about as many as asked for, and every choice takes all its values."""
    choices = [[float(value) for value in range(size)] for size in sizes]
    found = list(_spread(choices, 40))
    assert found[0] == (0.0,) * len(sizes)
    assert len(found) <= 60
    if np.prod([float(size) for size in sizes]) > 40:
        assert len(found) >= 30
    for place, values in enumerate(choices):
        assert {item[place] for item in found} == set(values)
    assert len(set(found)) == len(found)
