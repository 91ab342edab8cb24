"""Intermediates of more dimensions than any input are computed for a few rows at a time, with the same results."""

import tracemalloc

import numpy as np
import pytest
import tensorflow as tf
from sympy import Abs, Eq, Max, Ne, Symbol, exp, sqrt

from symloss import Loss, Parameter, catalogue, load, y_pred, y_true
from symloss.blocks import Block, blocks_of, in_order
from symloss.declare import (
    Arrays,
    Axis,
    Identifiers,
    bracket,
    log_sum_exp_over,
    max_over,
    norm,
    positive,
    real,
    sum_over,
)
from symloss.derive import derive
from symloss.kernel import Input
from symloss.lower import lower
from tests.jets import Reading

N, M, D = Axis("N"), Axis("M"), Axis("D")
i, j, m, d = N.index("i"), N.index("j"), M.index("m"), D.index("d")
RNG = np.random.default_rng(20261125)
between = y_pred[i, d] - y_pred[j, d]
to_centre = y_pred[i, d] - y_true[m, d]

PAIRS = {
    "gaussian_kernel": bracket(Ne(i, j)) * exp(-sum_over(d, between**2)),
    "city_block": bracket(Eq(y_true[i], y_true[j])) * sum_over(d, Abs(between)) ** 2,
    "largest_difference": max_over(d, Abs(between)) ** 2,
    "hinge_of_distance": bracket(Ne(y_true[i], y_true[j])) * Max(0, 3 - norm(between, d)) ** 2,
    "bounded_entries": sum_over(d, 1 / (1 + between**2)),
    "product_of_sums": sum_over(d, between**2) * sum_over(d, sqrt(1 + between**2)),
}
LOSSES = {
    name: Loss(
        name=name,
        summary="of pairs.",
        expression=sum_over(j, pair),
        rows=i,
        y_true=Identifiers(("N",)),
        y_pred=Arrays(("N", "D"), real),
    )
    for name, pair in PAIRS.items()
}
LOSSES["soft_nearest_centre"] = Loss(
    name="soft_nearest_centre",
    summary="of rows and centres.",
    expression=-log_sum_exp_over(m, -sum_over(d, to_centre**2)),
    rows=i,
    y_true=Arrays(("M", "D"), real),
    y_pred=Arrays(("N", "D"), real),
)
FUNCTIONS = ("loss", "gradient", "hessian", "hessian_vector_product")
CELLS = (1, 40, 2**16)


def drawn(name, rows=5, features=3):
    """Labels with repetitions or centres, and predictions."""
    labels = RNG.normal(size=(4, features)) if name == "soft_nearest_centre" else RNG.integers(0, 3, rows)
    return labels, RNG.normal(size=(rows, features))


def results(module, labels, predictions, vector):
    """What all functions return."""
    given = {"hessian_vector_product": (vector,)}
    return [
        np.asarray(getattr(module, function)(labels, predictions, *given.get(function, ()))) for function in FUNCTIONS
    ]


@pytest.mark.parametrize("cells", CELLS)
@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("name", LOSSES)
def test_any_number_of_rows_at_a_time_gives_the_derivatives_of_dense_loops(name, rows, cells):
    loss, module = LOSSES[name], load(LOSSES[name]).compile("numpy")
    module._CELLS = cells
    labels, predictions = drawn(name, rows)
    sizes = {"N": rows, "M": 4, "D": 3}
    exact = Reading({"y_true": labels, "y_pred": predictions}, sizes).read(sum_over(i, loss.full_expression), {})
    vector = RNG.normal(size=predictions.shape)
    hessian = np.asarray(exact.hessian, float).reshape(rows * 3, rows * 3) / rows
    expected = [
        exact.value / rows,
        np.asarray(exact.gradient, float).reshape(rows, 3) / rows,
        np.diag(hessian).reshape(rows, 3),
        (hessian @ vector.ravel()).reshape(rows, 3),
    ]
    for got, wanted in zip(results(module, labels, predictions, vector), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", LOSSES)
def test_samples_in_front_are_computed_apart(name):
    """Several batches of rows at once, in blocks of any size."""
    module = load(LOSSES[name]).compile("numpy")
    drawings = [drawn(name) for _ in range(3)]
    vectors = [RNG.normal(size=predictions.shape) for _, predictions in drawings]
    alone = [results(module, *drawing, vector) for drawing, vector in zip(drawings, vectors, strict=True)]
    for cells in CELLS:
        module._CELLS = cells
        stacked = [np.stack(part) for part in (*zip(*drawings, strict=True), vectors)]
        value, *derivatives = results(module, *stacked)
        assert value == pytest.approx(np.mean([found[0] for found in alone]), rel=1e-13)
        for place, derivative in enumerate(derivatives, start=1):
            expected = np.stack([found[place] for found in alone]) / 3
            np.testing.assert_allclose(derivative, expected, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("name", ["rows", "of_rows", "compute", "y_pred_rows"])
def test_a_parameter_may_be_named_as_what_blocks_name(name):
    """The function of rows then has another argument, and reads the parameter."""
    scale = Symbol(name, positive=True)
    loss = Loss(
        name="scaled",
        summary="of pairs.",
        expression=sum_over(j, sum_over(d, exp(-scale * between**2))),
        rows=i,
        y_true=Identifiers(("N",)),
        y_pred=Arrays(("N", "D"), real),
        parameters=[Parameter(scale, 2.0, positive, "how fast")],
    )
    labels, predictions = drawn("scaled")
    expected = np.exp(-2 * (predictions[:, None] - predictions) ** 2).sum((1, 2))
    module = load(loss).compile("numpy")
    np.testing.assert_allclose(module.loss(labels, predictions, reduction="none"), expected, rtol=1e-14)
    module = load(loss).compile("tensorflow")
    np.testing.assert_allclose(module.scaled(labels, tf.constant(predictions)), expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("mode", "cells"), [("eager", 1), ("graph of unknown shape", 1), ("graph of unknown shape", 2**22), ("XLA", 1)]
)
@pytest.mark.parametrize("name", ["city_block", "hinge_of_distance", "soft_nearest_centre"])
def test_tensorflow_computes_row_by_row_what_numpy_computes(name, cells, mode):
    """Value, gradient, and Hessian times a vector through two tapes."""
    labels, predictions = drawn(name)
    vector = RNG.normal(size=predictions.shape)
    value, gradient, _, product = results(load(LOSSES[name]).compile("numpy"), labels, predictions, vector)
    module = load(LOSSES[name]).compile("tensorflow")
    module._CELLS = cells

    def compute(y_true, y_pred, vector):
        with tf.GradientTape() as outer:
            outer.watch(y_pred)
            with tf.GradientTape() as inner:
                inner.watch(y_pred)
                mean = tf.reduce_mean(getattr(module, name)(y_true, y_pred))
            slope = inner.gradient(mean, y_pred)
        return mean, slope, outer.gradient(slope, y_pred, output_gradients=vector)

    given = [tf.constant(labels), tf.constant(predictions), tf.constant(vector)]
    if mode == "graph of unknown shape":
        compute = tf.function(
            compute, input_signature=[tf.TensorSpec([None] * array.shape.rank, array.dtype) for array in given]
        )
    if mode == "XLA":
        compute = tf.function(compute, jit_compile=True)
    for got, wanted in zip(compute(*given), (value, gradient, product), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", [*(name for name in LOSSES if name != "soft_nearest_centre"), "batch_hard_triplet"])
def test_memory_grows_with_pairs_and_never_with_pairs_times_features(name):
    """N = 300 rows of D = 200 features: one array of all differences would have 18 million numbers."""
    module = load(LOSSES.get(name, name)).compile("numpy")
    labels, predictions = RNG.integers(0, 30, 300), RNG.normal(size=(300, 200))
    vector = RNG.normal(size=predictions.shape)
    tracemalloc.start()
    results(module, labels, predictions, vector)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.25 * 300 * 300 * 200 * 8


@pytest.mark.parametrize("name", sorted(set(catalogue.form_names().values())))
def test_no_loss_of_the_catalogue_forms_more_dimensions_outside_of_blocks(name):
    """Not even pairs of the entries of a list."""
    for form in catalogue.declared(name).generated_forms():
        if form.is_elementwise:
            continue
        kernel = lower(derive(form))
        most = max(len(value.dims) for value in kernel.values if isinstance(value.definition, Input))
        for output in kernel.outputs:
            needed = kernel.needed_for(output)
            blocks = blocks_of(kernel, needed)
            outside = [item for item in in_order(kernel, needed, blocks) if not isinstance(item, Block)]
            assert all(len(kernel.values[place].dims) <= most for place in outside)
