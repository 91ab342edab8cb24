"""Dask arrays: the same numbers as one process, whatever the chunks, and on a cluster."""

import subprocess
import sys

import dask
import dask.array as da
import numpy as np
import pytest

import symloss.dask
from symloss.errors import UnsupportedError
from tests.conftest import ROOT, load

LOSSES = ["huber", "binary_crossentropy_logits", "poisson_nll", "pinball", "squared_error"]
CLASS_LABELS = [
    "generalized_cross_entropy",
    "sparse_categorical_crossentropy",
    "sparse_categorical_crossentropy_logits",
]
COUNT = 4001


def arguments(name, seed=0):
    """Labels, predictions and weights."""
    rng = np.random.default_rng(seed)
    labels = {
        "binary_crossentropy_logits": lambda: (rng.random(COUNT) < 0.3).astype(float),
        "poisson_nll": lambda: rng.poisson(2.0, COUNT).astype(float),
    }.get(name, lambda: rng.normal(size=COUNT))()
    return labels, rng.normal(size=COUNT), rng.random(COUNT)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_chunks_give_what_the_module_gives(name, reduction, weighted):
    """Values, derivatives, pairs; in uneven chunks, and with labels chunked otherwise."""
    module = load("numpy", name)
    loss = symloss.dask.over(module)
    y_true, y_pred, weight = arguments(name)
    lazy = da.from_array(y_true, chunks=1000), da.from_array(y_pred, chunks=(1500, 1, 2500))
    plain = {"reduction": reduction, **({"sample_weight": weight} if weighted else {})}
    given = {"reduction": reduction, **({"sample_weight": da.from_array(weight, chunks=777)} if weighted else {})}
    for function in ("loss", "gradient", "hessian"):
        found = getattr(loss, function)(*lazy, **given)
        wanted = getattr(module, function)(y_true, y_pred, **plain)
        assert found.dtype == np.asarray(wanted).dtype
        assert found.shape == np.shape(wanted)
        np.testing.assert_allclose(found.compute(), wanted, rtol=1e-13)
    for function in ("loss_and_gradient", "gradient_and_hessian"):
        for got, wanted in zip(
            dask.compute(*getattr(loss, function)(*lazy, **given)),
            getattr(module, function)(y_true, y_pred, **plain),
            strict=True,
        ):
            np.testing.assert_allclose(got, wanted, rtol=1e-13)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_the_best_constant_is_that_of_the_module(name, weighted):
    """In a few passes, from the best constants of chunks."""
    module = load("numpy", name)
    y_true, _, weight = arguments(name)
    plain = {"sample_weight": weight} if weighted else {}
    given = {"sample_weight": da.from_array(weight, chunks=500)} if weighted else {}
    found = symloss.dask.over(module).start_value(da.from_array(y_true, chunks=900), **given)
    wanted = module.start_value(y_true, **plain)
    if name == "pinball":  # any number between two labels is as good
        weights = weight if weighted else np.ones(COUNT)
        totals = [module.loss(y_true, np.full(COUNT, constant), sample_weight=weights) for constant in (found, wanted)]
        np.testing.assert_allclose(*totals, rtol=1e-14)
    else:
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_chunks_of_one_label_have_no_best_constant_but_all_together_do():
    """Logits of sorted labels: all chunks but one fall for ever, on both sides."""
    module = load("numpy", "binary_crossentropy_logits")
    y_true = np.sort(arguments("binary_crossentropy_logits")[0])
    found = symloss.dask.over(module).start_value(da.from_array(y_true, chunks=300))
    np.testing.assert_allclose(found, module.start_value(y_true), rtol=1e-12)
    with pytest.raises(ValueError, match="no finite constant"):
        symloss.dask.over(module).start_value(da.zeros(1000, chunks=100))


@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize("name", ["categorical_crossentropy_logits", "sparse_categorical_crossentropy_logits"])
def test_the_axis_of_a_sample_becomes_one_chunk(name, axis):
    """Class scores that are chunked over classes too."""
    module = load("numpy", name)
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(200, 6))
    labels = rng.integers(0, 6, 200)
    if "sparse" not in name:
        labels = np.eye(6)[labels]
    if axis == 0:
        scores, labels = scores.T.copy(), labels.T.copy()
    lazy = [da.from_array(labels, chunks=50), da.from_array(scores, chunks=(3, 3) if axis == 0 else (60, 2))]
    loss = symloss.dask.over(module)
    for reduction in ("mean", "sum", "none"):
        for function in ("loss", "gradient", "hessian"):
            found = getattr(loss, function)(*lazy, reduction=reduction, axis=axis).compute()
            wanted = getattr(module, function)(labels, scores, reduction=reduction, axis=axis)
            np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("name", CLASS_LABELS)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_best_constant_for_class_labels_is_of_their_counts(name, weighted):
    """In one pass, whatever the chunks; what is wrong with labels and weights is said."""
    module = load("numpy", name)
    rng = np.random.default_rng(2)
    labels = rng.choice(5, 3000, p=[0.1, 0.2, 0.3, 0.25, 0.15])
    weight = rng.random(3000) if weighted else None
    found = symloss.dask.over(module).start_value(da.from_array(labels, chunks=700), sample_weight=weight)
    np.testing.assert_allclose(found, module.start_value(labels, sample_weight=weight), rtol=1e-6, atol=1e-9)


# Targets of the losses over an axis whose predictions and targets have the same shape.
VECTORS = {
    **dict.fromkeys(
        [
            "categorical_crossentropy",
            "categorical_crossentropy_logits",
            "focal_categorical",
            "focal_categorical_probability",
            "hellinger",
            "jensen_shannon",
            "kl_divergence",
            "listnet_softmax",
            "wasserstein_1d_histogram",
        ],
        lambda rng: rng.dirichlet(np.ones(4), 300),
    ),
    **dict.fromkeys(
        ["categorical_hinge", "dice", "jaccard", "tversky"],
        lambda rng: np.eye(4)[rng.choice(4, 300, p=[0.1, 0.2, 0.3, 0.4])],
    ),
    "cosine_similarity": lambda rng: rng.normal(1, 1, size=(300, 4)),
    "lambdarank": lambda rng: rng.integers(0, 3, size=(300, 4)).astype(float),
    "ranknet": lambda rng: rng.integers(0, 3, size=(300, 4)).astype(float),
}


@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", VECTORS)
def test_the_best_vector_is_that_of_the_module(name, weighted, axis):
    """By the module's own rule, of sums over chunks; chunked over the entries too, and with a chunk without weight."""
    module = load("numpy", name)
    rng = np.random.default_rng(3)
    targets = VECTORS[name](rng)
    weight = np.where(np.arange(300) < 120, 0, rng.random(300)) if weighted else None
    targets = np.moveaxis(targets, -1, axis)
    lazy = da.from_array(targets, chunks=(120, 3) if axis == -1 else (3, 120))
    found = outcome(lambda: symloss.dask.over(module).start_value(lazy, sample_weight=weight, axis=axis))
    wanted = outcome(lambda: module.start_value(targets, sample_weight=weight, axis=axis))
    if isinstance(wanted, str):
        assert found == wanted
        return
    reduced = [
        module.loss(targets, np.broadcast_to(np.expand_dims(best, 1 + axis), targets.shape), axis=axis)
        for best in (found, wanted)
    ]
    if weight is None:  # at the minimum, where the Newton steps of sums in another order end a little apart
        np.testing.assert_allclose(*reduced, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def outcome(compute):
    """What is computed, or the message of the error."""
    try:
        return compute()
    except ValueError as error:
        return str(error)


def test_wrong_class_labels_of_a_best_constant_are_told():
    """Also those beyond the number of classes, and weights."""
    with pytest.raises(ValueError, match="start from 0"):
        symloss.dask.over(load("numpy", "multi_margin")).start_value(np.array([0, 1]))
    loss = symloss.dask.over(load("numpy", "sparse_categorical_crossentropy_logits"))
    labels = da.from_array(np.array([0, 1, 2, 1]), chunks=2)
    with pytest.raises(ValueError, match=r"y_true is 2 at index .2,.; it must be a class label from 0 to 1"):
        loss.start_value(labels, classes=2)
    with pytest.raises(ValueError, match="the label -1"):
        loss.start_value(labels - 1)
    with pytest.raises(TypeError, match="float64"):
        loss.start_value(labels * 1.0)
    with pytest.raises(ValueError, match="non-negative"):
        loss.start_value(labels, sample_weight=np.array([1.0, -1, 1, 1]))


def test_parameters_extra_inputs_and_links_are_passed_on():
    """Numbers as they are, arrays chunk by chunk."""
    y_true, y_pred, weight = arguments("huber")
    module = load("numpy", "huber")
    found = symloss.dask.over(module).loss(y_true, da.from_array(y_pred, chunks=1000), delta=0.3)
    np.testing.assert_allclose(found.compute(), module.loss(y_true, y_pred, delta=0.3), rtol=1e-14)
    weighted = load("numpy", "context_weighted_squared_error")
    name = weighted.METADATA["extra_inputs"]
    (extra,) = name
    for values in (weight, 0.5):
        lazy = da.from_array(values, chunks=100) if np.ndim(values) else values
        found = symloss.dask.over(weighted).gradient(y_true, da.from_array(y_pred, chunks=800), **{extra: lazy})
        np.testing.assert_allclose(found.compute(), weighted.gradient(y_true, y_pred, **{extra: values}), rtol=1e-13)
    logits = load("numpy", "binary_crossentropy_logits")
    found = symloss.dask.over(logits).inverse_link(da.from_array(y_pred, chunks=1000))
    np.testing.assert_array_equal(found.compute(), logits.inverse_link(y_pred))


def test_what_does_not_fit_is_refused():
    """Shapes at once, values with the chunk that holds them."""
    loss = symloss.dask.over(load("numpy", "binary_crossentropy_logits"))
    scores = da.zeros(1000, chunks=100)
    with pytest.raises(ValueError, match="they do not fit"):
        loss.loss(np.zeros(999), scores)
    with pytest.raises(ValueError, match="they do not fit"):
        loss.loss(np.zeros((1000, 1)), scores)
    with pytest.raises(ValueError, match="choose"):
        loss.loss(np.zeros(1000), scores, reduction="average")
    wrong = np.zeros(1000)
    wrong[750] = 2.0
    with pytest.raises(ValueError, match=r"y_true is 2.0 at index \(50,\).*the chunk that begins at \(700,\)"):
        loss.loss(wrong, scores).compute()
    with pytest.raises(ValueError, match="sum to 0"):
        loss.loss(np.zeros(1000), scores, sample_weight=np.zeros(1000)).compute()
    with pytest.raises(UnsupportedError, match="compares entries"):
        symloss.dask.over(load("numpy", "infonce"))


def test_a_cluster_gives_the_same():
    """Two processes of ``dask.distributed``, in a process of their own."""
    program = """
import dask.array as da
import numpy as np
from dask.distributed import Client, LocalCluster

import symloss.dask
from generated.numpy import huber

if __name__ == "__main__":
    rng = da.random.default_rng(0)
    y_true, y_pred = (rng.normal(size=2_000_000, chunks=100_000) for _ in range(2))
    loss = symloss.dask.over(huber)
    value, gradient = loss.loss_and_gradient(y_true, y_pred)
    both = value, gradient.sum(), y_true, y_pred
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        value, total, labels, scores = client.gather(client.compute(both))
        best = loss.start_value(y_true)
    wanted = huber.loss_and_gradient(labels, scores)
    np.testing.assert_allclose(value, wanted[0], rtol=1e-14)
    np.testing.assert_allclose(total, wanted[1].sum(), rtol=1e-10)
    np.testing.assert_allclose(best, huber.start_value(labels), rtol=1e-9, atol=1e-12)
    print("the same")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert "the same" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("target", ["numpy", "c", "numba"])
def test_a_best_vector_that_does_not_exist_is_an_error_and_no_warning(target):
    """Directions of zero have no mean; every target says so."""
    module = symloss.load("cosine_similarity").compile(target)
    with pytest.raises(ValueError, match="no finite constant is best: the mean target is"):
        module.start_value(np.zeros((2, 3)))
