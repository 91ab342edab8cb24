"""The numbers that a well-known introduction to TensorFlow's losses prints come out digit for digit in float32.

Source: GeeksforGeeks, "Loss Function in TensorFlow"; inputs and outputs as recorded with keras 3.15.1.
"""

import numpy as np
import pytest

from tests.conftest import load

SQUARE = ([[1, 2, 3], [4, 5, 6]], [[1.1, 2.2, 3.3], [4.4, 5.5, 6.6]])
CLASSES = [[0.05, 0.95, 0.0], [0.1, 0.2, 0.7]]
PUBLISHED = [
    ("squared_error", "MeanSquaredError", *SQUARE, "0.15166667"),
    ("absolute_error", "MeanAbsoluteError", *SQUARE, "0.35"),
    ("binary_crossentropy", "BinaryCrossentropy", [[0, 1], [1, 0]], [[0.1, 0.9], [0.8, 0.2]], "0.16425204"),
    ("categorical_crossentropy", "CategoricalCrossentropy", [[0, 1, 0], [0, 0, 1]], CLASSES, "0.20398414"),
    ("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy", [1, 2], CLASSES, "0.2039842"),
    ("huber", "Huber", [3, 5, 1, 6], [2.5, 4.5, 1.5, 5], "0.21875"),
    ("kl_divergence", "KLDivergence", [0.1, 0.9], [0.2, 0.8], "0.03669001"),
]


@pytest.mark.parametrize(("name", "_kind", "y_true", "y_pred", "printed"), PUBLISHED)
def test_numpy_prints_the_published_number(name, _kind, y_true, y_pred, printed):
    """Keras guards probabilities with epsilon 1e-7; NumPy does when asked to."""
    module = load("numpy", name)
    guarded = {"epsilon": 1e-7} if "epsilon" in module.METADATA["parameters"] else {}
    label = np.int64 if name.startswith("sparse") else np.float32
    result = module.loss(np.array(y_true, label), np.array(y_pred, np.float32), **guarded)
    assert result.dtype == np.float32
    assert str(result) == printed


@pytest.mark.parametrize(("name", "kind", "y_true", "y_pred", "printed"), PUBLISHED)
def test_keras_prints_the_published_number(name, kind, y_true, y_pred, printed):
    """The class with its defaults, as the introduction calls it."""
    instance = getattr(load("tensorflow", name), kind)()
    assert str(instance(y_true, y_pred).numpy()) == printed
