"""Rows and lists that are right with confidence keep their digits, against textbook formulas at 400 digits."""

import mpmath
import numpy as np
import pytest
import tensorflow as tf
from mpmath import mp, mpf
from sympy import Eq, Le

from symloss import Loss, load, y_pred, y_true
from symloss.declare import Axis, Lists, log_sum_exp_over, real, sum_over
from tests.conftest import load as load_committed

N = Axis("N")
i, j = N.index("i"), N.index("j")
GROUPED = Loss(
    name="grouped_shares",
    summary="of entries among those of an equal label.",
    expression=sum_over(i, log_sum_exp_over(j, y_pred[j], Eq(y_true[i], y_true[j])) - y_pred[i]),
    y_true=Lists("N", real),
    y_pred=Lists("N", real),
)
TWICE = Loss(
    name="twice_below",
    summary="of entries with signed weights among those of a lower or equal label.",
    expression=sum_over(i, y_true[i] * (log_sum_exp_over(j, 2 * y_pred[j], Le(y_true[j], y_true[i])) - 2 * y_pred[i])),
    y_true=Lists("N", real),
    y_pred=Lists("N", real),
)


def is_in_set(name, own, other):
    """Whether an entry of the key ``other`` is in the set of the key ``own``."""
    return {"grouped_shares": other == own, "cox_partial_likelihood": other >= own}.get(name, other <= own)


def truth(name, labels, scores, weights):
    """Value, gradient, Hessian diagonal and the size of what the gradient adds up."""
    factor = 2 if name == "twice_below" else 1
    powers = [mpmath.exp(factor * mpf(float(score))) for score in scores]
    value, gradient, hessian, size = mpf(0), *([mpf(0)] * len(scores) for _ in range(3))
    for own, label in enumerate(labels):
        weight = mpf(float(weights[own])) * factor
        members = [place for place, other in enumerate(labels) if is_in_set(name, label, other)]
        whole = mpmath.fsum(powers[place] for place in members)
        value += weight / factor * mpmath.log(whole / powers[own])
        for place in members:
            share = powers[place] / whole
            slope = share - 1 if place == own else share
            gradient[place] += weight * slope
            size[place] += abs(weight * slope)
            hessian[place] += weight * factor * share * (1 - share)
    return value, gradient, hessian, size


def weights_of(name, labels, dice):
    """What every entry counts in a loss."""
    if name == "cox_partial_likelihood":
        return dice.integers(0, 2, len(labels)).astype(float)
    return labels if name == "twice_below" else np.ones(len(labels))


def cases(dice):
    """Scores that put a list right or wrong by a little or by a lot, with and without ties."""
    for scale in (1e-3, 1.0, 30.0, 300.0, 1e4):
        for size in (1, 2, 6):
            scores = dice.normal(size=size) * scale
            ranks = np.argsort(np.argsort(scores)).astype(float)
            for labels in (ranks, size - 1 - ranks, dice.integers(0, 3, size).astype(float)):
                yield labels, scores


def is_close(got, wanted, size, tolerance):
    """Relative to the size, down to the smallest floats."""
    return all(
        abs(mpf(float(a)) - b) <= tolerance * c + mpf("1e-300") for a, b, c in zip(got, wanted, size, strict=True)
    )


@pytest.mark.parametrize("target", ["numpy", "tensorflow"])
@pytest.mark.parametrize("name", ["listmle", "cox_partial_likelihood", "grouped_shares", "twice_below"])
def test_lists_keep_the_digits_of_every_entry(name, target):
    """Up to what rounding the scores does: half an ulp of them, times a small factor."""
    own = {"grouped_shares": GROUPED, "twice_below": TWICE}
    module = load(own[name]).compile(target) if name in own else load_committed(target, name)
    dice = np.random.default_rng(20261126)
    for labels, scores in cases(dice):
        weights = weights_of(name, labels, dice)
        given = [labels, scores] + [weights] * (name == "cox_partial_likelihood")
        with mp.workdps(400):
            value, gradient, hessian, size = truth(name, labels, scores, weights)
            rows = [np.array([array]) for array in given]
            if target == "tensorflow":
                rows = [tf.constant(row) for row in rows]
            with np.errstate(all="ignore"):
                got = [np.ravel(f(*rows)) for f in (module._value, module._gradient, module._hessian)]
            tolerance = 1e-15 * (1 + np.abs(scores).max())
            assert is_close(got[0], [value], [sum(size) / 2], 4 * tolerance), (labels, scores)
            assert is_close(got[1], gradient, size, 4 * tolerance), (labels, scores)
            magnitude = [abs(item) for item in hessian] if name != "twice_below" else size
            assert is_close(got[2], hessian, magnitude, 8 * tolerance), (labels, scores)


def cosine(u, v):
    """Of two lists of numbers."""
    return mpmath.fdot(u, v) / mpmath.norm(u) / mpmath.norm(v)


def found_own(anchors, partners, temperature, *, among_others):
    """Textbook cross-entropy of every row for the row of the same number; without the anchor itself among others."""
    values = []
    for place, anchor in enumerate(anchors):
        scores = [cosine(anchor, partner) / temperature for partner in partners]
        own = place ^ 1 if among_others else place
        rivals = [score for other, score in enumerate(scores) if not (among_others and other == place)]
        values.append(mpmath.log(mpmath.fsum(map(mpmath.exp, rivals))) - scores[own])
    return values


@pytest.mark.parametrize("target", ["numpy", "tensorflow"])
@pytest.mark.parametrize("temperature", [0.5, 0.07, 0.02])
@pytest.mark.parametrize("name", ["infonce", "ntxent", "clip"])
def test_embeddings_beside_their_partner_keep_their_digits(name, temperature, target):
    """Four directions at right angles, in pairs: the loss of a row is down to exp(-50)."""
    dice = np.random.default_rng(7)
    directions = np.eye(4) + 0.1 * dice.normal(size=(4, 4))
    near = directions + 0.01 * dice.normal(size=(4, 4))
    module = load_committed(target, name)
    labels, predictions = near, directions
    if name == "ntxent":
        labels, predictions = np.array([0, 0, 1, 1]), np.stack([directions[:2], near[:2]], axis=1).reshape(4, 4)
    with mp.workdps(60):
        others = predictions if name == "ntxent" else near

        def total(move, place):
            rows = [[mpf(float(entry)) for entry in row] for row in predictions]
            rows[place[0]][place[1]] += move
            partners = rows if name == "ntxent" else [[mpf(float(entry)) for entry in row] for row in others]
            there = found_own(rows, partners, mpf(temperature), among_others=name == "ntxent")
            if name != "clip":
                return there
            back = found_own(partners, rows, mpf(temperature), among_others=False)
            return [(one + other) / 2 for one, other in zip(there, back, strict=True)]

        values = total(mpf(0), (0, 0))
        slopes = [
            mpmath.diff(lambda move, place=place: mpmath.fsum(total(move, place)), 0, h=mpf("1e-25"))
            for place in np.ndindex(4, 4)
        ]
    given = (labels, predictions, temperature)
    if target == "tensorflow":
        given = (tf.constant(labels), tf.constant(predictions), tf.constant(temperature, tf.float64))
    weight = np.ones(4) if target == "numpy" else tf.ones(4, tf.float64)
    with np.errstate(all="ignore"):
        got, gradient = np.ravel(module._value(*given)), np.ravel(module._gradient(*given, weight))
    np.testing.assert_allclose(got, [float(value) for value in values], rtol=4e-15 / temperature, atol=0)
    exact = np.array([float(slope) for slope in slopes])
    assert np.abs(gradient - exact).max() <= 1e-14 / temperature * np.abs(exact).max()
