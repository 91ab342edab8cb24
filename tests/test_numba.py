"""numba: the same steps as in C, so the same digits; and the errors of the NumPy modules."""

import ast
import json

import numpy as np
import pytest

import symloss
from symloss.verify.checks import verify_module
from symloss.verify.examination import Examination
from tests.accuracy import LOSSES as INVENTED
from tests.conftest import GENERATED, load, load_file
from tests.test_c import NAMES, WRONG, results, samples
from tests.test_user_losses import LOSSES as TYPED

# A parameter, exponentials and logarithms, inputs per sample, labels, products in two parts, cumulative sums, powers,
# pairs and extended numbers.
KINDS = ["huber", "binary_crossentropy_logits", "laplace_nll", "sparse_categorical_crossentropy_logits"]
KINDS += ["cosine_similarity", "wasserstein_1d_histogram", "focal_binary", "student_t_nll", "dice"]


def module_of(name):
    return load_file(GENERATED / "numba" / f"{name}.py")


@pytest.mark.parametrize("name", ["huber"])
def test_a_module_passes_verification(name):
    report = verify_module(Examination(symloss.load(name).declaration), "numba", GENERATED / "numba" / f"{name}.py")
    assert report.passed, [str(failure) for failure in report.failures]


@pytest.mark.parametrize("name", KINDS)
def test_the_digits_are_those_of_c(name):
    """Every step is the same, and no compiler may change it."""
    compiled, in_c = module_of(name), symloss.load(name).compile("c")
    arguments = samples(name, 5000, np.float64)
    for here, there in zip(
        results(compiled, arguments, reduction="none"), results(in_c, arguments, reduction="none"), strict=True
    ):
        np.testing.assert_array_equal(here, there)
    weight = np.random.default_rng(1).random(5000)
    for here, there in zip(
        results(compiled, arguments, sample_weight=weight), results(in_c, arguments, sample_weight=weight), strict=True
    ):
        np.testing.assert_allclose(here, there, rtol=1e-14)


@pytest.mark.parametrize("name", ["huber", "sparse_categorical_crossentropy_logits"])
def test_dtypes_workers_and_places(name):
    compiled, plain = module_of(name), load("numpy", name)
    y, f, extras = samples(name, 70_001, np.float64)
    out = np.empty_like(f)
    one = compiled.loss_and_gradient(y, f, **extras)
    three = compiled.loss_and_gradient(y, f, **extras, workers=3, out=out)
    assert one[0] == three[0]
    np.testing.assert_array_equal(one[1], out)
    y, f, extras = samples(name, 300, np.float32)
    for here, there in zip(
        compiled.loss_and_gradient(y, f, **extras), plain.loss_and_gradient(y, f, **extras), strict=True
    ):
        assert here.dtype == np.float32
        np.testing.assert_allclose(here, there, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "place"), [("huber", place) for place in range(len(WRONG["huber"]))])
def test_wrong_arguments_are_told_as_in_numpy(name, place):
    arguments, keywords = WRONG[name][place]
    with pytest.raises((ValueError, TypeError)) as theirs:
        load("numpy", name).loss(*arguments, **keywords)
    with pytest.raises(type(theirs.value)) as ours:
        module_of(name).loss(*arguments, **keywords)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize(
    "loss",
    [INVENTED["digamma_match"], next(loss for loss in TYPED if loss.name == "soft_dice")],
    ids=lambda loss: loss.name,
)
def test_users_losses_have_the_numbers_of_numpy(loss):
    """Functions that numba lacks, those of the mathematical library, and an axis; compiled without a file."""
    handle = symloss.load(loss)
    compiled, plain = handle.compile("numba"), handle.compile("numpy")
    y, f = np.random.default_rng(4).uniform(0.1, 0.9, (2, 60, 4) if loss.name == "soft_dice" else (2, 60))
    for here, there in zip(compiled.gradient_and_hessian(y, f), plain.gradient_and_hessian(y, f), strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_a_module_imports_numba_and_numpy_alone(name):
    tree = ast.parse((GENERATED / "numba" / f"{name}.py").read_text())
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    found |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert found <= {"math", "pathlib", "numpy", "numba", "concurrent.futures"}


def test_what_is_not_made_is_recorded_as_for_c():
    refused = [json.loads((GENERATED / target / "refused.json").read_text()) for target in ("c", "numba")]
    assert refused[0].keys() == refused[1].keys()
