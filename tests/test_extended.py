"""Numbers of twice the digits that NumPy modules carry where floats are not enough: against mpmath, and as chosen."""

import mpmath
import numpy as np
import pytest
import sympy
from mpmath import mpf

import symloss
from symloss import Interval, Loss, Parameter, y_pred, y_true
from symloss.arithmetic import FLOATS, Arithmetic, Doubt, extended_kernel, pair_kernel
from symloss.kernel import Apply
from symloss.mathematics import study
from symloss.measured import bare_texts
from symloss.targets import find
from symloss.templating import render
from symloss.verify.modules import load as load_module
from tests.conftest import GENERATED
from tests.test_certificate import FORMS

OPERATIONS = frozenset(
    [
        "exp",
        "expm1",
        "log",
        "log1p",
        "sqrt",
        "power",
        "sinh",
        "cosh",
        "tanh",
        "sin",
        "cos",
        "tan",
        "arcsin",
        "arccos",
        "arctan",
        "erf",
        "erfc",
        "lgamma",
        "digamma",
        "trigamma",
        "tetragamma",
        "maximum",
        "minimum",
        "sign",
        "select",
        "fill",
        "sum_over_axis",
        "max_over_axis",
        "is_first_maximum",
        "take_label",
        "nearest_part",
        "missing_part",
        "product_error",
        "binade",
    ]
)


@pytest.fixture(scope="module")
def numbers():
    """The classes and functions as a module has them."""
    names = {"np": np}
    for template in ("exact", "special", "pairs", "extended"):
        text = render(f"numpy/{template}.jinja", operations=OPERATIONS, paired=OPERATIONS, extended=OPERATIONS)
        exec(compile(text, template, "exec"), names)
    return names


def extended(numbers, low, high, *, positive=False, count=60):
    """Numbers of all sizes between two powers of two, with digits below those of a float."""
    dice = np.random.default_rng([low + 10_000, high + 10_000])
    sign = 1.0 if positive else dice.choice((-1.0, 1.0), count)
    parts = (sign * dice.uniform(0.5, 1, count), dice.uniform(-0.5, 0.5, count) * 2.0**-54)
    return numbers["_Extended"](*parts, dice.integers(low, high, count))


def exact(number, place):
    """What one of them stands for."""
    return mpmath.ldexp(mpf(float(number.high[place])) + mpf(float(number.low[place])), int(number.exponent[place]))


# What is computed, by what of mpmath it is checked, between which powers of two, and to how many bits.
CASES = [
    ("exp", mpmath.exp, -200, 10, False, 95),
    ("exp", mpmath.exp, 10, 25, False, 80),
    ("expm1", mpmath.expm1, -200, 9, False, 95),
    ("log", mpmath.log, -5000, 5000, True, 100),
    ("log1p", mpmath.log1p, -5000, 5000, True, 100),
    ("sqrt", mpmath.sqrt, -5000, 5000, True, 104),
    ("sinh", mpmath.sinh, -100, 9, False, 95),
    ("cosh", mpmath.cosh, -100, 9, False, 95),
    ("tanh", mpmath.tanh, -100, 12, False, 100),
    ("sin", mpmath.sin, -100, 12, False, 85),
    ("cos", mpmath.cos, -100, 12, False, 85),
    ("tan", mpmath.tan, -100, 12, False, 85),
    ("arcsin", mpmath.asin, -100, 1, False, 100),
    ("arccos", mpmath.acos, -40, 1, False, 100),
    ("arctan", mpmath.atan, -2000, 2000, False, 100),
    ("erf", mpmath.erf, -2000, 4, False, 52),
    ("erfc", mpmath.erfc, -20, 8, False, 51),
    ("log_gamma", mpmath.loggamma, -100, 1500, True, 90),
    ("digamma", lambda x: mpmath.psi(0, x), -1000, 1500, True, 90),
    ("trigamma", lambda x: mpmath.psi(1, x), -1000, 1500, True, 100),
    ("tetragamma", lambda x: mpmath.psi(2, x), -300, 1500, True, 100),
]


@pytest.mark.parametrize(("name", "truth", "low", "high", "positive", "bits"), CASES)
def test_functions_of_extended_numbers(numbers, name, truth, low, high, positive, bits):
    """So many bits are right, at every size."""
    x = extended(numbers, low, high, positive=positive)
    if name in ("arcsin", "arccos"):
        x = numbers["_Extended"](np.clip(x.rounded(), -1, 1))
    with np.errstate(all="ignore"):
        found = numbers[f"_extended_{name}"](x)
    with mpmath.workprec(400):
        for place in range(len(x.high)):
            wanted = truth(exact(x, place))
            assert abs(exact(found, place) - wanted) <= abs(wanted) * mpf(2) ** -bits, exact(x, place)


@pytest.mark.parametrize("operation", ["__add__", "__sub__", "__mul__", "__truediv__"])
@pytest.mark.parametrize("kind", ["_Extended", "_Pair"])
def test_arithmetic_keeps_a_hundred_bits(numbers, operation, kind):
    """Of numbers whose sizes are close, so that sums cancel, and far apart."""
    a, b = extended(numbers, -40, 40, count=300), extended(numbers, -50, 30, count=300)
    if kind == "_Pair":
        a, b = (numbers["_Pair"](np.ldexp(x.high, x.exponent), np.ldexp(x.low, x.exponent)) for x in (a, b))
    found = getattr(a, operation)(b)
    with mpmath.workprec(400):
        for place in range(300):
            pair = [_whole(x, place) for x in (a, b)]
            wanted = getattr(pair[0], operation)(pair[1])
            assert abs(_whole(found, place) - wanted) <= abs(wanted) * mpf(2) ** -100


def _whole(number, place):
    if hasattr(number, "exponent"):
        return exact(number, place)
    return mpf(float(number.high[place])) + mpf(float(number.low[place]))


@pytest.mark.parametrize("prefix", ["extended", "pair"])
def test_choices_sums_and_limits(numbers, prefix):
    """Maxima, minima, sums over an axis, entries at a label, and the ends of the range."""
    made = numbers["_as_" + prefix](np.array([[1.0, -4.0, 2.5], [0.0, 7.0, 7.0]]))
    assert numbers[f"_{prefix}_sum"](made).rounded().tolist() == [[-0.5], [14.0]]
    assert numbers[f"_{prefix}_max"](made).rounded().tolist() == [[2.5], [7.0]]
    assert numbers[f"_{prefix}_maximum"](made, 2).rounded()[0].tolist() == [2.0, 2.0, 2.5]
    assert numbers[f"_{prefix}_minimum"](made, 2).rounded()[0].tolist() == [1.0, -4.0, 2.0]
    assert numbers[f"_{prefix}_take_label"](made, np.array([[1], [0]])).rounded().tolist() == [[-4.0], [0.0]]
    assert ((made > 0) == np.array([[True, False, True], [False, True, True]])).all()
    assert (made == 7).tolist() == [[False] * 3, [False, True, True]]
    assert (2 - made).rounded()[1].tolist() == [2.0, -5.0, -5.0]
    first = numbers["_is_first_maximum" if prefix == "extended" else "_is_first_of_pairs"](made)
    assert first.tolist() == [[False, False, True], [False, True, False]]


def test_extended_numbers_leave_no_range(numbers):
    """Beyond every float and back; what does not fit in a float is 0 or infinite only in the end."""
    large = numbers["_as_extended"](np.array([1e300])) * 1e300 * 1e300
    np.testing.assert_allclose((large / 1e300 / 1e300).rounded(), [1e300], rtol=1e-15)
    tiny = 1 / large
    with np.errstate(all="ignore"):
        ends = numbers["_as_extended"](np.array([-np.inf, np.inf]))
        assert large.rounded().tolist() == [np.inf]
        assert numbers["_extended_exp"](ends).rounded().tolist() == [0.0, np.inf]
        assert tiny.rounded().tolist() == [0.0]
        assert (large + np.inf).rounded().tolist() == [np.inf]
    np.testing.assert_allclose((tiny * large).rounded(), [1.0], rtol=1e-15)


# -- the kernels --------------------------------------------------------------------------------------------------------


def _operations(kernel):
    return {value.definition.operation for value in kernel.values if isinstance(value.definition, Apply)}


def test_what_served_only_floats_falls_away(form_name):
    """No rounding errors, and in extended numbers no thresholds of floats."""
    kernel = study(FORMS[form_name]).kernel
    for output in ("value", "gradient", "hessian"):
        assert not _operations(pair_kernel(kernel, output)) & {"sum_error", "product_error", "closeness", "dot"}
        left = _operations(extended_kernel(kernel, output))
        assert not left & {"sum_error", "product_error", "closeness", "dot", "smallest_normal", "binade"}


def test_an_arithmetic_survives_its_record():
    """As data and back; plain floats need no record."""
    doubts = (Doubt("result", 2.0**-500, 2.0**500), Doubt("gamma", 0.125, 32.0))
    made = Arithmetic({"hessian": doubts, "value": ()}, frozenset({"hessian"}), frozenset({"value"}))
    assert Arithmetic.from_data(made.as_data()) == made
    assert made.changes(("gradient", "hessian"))
    assert not made.changes(("gradient",))
    assert FLOATS.is_plain
    assert not made.is_plain
    assert doubts[0].holds(float("nan"))
    assert doubts[1].holds(-40.0)
    assert not doubts[1].holds(2.0)


def test_what_is_chosen_is_the_cheapest_that_is_good():
    """A plain square stays in floats; a ninth power of a scaled residual overflows on the way and does not."""
    c = sympy.Symbol("c", positive=True)
    scaled = ((y_pred - y_true) / c) ** 2
    parameter = Parameter(c, 1.0, Interval(0.1, 10), "a scale")
    saturating = Loss(name="saturating", summary="Tried.", expression=1 - (1 + scaled) ** -2, parameters=[parameter])
    module = symloss.load(saturating).certified(points=600).compile("numpy")
    certificate = module.METADATA["certificate"]["float64"]
    assert all(certificate[part]["certified"] for part in ("value", "gradient", "hessian"))
    # By hand, where the square of the scaled residual is no float.
    assert module.hessian([0.0], [1e200], c=0.5, reduction="none").tolist() == [0.0]
    np.testing.assert_allclose(module.loss([0.0], [1e-200], c=0.5, reduction="sum"), 0.0, atol=1e-300)
    assert "_Extended" not in symloss.load("squared_error").generate("numpy")


@pytest.mark.parametrize("arithmetic", [Arithmetic(paired=frozenset({"value"})), Arithmetic({"value": ()})])
def test_irrational_constants_have_twice_the_digits(arithmetic, tmp_path):
    """Pi times a square is the nearest float, not that of the float pi."""
    loss = Loss(name="circle", summary="Tried.", expression=sympy.pi * (y_pred - y_true) ** 2)
    mathematics = study(loss)
    path = tmp_path / "circle.py"
    path.write_text(bare_texts(mathematics, [mathematics], find("numpy"), arithmetic)[".py"])
    radii = np.random.default_rng(3).uniform(-1, 1, 200)
    found = load_module(path).loss(np.zeros(200), radii, reduction="none")
    mpmath.mp.prec = 200
    assert found.tolist() == [float(mpmath.pi * mpf(float(radius)) ** 2) for radius in radii]


def test_whole_powers_of_negative_numbers(numbers):
    """An odd power keeps the sign."""
    for prefix in ("extended", "pair"):
        power, as_floats = numbers[f"_{prefix}_power"], numbers[f"_{prefix}_as_floats"]
        base = numbers[f"_as_{prefix}"](np.array([-2.0, 2.0, -0.5]))
        with np.errstate(all="ignore"):  # as in the modules
            odd, even = (as_floats(power(base, exponent), np.float64).tolist() for exponent in (5.0, 6.0))
        assert odd == [-32.0, 32.0, -(0.5**5)]
        assert even == [64.0, 64.0, 0.5**6]


def test_a_product_with_a_vector_is_computed_as_the_hessian_is():
    """In float32 by way of float64 where the Hessian is."""
    module = load_module(GENERATED / "numpy" / "cosine_similarity.py")
    y_true, y_pred = (np.random.default_rng(5).normal(size=(2, 4, 3)) * 1e3).astype(np.float32)
    vector = np.eye(3, dtype=np.float32)[np.array([0, 1, 2, 0])]
    product = module.hessian_vector_product(y_true, y_pred, vector, reduction="none")
    diagonal = module.hessian(y_true, y_pred, reduction="none")
    assert product.dtype == np.float32
    rows, places = np.arange(4), np.array([0, 1, 2, 0])
    np.testing.assert_allclose(product[rows, places], diagonal[rows, places], rtol=3e-7)
