"""Derivatives with respect to another argument than y_pred: the value is the same, and verification passes."""

import numpy as np
import pytest

import symloss
from symloss.errors import DeclarationError
from symloss.verify.checks import verify_module
from symloss.verify.examination import Examination
from tests.conftest import load

ARRAYS = [
    ("huber", "delta"),
    ("huber", "y_true"),
    ("tweedie", "power"),
    ("pinball", "tau"),
    ("categorical_crossentropy_logits", "y_true"),
    ("cosine_similarity", "y_true"),
    ("clip", "y_true"),
    ("gaussian_nll_diagonal", "y_true"),
    ("ppo_clip", "advantage"),
]


def argument_of(form, wanted):
    """The one wanted, else the first extra input."""
    known = ["y_true", *(item.name for item in form.parameters), *(item.name for item in form.extra_inputs)]
    return wanted if wanted in known else form.extra_inputs[0].name


@pytest.mark.parametrize(("name", "wanted"), ARRAYS)
def test_derivatives_by_another_argument_are_verified(name, wanted, tmp_path):
    """Against the oracle on the same expression, differences included."""
    argument = argument_of(symloss.load(name).declaration, wanted)
    handle = symloss.load(name).with_respect_to(argument)
    assert handle.name == f"{name}_by_{argument}"
    path = tmp_path / f"{handle.name}.py"
    path.write_text(handle.generate("numpy"))
    report = verify_module(Examination(handle.declaration), "numpy", path)
    assert [str(failure) for failure in report.failures] == []


RNG = np.random.default_rng(20260301)
LISTS = RNG.integers(0, 3, (2, 5)).astype(float), RNG.normal(size=(2, 5))
EMBEDDINGS = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))
CLASSES = np.eye(3)[[0, 2]], RNG.dirichlet(np.ones(3), 2)
LABELS = np.array([0, 2]), RNG.dirichlet(np.ones(3), 2)
NUMBERS = RNG.normal(size=(2,)), RNG.normal(size=(2,))

# By a number per sample where others have axes: the parameter, its value, the arguments.
PARAMETERS = {
    "infonce": ("temperature", 0.7, EMBEDDINGS),
    "clip": ("temperature", 0.7, EMBEDDINGS),
    "ranknet": ("sigma", 1.3, LISTS),
    "lambdarank": ("sigma", 1.3, LISTS),
    "categorical_crossentropy_logits": ("label_smoothing", 0.2, CLASSES),
    "generalized_cross_entropy": ("q", 0.6, LABELS),
    "multi_margin": ("margin", 0.9, LABELS),
    "dice": ("smooth", 1.1, CLASSES),
    "tversky": ("alpha", 0.4, CLASSES),
    "gaussian_nll": ("variance", 0.8, NUMBERS),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_derivatives_by_a_number_are_differences_of_the_committed_module(name):
    """The value is that of the module that takes it as a parameter, and so are its central differences."""
    argument, at, (y_true, y_pred) = PARAMETERS[name]
    handle = symloss.load(name).with_respect_to(argument)
    module, committed = handle.compile("numpy"), load("numpy", name)
    samples = () if y_pred.shape == (4, 3) else (2,)
    given = {"prediction": y_pred, "reduction": "sum"}

    def value(number):
        spread = np.full(samples, number) if name == "gaussian_nll" else number
        return committed.loss(y_true, y_pred, reduction="sum", **{argument: spread})

    number, step = np.full(samples, at), 1e-4
    below, here, above = value(at - step), value(at), value(at + step)
    assert module.loss(y_true, number, **given) == pytest.approx(here, rel=1e-14)
    slope = module.gradient(y_true, number, **given)
    assert slope.shape == samples
    assert slope.sum() == pytest.approx((above - below) / (2 * step), rel=1e-6, abs=1e-7)
    curvature = module.hessian(y_true, number, **given)
    assert curvature.sum() == pytest.approx((above - 2 * here + below) / step**2, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", ["clip", "ranknet", "tversky", "multi_margin"])
def test_tensorflow_learns_a_number(name, compiled):
    """Gradient and second derivative of the tensors are those of NumPy, eagerly and compiled by XLA."""
    tf = pytest.importorskip("tensorflow")
    argument, at, (y_true, y_pred) = PARAMETERS[name]
    handle = symloss.load(name).with_respect_to(argument)
    samples = () if y_pred.shape == (4, 3) else (2,)
    function = getattr(handle.compile("tensorflow"), handle.name)

    def derivatives(number):
        with tf.GradientTape() as outer:
            outer.watch(number)
            with tf.GradientTape() as inner:
                inner.watch(number)
                value = tf.reduce_sum(function(y_true, number, prediction=y_pred))
            slope = inner.gradient(value, number)
        return slope, outer.gradient(slope, number)

    number = tf.constant(np.full(samples, at))
    found = (tf.function(derivatives, jit_compile=True) if compiled else derivatives)(number)
    exact = handle.compile("numpy").gradient_and_hessian(y_true, number.numpy(), prediction=y_pred, reduction="sum")
    for got, wanted in zip(found, exact, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-14)


def test_tensorflow_has_them_too():
    """Huber by delta, by hand: |r| - delta where it is linear, and 0 where it is not."""
    tf = pytest.importorskip("tensorflow")
    module = symloss.load("huber").with_respect_to("delta").compile("tensorflow")
    delta = tf.constant([[1.0], [1.0]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(delta)
        value = module.huber_by_delta(
            tf.zeros((2, 1), tf.float64), delta, prediction=tf.constant([[3.0], [0.5]], tf.float64)
        )
    assert tape.gradient(value, delta).numpy().ravel() == pytest.approx([2.0, 0.0])


def test_what_has_no_derivative_is_refused():
    with pytest.raises(DeclarationError, match="has no argument 'detla' besides y_pred; it has y_true, delta"):
        symloss.load("huber").with_respect_to("detla")
    with pytest.raises(DeclarationError, match="y_true is a label"):
        symloss.load("hinge").with_respect_to("y_true")
    with pytest.raises(DeclarationError, match="makes the value jump"):
        symloss.load("ranknet").with_respect_to("y_true")
