"""C's kernels in single precision: their functions, where they are used, and that measurement finds what is wrong."""

import ctypes
from dataclasses import replace

import numpy as np
import pytest
from sympy import Symbol

import symloss
from symloss import Interval, Loss, Parameter, y_pred, y_true
from symloss.compile import build, find_compiler, library_of
from symloss.targets import find
from symloss.targets.target import Spelling
from symloss.templating import render
from symloss.verify.certificate import certify
from symloss.verify.faces import open_module
from symloss.verify.oracle import Oracle
from tests.conftest import GENERATED, load_file
from tests.test_c import ONE_WIDTH, built, samples  # noqa: F401 - a fixture

NAMES = sorted(
    path.stem for path in (GENERATED / "c").glob("*.c") if "compute_value_in_single" in path.read_text(encoding="utf-8")
)
# The largest error in ulps, over floats whose result is no infinity.
FUNCTIONS = {"exp": 1.1, "expm1": 1.9, "log": 0.9, "log1p": 1.2, "tanh": 2.6, "sinh": 2.4, "cosh": 1.8}


@pytest.fixture(scope="module")
def functions(tmp_path_factory):
    """The own functions, over arrays."""
    folder = tmp_path_factory.mktemp("functions")
    text = "#include <float.h>\n#include <math.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n"
    text += "#define INLINE static inline __attribute__((unused))\n"
    text += render("c/single.jinja", single={"operations": set(FUNCTIONS)})
    for name in FUNCTIONS:
        text += f"void all_{name}(ptrdiff_t count, const float *x, float *y)\n"
        text += f"{{ for (ptrdiff_t i = 0; i < count; i++) y[i] = single_{name}(x[i]); }}\n"
    (folder / "functions.c").write_text(text)
    list(build([folder / "functions.c"], find_compiler()))
    return ctypes.CDLL(str(library_of(folder / "functions.py")))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_own_functions_keep_their_ulps(name, functions):
    """One float in a few thousand of all there are, infinities and NaN, against NumPy's functions of doubles."""
    bits = np.arange(0, 2**32, 4093, dtype=np.uint64).astype(np.uint32)
    x = np.concatenate([bits.view(np.float32), np.float32([0.0, -0.0, np.inf, -np.inf, np.nan, -1.0, 1.0])])
    y = np.empty_like(x)
    getattr(functions, f"all_{name}")(ctypes.c_ssize_t(x.size), *(ctypes.c_void_p(item.ctypes.data) for item in (x, y)))
    with np.errstate(all="ignore"):
        truth = getattr(np, name)(x.astype(np.float64))
        nearest = truth.astype(np.float32)
        ulp = np.exp2(np.maximum(np.floor(np.log2(np.abs(truth))), -126) - 23)
    assert np.array_equal(np.isnan(y), np.isnan(truth))
    infinite = np.isinf(nearest)
    assert np.all(np.abs(y[infinite]) >= np.finfo(np.float32).max)
    assert np.array_equal(np.signbit(y[infinite]), np.signbit(truth[infinite]))
    inside = np.isfinite(nearest) & (truth != 0)
    overflown = np.isinf(y) & (np.abs(truth) > np.finfo(np.float32).max * (1 - 2.0**-23))
    error = np.abs(y[inside & ~overflown].astype(np.float64) - truth[inside & ~overflown]) / ulp[inside & ~overflown]
    assert error.max() <= FUNCTIONS[name]
    assert np.all(y[truth == 0] == 0)


def test_losses_of_training_are_computed_in_single_precision():
    """Those that are no sums of nearly opposite terms."""
    assert len(NAMES) == 26  # as the README says
    assert {"squared_error", "huber", "log_cosh", "binary_crossentropy_logits", "poisson_nll", "pinball"} <= set(NAMES)
    assert {"sparse_categorical_crossentropy_logits", "multi_margin", "kl_divergence"} <= set(NAMES)


@pytest.mark.parametrize(
    "name",
    [
        *("binary_crossentropy_logits", "huber", "log_cosh", "gaussian_nll"),
        *("sparse_categorical_crossentropy_logits", "kl_divergence", "multi_margin"),
    ],
)
def test_a_short_measurement_agrees_with_the_certificate(name, built):  # noqa: F811
    """Over the whole range of floats, against the truth."""
    loss = symloss.load(name).declaration
    lines = list(certify(loss, open_module(loss, "c", built(name)), ["float32"], 400, Oracle(loss)))
    assert all(line.is_certified for line in lines)


OF_NUMBERS, OF_CLASSES = "binary_crossentropy_logits", "sparse_categorical_crossentropy_logits"


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (OF_NUMBERS, "0.16666576f", "0.16664f"),
        (OF_NUMBERS, "0x1.7f7d1cp-20f", "0x1.7f7d1cp-21f"),
        (OF_NUMBERS, "half_square + series", "series"),
        (OF_CLASSES, "place_rest_block[row] ? (float)entry", "place_rest_block[row] ? 0.0f"),
        (OF_CLASSES, "const float largest = largest_block[row]", "const float largest = 0.0f"),
        (OF_CLASSES, "(float)chosen", "0.0f"),
    ],
)
def test_a_wrong_function_is_found(name, old, new, tmp_path):
    """A constant of the exponential, the rest of log(2), a lost term; over an axis, the place and size of the largest."""
    for ending in (".h", ".c", ".py"):
        text = (GENERATED / "c" / f"{name}{ending}").read_text(encoding="utf-8")
        head, mark, rest = text.partition("single_exp_parts")
        assert ending != ".c" or old in rest
        (tmp_path / f"{name}{ending}").write_text(head + mark + rest.replace(old, new), encoding="utf-8")
    list(build([tmp_path / f"{name}.c"], find_compiler(), ONE_WIDTH))
    loss = symloss.load(name).declaration
    module = open_module(loss, "c", tmp_path / f"{name}.py")
    assert not all(line.is_certified for line in certify(loss, module, ["float32"], 400, Oracle(loss)))


@pytest.mark.parametrize("delta", [2.0**100, 2.0**-67])
def test_parameters_that_float_hardly_holds_are_computed_in_doubles(delta, built):  # noqa: F811
    """Results are those of doubles, rounded."""
    module = load_file(built("huber"))
    y, f, _ = samples("huber", 1000, np.float32)
    got = module.loss_and_gradient(y, f, delta=delta, reduction="none")
    wanted = module.loss_and_gradient(y.astype(np.float64), f.astype(np.float64), delta=delta, reduction="none")
    for here, there in zip(got, wanted, strict=True):
        assert here.dtype == np.float32
        np.testing.assert_array_equal(here, there.astype(np.float32))


def test_the_ends_of_an_open_domain(built):  # noqa: F811
    """The smallest float is inside where 0 is not."""
    module = load_file(built("gamma_nll"))
    f = np.zeros(3, np.float32)
    assert np.all(np.isfinite(module.loss(np.float32([1.0, 1e-45, 3.4e38]), f, reduction="none")))
    with pytest.raises(ValueError, match="y_true"):
        module.loss(np.float32([1.0, 0.0, 1.0]), f)


@pytest.mark.parametrize("shape", [(), (3000,)])
def test_further_inputs_are_one_for_all_or_one_each(shape, built):  # noqa: F811
    """Of several blocks, the last of which is short; a bad one is named."""
    module = load_file(built("laplace_nll"))
    rng = np.random.default_rng(8)
    y, f = rng.normal(size=(2, 3000)).astype(np.float32)
    scale = rng.uniform(0.5, 2, shape).astype(np.float32)
    weight = rng.uniform(0, 2, 3000).astype(np.float32)
    got = module.loss_and_gradient(y, f, scale=scale, sample_weight=weight)
    wanted = module.loss_and_gradient(*(item.astype(np.float64) for item in (y, f)), scale=scale, sample_weight=weight)
    for here, there in zip(got, wanted, strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-6)
    with pytest.raises(ValueError, match="scale"):
        module.loss(y, f, scale=np.where(np.arange(3000) == 2900, -1, 1).astype(np.float32))


@pytest.mark.parametrize("name", [OF_NUMBERS, OF_CLASSES, "kl_divergence"])
def test_workers_and_widths_give_the_same_bits(name, built, tmp_path):  # noqa: F811
    """The steps are the same for any number of threads, and without wide vectors."""
    path = built(name)
    y, f, _ = samples(name, 100_003, np.float32)
    one = load_file(path).loss_and_gradient(y, f)
    for ending in (".h", ".c", ".py"):
        (tmp_path / f"{name}{ending}").write_text(path.with_suffix(ending).read_text())
    list(build([tmp_path / f"{name}.c"], find_compiler(), ("-U__ELF__",)))
    others = [
        load_file(path).loss_and_gradient(y, f, workers=3),
        load_file(tmp_path / f"{name}.py").loss_and_gradient(y, f),
    ]
    for other in others:
        for here, there in zip(one, other, strict=True):
            np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize("name", [OF_CLASSES, "categorical_hinge", "kl_divergence", "multi_margin"])
@pytest.mark.parametrize("entries", [1, 2, 10, 1000])
def test_over_an_axis_floats_give_what_doubles_give(name, entries, built):  # noqa: F811
    """All functions, for rows of one block and of several, the last of which is short."""
    module, rng = load_file(built(name)), np.random.default_rng(4)
    f = rng.normal(size=(301, entries)).astype(np.float32)
    f = f if name != "kl_divergence" else np.exp(f) / np.exp(f).sum(-1, keepdims=True)
    labels = rng.integers(0, entries, 301)
    y = labels if name in (OF_CLASSES, "multi_margin") else np.eye(entries, dtype=np.float32)[labels]
    doubles = (y if y.ndim == 1 else y.astype(np.float64), f.astype(np.float64))
    weight, vector = rng.uniform(0, 2, 301).astype(np.float32), rng.normal(size=f.shape).astype(np.float32)
    for reduction in ("mean", "none"):
        keywords = {"sample_weight": weight, "reduction": reduction}
        for function in (module.loss_and_gradient, module.gradient_and_hessian):
            for here, there in zip(function(y, f, **keywords), function(*doubles, **keywords), strict=True):
                np.testing.assert_allclose(here, there, rtol=2e-5, atol=1e-7)
        here = module.hessian_vector_product(y, f, vector, **keywords)
        there = module.hessian_vector_product(*doubles, vector.astype(np.float64), **keywords)
        np.testing.assert_allclose(here, there, rtol=1e-4, atol=1e-6)


def test_over_an_axis_bad_numbers_are_told(built):  # noqa: F811
    """A label that is no class, a NaN in the last block, a distribution that does not sum to 1."""
    module = load_file(built(OF_CLASSES))
    f, y = np.zeros((5000, 3), np.float32), np.zeros(5000, np.int64)
    y[4999] = 3
    with pytest.raises(ValueError, match="y_true"):
        module.loss(y, f)
    y[4999], f[4999, 2] = 2, np.nan
    with pytest.raises(ValueError, match="y_pred"):
        module.loss(y, f)
    module, thirds = load_file(built("kl_divergence")), np.full((5000, 3), 1 / 3, np.float32)
    with pytest.raises(ValueError, match="y_true"):
        module.gradient(np.full((5000, 3), 0.4, np.float32), thirds)


STEEP = Loss(
    name="steep_softplus",
    expression=1e-60 * (y_pred - y_true) ** 2,
    y_true=Interval(),
    y_pred=Interval(),
    summary="Squares times what no float holds.",
)


def test_a_constant_that_no_float_is_keeps_a_loss_in_doubles():
    """Measurement goes on without single precision."""
    certified = symloss.load(STEEP).certified(points=200, target="c")
    assert "in_single" not in certified.files("c")["steep_softplus.c"]


def test_what_is_not_good_in_single_precision_stays_in_doubles(monkeypatch):
    """With a function that is another's."""
    right = find("c")
    operations = {**right.single.operations, "exp": Spelling("single_expm1({0})")}
    wrong = replace(right, single=replace(right.single, operations=operations))
    monkeypatch.setattr("symloss.choose.find", lambda name: wrong)
    certified = symloss.load("binary_crossentropy_logits").certified(points=200, target="c")
    assert "in_single" not in certified.files("c")["binary_crossentropy_logits.c"]


def test_parameters_alone_are_computed_in_doubles_and_narrowed():
    """As NumPy does, which computes them before it meets an array."""
    power = Parameter(Symbol("power"), 1.3, Interval(1, 2, lower_open=True), "power")
    loss = Loss(
        name="of_parameters",
        expression=(y_pred - y_true) ** 2 * (power.symbol**3 - 1),
        y_true=Interval(),
        y_pred=Interval(),
        parameters=(power,),
        summary="Parameters next to each other.",
    )
    certified = symloss.load(loss).certified(points=200, target="c")
    source = certified.files("c")["of_parameters.c"]
    assert "in_single" in source
    compiled = certified.compile("c")
    near = 1 + 2.0**-20  # its cube is rounded, in float
    got = compiled.loss(np.float32([0.0]), np.float32([3.0]), power=near)
    np.testing.assert_allclose(got, 9 * (near**3 - 1), rtol=1e-6)
