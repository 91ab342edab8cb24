"""Log-sum-exps over sets that a key tells, with or without the own entry, against dense loops: ties and empty sets, too."""

import numpy as np
import pytest
import tensorflow as tf
from sympy import Eq, Ge, Le, Ne, Or, exp, log

from symloss import Loss, load, y_pred, y_true
from symloss.declare import Axis, Data, ExtraInput, Lists, Vectors, bracket, log_sum_exp_over, real, sum_over
from tests.jets import Reading

N = Axis("N")
i, j, k = N.index("i"), N.index("j"), N.index("k")
w = Data("w")


def of_set(condition, factor=1):
    return log_sum_exp_over(j, factor * y_pred[j], condition)


AT_MOST, AT_LEAST, SAME = Le(y_true[j], y_true[i]), Ge(y_true[j], y_true[i]), Eq(y_true[j], y_true[i])
BELOW = y_true[j] < y_true[i]
TERMS = {
    "weighted": y_true[i] ** 2 * (of_set(AT_LEAST, 3) - 3 * y_pred[i]),
    "groups": w[i] * (of_set(SAME) - y_pred[i]),
    "below_or_itself": of_set(Or(BELOW, Eq(i, j))) - y_pred[i],
    "empty_sets": log(1 + exp(of_set(BELOW) - y_pred[i])),
    "two_keys": of_set(AT_MOST & Le(w[j], w[i])) - y_pred[i],
    "all_of_a_set": sum_over(k, bracket(Le(y_true[k], y_true[i])) * (of_set(AT_MOST) - y_pred[k])),
    "all_others": sum_over(k, bracket(Ne(k, i)) * (of_set(Ne(j, i)) - y_pred[k])),
    "squared": (of_set(AT_MOST) - y_pred[i]) ** 2,
    "half_of_it": of_set(AT_MOST) / 2 - y_pred[i],
    "shares": w[i] * exp(y_pred[i] - of_set(AT_MOST)),
    "complements": (1 - exp(y_pred[i] - of_set(AT_LEAST))) ** 2,
    "both_ways": of_set(AT_MOST) / 2 + of_set(AT_LEAST) / 2 - y_pred[i],
}


def drawn(dice, step):
    """Labels with ties or without, scores with duplicates, weights of both signs or with zeros."""
    size = int(dice.integers(1, 7))
    labels = dice.integers(-1, 3, size).astype(float) if step % 2 else dice.normal(size=size)
    scores = dice.normal(size=size) * (1 + 4 * (step % 2))
    scores[dice.integers(size)] = scores[0]
    weights = dice.normal(size=size) if step % 3 else dice.integers(0, 3, size).astype(float)
    return labels, scores, weights, dice.normal(size=size)


@pytest.mark.parametrize("target", ["numpy", "tensorflow"])
@pytest.mark.parametrize("name", TERMS)
def test_derivatives_are_those_of_dense_loops(name, target):
    term = TERMS[name]
    extras = (ExtraInput(w, Vectors("N", real), "weights"),) if term.has(w) else ()
    loss = Loss(
        name=name,
        summary="over sets.",
        expression=sum_over(i, term),
        y_true=Lists("N", real),
        y_pred=Lists("N", real),
        extra_inputs=extras,
    )
    module, dice = load(loss).compile(target), np.random.default_rng(20261128)
    for step in range(12 if target == "numpy" else 4):
        labels, scores, weights, vector = drawn(dice, step)
        arrays = {"y_true": labels, "y_pred": scores, "w": weights}
        exact = Reading(arrays, {"N": len(labels)}).read(loss.full_expression, {})
        hessian = np.asarray(exact.hessian, float).reshape(len(labels), -1)
        wanted = [[exact.value], np.ravel(exact.gradient), np.diag(hessian), hessian @ vector]
        given = [array[None] for array in (labels, scores, *([weights] if extras else []))]
        vectors = [vector[None]]
        if target == "tensorflow":
            given, vectors = [tf.constant(array) for array in given], [tf.constant(vector[None])]
        with np.errstate(all="ignore"):
            found = [module._value(*given), module._gradient(*given), module._hessian(*given)]
            found.append(module._hessian_vector_product(*given, *vectors))
        for got, exactly in zip(found, wanted, strict=True):
            np.testing.assert_allclose(np.ravel(got), np.asarray(exactly, float), rtol=1e-10, atol=1e-11)
