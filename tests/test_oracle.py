"""The oracle against closed forms, its two arithmetics against each other, limits, and seeded faults."""

import math

import mpmath
import pytest
import sympy
from mpmath import mpf
from sympy import Abs, Piecewise, Symbol, erf, exp, log, loggamma, sqrt

from symloss import Interval, Loss, Parameter, catalogue, y_pred, y_true
from symloss.verify.balls import ArbArithmetic, IntervalArithmetic, UndecidedError, arithmetic
from symloss.verify.oracle import Oracle, Point, cancel_exponentials, compares_entries
from symloss.verify.probes import probes
from symloss.verify.series import Algebra, TooShortError

FORMS = {form.name: form for name in catalogue.files() for form in catalogue.declared(name).generated_forms()}
POSITIVE = Interval(0, lower_open=True)
ARITHMETICS = [ArbArithmetic, IntervalArithmetic]


def declared(expression, **roles):
    return Loss(name="any", summary="x", expression=expression + 0 * y_true, **roles)


@pytest.mark.parametrize("arithmetic_of", ARITHMETICS)
@pytest.mark.parametrize(
    ("expression", "at", "expected"),
    [
        (log(1 + exp(y_pred)), 40.0, lambda x: (x + mpmath.log1p(mpmath.exp(-x)), 1 / (1 + mpmath.exp(-x)))),
        (y_pred * sympy.atan(y_pred), 1e-9, lambda x: (x * mpmath.atan(x), mpmath.atan(x) + x / (1 + x * x))),
        (erf(y_pred) * y_pred, 2.5, lambda x: (x * mpmath.erf(x), mpmath.diff(lambda t: t * mpmath.erf(t), x))),
        (sympy.tan(y_pred) ** 2, 0.3, lambda x: (mpmath.tan(x) ** 2, 2 * mpmath.tan(x) * mpmath.sec(x) ** 2)),
        (sympy.asin(y_pred) ** 2, 0.3, lambda x: (mpmath.asin(x) ** 2, 2 * mpmath.asin(x) / mpmath.sqrt(1 - x * x))),
        (sympy.acos(y_pred), -0.3, lambda x: (mpmath.acos(x), -1 / mpmath.sqrt(1 - x * x))),
        (sympy.cosh(y_pred) + sympy.sinh(y_pred), 3.0, lambda x: (mpmath.exp(x), mpmath.exp(x))),
    ],
)
def test_closed_forms(arithmetic_of, expression, at, expected):
    """Value and slope to twenty digits, against mpmath at fifty."""
    roles = {"y_pred": Interval(-0.9, 0.9)} if expression.has(sympy.asin, sympy.acos) else {}
    truth = Oracle(declared(expression, **roles), arithmetic_of()).truth(Point(0.0, at, {}))
    with mpmath.workdps(50):
        value, slope = expected(mpf(at))
        assert abs(truth.value - value) <= abs(value) * mpf(10) ** -20
        assert abs(truth.gradient[0] - slope) <= abs(slope) * mpf(10) ** -18


@pytest.mark.parametrize("arithmetic_of", ARITHMETICS)
@pytest.mark.parametrize("at", [1e-300, 0.3, 1.4616321449683623, 2.0, 7.5, 1e5])
def test_the_gamma_family(arithmetic_of, at):
    """Logarithm of gamma, digamma and trigamma as value, slope and curvature, near the minimum too."""
    loss = Loss(name="any", summary="x", expression=loggamma(y_pred) + 0 * y_true, y_pred=POSITIVE)
    truth = Oracle(loss, arithmetic_of()).truth(Point(0.0, at, {}))
    with mpmath.workdps(60):
        wanted = (mpmath.loggamma(mpf(at)), mpmath.psi(0, mpf(at)), mpmath.psi(1, mpf(at)))
        for got, exact in zip((truth.value, truth.gradient[0], truth.hessian[0]), wanted, strict=True):
            assert abs(got - exact) <= abs(exact) * mpf(10) ** -20


@pytest.mark.parametrize("name", sorted(FORMS))
def test_both_arithmetics_agree(name):
    """Arb's balls and widened intervals hold the same numbers, at extreme points too."""
    first, second = Oracle(FORMS[name], ArbArithmetic()), Oracle(FORMS[name], IntervalArithmetic())
    drawn = probes(FORMS[name])
    for probe in drawn[:: 16 if compares_entries(FORMS[name]) else 4]:
        one, other = first.truth(probe.point), second.truth(probe.point)
        with mpmath.workdps(60):
            for a, b in zip(
                (one.value, *one.gradient, *one.hessian), (other.value, *other.gradient, *other.hessian), strict=True
            ):
                nothing = abs(a) + abs(b) < mpf(2) ** -1100
                assert (
                    nothing or (mpmath.isnan(a) and mpmath.isnan(b)) or abs(a - b) <= abs(a) * mpf(2) ** -70 or a == b
                )


@pytest.mark.parametrize(
    ("expression", "at", "limits"),
    [
        (sympy.sin(y_pred) / y_pred, 0.0, (1.0, 0.0, -1 / 3)),
        ((exp(y_pred) - 1 - y_pred) / y_pred**2, 0.0, (0.5, 1 / 6, 1 / 12)),
        ((1 - sympy.cos(y_pred)) / y_pred, 0.0, (0.0, 0.5, 0.0)),
        (y_pred * log(y_pred), 0.0, (0.0, -math.inf, math.inf)),
    ],
)
def test_limits_are_taken_where_singularities_are_removable(expression, at, limits):
    """By longer series, not by numbers close by."""
    roles = {"y_pred": Interval(0)} if expression.has(log) else {}
    truth = Oracle(declared(expression, **roles)).truth(Point(0.0, at, {}))
    for got, limit in zip((truth.value, truth.gradient[0], truth.hessian[0]), limits, strict=True):
        assert float(got) == pytest.approx(limit, rel=1e-15, nan_ok=True)


def test_a_derivative_at_a_kink_is_undefined_and_the_value_is_not():
    """Which of the two slopes is taken there is a convention, not a truth."""
    truth = Oracle(declared(Abs(y_pred - 1))).truth(Point(0.0, 1.0, {}))
    assert truth.value == 0
    assert mpmath.isnan(truth.gradient[0])
    smooth = Oracle(declared(Abs(y_pred - 1) ** 3)).truth(Point(0.0, 1.0, {}))
    assert (smooth.value, smooth.gradient[0], smooth.hessian[0]) == (0, 0, 0)


def test_a_branch_is_decided_exactly():
    """One float beside the switch, and on it, where rounding the residual would decide otherwise."""
    width = Symbol("width", positive=True)
    residual = y_pred - y_true
    loss = Loss(
        name="switch",
        summary="x",
        expression=Piecewise((residual**2 / 2, Abs(residual) <= width), (width * (Abs(residual) - width / 2), True)),
        parameters=[Parameter(width, 1.0, POSITIVE, "x")],
    )
    oracle = Oracle(loss)
    assert oracle.truth(Point(1.0, -1e-200, {"width": 1.0})).hessian[0] == 0
    assert oracle.truth(Point(1.0, 0.0, {"width": 1.0})).hessian[0] == 1
    assert oracle.truth(Point(1.0, 1e-200, {"width": 1.0})).hessian[0] == 1


def test_tiny_and_huge_numbers_cost_precision_not_truth():
    """Exp of ±1e300 is a number like any other; what is too small for any float is decided as such."""
    oracle = Oracle(declared(log(1 + exp(y_pred))))
    assert float(oracle.truth(Point(0.0, 1e300, {})).value) == 1e300
    assert float(oracle.truth(Point(0.0, -1e300, {})).value) == 0.0
    assert float(oracle.truth(Point(0.0, -744.0, {})).value) == pytest.approx(math.exp(-744.0))


def test_cancelling_changes_nothing_where_both_forms_decide():
    """The second reading of a formula is the same function."""
    plain = log(1 - 1 / (1 + exp(-y_pred))) + exp(y_pred) / (1 + exp(y_pred)) ** 2 + sympy.tanh(y_pred)
    cancelled = cancel_exponentials(plain)
    assert cancelled != plain
    for at in (-20.0, -0.3, 0.0, 2.0, 20.0):
        one, other = (Oracle(declared(form)).truth(Point(0.0, at, {})) for form in (plain, cancelled))
        for a, b in zip((one.value, one.gradient[0]), (other.value, other.gradient[0]), strict=True):
            assert abs(a - b) <= abs(a) * mpf(2) ** -60


class Careless(IntervalArithmetic):
    """Elementary functions without their widening, as mpmath has them: exp(tiny) is the point 1 + tiny."""

    def _widened(self, x):
        return x


def test_intervals_need_their_widening():
    """The fault that made it necessary is seen: without it a wrong number passes for decided."""
    loss = declared((exp(y_pred) - 1) / y_pred - 1)
    point = Point(0.0, 1e-60, {})
    with mpmath.workdps(80):
        truth = mpmath.expm1(mpf(1e-60)) / mpf(1e-60) - 1
        careful = Oracle(loss, IntervalArithmetic()).along(point)[0]
        assert abs(careful - truth) <= abs(truth) * mpf(10) ** -20
        try:
            careless = Oracle(loss, Careless()).along(point)[0]
        except UndecidedError:
            careless = mpf("nan")
        assert not abs(careless - truth) <= abs(truth) * mpf(10) ** -20


@pytest.mark.parametrize("arithmetic_of", ARITHMETICS)
def test_faults_in_series_are_seen(arithmetic_of, monkeypatch):
    """A lost factor in the second coefficient of exp changes the Hessian and nothing else."""
    from symloss.verify import series

    def faulty(algebra, x, count):
        value = algebra.call("exp", x)
        return [value] * count

    loss = declared(exp(2 * y_pred))
    right = Oracle(loss, arithmetic_of()).truth(Point(0.0, 0.5, {}))
    monkeypatch.setitem(series._TAYLOR, "exp", faulty)
    wrong = Oracle(loss, arithmetic_of()).truth(Point(0.0, 0.5, {}))
    assert right.gradient == wrong.gradient
    assert float(wrong.hessian[0] / right.hessian[0]) == pytest.approx(2.0)


def test_a_long_quotient_asks_for_longer_series():
    """Terms that a common zero takes are counted."""
    algebra = Algebra(arithmetic())
    zero, one = algebra.zero, algebra.one
    with pytest.raises(TooShortError):
        algebra.over([zero, one, zero], [zero, one, one])
    longer = Algebra(arithmetic(), 5)
    assert len(longer.over([zero, one, zero, zero, zero], [zero, one, one, zero, zero])) == 4


def test_a_square_under_a_root_is_an_absolute_value():
    """Its derivative does not exist at zero; two floats away it does."""
    loss = declared(sqrt(y_pred**2))
    assert mpmath.isnan(Oracle(loss).truth(Point(0.0, 0.0, {})).gradient[0])
    assert Oracle(loss).truth(Point(0.0, -5e-324, {})).gradient[0] == -1


@pytest.mark.parametrize("arithmetic", [ArbArithmetic, IntervalArithmetic])
def test_what_may_be_zero_times_infinity_is_undefined(arithmetic):
    """A power that no arithmetic tells from 0, times the logarithm of 0."""
    parameters = {"alpha": 0.25, "gamma": 2.0e90, "label_smoothing": 0.0, "epsilon": 0.0}
    found = Oracle(FORMS["focal_binary_probability"], arithmetic()).along(Point(0.0625, 0.0, parameters), None)
    assert math.isnan(found[0])


def test_the_slope_of_a_root_at_zero_is_not_zero():
    """(sqrt p)^2 is p, whose slope at 0 is 1 and not 0 times what the root's is; a kink times 0 has slope 0."""
    squared = Loss(name="squared", summary="Tried.", expression=(sqrt(y_pred) - y_true) ** 2, y_pred=Interval(0))
    kink = Loss(name="kink", summary="Tried.", expression=(y_pred - y_true) * Abs(y_pred - y_true))
    assert math.isnan(Oracle(squared).along(Point(0.0, 0.0, {}), None)[1])
    assert Oracle(kink).along(Point(0.0, 0.0, {}), None)[1] == 0
