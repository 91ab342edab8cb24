"""Losses over classes at 2, 10 and 1000 of them, scores up to 1e4 in size: the limit of the certificate holds."""

import math

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

from tests.conftest import load

RNG = np.random.default_rng(20260606)
LIMIT = 4.0


def softmax_of(scores):
    """Shares and their complements at the digits of the context, a complement never as one minus nearly one."""
    exponentials = [mpmath.exp(mpf(float(score))) for score in scores]
    whole = mpmath.fsum(exponentials)
    shares = [item / whole for item in exponentials]
    largest = max(range(len(shares)), key=shares.__getitem__)
    others = mpmath.fsum(share for k, share in enumerate(shares) if k != largest)
    return shares, [others if k == largest else 1 - share for k, share in enumerate(shares)]


def logarithm_of(share, rest):
    """Of a share, by the smaller of it and its complement."""
    return mpmath.log1p(-rest) if rest < 0.5 else mpmath.log(share)


def allowed(exact, moved):
    """Absolute error that the certificate allows: 4 ulp, or 4 times what half an ulp of every score does."""
    ulp = math.ulp(float(exact)) if abs(exact) > 1e-300 else 5e-324
    return LIMIT * (ulp + float(moved)) + 4 * 5e-324


def half_ulps(scores):
    return [mpf(math.ulp(float(score))) / 2 for score in scores]


@pytest.mark.parametrize("spread", [1.0, 30.0, 1e4])
@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_cross_entropy_of_logits_meets_the_limit(classes, spread):
    """Value, gradient and Hessian of confident rows, right and wrong, and of flat ones."""
    scores = RNG.uniform(-spread, spread, (4, classes))
    scores[1] = RNG.permutation(scores[1])
    labels = np.array([scores[0].argmax(), scores[1].argmin(), 0, classes - 1])
    module = load("numpy", "sparse_categorical_crossentropy_logits")
    values = module.loss(labels, scores, reduction="none")
    gradients, hessians = module.gradient_and_hessian(labels, scores, reduction="sum")
    with mp.workdps(80):
        for row, label in enumerate(labels):
            shares, rests = softmax_of(scores[row])
            steps = half_ulps(scores[row])
            slopes = [share - (k == label) for k, share in enumerate(shares)]
            slopes[label] = -rests[label]
            value = -logarithm_of(shares[label], rests[label])
            moved = sum(abs(slope) * step for slope, step in zip(slopes, steps, strict=True))
            assert abs(mpf(float(values[row])) - value) <= allowed(value, moved)
            mean_step = sum(share * step for share, step in zip(shares, steps, strict=True))
            for k in {0, 1, int(label), int(scores[row].argmax()), classes - 1}:
                curvature = shares[k] * rests[k]
                shift = curvature * steps[k] + shares[k] * (mean_step - shares[k] * steps[k])
                bend = abs(1 - 2 * shares[k]) * shift
                assert abs(mpf(float(gradients[row][k])) - slopes[k]) <= allowed(slopes[k], shift)
                assert abs(mpf(float(hessians[row][k])) - curvature) <= allowed(curvature, bend)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
@pytest.mark.parametrize("spread", [1.0, 30.0, 1e4])
@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_focal_loss_of_logits_meets_the_limit(classes, spread, gamma):
    """Value and gradient of rows that are right or wrong; a power of 1 - p moves 2 + gamma times as fast as the scores."""
    scores = RNG.uniform(-spread, spread, (2, classes))
    labels = np.array([scores[0].argmax(), scores[1].argmin()])
    given = np.eye(classes)[labels], scores
    module = load("numpy", "focal_categorical")
    values = module.loss(*given, gamma=gamma, alpha=1.0, reduction="none")
    gradients = module.gradient(*given, gamma=gamma, alpha=1.0, reduction="sum")
    moved = (2 + gamma) * 2 * math.ulp(spread)
    with mp.workdps(80):
        for row, label in enumerate(labels):
            shares, rests = softmax_of(scores[row])
            p, rest, logarithm = shares[label], rests[label], logarithm_of(shares[label], rests[label])
            value = -(rest**gamma) * logarithm
            slope = (gamma * rest ** (gamma - 1) * logarithm if gamma else 0) - rest**gamma / p
            assert abs(mpf(float(values[row])) - value) <= allowed(value, abs(value) * moved)
            for k in {0, int(label), int(scores[row].argmax()), classes - 1}:
                exact = slope * p * (rest if k == label else -shares[k])
                assert abs(mpf(float(gradients[row][k])) - exact) <= allowed(exact, abs(exact) * moved)


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_products_with_the_hessian_cost_no_matrix(classes):
    """The product with a vector is that of the full Hessian, diagonal plus rank one, to the digits of its terms."""
    scores, vector = RNG.normal(size=(3, classes)) * 5, RNG.normal(size=(3, classes))
    labels = RNG.integers(0, classes, 3)
    shares = np.exp(scores - np.logaddexp.reduce(scores, axis=-1, keepdims=True))
    scale = shares * (np.abs(vector) + (shares * np.abs(vector)).sum(axis=-1, keepdims=True))
    for name in ("sparse_categorical_crossentropy_logits", "listnet_softmax", "categorical_crossentropy_logits"):
        y_true = labels if name.startswith("sparse") else np.eye(classes)[labels]
        module = load("numpy", name)
        product = module.hessian_vector_product(y_true, scores, vector, reduction="sum")
        full = module.hessian_full(y_true, scores, reduction="sum")
        assert (np.abs(product - (full @ vector[..., None])[..., 0]) <= 1e-14 * scale).all()
