"""Focal losses over classes: digits of confident classes, against high precision of the textbook formula."""

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

from tests.conftest import load

CASES = {
    "confident and right": ([0.0, 1.0, 0.0], [-9.0, 30.0, -8.0]),
    "confident and wrong": ([1.0, 0.0, 0.0], [-9.0, 30.0, -8.0]),
    "nearly even": ([0.0, 0.0, 1.0], [0.1, 0.11, 0.09]),
    "soft labels": ([0.2, 0.5, 0.3], [12.0, -3.0, 20.0]),
    "far apart": ([0.0, 1.0, 0.0], [300.0, -200.0, 5.0]),
}


def truth(y_true, scores, gamma, alpha):
    """Gradient and Hessian diagonal by mpmath's differences of the formula, at 500 digits."""
    with mp.workdps(500):

        def value(moved, place):
            exponentials = [mpmath.exp(mpf(score) + (moved if k == place else 0)) for k, score in enumerate(scores)]
            shares = [item / sum(exponentials) for item in exponentials]
            terms = [t * (1 - p) ** gamma * mpmath.log(p) for t, p in zip(y_true, shares, strict=True) if t]
            return -alpha * sum(terms)

        places = range(len(scores))
        return [
            [mpmath.diff(lambda moved, place=place: value(moved, place), 0, order) for place in places]
            for order in (1, 2)
        ]


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("case", CASES)
def test_confident_classes_keep_their_digits(case, gamma):
    """Relative to every entry, not to the largest."""
    y_true, scores = CASES[case]
    module = load("numpy", "focal_categorical")
    exact = truth(y_true, scores, gamma, 0.25)
    given = np.array([y_true]), np.array([scores])
    got = module.gradient_and_hessian(*given, gamma=gamma, reduction="sum")
    for found, wanted in zip(got, exact, strict=True):
        np.testing.assert_allclose(found[0], [float(item) for item in wanted], rtol=1e-12, atol=1e-300)


def test_no_focusing_is_the_cross_entropy():
    """Gamma 0 and alpha 1, gradient and all."""
    y_true, scores = np.eye(4)[[0, 3]], np.random.default_rng(7).normal(size=(2, 4)) * 10
    focal, entropy = load("numpy", "focal_categorical"), load("numpy", "categorical_crossentropy_logits")
    for function in ("loss", "gradient", "hessian", "hessian_full"):
        got = getattr(focal, function)(y_true, scores, gamma=0.0, alpha=1.0)
        np.testing.assert_allclose(got, getattr(entropy, function)(y_true, scores), rtol=1e-13, atol=1e-16)
