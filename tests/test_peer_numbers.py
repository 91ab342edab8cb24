"""The numbers that other libraries print for these losses come out of the generated modules, or a convention says why.

``data/peer_numbers.json`` holds recorded calls of Keras on three backends, torch, optax, scikit-learn, the boosters and
others. Keras is met by the generated Keras classes and functions, all else by the NumPy modules across the bridges of
``peers.py``. Where value or gradient still differ, ``DIFFERENCES`` names the convention of the README's table, and the
record must really differ, so that no entry outlives its reason.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import ROOT, load
from tests.peers import Bridge, Record, bridge_for, parameters_of

RECORDS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "data" / "peer_numbers.json").read_text(encoding="utf-8")
)["records"]
BOOSTERS = ("xgboost", "lightgbm", "catboost")

# Boosters accumulate in float32 and their gradients were read off leaf values; Keras on JAX and torch takes means in
# float32; CatBoost keeps labels in float32 and approximates exp and log.
TOLERANCES = {"xgboost": 1e-3, "lightgbm": 1e-5, "catboost": 3e-4, "tensorflow-ranking": 1e-6}

# Inputs that modules have no derivative for; a central difference of our value stands in.
WITHOUT_DERIVATIVE = ("var", "scale")

# The convention that explains a difference, by record.
DIFFERENCES: dict[str, str] = {
    record: convention
    for convention, records in {
        "kink": (
            "keras.jax.mean_absolute_error.edge.y_pred",
            "keras.tensorflow.hinge.edge.y_pred",
            "optax.hinge_loss.edge.predictor_outputs",
            "sklearn.AbsoluteError.edge.raw_prediction",
            "sklearn.Hinge.edge.y_pred",
            "sklearn.PinballLoss.edge.q09.raw_prediction",
            "sklearn.PinballLoss.edge.raw_prediction",
        ),
        "clip": (
            "catboost.Focal:focal_alpha=0.25;focal_gamma=2.edge",
            "keras.jax.binary_crossentropy.edge.y_pred",
            "keras.jax.binary_focal_crossentropy.edge.logits.y_pred",
            "keras.jax.binary_focal_crossentropy.edge.y_pred",
            "keras.jax.categorical_crossentropy.edge.y_pred",
            "keras.jax.kl_divergence.edge.y_pred",
            "keras.jax.kl_divergence.params.outside.y_pred",
            "keras.jax.mean_squared_logarithmic_error.edge.y_pred",
            "keras.tensorflow.binary_crossentropy.edge.y_pred",
            "keras.tensorflow.binary_focal_crossentropy.edge.y_pred",
            "keras.tensorflow.categorical_crossentropy.edge.y_pred",
            "keras.tensorflow.kl_divergence.edge.y_pred",
            "keras.tensorflow.kl_divergence.params.outside.y_pred",
            "keras.tensorflow.mean_squared_logarithmic_error.edge.y_pred",
            "keras.tensorflow.sparse_categorical_crossentropy.edge.y_pred",
            "keras.torch.binary_crossentropy.edge.y_pred",
            "keras.torch.binary_focal_crossentropy.edge.logits.y_pred",
            "keras.torch.binary_focal_crossentropy.edge.y_pred",
            "keras.torch.categorical_crossentropy.edge.y_pred",
            "keras.torch.kl_divergence.edge.y_pred",
            "keras.torch.kl_divergence.params.outside.y_pred",
            "lightgbm.cross_entropy.edge.soft.score",
            "lightgbm.multiclass.edge.score",
            "lightgbm.poisson.edge.score",
            "xgboost.binary:logistic.edge.margin",
            "xgboost.multi:softprob.edge.margin",
        ),
        "guard": (
            "keras.jax.cosine_similarity.edge.y_pred",
            "keras.tensorflow.cosine_similarity.edge.y_pred",
            "keras.torch.cosine_similarity.edge.y_pred",
            "optax.cosine_distance.params.predictions",
            "optax.cosine_similarity.edge.predictions",
            "optax.cosine_similarity.params.predictions",
            "torch.gaussian_nll_loss.params.var",
        ),
        "domain": (
            "optax.kl_divergence_with_log_targets.params.log_targets.log_predictions",
            "optax.safe_softmax_cross_entropy.edge.neg_inf_logit.logits",
            "optax.softmax_cross_entropy.edge.neg_inf_logit.logits",
            "torch.gaussian_nll_loss.edge.input",
            "torch.gaussian_nll_loss.edge.var",
            "xgboost.reg:squaredlogerror.edge.margin",
        ),
        "labels": (
            "kornia.binary_focal_loss_with_logits.params.logits.input",
            "kornia.binary_focal_loss_with_logits.typical.logits.input",
            "optax.hinge_loss.params.labels01.predictor_outputs",
            "sklearn.ExponentialLoss.edge.raw_prediction",
        ),
        "limit": ("optax.kl_divergence_with_log_targets.edge.log_targets.log_predictions",),
        "log input": ("optax.kl_divergence.edge.log_predictions",),
        "option": (
            "catboost.Quantile:alpha=0.9;delta=0.01.params",
            "lightgbm.binary.params.score",
            "lightgbm.regression.params.score",
            "optax.softmax_cross_entropy_with_integer_labels.params.where.logits",
            "torch.cross_entropy.params.logits.input",
            "torch.cross_entropy.params.logits.input#2",
        ),
        "float32": (
            "keras.tensorflow.LogCosh.reduction.y_pred",
            "keras.tensorflow.log_cosh.typical.y_pred",
        ),
    }.items()
    for record in records
}

# Where a convention may show; anywhere, unless named here.
PARTS = {"kink": {"gradient"}, "float32": {"value"}, "limit": {"value"}, "domain": {"error"}}


@pytest.mark.parametrize("record", RECORDS, ids=[record["id"] for record in RECORDS])
def test_generated_modules_agree_with_the_library(record):
    """In the value, and in the gradient of the value's sum, within what the library's own arithmetic allows."""
    problems = differences(record)
    if record["id"] in DIFFERENCES:
        assert problems, "no longer differs; remove it from DIFFERENCES"
        assert set(problems) <= PARTS.get(DIFFERENCES[record["id"]], set(problems)), problems
    else:
        assert not problems, problems


def test_the_readme_table_holds_exactly_the_conventions_that_are_used():
    """Those that explain a difference and those that a bridge crosses."""
    crossed = {key for record in RECORDS if record["peer"] != "keras" for key in bridge_for(record).conventions}
    table = (ROOT / "README.md").read_text(encoding="utf-8").split("<!-- conventions -->")[1]
    listed = set(re.findall(r"^\| ([a-z0-9 ]+) \|", table, flags=re.MULTILINE)) - {"key"}
    assert listed == crossed | set(DIFFERENCES.values())


def test_every_difference_belongs_to_a_record():
    """No entry for a record that is gone."""
    assert set(DIFFERENCES) <= {record["id"] for record in RECORDS}


def differences(record: Record) -> dict[str, str]:
    """What differs, by part: value, gradient, or the error that was raised instead."""
    try:
        value, gradient = through_keras(record) if record["peer"] == "keras" else through_numpy(record)
    except ValueError as error:
        return {"error": str(error)}
    pairs = (("value", value, record["value"]), ("gradient", gradient, record.get("grad")))
    return {
        part: f"{ours} here, {theirs} there"
        for part, ours, theirs in pairs
        if theirs is not None and ours is not None and not agree(ours, theirs, record)
    }


def agree(ours: Any, theirs: Any, record: Record) -> bool:
    """Equal within a share of the largest finite entry; a booster's gradient is NaN where it could not be read off."""
    theirs, ours = numbers(theirs), np.asarray(ours, np.float64)
    if theirs.size > ours.size:  # the library leaves the sum over the axis to its caller
        theirs = theirs.sum(axis=-1)
    ours = ours.reshape(theirs.shape)
    if record["peer"] in BOOSTERS:
        ours, theirs = ours[~np.isnan(theirs)], theirs[~np.isnan(theirs)]
    allowed = tolerance(record)
    largest = np.abs(theirs[np.isfinite(theirs)]).max(initial=0.0)
    return bool(np.allclose(ours, theirs, rtol=allowed, atol=allowed * largest, equal_nan=True))


def tolerance(record: Record) -> float:
    """What the library's own arithmetic allows."""
    if record["peer"] == "keras" and (record["dtype"] == "float32" or not record["backend"].startswith("tensorflow")):
        return 1e-6
    if record.get("wrt") in WITHOUT_DERIVATIVE:
        return 1e-8
    return TOLERANCES.get(record["peer"], 1e-11)


def numbers(values: Any) -> np.ndarray:
    """Recorded numbers; those that are not finite are strings."""
    return np.vectorize(float, otypes=[np.float64])(np.asarray(values, dtype=object))


# -- Keras -------------------------------------------------------------------------------------------------------------


def through_keras(record: Record) -> tuple[Any, Any]:
    """Value and gradient of the generated function or class, called as the record calls Keras."""
    import tensorflow as tf

    name, inputs = record["api"].split(".")[-1], record["inputs"]
    row = {"focal_binary": "focal_binary_probability"}.get(record["row"], record["row"].removesuffix("_logits"))
    module = load("tensorflow", row)
    y_true = tf.constant(inputs["y_true"], tf.int64 if row.startswith("sparse") else record["dtype"])
    y_pred = tf.constant(inputs["y_pred"], record["dtype"])
    options: dict[str, Any] = dict(record["params"])
    weights: dict[str, Any] = {}
    if name[0].isupper():
        function = getattr(module, name)(**options, dtype=record["dtype"])
        options = {}
        if "sample_weight" in inputs:
            weights = {"sample_weight": tf.constant(inputs["sample_weight"], record["dtype"])}
    else:
        function = getattr(module, row)
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        value = function(y_true, y_pred, **options, **weights)
    return value.numpy(), tape.gradient(value, y_pred).numpy()


# -- everything else ---------------------------------------------------------------------------------------------------


def through_numpy(record: Record) -> tuple[Any, Any]:
    """Value and gradient of the NumPy module, across the bridge and in the record's reduction."""
    bridge = bridge_for(record)
    inputs = {name: numbers(values) for name, values in record["inputs"].items()}
    value = across(bridge, record, inputs, "loss")
    if record.get("wrt") in WITHOUT_DERIVATIVE:
        return value, numeric_gradient(bridge, record, inputs)
    gradient = across(bridge, record, inputs, "gradient")
    if record["reduction"] == "none":
        return value, gradient
    return reduced(bridge, record, inputs, value, gradient)


def across(bridge: Bridge, record: Record, inputs: dict[str, np.ndarray], function: str) -> np.ndarray:
    """Losses or gradients per sample, on the other side of the bridge."""
    y_true, y_pred = (inputs[end] if isinstance(end, str) else end(inputs) for end in (bridge.y_true, bridge.y_pred))
    y_true = y_true.astype(np.int64) if bridge.form.startswith("sparse") else y_true
    options = parameters_of(record, bridge) | {name: make(inputs) for name, make in bridge.extra.items()}
    axis = {"axis": record["params"]["axis"]} if "axis" in record["params"] else {}
    result = getattr(load("numpy", bridge.form), function)(y_true, y_pred, **options, **axis, reduction="none")
    if function == "loss":
        return bridge.scale * result + bridge.constant(inputs)
    slope = bridge.scale if bridge.slope is None else bridge.slope
    with np.errstate(invalid="ignore"):  # 0 · inf where the library takes logarithms that underflow here
        return (
            slope * result * np.reshape(bridge.chain(inputs), np.shape(result) if np.ndim(bridge.chain(inputs)) else ())
        )


def numeric_gradient(bridge: Bridge, record: Record, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """The derivative with respect to an extra input, which modules do not offer, by a central difference."""
    name = record["wrt"]
    step = 1e-5 * inputs[name]
    above, below = (across(bridge, record, {**inputs, name: inputs[name] + sign * step}, "loss") for sign in (1, -1))
    return (above - below) / (2 * step)


def reduced(
    bridge: Bridge, record: Record, inputs: dict[str, np.ndarray], value: np.ndarray, gradient: np.ndarray
) -> tuple[Any, Any]:
    """The weighted mean and its gradient; boosters and scikit-learn's losses give that of the weighted sum."""
    given = next((inputs[name] for name in ("sample_weight", "weight") if name in inputs), None)
    weight = np.asarray(record["params"].get("sample_weight", np.ones(value.shape) if given is None else given))
    if "weight" in record["params"]:  # of classes
        weight = np.asarray(record["params"]["weight"])[inputs["target"].astype(int)]
    mean = (value * weight).sum() / weight.sum()
    gradient = gradient * weight.reshape(weight.shape + (1,) * (gradient.ndim - weight.ndim))
    is_of_sum = record["peer"] in BOOSTERS or "weighted" in record["reduction"]
    return bridge.metric and bridge.metric(mean), gradient if is_of_sum else gradient / weight.sum()
