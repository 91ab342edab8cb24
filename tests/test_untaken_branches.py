"""No branch poisons another: differentiating an emitted value gives finite numbers where the truth is finite."""

import math

import numpy as np
import pytest
import tensorflow as tf

from symloss import pipeline
from symloss.verify.grid import batches
from symloss.verify.measure import Examiner, holds_subnormals
from symloss.verify.oracle import Oracle
from tests.test_certificate import FORMS, module_of

# Squares of these stay in the floats: beyond, the chain rule itself may overflow where its result does not.
LARGEST = {np.float64: 1e150, np.float32: 1e18}


def differentiated(name, batch):
    """The gradient of the bare value kernel by TensorFlow's own tape: entries of every sample."""
    form, module = FORMS[name], module_of(name, "tensorflow").module
    y_true, y_pred = (tf.constant(part) for part in batch.data)
    extras = [tf.constant(part) for part in batch.extras.values()]
    if not form.is_elementwise:
        extras = [part[:, None] for part in extras]
    if y_true.dtype == tf.int64:
        y_true = tf.cast(y_true, tf.int32)[:, None]
    parameters = [tf.constant(number, y_pred.dtype) for number in batch.parameters.values()]
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        value = module._value(y_true, y_pred, *extras, *parameters)
    return tape.gradient(value, y_pred).numpy().reshape(len(batch), -1)


# Not met: exp(a - b) beyond the floats beside a step.
_NOT_MET = ("ppo_clip",)
WANTED = sorted(
    name for name, form in FORMS.items() if pipeline.is_measurable(form, "tensorflow") and name not in _NOT_MET
)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", WANTED)
def test_a_value_differentiated_by_the_framework_is_finite(name, dtype):
    """Also at poles of what is not selected: log 0 below a limit, 0/0, an overflowing exponential."""
    module = module_of(name, "tensorflow")
    examiner = Examiner(FORMS[name], dtype, Oracle(FORMS[name]), module.fixed, flushes=True)
    compared = 0
    for batch in batches(FORMS[name], dtype, 400, module.fixed):
        truths, _ = examiner.truths(batch)
        truth = np.maximum(np.abs(truths["gradient"][..., 0]), np.abs(truths["value"][..., 0]))
        known = (truth < LARGEST[dtype]) & ~holds_subnormals(batch, dtype)[:, None]
        found = differentiated(name, batch)
        wrong = known & ~np.isfinite(found)
        if wrong.any():
            row, entry = np.argwhere(wrong)[0]
            pytest.fail(f"{batch.point(row)}, entry {entry}: {found[row, entry]}, truth {truth[row, entry]}")
        compared += known.sum()
    assert compared > 100


def test_a_poisoned_branch_would_be_seen():
    """A single where over a logarithm has no finite slope at 0."""
    y_pred = tf.constant([0.0])
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        value = tf.where(y_pred > 0.5, tf.math.log(y_pred), 0.0)
    assert math.isnan(float(tape.gradient(value, y_pred)[0]))
