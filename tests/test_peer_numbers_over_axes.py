"""The numbers that other libraries print for losses over axes, batches, lists and survival times.

``data/peer_numbers_over_axes.json`` holds recorded calls. ``CALLS`` says how each library's function is spelled here:
which module, which argument is which, and what their mean divides by. Where a number still differs, ``DIFFERENCES``
says why, and it must really differ.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import load

RECORDS = {
    record["id"]: record
    for record in json.loads((Path(__file__).parent / "data" / "peer_numbers_over_axes.json").read_text())["records"]
}

# Peers compute in float32, or guard lengths with 1e-6.
TOLERANCES = {
    "torch": 1e-5,
    "keras": 5e-6,
    "torchsurv": 1e-6,
    "xgboost": 2e-5,
    "tensorflow-ranking": 1e-6,
    "pytorch-metric-learning": 1e-6,
}

DIFFERENCES = {
    record: convention
    for convention, records in {
        "clip: Keras has gradient 0 where it clips": (
            "keras.jax.categorical_focal_crossentropy.edge.y_pred",
            "keras.torch.categorical_focal_crossentropy.edge.y_pred",
        ),
        "kink: ties of the largest": (
            "keras.torch.categorical_hinge.edge.y_pred",
            "optax.multiclass_hinge_loss.edge.scores",
        ),
        "ties: of censored subjects at the time of an event": ("xgboost.survival:cox.edge.margin",),
        "guard: a small number in the divisor alone, or in differences": (
            "keras.tensorflow.dice.edge.y_pred",
            "keras.tensorflow.tversky.edge.y_pred",
            "keras.jax.tversky.edge.y_pred",
            "torch.triplet_margin_loss.edge.anchor",
            "torch.triplet_margin_with_distance_loss.edge.with_distance.anchor",
            "optax.triplet_margin_loss.edge.anchors",
        ),
        "domain: a probability of 2, a label of -1 for what is missing": (
            "keras.tensorflow.categorical_generalized_cross_entropy.edge.y_pred",
            "keras.jax.categorical_generalized_cross_entropy.edge.y_pred",
            "keras.torch.categorical_generalized_cross_entropy.edge.y_pred",
            "tensorflow-ranking.SoftmaxLoss.edge.y_pred",
        ),
        "limit: no row has a positive": ("optax.ntxent.edge.embeddings",),
    }.items()
    for record in records
}


def labels(record, name):
    return np.array(record["inputs"][name]).astype(int)


def numbers(record, name):
    return np.array(record["inputs"][name], dtype=float)


def called(module, y_true, y_pred, **keywords):
    """Value and gradient of every sample."""
    arguments = {"reduction": "none", **keywords}
    gradient = load("numpy", module).gradient(y_true, y_pred, **{**arguments, "reduction": "sum"})
    return load("numpy", module).loss(y_true, y_pred, **arguments), gradient


def averaged(module, y_true, y_pred, count=None, **keywords):
    """Value and gradient of the mean over samples or rows, or of the sum over a count."""
    reduction = {"reduction": "mean" if count is None else "sum"}
    value = load("numpy", module).loss(y_true, y_pred, **reduction, **keywords)
    gradient = load("numpy", module).gradient(y_true, y_pred, **reduction, **keywords)
    return value / (count or 1), gradient / (count or 1)


def focal(record):
    given = dict(record["params"])
    form = "focal_categorical" if given.pop("from_logits", False) else "focal_categorical_probability"
    guard = {"epsilon": 1e-7} if form.endswith("probability") else {}
    return called(form, numbers(record, "y_true"), numbers(record, "y_pred"), **given, **guard)


def overlap(module):
    """Keras takes a batch for one sample unless it is given an axis; alpha weighs what y_true has and y_pred lacks."""

    def call(record):
        given = dict(record["params"])
        arrays = [numbers(record, name) for name in ("y_true", "y_pred")]
        is_whole = given.pop("axis", None) is None
        if given:
            given = {"alpha": given["beta"], "beta": given["alpha"]}
        rows = [array.reshape(1, -1) if is_whole else array for array in arrays]
        value, gradient = called(module, *rows, smooth=1e-7, **given)
        return (value[0] if is_whole else value), gradient.reshape(arrays[1].shape)

    return call


def binary_dice(record):
    """Optax smooths both sides as Tversky's index does, and takes logits."""
    scores = numbers(record, "predictions")
    share = 1 / (1 + np.exp(-scores))
    smooth = record["params"].get("smooth", 1.0)
    value, gradient = called("tversky", numbers(record, "targets"), share, smooth=smooth)
    return value, gradient * share * (1 - share)


def circle(record):
    """Keras differentiates every row by its own embedding alone, so gradients are not compared."""
    given = {name: float(value) for name, value in record["params"].items()}
    return called("circle", labels(record, "y_true"), numbers(record, "y_pred"), **given)[0], None


def triplet(anchor, positive, negative):
    def call(record):
        given = {name: value for name, value in record["params"].items() if name == "margin"}
        arrays = [numbers(record, name) for name in (positive, anchor)]
        return called("triplet", *arrays, negative=numbers(record, negative), **given)

    return call


def contrasted(module, **fixed):
    def call(record):
        given = {name: float(value) for name, value in record["params"].items()}
        return averaged(module, labels(record, "labels"), numbers(record, "embeddings"), **fixed, **given)

    return call


def softmax_of_lists(record):
    temperature = record["params"].get("temperature", 1.0)
    value, gradient = averaged("listnet_softmax", numbers(record, "y_true"), numbers(record, "y_pred") / temperature)
    return value, gradient / temperature


def torchsurv(record):
    """The mean is over the times of events, not over subjects."""
    module = "cox_partial_likelihood" if record["params"].get("ties_method") == "breslow" else "cox_efron"
    event = numbers(record, "event")
    is_sum = record["params"].get("reduction") == "sum"
    count = 1 if is_sum else np.unique(numbers(record, "time")[event == 1]).size
    arrays = numbers(record, "time")[None], numbers(record, "log_hz")[None]
    return averaged(module, *arrays, count=count, event=event[None])


def xgboost_cox(record):
    """Censored times are negative; the metric is a mean over events, the gradient that of the sum."""
    label = numbers(record, "label")[None]
    event = (label > 0).astype(float)
    arrays = np.abs(label), numbers(record, "margin")[None]
    value, gradient = averaged("cox_partial_likelihood", *arrays, count=1, event=event)
    return value / event.sum(), gradient


def preference(record):
    """Log ratios of policy and reference."""
    policy, reference = (
        numbers(record, f"{model}_chosen_logps") - numbers(record, f"{model}_rejected_logps")
        for model in ("policy", "reference")
    )
    return called("dpo", reference, policy, **record["params"])


def policy(record):
    """The recorded value adds that of the value function."""
    given = {"advantage": numbers(record, "advantages"), "epsilon": record["params"].get("epsilon", 0.2)}
    arrays = numbers(record, "pi_old_logprobs"), numbers(record, "pi_logprobs")
    return None, averaged("ppo_clip", *arrays, **given)[1]


CALLS = {
    "keras.losses.categorical_focal_crossentropy": focal,
    "keras.losses.dice": overlap("dice"),
    "keras.losses.tversky": overlap("tversky"),
    "keras.losses.circle": circle,
    "keras.losses.categorical_generalized_cross_entropy": lambda record: called(
        "generalized_cross_entropy", labels(record, "y_true"), numbers(record, "y_pred"), **record["params"]
    ),
    "keras.losses.categorical_hinge": lambda record: called(
        "categorical_hinge", numbers(record, "y_true"), numbers(record, "y_pred")
    ),
    "torch.nn.functional.triplet_margin_loss": triplet("anchor", "positive", "negative"),
    "torch.nn.functional.triplet_margin_with_distance_loss": triplet("anchor", "positive", "negative"),
    "torch.nn.functional.multi_margin_loss": lambda record: called(
        "multi_margin", labels(record, "target"), numbers(record, "input")
    ),
    "optax.losses.multiclass_hinge_loss": lambda record: called(
        "multiclass_hinge", labels(record, "labels"), numbers(record, "scores")
    ),
    "optax.losses.triplet_margin_loss": triplet("anchors", "positives", "negatives"),
    "optax.losses.ntxent": contrasted("ntxent", temperature=0.07),
    "optax.losses.binary_dice_loss": binary_dice,
    "pytorch_metric_learning.losses.NTXentLoss": contrasted("ntxent", temperature=0.07),
    "pytorch_metric_learning.losses.MultiSimilarityLoss": contrasted("multi_similarity"),
    "tfr.keras.losses.SoftmaxLoss": softmax_of_lists,
    "torchtune.rlhf.loss.DPOLoss": preference,
    "torchtune.rlhf.loss.PPOLoss": policy,
    "scoringrules.crps_ensemble": lambda record: called(
        "crps_ensemble", numbers(record, "obs")[None], numbers(record, "fct")[None]
    ),
    "torchsurv.loss.cox.neg_partial_log_likelihood": torchsurv,
    "survival:cox": xgboost_cox,
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_peer_prints_the_same_or_a_convention_says_why(name):
    record = RECORDS[name]
    tolerance = TOLERANCES.get(record["peer"], 1e-9)
    try:
        value, gradient = CALLS[record["api"]](record)
    except ValueError:  # outside the domain
        assert name in DIFFERENCES
        return
    agrees = value is None or _close(value, record["value"], tolerance)
    if "grad" in record and gradient is not None:
        agrees = agrees and _close(gradient, record["grad"], tolerance)
    assert agrees == (name not in DIFFERENCES), (value, record["value"], gradient, record.get("grad"))


def _close(ours, theirs, tolerance):
    ours, theirs = np.ravel(ours), np.ravel(np.array(theirs, dtype=float))
    scale = max(np.abs(theirs).max(), 1e-30)
    return ours.shape == theirs.shape and bool((np.abs(ours - theirs) <= tolerance * scale).all())


def test_every_difference_is_a_record():
    assert set(DIFFERENCES) <= set(RECORDS)
