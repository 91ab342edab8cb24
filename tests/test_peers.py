"""Values of the catalogue against the functions of SciPy and scikit-learn, at random points."""

import numpy as np
import pytest
from scipy.spatial import distance
from scipy.special import huber as scipy_huber
from scipy.stats import wasserstein_distance
from sklearn import metrics

from tests.conftest import load

RNG = np.random.default_rng(20260205)
P, Q = RNG.dirichlet(np.ones(5), 20), RNG.dirichlet(np.ones(5), 20)
SCORES, CLASSES = RNG.normal(size=(20, 5)), RNG.permutation(np.arange(20) % 5)
PLACES = np.arange(5)

PEERS = {
    "jensen_shannon": ((P, Q), [distance.jensenshannon(p, q) ** 2 for p, q in zip(P, Q, strict=True)]),
    "kl_divergence": ((P, Q), [np.sum(p * np.log(p / q)) for p, q in zip(P, Q, strict=True)]),
    "wasserstein_1d_histogram": (
        (P, Q),
        [wasserstein_distance(PLACES, PLACES, p, q) for p, q in zip(P, Q, strict=True)],
    ),
    "multiclass_hinge": (
        (CLASSES, SCORES),
        [metrics.hinge_loss([label], score[None], labels=PLACES) for label, score in zip(CLASSES, SCORES, strict=True)],
    ),
    "sparse_categorical_crossentropy": (
        (CLASSES, Q),
        [metrics.log_loss([label], q[None], labels=PLACES) for label, q in zip(CLASSES, Q, strict=True)],
    ),
    "huber": ((P, SCORES), scipy_huber(1.0, P - SCORES)),
    "cosine_similarity": ((P, SCORES), [distance.cosine(p, s) - 1 for p, s in zip(P, SCORES, strict=True)]),
}


@pytest.mark.parametrize("name", PEERS)
def test_values_are_those_of_peers(name):
    arguments, expected = PEERS[name]
    got = load("numpy", name).loss(*arguments, reduction="none")
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)
