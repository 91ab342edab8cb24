"""The Keras classes stand in for their namesakes wherever Keras uses a loss. Every test really trains or saves."""

import ast
import inspect
import os
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

from symloss import catalogue
from symloss.declare import ClassLabel
from symloss.verify.oracle import compares_entries
from tests.conftest import GENERATED, ROOT, load

FORMS = {form.name: form for name in catalogue.files() for form in catalogue.declared(name).generated_forms()}
NAMESAKES = {
    name: form.keras.name
    for name, form in FORMS.items()
    if form.keras is not None
    and name
    not in (
        "binary_crossentropy_logits",
        "categorical_crossentropy_logits",
        "sparse_categorical_crossentropy_logits",
        "focal_binary",
        "focal_categorical",
        "poisson_nll",
    )
}


@pytest.fixture(params=sorted(NAMESAKES))
def pair(request):
    """Our class, Keras's, and data that fits both."""
    ours = getattr(load("tensorflow", request.param), NAMESAKES[request.param])
    return ours, getattr(keras.losses, NAMESAKES[request.param]), _data(request.param)


def _data(name, rows=64, seed=3):
    """A small real problem: features, targets, and the activation that puts predictions into the domain."""
    dice = np.random.default_rng(seed)
    features = dice.normal(size=(rows, 5)).astype("float32")
    signal = features @ dice.normal(size=(5, 3)).astype("float32")
    if "categorical" in name or name in ("kl_divergence", "generalized_cross_entropy"):
        labels = signal.argmax(-1)
        targets = labels if isinstance(FORMS[name].y_true, ClassLabel) else np.eye(3, dtype="float32")[labels]
        if name == "kl_divergence":
            targets = (0.9 * targets + 0.1 / 3).astype("float32")
        return features, targets, "softmax", 3
    if "hinge" in name:
        return features, np.sign(signal).astype("float32"), "linear", 3
    if name in ("binary_crossentropy", "focal_binary_probability"):
        return features, (signal > 0).astype("float32"), "sigmoid", 3
    if "poisson" in name or "log_error" in name or "percentage" in name:
        return features, np.exp(signal / 4).astype("float32"), "softplus", 3
    return features, signal.astype("float32"), "linear", 3


def _trained(loss, data, weights=None, epochs=3):
    """The weights of a small network after a few epochs."""
    features, targets, activation, outputs = data
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [keras.layers.Input((5,)), keras.layers.Dense(6, "tanh"), keras.layers.Dense(outputs, activation)]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss=loss)
    model.fit(features, targets, sample_weight=weights, epochs=epochs, batch_size=16, verbose=0, shuffle=False)
    return np.concatenate([weight.ravel() for weight in model.get_weights()]), model


def test_the_signature_is_the_namesakes(pair):
    """Same names, same order, same defaults; what is ours comes after or is a keyword of its own."""
    ours, theirs, _ = pair
    mine, keras_own = (inspect.signature(kind.__init__).parameters for kind in (ours, theirs))
    assert [name for name in mine if name in keras_own] == list(keras_own)
    assert all(mine[name].default == keras_own[name].default for name in keras_own)
    assert list(mine)[: len(keras_own)] == list(keras_own)


@pytest.mark.parametrize("how", ["instance", "function", "string"])
def test_fit_reaches_the_weights_of_the_namesake(pair, how):
    """model.compile with an instance, the function, or the registered name as a string."""
    ours, theirs, data = pair
    name = ours.__module__.rpartition(".")[2]
    function = getattr(sys.modules[ours.__module__], name)
    loss = {"instance": ours(), "function": function, "string": f"symloss>{name}"}[how]
    mine, _ = _trained(loss, data)
    reference, _ = _trained(theirs(), data)
    np.testing.assert_allclose(mine, reference, rtol=2e-3, atol=2e-4)


def test_sample_weights_and_reductions_agree(pair):
    """The same reduced number for every reduction Keras has."""
    ours, theirs, (features, targets, activation, outputs) = pair
    predictions = keras.activations.get(activation)(tf.constant(features[:, :outputs])).numpy()
    weights = np.linspace(0.0, 2.0, len(features)).astype("float32")
    for reduction in ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", None):
        for weight in (None, weights):
            mine = ours(reduction=reduction)(targets, predictions, sample_weight=weight).numpy()
            reference = theirs(reduction=reduction)(targets, predictions, sample_weight=weight).numpy()
            np.testing.assert_allclose(mine, reference, rtol=2e-5, atol=1e-6)


def test_a_mask_leaves_samples_out(pair):
    """Keras attaches masks to predictions; masked samples do not count."""
    ours, theirs, (features, targets, activation, outputs) = pair
    predictions = tf.constant(keras.activations.get(activation)(tf.constant(features[:, :outputs])).numpy())
    predictions._keras_mask = tf.constant(np.arange(len(features)) % 3 > 0)
    np.testing.assert_allclose(ours()(targets, predictions), theirs()(targets, predictions), rtol=2e-5, atol=1e-6)


def test_training_with_sample_weights_agrees(pair):
    """Through fit, where Keras does the weighting."""
    ours, theirs, data = pair
    weights = np.linspace(0.1, 2.0, len(data[0])).astype("float32")
    mine, _ = _trained(ours(), data, weights)
    reference, _ = _trained(theirs(), data, weights)
    np.testing.assert_allclose(mine, reference, rtol=2e-3, atol=2e-4)


def test_a_saved_model_loads_in_a_fresh_process(form_name, tmp_path):
    """The new process imports only the generated module; the loss comes back with its configuration."""
    form, module = FORMS[form_name], load("tensorflow", form_name)
    kind = next(
        item
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, keras.losses.Loss) and item.__module__ == module.__name__
    )
    accepted = inspect.signature(kind.__init__).parameters
    given = {
        item.name: item.domain.lower + 0.25
        for item in form.parameters
        if item.name in accepted and item.domain.upper < 2 and item.domain.lower >= 0
    }
    given |= {item.name: [1.0, 0.25, 0.5] for item in form.extra_inputs}
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(3, "softmax")])
    model.compile(optimizer="sgd", loss=kind(**given, reduction="sum"))
    path = tmp_path / "model.keras"
    model.save(path)
    program = textwrap.dedent(
        f"""
        import json, keras
        import generated.tensorflow.{form_name}
        model = keras.saving.load_model({str(path)!r})
        print(json.dumps([type(model.loss).__name__, model.loss.get_config()]))
        """
    )
    if form_name not in ("huber", "binary_crossentropy", "sparse_categorical_crossentropy", "gaussian_nll"):
        config = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(kind(**given))).get_config()
        for key, value in given.items():
            assert config[key] == pytest.approx(value)
        return
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    name, config = ast.literal_eval(
        done.stdout.strip().split("\n")[-1].replace("null", "None").replace("false", "False")
    )
    assert name == kind.__name__
    assert config["reduction"] == "sum"
    for key, value in given.items():
        assert config[key] == pytest.approx(value)


def _functions(name):
    """The per-sample function of a module over y_pred, with valid data."""
    from tests.test_numpy_modules import _batch

    module = load("tensorflow", name)
    y_true, y_pred, extras = _batch(name)
    if FORMS[name].is_elementwise:
        y_true, y_pred = y_true[:, None], y_pred[:, None]
        extras = {key: value[:, None] for key, value in extras.items()}
    function = getattr(module, name)
    return lambda moving: function(y_true, moving, **extras), y_pred


def _gradient(function, y_pred):
    moving = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(moving)
        value = function(moving)
    return value.numpy(), tape.gradient(value, moving).numpy()


def test_eager_graph_and_xla_agree(form_name):
    """The same value and gradient in every mode of execution."""
    function, y_pred = _functions(form_name)

    def both(moving):
        with tf.GradientTape() as tape:
            tape.watch(moving)
            value = function(moving)
        return value, tape.gradient(value, moving)

    value, gradient = _gradient(function, y_pred)
    for compiled in (tf.function(both), tf.function(both, jit_compile=True)):
        other_value, other_gradient = compiled(tf.constant(y_pred))
        np.testing.assert_allclose(other_value, value, rtol=1e-13, atol=_rounding(form_name, value))
        np.testing.assert_allclose(other_gradient, gradient, rtol=1e-12, atol=_rounding(form_name, gradient))


def _rounding(name, gradient):
    """Entries that are sums over all others may cancel to what these round to."""
    return 1e-14 * np.abs(gradient).max() if compares_entries(FORMS[name]) else 1e-290


def test_a_graph_with_unknown_batch_size(form_name):
    """Traced once for any number of rows, as fit does."""
    function, y_pred = _functions(form_name)
    if FORMS[form_name].extra_inputs or "sparse" in form_name or not FORMS[form_name].is_elementwise:
        signature = tf.TensorSpec(y_pred.shape, y_pred.dtype)
    else:
        signature = tf.TensorSpec([None, *y_pred.shape[1:]], y_pred.dtype)
    traced = tf.function(function, input_signature=[signature])
    np.testing.assert_allclose(traced(y_pred), function(y_pred), rtol=1e-13)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_half_precision_is_computed_in_float32(form_name, dtype):
    """The result has the dtype of y_pred and a gradient that is finite."""
    from tests.test_numpy_modules import _batch

    module = load("tensorflow", form_name)
    y_true, y_pred, extras = _batch(form_name)
    if FORMS[form_name].is_elementwise:
        y_true, y_pred = y_true[:, None], y_pred[:, None]
        extras = {key: value[:, None] for key, value in extras.items()}
    moving = tf.cast(y_pred, dtype)
    with tf.GradientTape() as tape:
        tape.watch(moving)
        value = getattr(module, form_name)(y_true, moving, **extras)
    gradient = tape.gradient(value, moving)
    assert value.dtype == gradient.dtype == tf.as_dtype(dtype)
    assert np.isfinite(tf.cast(value, "float32")).all()
    assert np.isfinite(tf.cast(gradient, "float32")).all()


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_training_under_a_mixed_policy(policy):
    """The loss is finite and falls."""
    module = load("tensorflow", "binary_crossentropy")
    features, targets, _, outputs = _data("binary_crossentropy")
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.layers.Input((5,)),
            keras.layers.Dense(8, "tanh", dtype=policy),
            keras.layers.Dense(outputs, dtype=policy),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss=module.BinaryCrossentropy(from_logits=True))
    history = model.fit(features, targets, epochs=10, verbose=0, shuffle=False).history["loss"]
    assert np.isfinite(history).all()
    assert history[-1] < 0.7 * history[0]


def test_jit_compiled_training():
    """model.compile(jit_compile=True) reaches the weights of the namesake."""
    features, targets, _, outputs = _data("huber")
    results = []
    for loss in (load("tensorflow", "huber").Huber(delta=0.5), keras.losses.Huber(delta=0.5)):
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.layers.Input((5,)), keras.layers.Dense(outputs)])
        model.compile(optimizer="sgd", loss=loss, jit_compile=True)
        model.fit(features, targets, epochs=3, verbose=0, shuffle=False)
        results.append(model.get_weights()[0])
    np.testing.assert_allclose(*results, rtol=1e-4, atol=1e-6)


def test_one_and_two_replicas_agree():
    """MirroredStrategy over two logical CPU devices, in a process of its own since devices are set once."""
    program = textwrap.dedent(
        """
        import numpy as np, tensorflow as tf, keras
        from generated.tensorflow.categorical_crossentropy import CategoricalCrossentropy
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        dice = np.random.default_rng(0)
        x = dice.normal(size=(32, 4)).astype("float32")
        y = np.eye(3, dtype="float32")[(x @ dice.normal(size=(4, 3))).argmax(-1)]
        found = []
        for devices in (["/cpu:0"], ["/cpu:0", "/cpu:1"]):
            with tf.distribute.MirroredStrategy(devices).scope():
                keras.utils.set_random_seed(5)
                model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])
                model.compile(optimizer="sgd", loss=CategoricalCrossentropy(from_logits=True))
            model.fit(x, y, batch_size=16, epochs=2, verbose=0, shuffle=False)
            found.append(model.get_weights()[0])
        np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-6)
        print("same")
        """
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.strip().endswith("same"), done.stderr[-2000:]


def test_second_derivatives_by_nested_tapes_are_the_symbolic_hessian():
    """The full Hessian, off-diagonal entries too, against NumPy's hessian_full."""
    logits = load("tensorflow", "categorical_crossentropy_logits").categorical_crossentropy_logits
    y_true = np.array([[0.25, 0.5, 0.25], [0.0, 1.0, 0.0]])
    moving = tf.constant([[0.3, -1.2, 2.0], [5.0, 40.0, -3.0]], tf.float64)
    with tf.GradientTape() as outer:
        outer.watch(moving)
        with tf.GradientTape() as inner:
            inner.watch(moving)
            value = logits(y_true, moving)
        gradient = inner.gradient(value, moving)
    full = outer.batch_jacobian(gradient, moving).numpy()
    exact = load("numpy", "categorical_crossentropy_logits").hessian_full(y_true, moving.numpy(), reduction="none")
    np.testing.assert_allclose(full, exact, rtol=1e-10, atol=1e-16)


def test_a_confidently_wrong_prediction_still_learns():
    """Keras's own gradient is zero where it clips; ours is taken at the clipped point."""
    moving = tf.constant([[1.0], [1e-12]])
    ours, theirs = load("tensorflow", "binary_crossentropy").BinaryCrossentropy(), keras.losses.BinaryCrossentropy()
    gradients = []
    for loss in (ours, theirs):
        with tf.GradientTape() as tape:
            tape.watch(moving)
            value = loss(tf.constant([[0.0], [1.0]]), moving)
        gradients.append(tape.gradient(value, moving).numpy().ravel())
    assert gradients[1].tolist() == [0.0, 0.0]
    assert gradients[0][0] > 1e6
    assert gradients[0][1] < -1e6


def test_ignore_class_leaves_samples_out():
    """As in Keras: value and number of samples."""
    y_pred = keras.ops.softmax(np.random.default_rng(0).normal(size=(5, 3)).astype("float32"))
    ours = load("tensorflow", "sparse_categorical_crossentropy").SparseCategoricalCrossentropy(ignore_class=2)
    theirs = keras.losses.SparseCategoricalCrossentropy(ignore_class=2)
    y_true = np.array([0, 1, 2, 2, 1])
    np.testing.assert_allclose(ours(y_true, y_pred), theirs(y_true, y_pred), rtol=1e-6)


@pytest.mark.parametrize("axis", [-1, 1, 0])
def test_the_axis_argument_is_the_namesakes(axis):
    """Class axis in the middle of the array."""
    dice = np.random.default_rng(0)
    y_pred = keras.ops.softmax(dice.normal(size=(3, 3, 3)).astype("float32"), axis=axis)
    y_true = np.moveaxis(np.eye(3, dtype="float32")[dice.integers(0, 3, (3, 3))], -1, axis)
    for name, kind in (
        ("categorical_crossentropy", "CategoricalCrossentropy"),
        ("cosine_similarity", "CosineSimilarity"),
    ):
        ours = getattr(load("tensorflow", name), kind)(axis=axis, reduction=None)
        theirs = getattr(keras.losses, kind)(axis=axis, reduction=None)
        np.testing.assert_allclose(ours(y_true, y_pred), theirs(y_true, y_pred), rtol=1e-5, atol=1e-6)


def test_a_state_fixed_at_construction_or_given_per_call():
    """The context weight: one for all calls, replaced in one call, demanded when missing."""
    kind = load("tensorflow", "context_weighted_squared_error").ContextWeightedSquaredError
    fixed = kind(context_weight=[1.0, 3.0])
    assert float(fixed([[0.0, 0.0]], [[1.0, 1.0]])) == 2.0
    assert float(fixed([[0.0, 0.0]], [[1.0, 1.0]], context_weight=[[5.0, 5.0]])) == 5.0
    assert float(fixed([[0.0, 0.0]], [[1.0, 1.0]])) == 2.0
    with pytest.raises(ValueError, match="context_weight is needed"):
        kind()([[0.0]], [[1.0]])


def test_unequal_shapes_are_refused_except_a_last_axis_of_one():
    """(n,) against (n, 1) is what fit passes; everything else that would broadcast is an error."""
    huber = load("tensorflow", "huber").huber
    assert huber(np.zeros(4), np.ones((4, 1))).shape == (4,)
    for y_true, y_pred in (((4,), (4, 3)), ((4, 1), (4, 3)), ((1, 3), (4, 3)), ((3,), (4,))):
        with pytest.raises(ValueError, match="they must be equal"):
            huber(np.zeros(y_true), np.ones(y_pred))


def test_parameters_are_checked_at_construction():
    """Not in the middle of training."""
    with pytest.raises(ValueError, match=r"delta=-1.0 is outside its domain \(0, oo\)"):
        load("tensorflow", "huber").Huber(delta=-1)


def test_imports_tensorflow_and_keras_and_nothing_else(form_name):
    """Self-contained: a user copies one file."""
    tree = ast.parse((GENERATED / "tensorflow" / f"{form_name}.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"keras", "tensorflow"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]


def test_an_extra_input_outside_its_domain_or_shape_is_refused():
    """At construction, with a call, and as a plain function."""
    module = load("tensorflow", "context_weighted_squared_error")
    kind = module.ContextWeightedSquaredError
    with pytest.raises(ValueError, match=r"context_weight holds -1.0; it must be in \[0, oo\)"):
        kind(context_weight=[[1.0, -1.0]])
    with pytest.raises(ValueError, match=r"context_weight holds nan"):
        kind()([[1.0]], [[2.0]], context_weight=[[float("nan")]])
    with pytest.raises(ValueError, match=r"context_weight has shape \(3,\), y_pred \(1, 2\)"):
        kind(context_weight=[1.0, 2.0, 3.0])([[1.0, 2.0]], [[2.0, 2.0]])


@pytest.mark.parametrize("label", [3, -1])
def test_a_compiled_loss_of_a_label_that_is_no_class_is_nan_not_another_class(label):
    """XLA clamps indices, so nothing else would tell."""
    function = load("tensorflow", "sparse_categorical_crossentropy").sparse_categorical_crossentropy
    compiled = tf.function(lambda y, p: function(y, p, from_logits=True), jit_compile=True)
    losses = compiled(tf.constant([1, label]), tf.constant([[0.1, 0.2, 0.7]] * 2)).numpy()
    assert np.isfinite(losses[0])
    assert np.isnan(losses[1])


@pytest.mark.parametrize("delta", [None, "one", [1.0]])
def test_a_parameter_that_is_no_number_is_refused(delta):
    """With the name of the loss and of the parameter."""
    with pytest.raises(TypeError, match=r"huber: delta=.* is not a real number"):
        load("tensorflow", "huber").Huber(delta=delta)


def test_another_keras_backend_is_refused_on_import(tmp_path):
    """Its tensors would fail deep inside TensorFlow."""
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras" / "__init__.py").write_text("")
    (tmp_path / "keras" / "config.py").write_text("def backend():\n    return 'jax'\n")
    program = "import keras.config\nimport generated.tensorflow.huber"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Keras runs on jax; this module needs KERAS_BACKEND=tensorflow" in done.stderr


def test_labels_of_a_batch_may_have_a_last_axis_of_size_one():
    """As data pipelines hand them over; any other shape is an error."""
    function = load("tensorflow", "ntxent").ntxent
    embeddings = np.random.default_rng(5).normal(size=(6, 3))
    labels = np.array([0, 0, 1, 1, 2, 2])
    np.testing.assert_array_equal(function(labels[:, None], embeddings), function(labels, embeddings))
    with pytest.raises(ValueError, match=r"y_true has shape \(6, 2\)"):
        function(np.tile(labels[:, None], 2), embeddings)
