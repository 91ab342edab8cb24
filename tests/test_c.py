"""C: compiled modules against exact arithmetic, against the NumPy modules, and as C programs use them."""

import ctypes
import json
import shutil
import subprocess
import sys
from pathlib import Path

import mpmath
import numpy as np
import pytest
from click.testing import CliRunner
from sympy import Symbol, exp, log

import symloss
from symloss import Interval, Loss, Parameter, y_pred, y_true
from symloss.cli import app
from symloss.compile import build, find_compiler, library_of
from symloss.errors import CompilerError, FileError, UnsupportedError
from symloss.templating import render
from symloss.verify.checks import verify_module
from symloss.verify.examination import Examination
from tests.accuracy import LOSSES as INVENTED
from tests.conftest import GENERATED, ROOT, form_names, load, load_file
from tests.test_numpy_modules import _batch
from tests.test_user_losses import LOSSES as TYPED

REFUSED = json.loads((GENERATED / "c" / "refused.json").read_text())
NAMES = [name for name in form_names() if name not in REFUSED]
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")
# Kernels for this processor alone, which take a fourth of the time to compile, and are those it would choose.
ONE_WIDTH = ("-U__ELF__", "-march=native")
# One of every kind: a parameter, signs, weights per row, labels, a simplex, cumulative sums, products in two parts.
KINDS = ["huber", "hinge", "laplace_nll", "binary_crossentropy_logits", "sparse_categorical_crossentropy_logits"]
KINDS += ["hellinger", "wasserstein_1d_histogram", "cosine_similarity", "listnet_softmax"]
# Powers and pairs per sample, extended numbers per sample, and both of rows.
KINDS += ["focal_binary", "student_t_nll", "dice"]
runner = CliRunner()


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A catalogue module, compiled without a warning; all of a session's processes share what is compiled."""
    root = tmp_path_factory.getbasetemp()
    folder = (root.parent if root.name.startswith("popen") else root) / "compiled" / "c"
    folder.mkdir(parents=True, exist_ok=True)

    def path_of(name):
        module = folder / f"{name}.py"
        if not library_of(module).is_file():
            for ending in (".h", ".c", ".py"):
                shutil.copy(GENERATED / "c" / f"{name}{ending}", folder)
            with module.open("a") as text:
                text.write('\n\nMETADATA["certificate"] = None  # measured again in a test of its own\n')
            list(build([folder / f"{name}.c"], find_compiler(), (*STRICT, *(() if name in KINDS[:4] else ONE_WIDTH))))
        return module

    return path_of


def written(folder, handle):
    """The path of a module of a declared loss, compiled."""
    for name, text in handle.files("c").items():
        (folder / name).write_text(text, encoding="utf-8")
    list(build([folder / f"{handle.name}.c"], find_compiler(), (*STRICT, *ONE_WIDTH)))
    return folder / f"{handle.name}.py"


# -- against exact arithmetic ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_compiled_loss_passes_verification(name, built):
    report = verify_module(Examination(symloss.load(name).declaration), "c", built(name))
    assert report.passed, [str(failure) for failure in report.failures]


@pytest.mark.parametrize("name", ["huber", "binary_crossentropy_logits", "tweedie"])
def test_certificates_hold(name, built):
    """The module that carries its certificate, where a short measurement may object."""
    module = built(name)
    folder = module.parent / "certified"
    folder.mkdir(exist_ok=True)
    certified = folder / module.name
    shutil.copy(GENERATED / "c" / module.name, certified)
    shutil.copy(library_of(module), library_of(certified))
    report = verify_module(Examination(symloss.load(name).declaration), "c", certified)
    assert report.passed, [str(failure) for failure in report.failures]


OF_USERS = [
    *(INVENTED[name] for name in ("half_cosine", "cosh_minus_one", "gamma_shape", "digamma_match", "bounded_tanh")),
    *(loss for loss in TYPED if loss.name in ("tukey", "arctangent", "brier_with_a_temperature", "soft_dice")),
]


@pytest.mark.parametrize("loss", OF_USERS, ids=lambda loss: loss.name)
def test_users_losses_pass_verification(loss, tmp_path):
    """Every function that a declaration may have."""
    report = verify_module(Examination(loss), "c", written(tmp_path, symloss.load(loss)))
    assert report.passed, [str(failure) for failure in report.failures]


@pytest.mark.parametrize("name", ["gaussian_error", "angular", "probit", "power_of_hyperbola", "half_cosine"])
def test_functions_of_the_mathematical_library_are_those_of_numpy(name, tmp_path):
    """erf, erfc, arcsine, powers and cosines, at ordinary points."""
    handle = symloss.load(INVENTED[name])
    compiled, plain = load_file(written(tmp_path, handle)), handle.compile("numpy")
    unit = name in ("angular", "probit")
    rng = np.random.default_rng(4)
    y, f = rng.uniform(0.1, 0.9, (2, 500)) if unit else rng.normal(size=(2, 500))
    for here, there in zip(
        results(compiled, (y, f, {}), reduction="none"), results(plain, (y, f, {}), reduction="none"), strict=True
    ):
        np.testing.assert_allclose(here, there, rtol=1e-11, atol=1e-13)


def test_verification_finds_a_wrong_kernel(built, tmp_path):
    """A sign, a constant of the exponential and a forgotten rest: faults that tests must see."""
    faults = {
        "huber": [("y_pred - y_true", "y_true - y_pred"), ("size - limited / 2.0", "size - limited / 3.0")],
        "binary_crossentropy_logits": [("0.1666666666666667 *", "0.1666666666 *"), ("rest * (2.0 + f)", "0.0 * f")],
        "cosine_similarity": [("pair_rounded(pair_opposite(cosine))", "pair_rounded(cosine)")],
        "dice": [("const double error = sum_error(a.high, b.high) + (a.low + b.low);", "const double error = a.high;")],
        "student_t_nll": [("const double error = product_error(quotient, b.high);", "const double error = quotient;")],
    }
    for name, changes in faults.items():
        for here, there in changes:
            module = built(name)
            source = module.with_suffix(".c").read_text()
            assert here in source
            (tmp_path / f"{name}.c").write_text(source.replace(here, there))
            for ending in (".h", ".py"):
                shutil.copy(module.with_suffix(ending), tmp_path)
            list(build([tmp_path / f"{name}.c"], find_compiler(), ONE_WIDTH))
            report = verify_module(Examination(symloss.load(name).declaration), "c", tmp_path / f"{name}.py")
            assert not report.passed, (name, here)


FUNCTIONS = {
    "exp": ("exponential_of", mpmath.exp, 1.0, (-700, 709)),
    "expm1": ("exponential_minus_one", mpmath.expm1, 2.0, (-50, 709)),
    "log": ("logarithm_of", mpmath.log, 1.0, (0, 1e300)),
    "log1p": ("logarithm_of_one_plus", mpmath.log1p, 1.0, (-1, 1e300)),
    "sinh": ("hyperbolic_sine", mpmath.sinh, 2.0, (-710.4, 710.4)),
    "cosh": ("hyperbolic_cosine", mpmath.cosh, 1.0, (-710.4, 710.4)),
    "tanh": ("hyperbolic_tangent", mpmath.tanh, 3.0, (-30, 30)),
}
ENDS = [0.0, -0.0, 5e-324, -5e-324, 2.2e-308, 1e-300, 1.0, -1.0, 709.78, 710.0, 710.47, 710.48, -745.0, -746.0, 1e308]
ENDS += [np.inf, -np.inf, np.nan]


@pytest.fixture(scope="module")
def functions(tmp_path_factory):
    """The own functions, over arrays."""
    folder = tmp_path_factory.mktemp("functions")
    text = "#include <float.h>\n#include <math.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n"
    text += "#define INLINE static inline __attribute__((unused))\n"
    text += render("c/mathematics.jinja", operations={*FUNCTIONS, "power"})
    text += "void all_powers(ptrdiff_t count, const double *x, const double *y, double *powers)\n"
    text += "{ for (ptrdiff_t i = 0; i < count; i++) powers[i] = power_of(x[i], y[i]); }\n"
    for name, (function, *_) in FUNCTIONS.items():
        text += f"void all_{name}(ptrdiff_t count, const double *x, double *y)\n"
        text += f"{{ for (ptrdiff_t i = 0; i < count; i++) y[i] = {function}(x[i]); }}\n"
    (folder / "functions.c").write_text(text)
    list(build([folder / "functions.c"], find_compiler()))
    return ctypes.CDLL(str(library_of(folder / "functions.py")))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_own_functions_keep_their_ulps(name, functions):
    """Against 60 digits, over the whole range, near 0 and 1 and from 2**-1074 on."""
    _, exact, most, (lower, upper) = FUNCTIONS[name]
    rng = np.random.default_rng(5)
    x = np.concatenate(
        [
            rng.uniform(max(lower, -1e3), min(upper, 1e3), 3000),
            rng.uniform(-1, 1, 3000),
            rng.uniform(0.5, 2, 1000),
            rng.choice([-1, 1], 3000) * 10.0 ** rng.uniform(-320, 300, 3000),
        ]
    )
    x = x[(x > lower) & (x < upper)]
    y = np.empty_like(x)
    getattr(functions, f"all_{name}")(ctypes.c_ssize_t(x.size), *(ctypes.c_void_p(item.ctypes.data) for item in (x, y)))
    with mpmath.workdps(60):
        for argument, got in zip(x.tolist(), y.tolist(), strict=True):
            truth = exact(mpmath.mpf(argument))
            error = abs(mpmath.mpf(got) - truth) / mpmath.mpf(np.spacing(abs(float(truth))))
            assert error <= most, (argument, got, float(error))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_own_functions_at_the_ends_of_the_floats(name, functions):
    """What NumPy returns there, to the ulps above."""
    x = np.array(ENDS)
    y = np.empty_like(x)
    getattr(functions, f"all_{name}")(ctypes.c_ssize_t(x.size), *(ctypes.c_void_p(item.ctypes.data) for item in (x, y)))
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(x)
    np.testing.assert_allclose(y, expected, rtol=1e-15, atol=5e-324)


def powers(functions, x, y):
    """What the own function makes of pairs of numbers."""
    x, y = np.ascontiguousarray(x, float), np.ascontiguousarray(y, float)
    found = np.empty_like(x)
    pointers = [ctypes.c_void_p(item.ctypes.data) for item in (x, y, found)]
    functions.all_powers(ctypes.c_ssize_t(x.size), *pointers)
    return found


@pytest.mark.parametrize(("spread", "most"), [(1, 1), (0.01, 1000), (20, 10), (200, 3), (1e-8, 1e9), (3, 0.01)])
def test_powers_keep_their_ulps(functions, spread, most):
    """Against 60 digits: bases near 1 and far from it, exponents that fill the range of floats."""
    rng = np.random.default_rng(6)
    x, y = np.exp(rng.normal(size=3000).clip(-3, 3) * spread), rng.normal(size=3000) * most
    with mpmath.workdps(60):
        for base, exponent, got in zip(x.tolist(), y.tolist(), powers(functions, x, y).tolist(), strict=True):
            truth = mpmath.mpf(base) ** mpmath.mpf(exponent)
            if mpmath.mpf(2) ** -1022 < truth < mpmath.mpf(2) ** 1023:
                error = abs(mpmath.mpf(got) - truth) / mpmath.mpf(np.spacing(float(truth)))
                assert error <= 2, (base, exponent, got, float(error))


def test_powers_at_the_ends_of_the_floats(functions):
    """What C's library returns: zeros, infinities, and negative bases with whole, odd and even exponents."""
    numbers = [*ENDS, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 2.5, -2.5, 1 / 3, 2.0**53, -(2.0**53), 2.0**52 + 1, 1e300]
    x, y = map(np.array, zip(*((base, exponent) for base in numbers for exponent in numbers), strict=True))
    with np.errstate(all="ignore"):
        expected = np.where((x == 1) & np.isnan(y), np.nan, np.power(x, y))  # no exponent, no power
    np.testing.assert_allclose(powers(functions, x, y), expected, rtol=4e-16, atol=5e-324)


# -- against the NumPy modules ---------------------------------------------------------------------------------------


def samples(name, count, dtype):
    """Valid arguments, drawn from a few."""
    places = np.random.default_rng(3).integers(0, 97, count)
    y, f, extras = _batch(name, (97,), dtype)
    return y[places], f[places], {key: values[places] for key, values in extras.items()}


def results(module, arguments, **keywords):
    """What all functions return."""
    y, f, extras = arguments
    found = [
        module.loss_and_gradient(y, f, **extras, **keywords),
        module.gradient_and_hessian(y, f, **extras, **keywords),
    ]
    return [part for pair in found for part in pair]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", KINDS)
def test_the_numbers_are_those_of_numpy(name, reduction, dtype, built):
    """With weights and without, in shapes of several dimensions, for any size of the last block."""
    compiled, plain = load_file(built(name)), load("numpy", name)
    limit = {np.float64: 1e-12, np.float32: 2e-5, np.float16: 2e-2}[dtype]
    for count in (1, 7, 1000) if dtype == np.float16 else (1, 7, 1000, 40001):
        arguments = samples(name, count, dtype)
        weight = np.random.default_rng(1).random(count).astype(dtype) if count > 1 else None
        for weights in (None, weight):
            ours = results(compiled, arguments, reduction=reduction, sample_weight=weights)
            theirs = results(plain, arguments, reduction=reduction, sample_weight=weights)
            for here, there in zip(ours, theirs, strict=True):
                assert np.shape(here) == np.shape(there)
                assert here.dtype == there.dtype
                scale = np.abs(np.asarray(there, np.float64)).max(initial=0)
                np.testing.assert_allclose(np.float64(here), np.float64(there), rtol=limit, atol=limit * scale)


@pytest.mark.parametrize("name", KINDS)
def test_layouts_axes_and_places_for_results(name, built):
    compiled, plain = load_file(built(name)), load("numpy", name)
    y, f, extras = samples(name, 60, np.float64)
    strided = [np.repeat(item, 2, axis=0)[::2] if np.ndim(item) else item for item in (y, f)]
    np.testing.assert_array_equal(compiled.gradient(*strided, **extras), compiled.gradient(y, f, **extras))
    out = np.full(f.shape, np.nan)
    assert np.shares_memory(compiled.gradient(y, f, **extras, out=out), out)
    np.testing.assert_array_equal(out, compiled.gradient(y, f, **extras))
    gapped = np.full((*f.shape[:-1], 2 * f.shape[-1]), np.nan)[..., ::2]
    compiled.hessian(y, f, **extras, out=gapped)
    np.testing.assert_array_equal(gapped, compiled.hessian(y, f, **extras))
    if f.ndim > 1:
        moved = np.ascontiguousarray(np.moveaxis(f, -1, 0))
        labels = y if y.ndim < f.ndim else np.moveaxis(y, -1, 0)
        here = compiled.gradient(labels, moved, axis=0)
        np.testing.assert_array_equal(here, np.moveaxis(compiled.gradient(y, f), -1, 0))
        vector = np.random.default_rng(2).normal(size=f.shape)
        product = compiled.hessian_vector_product(y, f, vector)
        np.testing.assert_allclose(product, plain.hessian_vector_product(y, f, vector), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(compiled.hessian_full(y, f), plain.hessian_full(y, f), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", KINDS)
def test_any_number_of_workers_gives_the_same_bits(name, built):
    module = load_file(built(name))
    arguments = samples(name, 100_003, np.float64)
    one, three = (results(module, arguments, workers=workers) for workers in (1, 3))
    for here, there in zip(one, three, strict=True):
        np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize("name", ["binary_crossentropy_logits", "sparse_categorical_crossentropy_logits"])
def test_every_width_of_vectors_gives_the_same_bits(name, built, tmp_path):
    """Without wide vectors, and with those this processor has: the steps are the same."""
    module = built(name)
    arguments = samples(name, 5000, np.float64)
    expected = results(load_file(module), arguments, reduction="none")
    for place, flags in enumerate([("-U__ELF__",), ("-U__ELF__", "-march=native")]):
        folder = tmp_path / str(place)
        folder.mkdir()
        for ending in (".h", ".c", ".py"):
            shutil.copy(module.with_suffix(ending), folder)
        list(build([folder / f"{name}.c"], find_compiler(), flags))
        for here, there in zip(
            results(load_file(folder / f"{name}.py"), arguments, reduction="none"), expected, strict=True
        ):
            np.testing.assert_array_equal(here, there)


WRONG = {
    "huber": [
        (([1.0], [1.0, 2.0]), {}),
        (([1.0, np.nan], [1.0, 2.0]), {}),
        (([1.0, 2.0], [np.inf, 2.0]), {}),
        (([], []), {}),
        (([1.0], [1.0]), {"delta": 0.0}),
        (([1.0], [1.0]), {"delta": np.nan}),
        (([1.0], [1.0]), {"delta": "1"}),
        (([1.0], [1.0]), {"reduction": "average"}),
        (([1.0], [1.0]), {"workers": 0}),
        (([1.0], [1.0]), {"sample_weight": [-1.0]}),
        (([1.0], [1.0]), {"sample_weight": [0.0]}),
        (([1.0], [1.0]), {"sample_weight": [1.0, 2.0]}),
        ((["a"], [1.0]), {}),
    ],
    "hinge": [(([0.5], [1.0]), {}), (([2.0], [1.0]), {})],
    "laplace_nll": [(([1.0], [1.0]), {"scale": 0.0}), (([1.0, 2.0], [1.0, 2.0]), {"scale": [1.0, -1.0]})],
    "sparse_categorical_crossentropy_logits": [
        (([3], [[1.0, 2.0, 3.0]]), {}),
        (([-1], [[1.0, 2.0, 3.0]]), {}),
        (([0.5], [[1.0, 2.0, 3.0]]), {}),
        (([1], [[1.0, np.nan, 3.0]]), {}),
    ],
    "hellinger": [(([[0.5, 0.6]], [[0.5, 0.5]]), {}), (([[0.5, 0.5]], [[0.5, -0.5]]), {})],
}


@pytest.mark.parametrize(("name", "place"), [(name, place) for name in WRONG for place in range(len(WRONG[name]))])
def test_wrong_arguments_are_told_as_in_numpy(name, place, built):
    """The same error with the same words, whoever finds it."""
    arguments, keywords = WRONG[name][place]
    with pytest.raises((ValueError, TypeError)) as theirs:
        load("numpy", name).loss(*arguments, **keywords)
    with pytest.raises(type(theirs.value)) as ours:
        load_file(built(name)).loss(*arguments, **keywords)
    assert str(ours.value) == str(theirs.value)


def test_a_wrong_value_far_behind_is_named(built):
    y, f = np.zeros(200_000), np.zeros(200_000)
    f[123_456] = np.nan
    with pytest.raises(ValueError, match=r"y_pred is nan at index \(123456,\)"):
        load_file(built("huber")).gradient(y, f, workers=2)


# -- names, C programs and the compiler --------------------------------------------------------------------------------


def test_parameters_may_have_any_name(tmp_path):
    """Words of C, its functions, and what generated code itself is made of."""
    names = ["double", "exp", "scale", "samples", "value", "job", "count", "y_pred_block", "static", "gradient"]
    names += ["rows", "entries", "kept", "room", "lgamma", "residual", "hessian", "main", "number", "delta_"]
    symbols = [Symbol(name, positive=True) for name in names]
    expression = sum(
        place * symbol * (y_pred - y_true) ** 2 / 2 for place, symbol in enumerate(symbols, start=1)
    ) + log(1 + exp(symbols[1] * y_pred))
    roles = [Parameter(symbol, 1.0, Interval(0.1, 10), "a factor") for symbol in symbols]
    loss = Loss(name="odd_names", summary="Odd names.", expression=expression, parameters=roles)
    handle = symloss.load(loss)
    compiled, plain = load_file(written(tmp_path, handle)), handle.compile("numpy")
    values = dict(zip(names, np.linspace(0.5, 2, len(names)).tolist(), strict=True))
    y, f = np.random.default_rng(0).normal(size=(2, 50))
    for here, there in zip(
        compiled.loss_and_gradient(y, f, **values), plain.loss_and_gradient(y, f, **values), strict=True
    ):
        np.testing.assert_allclose(here, there, rtol=1e-13)


PROGRAM = """
#include "huber.h"
#include <stdio.h>

int main(void)
{
    const double y_true[] = {0.0, 1.0, 2.0}, y_pred[] = {0.5, 1.0, 5.0};
    double value, gradient[3], hessian[3];
    int failure = huber_f64(3, y_true, y_pred, 1.0, NULL, HUBER_MEAN, &value, gradient, NULL, 1);
    printf("%d %.17g %.17g %.17g %.17g\\n", failure, value, gradient[0], gradient[1], gradient[2]);
    failure = huber_f64(3, y_true, y_pred, 1.0, NULL, HUBER_SUM, &value, gradient, hessian, 1);
    printf("%d %.17g %.17g %.17g %.17g\\n", failure, value, hessian[0], hessian[1], hessian[2]);
    failure = huber_f64(3, y_true, y_pred, -1.0, NULL, HUBER_SUM, &value, NULL, NULL, 1);
    printf("%d\\n", failure == HUBER_BAD_delta);
    return 0;
}
"""


@pytest.mark.parametrize(("compiler", "standard"), [("cc", "-std=c99"), ("c++", "-std=c++11")])
def test_a_program_of_c_or_cpp_uses_it(compiler, standard, tmp_path):
    """Nothing but the two files and the mathematical library; no warning under strict flags."""
    for ending in (".h", ".c"):
        shutil.copy(GENERATED / "c" / f"huber{ending}", tmp_path)
    program = tmp_path / ("program.c" if compiler == "cc" else "program.cpp")
    program.write_text(PROGRAM)
    subprocess.run(["cc", "-std=c99", "-O2", *STRICT, "-c", "huber.c"], cwd=tmp_path, check=True)
    subprocess.run(
        [compiler, standard, *STRICT, program.name, "huber.o", "-lm", "-o", "program"], cwd=tmp_path, check=True
    )
    printed = subprocess.run(["./program"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    plain = load("numpy", "huber")
    y, f = np.array([0.0, 1.0, 2.0]), np.array([0.5, 1.0, 5.0])
    value, gradient = plain.loss_and_gradient(y, f)
    total, hessian = plain.loss(y, f, reduction="sum"), plain.hessian(y, f, reduction="sum")
    first, second, third = ([float(word) for word in line.split()] for line in printed.splitlines())
    np.testing.assert_allclose(first, [0, value, *gradient], rtol=1e-15)
    np.testing.assert_allclose(second, [0, total, *hessian], rtol=1e-15)
    assert third == [1]


def test_the_command_builds_what_is_asked_for(tmp_path):
    result = runner.invoke(app, ["compile", "huber", "-o", str(tmp_path), "--json"])
    assert result.exit_code == 0, result.output
    [built] = json.loads(result.stdout)
    assert built["loss"] == "huber"
    assert Path(built["library"]).is_file()
    assert {path.suffix for path in (tmp_path / "c").glob("huber*")} == {".h", ".c", ".py"}
    assert not list((tmp_path / "c").glob(".*"))
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'c')!r}); import huber; print(huber.loss([1.0], [3.0]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "1.5"
    verified = runner.invoke(app, ["verify", "huber", "-t", "c", "-o", str(tmp_path), "-w", "1"])
    assert verified.exit_code == 0, verified.output


SATURATING = """
from sympy import Symbol
import symloss
r, c = symloss.y_pred - symloss.y_true, Symbol("c", positive=True)
scale = symloss.Parameter(c, 1.0, symloss.Interval(0.1, 10), "where the loss bends")
saturating = symloss.Loss(name="saturating", summary="Saturates.", expression=1 - (1 + (r / c) ** 2) ** -2, parameters=[scale])
"""


def test_a_loss_of_ones_own_is_certified_in_c(tmp_path):
    """Squares leave the floats and do not in extended numbers; the command says that the code has changed."""
    source, out = tmp_path / "mine.py", tmp_path / "out"
    source.write_text(SATURATING)
    module = out / "c" / "saturating.py"
    for command in (["compile"], ["certify", "-t", "c", "-p", "150"], ["compile"]):
        result = runner.invoke(app, [command[0], str(source), *command[1:], "--out", str(out)])
        assert result.exit_code == 0, result.output
        if command[0] == "certify":
            assert "symloss compile saturating" in result.output
            with pytest.raises(ImportError, match="built from other code"):
                load_file(module)
    assert load_file(module).hessian([0.0], [1e200], c=0.5, reduction="none").tolist() == [0.0]


def test_a_handle_is_certified_in_c_and_numba_takes_its_numbers():
    """What was found of NumPy stays; targets without numbers of their own are refused with the reason."""
    c = Symbol("c", positive=True)
    scale = Parameter(c, 1.0, Interval(0.1, 10), "where the loss bends")
    expression = 1 - (1 + ((y_pred - y_true) / c) ** 2) ** -2
    loss = Loss(name="saturating", summary="Saturates.", expression=expression, parameters=[scale])
    handle = symloss.load(loss).certified(points=150, target="c")
    assert handle.compile("c").METADATA["certificate"]["float64"]["hessian"]["certified"]
    assert "_exact_hessian" in handle.generate("numba")
    assert "_exact_hessian" not in symloss.load(loss).generate("numba")
    for target, reason in (("numba", "in the numbers of c"), ("xgboost", "no functions")):
        with pytest.raises(UnsupportedError, match=reason):
            handle.certified(target=target)


def test_what_is_not_made_for_c_is_told():
    result = runner.invoke(app, ["compile", "bpr"])
    assert isinstance(result.exception, UnsupportedError)
    assert "bpr is not made for c" in str(result.exception)
    with pytest.raises(UnsupportedError, match="compares predictions with each other"):
        symloss.load("infonce").generate("c")


def test_without_a_compiler(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(CompilerError, match=r"no C compiler: cc, gcc, clang is not on the PATH; install gcc"):
        find_compiler()
    monkeypatch.setenv("CC", "icc -fast")
    with pytest.raises(CompilerError, match="icc -fast is not on the PATH"):
        find_compiler()


def test_what_the_compiler_refuses_is_shown_and_nothing_is_left(tmp_path):
    (tmp_path / "wrong.c").write_text("int wrong(void) { return nothing; }\n")
    library_of(tmp_path / "wrong.py").write_text("as before")
    with pytest.raises(CompilerError, match=r"nothing.*undeclared"):
        list(build([tmp_path / "wrong.c"], find_compiler()))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [library_of(tmp_path / "wrong.py").name, "wrong.c"]
    )
    assert library_of(tmp_path / "wrong.py").read_text() == "as before"
    with pytest.raises(FileError, match=r"absent\.c does not exist; run symloss generate first"):
        list(build([tmp_path / "absent.c"], find_compiler()))


def test_a_missing_or_other_library_is_told(built, tmp_path):
    module = built("huber")
    shutil.copy(module, tmp_path)
    with pytest.raises(ImportError, match="does not exist; build it: symloss compile huber"):
        load_file(tmp_path / "huber.py")
    changed = module.with_suffix(".c").read_text().replace('return "', 'return "other')
    (tmp_path / "huber.c").write_text(changed)
    shutil.copy(module.with_suffix(".h"), tmp_path)
    list(build([tmp_path / "huber.c"], find_compiler()))
    with pytest.raises(ImportError, match="was built from other code; build it again"):
        load_file(tmp_path / "huber.py")


def test_python_compiles_a_declared_loss():
    module = symloss.load("huber").compile("c")
    assert module.loss([1.0], [3.0]) == 1.5
