"""The special functions that NumPy modules carry: their errors against mpmath, and the origin of their tables."""

import math

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from symloss.templating import render

FUNCTIONS = {"erf", "erfc", "lgamma", "digamma", "trigamma", "tetragamma"}
ZERO_OF_DIGAMMA = "1.46163214496836234126265954232572132846819620400644629512959841"


@pytest.fixture(scope="module")
def special():
    """The helpers as a module has them."""
    names = {"np": np}
    for template in ("numpy/exact.jinja", "numpy/special.jinja"):
        exec(
            compile(render(template, operations=FUNCTIONS, paired=(), extended=()), template, "exec"),
            names,
        )
    return names


def positive_points():
    dice = np.random.default_rng(5)
    near = np.concatenate([dice.normal(at, 1e-6, 40) for at in (1.0, 1.4616321449683623, 2.0, 3.0, 8.0, 10.0, 12.0)])
    return np.concatenate([dice.uniform(0, 15, 600), 10 ** dice.uniform(-140, 140, 200), near, [1.0, 2.0, 3.0, 12.0]])


def scaled_erfc(x):
    return mpmath.erfc(x) * mpmath.exp(x * x) * (x + 0.5)


def real_points():
    dice = np.random.default_rng(6)
    return np.concatenate(
        [dice.normal(0, 2, 600), dice.uniform(-6, 26, 300), 10 ** dice.uniform(-300, 0, 100), [0.5, 1]]
    )


@pytest.mark.parametrize(
    ("name", "exact", "points", "limit"),
    [
        ("_erf", mpmath.erf, real_points, 2.5),
        ("_erfc", mpmath.erfc, real_points, 4.5),
        ("_log_gamma", mpmath.loggamma, positive_points, 4.0),
        ("_digamma", lambda x: mpmath.psi(0, x), positive_points, 4.0),
        ("_trigamma", lambda x: mpmath.psi(1, x), positive_points, 4.5),
        ("_tetragamma", lambda x: mpmath.psi(2, x), lambda: positive_points()[positive_points() > 1e-90], 5.0),
    ],
)
def test_errors_in_ulps(special, name, exact, points, limit):
    """At ordinary, tiny and huge numbers, and beside zeros and switches."""
    numbers = points()
    with np.errstate(all="ignore"):
        found = special[name](numbers)
    with mpmath.workdps(50):
        for number, got in zip(numbers.tolist(), found.tolist(), strict=True):
            truth = exact(mpf(number))
            assert abs(mpf(got) - truth) <= limit * mpf(math.ulp(float(truth))), number


def test_dtypes_are_kept(special):
    """float32 in, float32 out, computed in float64."""
    for name in ("_erf", "_erfc", "_log_gamma", "_digamma", "_trigamma", "_tetragamma"):
        assert special[name](np.array([1.5], dtype=np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    ("table", "function", "lower", "upper"),
    [
        ("_LOG_GAMMA", lambda x: mpmath.loggamma(x) / ((x - 1) * (x - 2)), 1, 3),
        ("_DIGAMMA", lambda x: mpmath.psi(0, x) / (x - mpf(ZERO_OF_DIGAMMA)), 1, 2),
        (
            "_ERFCX",
            lambda t: scaled_erfc(2 * (1 + t) / (1 - t)),
            mpf(-3) / 5,
            1,
        ),
    ],
)
def test_tables_are_what_they_say(special, table, function, lower, upper):
    """Each polynomial is its function on its interval, to less than an ulp of the double coefficients."""
    coefficients = special[table]
    with mpmath.workdps(50):
        middle, half = (mpf(lower) + upper) / 2, (mpf(upper) - lower) / 2
        for step in range(1, 41):
            t = mpmath.cos(mpmath.pi * step / 41)
            got = mpmath.polyval([mpf(number) for number in reversed(coefficients)], t)
            assert abs(got - function(middle + half * t)) < mpf(2) ** -51


def test_the_series_of_erf_is_its_taylor_series(special):
    """2 / sqrt(pi) (-1)^n / (n! (2 n + 1))."""
    with mpmath.workdps(50):
        for order, number in enumerate(special["_ERF"]):
            exact = 2 / mpmath.sqrt(mpmath.pi) * (-1) ** order / (mpmath.factorial(order) * (2 * order + 1))
            assert number == float(exact)
