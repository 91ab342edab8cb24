"""Cumulative logits: against statsmodels, and digits of labels between near or far logits."""

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf
from statsmodels.miscmodels.ordinal_model import OrderedModel

from symloss import catalogue
from symloss.verify.measure import Examiner
from symloss.verify.oracle import Point
from tests.conftest import load

RNG = np.random.default_rng(20261127)


def test_the_likelihood_is_that_of_statsmodels():
    """Thresholds minus a linear score as cumulative logits, at any parameters."""
    x = RNG.normal(size=(200, 2))
    labels = np.digitize(x[:, 0] + RNG.logistic(size=200), [-1, 0.5, 1.5])
    model, module = OrderedModel(labels, x, distr="logit"), load("numpy", "cumulative_link")
    for _ in range(5):
        slopes, thresholds = RNG.normal(size=2), np.sort(RNG.normal(size=3))
        known = model.loglike(np.concatenate([slopes, thresholds[:1], np.log(np.diff(thresholds))]))
        logits = thresholds - (x @ slopes)[:, None]
        assert -module.loss(labels.astype(float), logits, reduction="sum") == pytest.approx(known, rel=1e-13)


@pytest.mark.parametrize("logits", [[-40.0, 40.0, 60.0], [-1e4, 0.0, 1e4], [0.3, 0.3 + 2**-40, 5.0], [-2.0, 1.0, 1.5]])
def test_every_label_keeps_its_digits(logits):
    """Confident labels, and labels between logits that are nearly the same."""
    module = load("numpy", "cumulative_link")
    for label in range(4):
        with mp.workdps(9000 if max(logits) > 1e3 else 120):
            ends = [mpf(0), *(1 / (1 + mpmath.exp(-mpf(logit))) for logit in logits), mpf(1)]
            share = ends[label + 1] - ends[label]
            slopes = [end * (1 - end) for end in ends]
            value = -mpmath.log(share)
            gradient = [slopes[j] * ((label == j) - (label == j - 1)) / share for j in (1, 2, 3)]
            exact = float(value), [float(item) for item in gradient]
        given = np.array([float(label)]), np.array([logits])
        assert module.loss(*given) == pytest.approx(exact[0], rel=1e-13, abs=1e-300)
        np.testing.assert_allclose(module.gradient(*given)[0], exact[1], rtol=1e-13)


def test_falling_logits_are_named():
    with pytest.raises(ValueError, match=r"y_pred falls from 1.0 to 0.5 after entry 0; it must rise"):
        load("numpy", "cumulative_link").loss(np.array([1.0]), np.array([[1.0, 0.5, 2.0]]))


def test_floats_beside_near_logits_are_measured_where_they_rise():
    """A step that would let the logits fall is left out, instead of being refused by the module."""
    (form,) = catalogue.declared("cumulative_link").generated_forms()
    examiner = Examiner(form, np.float64)
    near = examiner._neighbours(Point(1.0, (1.0, 1.0 + 2**-50), {}, (("J", 2),)), np.array([-(2**20), 0, 2**20, 1]))
    assert len(near) and (np.diff(near.y_pred, axis=-1) >= 0).all()
