"""Declarations over several axes: what is refused, and conditions that are joined."""

import numpy as np
import pytest
from sympy import Eq, Max, Ne, Or, tanh

from symloss import Loss, load, y_pred, y_true
from symloss.declare import Arrays, Axis, Data, Vectors, bracket, log_sum_exp_over, max_over, real, sum_over
from symloss.errors import DeclarationError
from tests.jets import Reading

N, D = Axis("N"), Axis("D")
i, j, k, d = N.index("i"), N.index("j"), N.index("k"), D.index("d")
LISTS = Vectors("N", real)


def over_lists(expression, **given):
    """A loss of lists of scores and labels."""
    return Loss(name="any", summary="x", expression=expression, y_true=LISTS, y_pred=LISTS, **given)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (y_pred[i] ** 2, "the index i is free"),
        (sum_over(d, y_pred[d] ** 2), "index of axis D, but axis 1 of y_pred is N"),
        (sum_over(i, sum_over(j, y_pred[i, j] ** 2)), "has 2 indices, y_pred has N"),
        (sum_over(i, sum_over(j, bracket(y_pred[i] > y_pred[j]) * y_pred[i])), "a bracket of predictions"),
        (
            sum_over(i, sum_over(j, bracket(Or(y_pred[i] > y_pred[j], Eq(i, j))) * y_pred[i])),
            "a bracket of predictions",
        ),
    ],
)
def test_wrong_use_of_an_axis_is_refused_at_declaration(expression, message):
    """A free index, an index out of its axis, too many of them, a condition that jumps."""
    with pytest.raises(DeclarationError, match=message):
        over_lists(expression)


def test_names_that_are_defined_by_each_other_are_refused():
    """Neither could be computed first."""
    a, b = Data("a"), Data("b")
    with pytest.raises(DeclarationError, match="defines a, b by each other"):
        over_lists(sum_over(i, a[i]), where={a[i]: b[i] + y_pred[i], b[i]: a[i]})


def test_what_is_no_condition_is_refused():
    """Arithmetic is not a bracket, alone or joined."""
    with pytest.raises(DeclarationError, match="is no comparison"):
        bracket(y_true[i] + 1)


@pytest.mark.parametrize(
    "expression",
    [
        sum_over(i, max_over(j, y_pred[j], Or(y_true[j] < y_true[i], Eq(i, j)))),
        sum_over(i, max_over(j, y_pred[j], ~((y_true[j] >= y_true[i]) & Ne(i, j)))),
        sum_over(i, log_sum_exp_over(j, y_pred[j], Or(y_true[j] < y_true[i], Eq(i, j)))),
        sum_over(i, sum_over(j, bracket(Or(Eq(y_true[i], y_true[j]), j < i)) * Max(0, y_pred[i] - y_pred[j]) ** 2)),
    ],
)
def test_conditions_are_joined_by_or_and_not(expression):
    """Of maxima, log-sum-exps and sums, against dense loops; members of every set differ."""
    loss = over_lists(expression)
    arrays = {"y_true": np.array([2.0, 1.0, 3.0, 1.0]), "y_pred": np.array([0.1, 0.5, -0.2, 0.4])}
    exact = Reading(arrays, {"N": 4}).read(loss.full_expression, {})
    module = load(loss).compile("numpy")
    given = (arrays["y_true"], arrays["y_pred"])
    assert module.loss(*given) == pytest.approx(exact.value, rel=1e-14)
    np.testing.assert_allclose(module.gradient(*given), exact.gradient, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(module.hessian_full(*given), exact.hessian, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    "expression",
    [
        sum_over(i, sum_over(j, abs(y_pred[i] - y_pred[j]))),
        sum_over(i, y_true[i] * sum_over(j, y_true[j] * abs(3 * y_pred[j] - 3 * y_pred[i]))),
        sum_over(i, sum_over(j, (y_true[j] - 2) * abs(y_pred[i] ** 2 - y_pred[j] ** 2))),
        sum_over(i, tanh(sum_over(j, y_true[j] * y_pred[j] * abs(y_true[i] - y_true[j])))),
        sum_over(i, y_true[i] * sum_over(j, abs(y_pred[i] - y_pred[j] + 1))),
    ],
)
@pytest.mark.parametrize("target", ["numpy", "tensorflow"])
def test_sums_of_distances_are_those_of_dense_loops(expression, target):
    """Sorted where the distance is of one array to itself; ties of y_true, weights of both signs, one that is shifted."""
    loss = over_lists(expression)
    given = np.array([2.0, 1.0, 3.0, 1.0, -1.0]), np.array([0.1, 0.5, -0.2, 0.4, 0.7])
    exact = Reading(dict(zip(("y_true", "y_pred"), given, strict=True)), {"N": 5}).read(loss.full_expression, {})
    if target == "numpy":
        module = load(loss).compile("numpy")
        assert module.loss(*given) == pytest.approx(exact.value, rel=1e-13)
        np.testing.assert_allclose(module.gradient(*given), exact.gradient, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(module.hessian_full(*given), exact.hessian, rtol=1e-12, atol=1e-13)
        return
    tf = pytest.importorskip("tensorflow")
    moving = tf.constant(given[1][None])
    with tf.GradientTape() as tape:
        tape.watch(moving)
        value = load(loss).compile("tensorflow").any(given[0][None], moving)[0]
    assert float(value) == pytest.approx(exact.value, rel=1e-13)
    np.testing.assert_allclose(tape.gradient(value, moving)[0], exact.gradient, rtol=1e-12, atol=1e-14)


def test_an_ensemble_of_any_size_is_sorted_and_never_paired():
    """Pairs of 300 000 members would fill 700 GB; ties are exact."""
    members = np.repeat(np.arange(100_000.0), 3)[None]
    module = load("crps_ensemble").compile("numpy")
    size, distance = 100_000, (100_000**2 - 1) / (3 * 100_000)  # of two uniform integers
    wanted = np.abs(np.arange(size) - 7.0).mean() - distance / 2
    assert module.loss(np.array([7.0]), members) == pytest.approx(wanted, rel=1e-12)
    assert module.gradient(np.array([7.0]), members).sum() == pytest.approx((size - 8 - 7) / size, rel=1e-9)


@pytest.mark.parametrize("name", ["similarity", "price_change", "price_slope", "y_pred_slope", "np", "samples"])
def test_an_array_may_have_any_name(name):
    """Also one that ends as the names of derivatives do."""
    named = Data(name)
    loss = Loss(
        name="any",
        summary="x",
        expression=sum_over(j, tanh(named[i, j])),
        where={named[i, j]: sum_over(d, y_pred[i, d] * y_true[j, d]) ** 2},
        rows=i,
        y_true=Arrays(("N", "D"), real),
        y_pred=Arrays(("N", "D"), real),
    )
    dice = np.random.default_rng(0)
    arrays, vector = {part: dice.normal(size=(3, 2)) for part in ("y_true", "y_pred")}, dice.normal(size=(3, 2))
    rows = [Reading(arrays, {"N": 3, "D": 2}).read(loss.full_expression, {i: place}) for place in range(3)]
    hessian = sum(row.hessian for row in rows)
    module, given = load(loss).compile("numpy"), (arrays["y_true"], arrays["y_pred"])
    product = module.hessian_vector_product(*given, vector, reduction="sum")
    np.testing.assert_allclose(product.ravel(), hessian @ vector.ravel(), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(module.hessian(*given, reduction="sum").ravel(), np.diag(hessian), rtol=1e-12)


@pytest.mark.parametrize("name", ["vector", "row_weight"])
def test_names_of_other_arrays_are_refused(name):
    """They stand for something else in the same formulas."""
    named = Data(name)
    with pytest.raises(DeclarationError, match="is taken"):
        over_lists(sum_over(i, named[i]), where={named[i]: y_pred[i] ** 2})
