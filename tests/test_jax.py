"""The JAX modules in every mode that JAX has, against NumPy, JAX's own checks of derivatives, and optax."""

import os
import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.test_util import check_grads

from symloss import catalogue
from tests.conftest import ROOT, load
from tests.test_numpy_modules import _batch

FORMS = {form.name: form for name in catalogue.files() for form in catalogue.declared(name).generated_forms()}
APART = sorted(name for name, form in FORMS.items() if not form.is_coupled)
EAGER = ["huber", "focal_binary", "categorical_crossentropy_logits", "cosine_similarity", "lambdarank", "ntxent"]
SAMPLES = 5


@pytest.fixture(autouse=True)
def _in_double_precision():
    with jax.enable_x64(True):
        yield


def function_of(name):
    """The function of a generated module."""
    return getattr(load("jax", name), name)


def arrays(name, count=SAMPLES):
    """Targets, predictions and extra inputs as JAX's arrays."""
    y_true, y_pred, extras = _batch(name, (count,))
    return jnp.asarray(y_true), jnp.asarray(y_pred), {key: jnp.asarray(item) for key, item in extras.items()}


@pytest.mark.parametrize(
    ("name", "jitted"), [*((name, True) for name in sorted(FORMS)), *((name, False) for name in EAGER)]
)
def test_values_and_derivatives_are_those_of_numpy(name, jitted):
    """Value, gradient and Hessian times a vector, in reverse and in forward mode."""
    y_true, y_pred, extras = _batch(name, (SAMPLES,))
    module, function = load("numpy", name), function_of(name)
    true, pred, given = arrays(name)

    def loss(prediction):
        return function(true, prediction, reduction="sum", **given)

    wrap = jax.jit if jitted else (lambda item: item)
    value = wrap(lambda prediction: function(true, prediction, reduction="none", **given))(pred)
    np.testing.assert_allclose(value, module.loss(y_true, y_pred, reduction="none", **extras), rtol=1e-12, atol=1e-14)
    wanted = module.gradient(y_true, y_pred, reduction="none", **extras)
    scale = np.abs(wanted).max(initial=0)
    np.testing.assert_allclose(wrap(jax.grad(loss))(pred), wanted, rtol=1e-10, atol=1e-13 * scale)
    vector = np.random.default_rng(1).normal(size=y_pred.shape)
    slope = wrap(lambda prediction: jax.jvp(loss, (prediction,), (jnp.asarray(vector),))[1])(pred)
    np.testing.assert_allclose(slope, (wanted * vector).sum(), rtol=1e-9, atol=1e-12 * scale)
    if hasattr(module, "hessian_vector_product"):
        wanted = module.hessian_vector_product(y_true, y_pred, vector, reduction="none", **extras)
    else:
        wanted = vector * module.hessian(y_true, y_pred, reduction="none", **extras)
    scale = max(np.abs(wanted).max(initial=0), scale)

    def forward_over_reverse(prediction):
        return jax.jvp(jax.grad(loss), (prediction,), (jnp.asarray(vector),))[1]

    def reverse_over_reverse(prediction):
        return jax.grad(lambda moving: (jax.grad(loss)(moving) * vector).sum())(prediction)

    for product in (forward_over_reverse, reverse_over_reverse):
        np.testing.assert_allclose(wrap(product)(pred), wanted, rtol=1e-9, atol=1e-11 * scale)


@pytest.mark.parametrize("name", [*APART, "cox_efron", "listmle", "triplet", "crps_ensemble"])
def test_check_grads(name):
    """Finite differences of JAX's own, of first and second order, forward and reverse."""
    true, pred, given = arrays(name)

    def loss(prediction):
        return function_of(name)(true, prediction, reduction="sum", **given)

    check_grads(loss, (pred,), order=2, modes=["fwd", "rev"], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", APART)
def test_vmap_and_hessian(name):
    """One sample at a time, and the whole matrix by jacfwd, jacrev and hessian."""
    true, pred, given = arrays(name)
    function = function_of(name)

    def of_one(target, prediction, further):
        return function(
            target[None], prediction[None], reduction="sum", **{key: item[None] for key, item in further.items()}
        )

    together = function(true, pred, reduction="none", **given)
    np.testing.assert_allclose(jax.vmap(of_one)(true, pred, given), together, rtol=1e-13)

    def loss(prediction):
        return function(true, prediction, reduction="sum", **given)

    size = pred.size
    hessian = jax.hessian(loss)(pred).reshape(size, size)
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-9, atol=1e-11 * float(jnp.abs(hessian).max()))
    for matrix in (jax.jacfwd(jax.jacfwd(loss)), jax.jacrev(jax.jacrev(loss)), jax.jit(jax.jacrev(jax.jacfwd(loss)))):
        found = matrix(pred).reshape(size, size)
        np.testing.assert_allclose(found, hessian, rtol=1e-9, atol=1e-11 * float(jnp.abs(hessian).max()))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("name", APART)
def test_narrow_dtypes_without_double_precision(name, dtype):
    """In dtype, out dtype, computed in float32 or, where this is known to be too narrow, in float64 if there is any."""
    with jax.enable_x64(False):
        y_true, y_pred, extras = _batch(name, (SAMPLES,))
        narrow = jnp.asarray(y_pred, dtype)
        value = function_of(name)(jnp.asarray(y_true), narrow, **extras)
        assert value.dtype == dtype
        gradient = jax.grad(lambda prediction: function_of(name)(jnp.asarray(y_true), prediction, **extras))(narrow)
        assert gradient.dtype == dtype
    wide = function_of(name)(jnp.asarray(y_true), narrow.astype("float64"), **extras)
    tolerance = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 1e-4}[dtype]
    np.testing.assert_allclose(np.float64(value), wide, rtol=tolerance, atol=tolerance)


def test_sharded_arrays_reduce_to_the_same():
    """Four host devices, by jit over sharded arrays and by shard_map."""
    program = """
        import jax, jax.numpy as jnp, numpy as np
        from jax.sharding import Mesh, NamedSharding, PartitionSpec
        from generated.jax.binary_crossentropy_logits import binary_crossentropy_logits as loss
        assert jax.device_count() == 4
        mesh = Mesh(np.array(jax.devices()), ("samples",))
        rng = np.random.default_rng(0)
        labels, scores = (rng.random(4000) < 0.4).astype("float32"), rng.normal(size=4000).astype("float32")
        value, slope = jax.value_and_grad(loss, argnums=1)(labels, jnp.asarray(scores))
        spread = NamedSharding(mesh, PartitionSpec("samples"))
        apart = [jax.device_put(item, spread) for item in (labels, scores)]
        found, slopes = jax.jit(jax.value_and_grad(loss, argnums=1))(*apart)
        assert len(slopes.sharding.device_set) == 4
        np.testing.assert_allclose(found, value, rtol=1e-6)
        np.testing.assert_allclose(slopes, slope, rtol=1e-6)
        spec = PartitionSpec("samples")
        part = jax.shard_map(
            lambda labels, scores: jax.lax.psum(loss(labels, scores, reduction="sum"), "samples") / 4000,
            mesh=mesh, in_specs=(spec, spec), out_specs=PartitionSpec(),
        )
        np.testing.assert_allclose(part(*apart), value, rtol=1e-6)
        print("same")
    """
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", textwrap.dedent(program)]
    found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert found.stdout.strip() == "same", found.stderr


OPTAX = {
    "half_squared_error": optax.losses.l2_loss,
    "huber": optax.losses.huber_loss,
    "log_cosh": optax.losses.log_cosh,
    "binary_crossentropy_logits": optax.losses.sigmoid_binary_cross_entropy,
    "sparse_categorical_crossentropy_logits": optax.losses.softmax_cross_entropy_with_integer_labels,
    "categorical_crossentropy_logits": optax.losses.softmax_cross_entropy,
}


@pytest.mark.parametrize("name", sorted(OPTAX))
def test_training_with_optax_gives_the_weights_of_its_own_loss(name):
    """Thirty steps of Adam on a small network, each jitted."""
    rng = np.random.default_rng(0)
    features = jnp.asarray(rng.normal(size=(64, 5)))
    signal = features @ jnp.asarray(rng.normal(size=(5, 3)))
    labels = signal
    if "binary" in name:
        labels = (signal > 0) * 1.0
    if "categorical" in name:
        labels = signal.argmax(-1)
        labels = labels if "sparse" in name else jax.nn.one_hot(labels, 3, dtype=jnp.float64)
    start = {"first": jnp.asarray(rng.normal(size=(5, 8))), "second": jnp.asarray(rng.normal(size=(8, 3)))}

    def scores(weights):
        return jnp.tanh(features @ weights["first"]) @ weights["second"]

    losses = (
        lambda weights: function_of(name)(labels, scores(weights)),
        lambda weights: OPTAX[name](scores(weights), labels).mean(),
    )
    trained = []
    for loss in losses:
        optimiser = optax.adam(0.05)

        @jax.jit
        def step(weights, state, loss=loss, optimiser=optimiser):
            updates, state = optimiser.update(jax.grad(loss)(weights), state)
            return optax.apply_updates(weights, updates), state

        weights, state = start, optimiser.init(start)
        for _ in range(30):
            weights, state = step(weights, state)
        trained.append(weights)
    for key in start:
        np.testing.assert_allclose(trained[0][key], trained[1][key], rtol=1e-6, atol=1e-8)


def test_weights_and_parameters_may_be_traced():
    """A jitted function of the parameter and the weights."""
    huber = function_of("huber")
    y_true, y_pred, weight = jnp.array([3.0, 5.0, 1.0]), jnp.array([2.5, 4.0, 4.0]), jnp.array([1.0, 0.0, 2.0])
    found = jax.jit(lambda delta, weight: huber(y_true, y_pred, delta=delta, sample_weight=weight))(0.7, weight)
    wanted = load("numpy", "huber").loss(np.array(y_true), np.array(y_pred), delta=0.7, sample_weight=np.array(weight))
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", ["huber", "ntxent", "infonce", "triplet"])
def test_weights_have_derivatives(name, reduction):
    """Of losses with a value per row too, alone and after the predictions."""
    true, pred, given = arrays(name)
    each = function_of(name)(true, pred, reduction="none", **given)
    weight = jnp.asarray(np.random.default_rng(0).uniform(0.5, 2, each.shape))

    def loss(weight, prediction):
        return function_of(name)(true, prediction, sample_weight=weight, reduction=reduction, **given)

    total = weight.sum() if reduction == "mean" else 1.0
    expected = (each - loss(weight, pred)) / total if reduction == "mean" else each
    np.testing.assert_allclose(jax.grad(loss)(weight, pred), expected, rtol=1e-10, atol=1e-14)
    check_grads(loss, (weight, pred), order=2, modes=["fwd", "rev"], rtol=1e-3, atol=1e-4)


def test_a_derivative_by_anything_else_is_refused():
    """By y_true, which stands first, a parameter, a further input: none is 0 without a word."""
    huber, gaussian = function_of("huber"), function_of("gaussian_nll")
    one, two = jnp.arange(3.0), jnp.ones(3)
    for differentiated in (jax.grad(huber), jax.jit(jax.grad(huber)), jax.jacfwd(huber)):
        with pytest.raises(ValueError, match="huber: y_true is differentiated, but only y_pred has a derivative"):
            differentiated(one, two)
    with pytest.raises(ValueError, match="y_true is differentiated"):
        jax.vmap(jax.grad(huber))(one[:, None], two[:, None])
    with pytest.raises(ValueError, match="delta is differentiated"):
        jax.grad(lambda delta: huber(one, two, delta=delta))(1.0)
    with pytest.raises(ValueError, match="variance is differentiated"):
        jax.grad(lambda variance: gaussian(one, one, variance=variance))(two)
    with pytest.raises(ValueError, match="y_true is differentiated"):
        jax.grad(lambda w: function_of("listnet_softmax")(w * jnp.ones((1, 3)), jnp.ones((1, 3))))(1.0)


@pytest.mark.parametrize(
    "within",
    [
        jax.jit,
        jax.checkpoint,
        lambda loss: lambda y, f: jax.lax.map(lambda pair: loss(*pair), (y[:, None], f[:, None])).mean(),
        lambda loss: lambda y, f: jax.lax.cond(f.sum() > 0, loss, lambda y, f: 0.0, y, f),
        lambda loss: lambda y, f: jax.vmap(loss)(y[:, None], f[:, None]).mean(),
        lambda loss: lambda y, f: jax.lax.fori_loop(0, 2, lambda _, c: (c[0], c[1] + loss(c[0], f)), (y, 0.0))[1] / 2,
        lambda loss: lambda y, f: loss(jax.lax.stop_gradient(f - f + y), f),
    ],
    ids=["jit", "checkpoint", "map", "cond", "vmap", "loop", "stopped"],
)
def test_what_is_constant_stays_so_within_any_transformation(within):
    """Targets pass through, and only the predictions are differentiated."""
    huber = function_of("huber")
    y_true, y_pred = jnp.array([3.0, 5.0, 1.0]), jnp.array([2.5, 4.0, 4.0])
    for gradient in (jax.grad(within(huber), argnums=1), jax.jit(jax.grad(within(huber), argnums=1))):
        np.testing.assert_allclose(gradient(y_true, y_pred), jax.grad(huber, argnums=1)(y_true, y_pred), rtol=1e-12)


def test_wrong_arguments_are_told():
    """Shapes, parameters, reductions and dtypes, also while traced."""
    huber = function_of("huber")
    one, two = jnp.zeros(3), jnp.zeros((3, 1))
    with pytest.raises(ValueError, match=r"y_true has shape \(3, 1\), y_pred \(3,\)"):
        jax.jit(huber)(two, one)
    with pytest.raises(ValueError, match=r"delta=-1\.0 is outside its domain"):
        huber(one, one, delta=-1.0)
    for number in ("x", "0.5", True, jnp.ones(2)):
        with pytest.raises(TypeError, match=r"delta=.* is not a real number"):
            huber(one, one, delta=number)
    with pytest.raises(ValueError, match=r"delta has shape \(2,\); one number is needed"):
        jax.jit(lambda delta: huber(one, one, delta=delta))(jnp.ones(2))
    with pytest.raises(TypeError, match="y_true has dtype complex128; real numbers are needed"):
        huber(one * 1j, one)
    with pytest.raises(ValueError, match="reduction='average'"):
        huber(one, one, reduction="average")
    with pytest.raises(TypeError, match="y_pred has dtype int64"):
        huber(one, jnp.zeros(3, int))
    with pytest.raises(ValueError, match="sample_weight has shape"):
        huber(one, one, sample_weight=two)
    with pytest.raises(TypeError, match="integer class labels"):
        function_of("sparse_categorical_crossentropy_logits")(jnp.zeros(2), jnp.zeros((2, 3)))
