"""Numbers of twice the digits in C and numba: against mpmath, and where modules call them."""

import ctypes
import math
import subprocess

import mpmath
import numpy as np
import pytest
from mpmath import mpf
from sympy import Symbol

import symloss
from symloss import Interval, Loss, Parameter, y_pred, y_true
from symloss.arithmetic import Arithmetic, Doubt
from symloss.compile import build, find_compiler
from symloss.kernel import OPERATIONS as KERNEL_OPERATIONS
from symloss.mathematics import study
from symloss.measured import bare_texts
from symloss.targets import find
from symloss.templating import render
from tests.conftest import load, load_file
from tests.test_c import results, samples
from tests.test_extended import CASES

WIDE = frozenset(find("c").extended.operations) | frozenset(find("c").pairs.operations)
DOUBLES = frozenset(KERNEL_OPERATIONS) | {"scaled_erfc"}
ONE = [*sorted({name for name, *_ in CASES} - {"log_gamma"}), "lgamma"]
TWO = ["sum", "difference", "product", "quotient", "power", "maximum", "minimum"]
EXPORTED = """
void run_{kind}_{name}(ptrdiff_t count, const {type} *a, const {type} *b, {type} *out)
{{
    for (ptrdiff_t i = 0; i < count; i++) {{
        out[i] = {kind}_{name}({arguments});
    }}
    (void)b;
}}
"""


class InC:
    """The functions of C on arrays of structures, by a library made for the purpose."""

    def __init__(self, folder):
        values = {"operations": DOUBLES, "paired": WIDE, "extended": WIDE, "wide": (), "mendings": (), "loops": ()}
        text = render("c/certified.jinja", has_axis=False, label=False, tests=set(), single=None, **values)
        head = "".join(f"#include <{name}.h>\n" for name in ("float", "math", "stddef", "stdint", "stdlib", "string"))
        exports = [
            EXPORTED.format(kind=kind, type=kind.capitalize(), name=name, arguments=arguments)
            for kind in ("pair", "extended")
            for names, arguments in ((ONE, "a[i]"), (TWO, "a[i], b[i]"))
            for name in names
        ]
        source, library = folder / "wide.c", folder / "wide.so"
        source.write_text(head + text + "".join(exports))
        flags = (
            "-std=c99",
            "-O2",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
            "-ffp-contract=off",
            "-fPIC",
            "-shared",
        )
        command = [*find_compiler(), *flags, "-Wno-unused-function", str(source), "-o", str(library), "-lm"]
        subprocess.run(command, check=True)
        self.library = ctypes.CDLL(str(library))

    def __call__(self, kind, name, *numbers):
        fields = [("high", "f8"), ("low", "f8"), ("exponent", "i8")][: 3 if kind == "extended" else 2]
        arrays = [np.array(item, dtype=fields) for item in (*numbers, numbers[0])[:2]]
        out = np.empty_like(arrays[0])
        pointers = [ctypes.c_void_p(item.ctypes.data) for item in (*arrays, out)]
        getattr(self.library, f"run_{kind}_{name}")(ctypes.c_ssize_t(len(out)), *pointers)
        return [tuple(item.item()) if hasattr(item, "item") else tuple(item) for item in out.tolist()]


class InNumba:
    """The functions of numba, called one by one."""

    def __init__(self):
        numba = pytest.importorskip("numba")
        compiled = numba.njit(error_model="numpy")
        self.names = {"np": np, "math": math, "_compiled": compiled, "_inlined": compiled}
        for template in ("mathematics", "special", "pairs", "extended"):
            text = render(f"numba/{template}.jinja", operations=DOUBLES, paired=WIDE, extended=WIDE)
            exec(compile(text, template, "exec"), self.names)

    def __call__(self, kind, name, *numbers):
        return [self.names[f"_{kind}_{name}"](*items) for items in zip(*numbers, strict=True)]


@pytest.fixture(scope="module", params=["c", "numba"])
def run(request, tmp_path_factory):
    """The functions of a target."""
    return InC(tmp_path_factory.mktemp("wide")) if request.param == "c" else InNumba()


def spread(low, high, *, positive=False, count=60):
    """Numbers of all sizes between two powers of two, with digits below those of a float."""
    dice = np.random.default_rng([low + 10_000, high + 10_000])
    sign = np.ones(count) if positive else dice.choice((-1.0, 1.0), count)
    parts = (sign * dice.uniform(0.5, 1, count), dice.uniform(-0.5, 0.5, count) * 2.0**-54)
    return list(zip(*(part.tolist() for part in (*parts, dice.integers(low, high, count))), strict=True))


def exact(number):
    """What one of them stands for."""
    high, low, exponent = (*number, 0)[:3]
    return mpmath.ldexp(mpf(float(high)) + mpf(float(low)), int(exponent))


def as_pairs(numbers):
    return [(math.ldexp(high, exponent), math.ldexp(low, exponent)) for high, low, exponent in numbers]


@pytest.mark.parametrize(("name", "truth", "low", "high", "positive", "bits"), CASES)
def test_functions_of_extended_numbers(run, name, truth, low, high, positive, bits):
    """So many bits are right, at every size."""
    numbers = spread(low, high, positive=positive)
    if name in ("arcsin", "arccos"):
        whole = [float(np.clip(math.ldexp(high + low, exponent), -1, 1)) for high, low, exponent in numbers]
        numbers = [(*_mantissa(number),) for number in whole]
    found = run("extended", "lgamma" if name == "log_gamma" else name, numbers)
    with mpmath.workprec(400):
        for number, result in zip(numbers, found, strict=True):
            wanted = truth(exact(number))
            assert abs(exact(result) - wanted) <= abs(wanted) * mpf(2) ** -bits, exact(number)


def _mantissa(number):
    mantissa, exponent = math.frexp(number)
    return mantissa, 0.0, exponent


ARITHMETIC = {
    "sum": lambda a, b: a + b,
    "difference": lambda a, b: a - b,
    "product": lambda a, b: a * b,
    "quotient": lambda a, b: a / b,
}


@pytest.mark.parametrize("operation", ARITHMETIC)
@pytest.mark.parametrize("kind", ["extended", "pair"])
def test_arithmetic_keeps_a_hundred_bits(run, kind, operation):
    """Of numbers whose sizes are close, so that sums cancel, and far apart."""
    a, b = spread(-40, 40, count=300), spread(-50, 30, count=300)
    if kind == "pair":
        a, b = as_pairs(a), as_pairs(b)
    with mpmath.workprec(400):
        for one, other, result in zip(a, b, run(kind, operation, a, b), strict=True):
            wanted = ARITHMETIC[operation](exact(one), exact(other))
            assert abs(exact(result) - wanted) <= abs(wanted) * mpf(2) ** -100


@pytest.mark.parametrize(("base", "power"), [(7, 5), (1000, -1), (3, 9)])
def test_powers(run, base, power):
    """Of all sizes, to the bits that a product of exponents leaves; of negative numbers to odd ones."""
    bases, exponents = spread(-base, base, positive=True), spread(-4, 4) if power < 0 else spread(-2, power)
    found = run("extended", "power", bases, exponents)
    with mpmath.workprec(400):
        for one, other, result in zip(bases, exponents, found, strict=True):
            wanted = exact(one) ** exact(other)
            assert abs(exact(result) - wanted) <= abs(wanted) * mpf(2) ** -75
    assert [
        exact(item) for item in run("extended", "power", [_mantissa(-2.0)] * 2, [_mantissa(3.0), _mantissa(2.0)])
    ] == [
        -8,
        4,
    ]


@pytest.mark.parametrize(
    ("name", "truth", "low", "high", "positive"),
    [
        ("exp", mpmath.exp, -60, 9, False),
        ("expm1", mpmath.expm1, -60, 9, False),
        ("log", mpmath.log, -900, 900, True),
        ("log1p", mpmath.log1p, -60, 900, True),
        ("sinh", mpmath.sinh, -60, 9, False),
        ("cosh", mpmath.cosh, -60, 9, False),
        ("tanh", mpmath.tanh, -60, 9, False),
        ("sin", mpmath.sin, -60, 5, False),
        ("arctan", mpmath.atan, -60, 60, False),
        ("erf", mpmath.erf, -60, 3, False),
        ("lgamma", mpmath.loggamma, 2, 60, True),
        ("digamma", lambda x: mpmath.psi(0, x), 2, 60, True),
    ],
)
def test_functions_of_pairs_have_the_digits_of_floats(run, name, truth, low, high, positive):
    """Also where the lower part moves them by more than rounding does."""
    numbers = as_pairs(spread(low, high, positive=positive))
    with mpmath.workprec(200):
        for number, result in zip(numbers, run("pair", name, numbers), strict=True):
            wanted = truth(exact(number))
            assert abs(exact(result) - wanted) <= abs(wanted) * mpf(2) ** -50, exact(number)


def test_the_square_root_of_a_pair_has_its_digits(run):
    """As divisions and products have."""
    numbers = as_pairs(spread(-300, 300, positive=True))
    with mpmath.workprec(200):
        for number, result in zip(numbers, run("pair", "sqrt", numbers), strict=True):
            wanted = mpmath.sqrt(exact(number))
            assert abs(exact(result) - wanted) <= wanted * mpf(2) ** -100


def test_extended_numbers_leave_no_range(run):
    """Beyond every float and back; 0 stays 0 whatever it is multiplied by."""
    large = [_mantissa(1e300)]
    for _ in range(3):
        large = run("extended", "product", large, [_mantissa(1e300)])
    back = large
    for _ in range(3):
        back = run("extended", "quotient", back, [_mantissa(1e300)])
    np.testing.assert_allclose(float(exact(back[0])), 1e300, rtol=1e-15)
    nothing = run("extended", "difference", large, large)
    infinite = (math.inf, 0.0, 0)
    assert run("extended", "product", nothing, [infinite])[0][0] == 0.0
    assert run("extended", "sum", large, [infinite])[0][0] == math.inf
    assert run("extended", "exp", [infinite, (-math.inf, 0.0, 0)])[1][0] == 0.0
    assert run("extended", "quotient", [_mantissa(1.0)], [infinite])[0][0] == 0.0
    assert run("extended", "maximum", large, [_mantissa(2.0)])[0] == large[0]
    assert run("extended", "minimum", large, [_mantissa(2.0)])[0][:2] == (0.5, 0.0)


FUNCTIONS = ("value", "gradient", "hessian")
EVERYWHERE = {
    "pairs": Arithmetic({}, frozenset(FUNCTIONS)),
    "extended numbers": Arithmetic(dict.fromkeys(FUNCTIONS, ())),
}


@pytest.mark.parametrize("numbers", EVERYWHERE)
@pytest.mark.parametrize(
    "name",
    [
        "huber",
        "hinge",
        "gaussian_nll",
        "sparse_categorical_crossentropy_logits",
        "wasserstein_1d_histogram",
        "multiclass_hinge",
    ],
)
def test_any_loss_may_be_computed_in_them(name, numbers, tmp_path):
    """Clips, signs, inputs per sample, labels, cumulative sums, the first of several maxima: to the digits of NumPy."""
    mathematics = study(symloss.load(name).declaration)
    for ending, text in bare_texts(mathematics, [mathematics], find("c"), EVERYWHERE[numbers]).items():
        (tmp_path / f"{name}{ending}").write_text(text)
    list(build([tmp_path / f"{name}.c"], find_compiler(), ("-Wall", "-Wextra", "-Wpedantic", "-Werror")))
    arguments = samples(name, 300, np.float64)
    here = results(load_file(tmp_path / f"{name}.py"), arguments, reduction="none")
    for found, wanted in zip(here, results(load("numpy", name), arguments, reduction="none"), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-13)


OF_CODE = ["pair", "extended_sum", "pair_rounded", "exact_gradient", "mend_value", "value_in_pairs", "compute_value"]
OF_CODE += ["always", "before", "is_doubtful", "high", "exponent", "power_of"]


@pytest.mark.parametrize("target", ["c", "numba"])
def test_parameters_may_have_the_names_of_the_code(target, tmp_path):
    """Some samples in pairs, some in doubt, and all in extended numbers: none takes a parameter for its own."""
    symbols = [Symbol(name, positive=True) for name in OF_CODE]
    parameters = [Parameter(symbol, 1.0, Interval(0.1, 10), "a factor") for symbol in symbols]
    size = sum(symbol * place for place, symbol in enumerate(symbols, start=1)) * (y_pred - y_true)
    loss = Loss(name="odd", summary="Odd names.", expression=1 - (1 + size**2) ** -2, parameters=parameters)
    doubts = {"value": (Doubt("always", 0.5, 2.0), Doubt("result", 0.25, 0.5)), "gradient": (), "hessian": ()}
    mathematics = study(loss)
    for ending, text in bare_texts(
        mathematics, [mathematics], find(target), Arithmetic(doubts, frozenset({"value"}))
    ).items():
        (tmp_path / f"odd{ending}").write_text(text)
    if target == "c":
        list(build([tmp_path / "odd.c"], find_compiler(), ("-Wall", "-Wextra", "-Werror")))
    plain, y, f = symloss.load(loss).compile("numpy"), np.zeros(40), np.linspace(-0.02, 0.02, 40)
    for always in (1.0, 3.0):
        values = dict(zip(OF_CODE, np.linspace(0.5, 2, len(OF_CODE)).tolist(), strict=True)) | {"always": always}
        for part in ("loss", "gradient", "hessian"):
            here, there = (
                getattr(module, part)(y, f, reduction="none", **values)
                for module in (load_file(tmp_path / "odd.py"), plain)
            )
            np.testing.assert_allclose(here, there, rtol=1e-12, atol=1e-15)
