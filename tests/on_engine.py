"""Keras's classes on the engine that KERAS_BACKEND names; test_keras_engines runs this once for each."""

import inspect
from importlib import import_module

import keras
import numpy as np
import pytest

from symloss import catalogue
from tests.conftest import load
from tests.test_numpy_modules import _batch

ENGINE = keras.config.backend()
if ENGINE == "jax":
    import jax

    jax.config.update("jax_enable_x64", True)

FORMS = {form.name: form for name in catalogue.files() for form in catalogue.declared(name).generated_forms()}
TRAINED = {
    "MeanSquaredError": ("squared_error", "linear", {}),
    "MeanAbsoluteError": ("absolute_error", "linear", {}),
    "Huber": ("huber", "linear", {"delta": 0.5}),
    "LogCosh": ("log_cosh", "linear", {}),
    "BinaryCrossentropy": ("binary_crossentropy", "sigmoid", {"label_smoothing": 0.1}),
    "CategoricalCrossentropy": ("categorical_crossentropy", "linear", {"from_logits": True}),
    "SparseCategoricalCrossentropy": ("sparse_categorical_crossentropy", "softmax", {}),
    "KLDivergence": ("kl_divergence", "softmax", {}),
    "CosineSimilarity": ("cosine_similarity", "linear", {}),
}


def module_of(name):
    """A generated Keras module."""
    return import_module(f"generated.keras.{name}")


def class_of(name):
    """The class of a generated Keras module."""
    return next(
        item
        for item in vars(module_of(name)).values()
        if inspect.isclass(item)
        and issubclass(item, keras.losses.Loss)
        and item.__module__ == f"generated.keras.{name}"
    )


def arguments(name):
    """Targets, predictions, what the function takes of the rest, and all that NumPy's does."""
    form = FORMS[name]
    y_true, y_pred, keywords = _batch(name, (5,))
    accepted = inspect.signature(getattr(module_of(name), name)).parameters
    everything = {**({} if form.keras is None else form.keras.fixed), **keywords}
    for item in form.parameters:
        everything.setdefault(item.name, float(item.default))
    given = {key: item for key, item in everything.items() if key in accepted}
    fixed = {} if form.keras is None else {key: item for key, item in form.keras.fixed.items() if key not in accepted}
    if form.keras is not None and form.keras.switch is not None and form.keras.switch[0] in accepted:
        given[form.keras.switch[0]] = True
    names = {item.name for item in (*form.parameters, *form.extra_inputs)}
    return y_true, y_pred, given, {**{k: v for k, v in everything.items() if k in names}, **fixed}


def gradient_of(function, y_pred):
    """The derivative of a scalar by the engine's own differentiation."""
    if ENGINE == "jax":
        return np.asarray(jax.jit(jax.grad(function))(jax.numpy.asarray(y_pred)))
    if ENGINE == "torch":
        import torch

        moving = torch.tensor(y_pred, requires_grad=True)
        return torch.autograd.grad(function(moving), moving)[0].numpy()
    import tensorflow as tf

    moving = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(moving)
        value = function(moving)
    return tape.gradient(value, moving).numpy()


def numbers_of(instance, y_true, y_pred):
    """What a loss gives, compiled in JAX, which takes long to start step by step."""
    if ENGINE == "jax":
        return np.asarray(jax.jit(lambda moving: instance(y_true, moving))(y_pred))
    return keras.ops.convert_to_numpy(instance(y_true, y_pred))


@pytest.fixture(autouse=True)
def _in_float64():
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


@pytest.mark.parametrize("name", sorted(FORMS))
def test_the_class_gives_the_numbers_of_numpy(name):
    """Every value and gradient, by the engine's own differentiation."""
    y_true, y_pred, given, everything = arguments(name)
    module, form = load("numpy", name), FORMS[name]
    wanted = module.loss(y_true, y_pred, reduction="none", **everything)
    slope = module.gradient(y_true, y_pred, reduction="sum", **everything)
    if form.is_elementwise:
        y_true, y_pred, slope = y_true[:, None], y_pred[:, None], slope[:, None]
        for extra in form.extra_inputs:
            given[extra.name] = given[extra.name][:, None]
    instance = class_of(name)(reduction="none", dtype="float64", **given)
    found = numbers_of(instance, y_true, y_pred)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13)
    total = class_of(name)(reduction="sum", dtype="float64", **given)
    derivative = gradient_of(lambda moving: total(y_true, moving), y_pred)
    np.testing.assert_allclose(derivative, slope, rtol=1e-10, atol=1e-12 * max(1.0, np.abs(slope).max()))
    again = class_of(name).from_config(instance.get_config())
    assert again.get_config() == instance.get_config()
    if form.extra_inputs:
        np.testing.assert_array_equal(numbers_of(again, y_true, y_pred), found)


def data_of(name, rows=64):
    """A small problem."""
    rng = np.random.default_rng(3)
    features = rng.normal(size=(rows, 5))
    signal = features @ rng.normal(size=(5, 3))
    if name.startswith("sparse"):
        return features, signal.argmax(-1)
    if "categorical" in name or name == "kl_divergence":
        return features, 0.9 * np.eye(3)[signal.argmax(-1)] + 0.1 / 3
    return features, (signal > 0).astype(float) if name.startswith("binary") else signal


def trained(loss, data, activation, weight):
    """The weights of a network after a few epochs."""
    keras.utils.set_random_seed(7)
    layers = [keras.layers.Input((5,)), keras.layers.Dense(6, "tanh"), keras.layers.Dense(3, activation)]
    model = keras.Sequential(layers)
    model.compile("adam", loss=loss)
    model.fit(*data, sample_weight=weight, epochs=3, batch_size=16, shuffle=False, verbose=0)
    return np.concatenate([item.ravel() for item in model.get_weights()]), model


@pytest.mark.parametrize("kind", sorted(TRAINED))
def test_a_network_trains_as_with_keras_own(kind):
    """Compiled by the engine, with weights."""
    name, activation, given = TRAINED[kind]
    data = data_of(name)
    weight = np.random.default_rng(5).random(len(data[0]))
    ours, _ = trained(getattr(module_of(name), kind)(**given), data, activation, weight)
    own, _ = trained(getattr(keras.losses, kind)(**given), data, activation, weight)
    np.testing.assert_allclose(ours, own, rtol=1e-5, atol=1e-6)


def test_a_model_is_saved_and_loaded(tmp_path):
    """With the loss it was compiled with, also by its string."""
    data = data_of("huber")
    _, model = trained(module_of("huber").Huber(delta=0.3), data, "linear", None)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.loss, module_of("huber").Huber)
    assert loaded.loss.delta == 0.3
    np.testing.assert_allclose(loaded.evaluate(*data, verbose=0), model.evaluate(*data, verbose=0), rtol=1e-12)
    trained("symloss>huber", data, "linear", None)


def test_an_ignored_class_does_not_count():
    """As in Keras's own: the mean is over those that are kept."""
    scores = np.random.default_rng(0).normal(size=(6, 4))
    labels = np.array([0, 3, -1, 2, -1, 1])
    given = {"from_logits": True, "ignore_class": -1}
    ours = module_of("sparse_categorical_crossentropy").SparseCategoricalCrossentropy(**given)(labels, scores)
    own = keras.losses.SparseCategoricalCrossentropy(**given)(labels, scores)
    np.testing.assert_allclose(float(ours), float(own), rtol=1e-6)
    function = module_of("sparse_categorical_crossentropy").sparse_categorical_crossentropy
    unknown = np.array([0, 4, -1, -100, 1, 2])
    if ENGINE == "tensorflow":  # which sees it before the loss does
        with pytest.raises(Exception, match="is not in"):
            function(unknown, scores)
    else:
        assert np.isnan(keras.ops.convert_to_numpy(function(unknown, scores))[1:4]).all()


def test_shapes_fit_as_in_keras():
    """A last axis of size 1 more or less; what does not fit is told."""
    function = module_of("huber").huber
    y_true, y_pred = np.arange(4.0), np.zeros((4, 1))
    wanted = keras.ops.convert_to_numpy(function(y_true[:, None], y_pred))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(function(y_true, y_pred)), wanted)
    with pytest.raises(ValueError, match="shape"):
        function(np.zeros(3), np.zeros((4, 2)))
    with pytest.raises(ValueError, match="outside its domain"):
        module_of("huber").Huber(delta=-1.0)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_narrow_numbers_are_computed_in_float32(dtype):
    """Results have the dtype of y_pred."""
    y_pred = keras.ops.cast(np.array([[0.5], [3.0]]), dtype)
    found = module_of("huber").huber(np.array([[0.0], [1.0]]), y_pred)
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    np.testing.assert_allclose(keras.ops.convert_to_numpy(keras.ops.cast(found, "float32")), [0.125, 1.5])


def test_an_extra_input_may_come_with_each_call():
    """And is checked where its numbers are known."""
    kind = module_of("context_weighted_squared_error").ContextWeightedSquaredError
    y_true, y_pred, weight = np.zeros((3, 2)), np.ones((3, 2)), np.arange(3.0)[:, None]
    np.testing.assert_allclose(float(kind()(y_true, y_pred, context_weight=weight)), 1.0)
    with pytest.raises(ValueError, match="is needed"):
        kind()(y_true, y_pred)
    with pytest.raises(ValueError, match=r"holds -1\.0"):
        kind(context_weight=-weight)
    with pytest.raises(ValueError, match="must broadcast"):
        kind(context_weight=np.ones(5))(y_true, y_pred)
