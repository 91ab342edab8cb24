"""Lists of any length that lie one behind the other, against a loop over the lists."""

import numpy as np
import pytest

from tests.conftest import load

RNG = np.random.default_rng(20260404)
NAMES = ["bpr", "cox_efron", "cox_partial_likelihood", "lambdarank", "listmle", "listnet_softmax", "ranknet"]
LENGTHS = {
    "one list": [4],
    "of one entry": [1, 1, 1],
    "alike": [3, 3, 3, 3],
    "ragged": [1, 5, 2, 5, 7, 1, 2, 40],
    "empty ones": [0, 3, 0, 0, 2, 3, 0],
}


def drawn(name, lengths):
    """Labels and times with ties, scores with duplicates, and what else a loss takes."""
    size = sum(lengths)
    y_true = RNG.integers(0, 4, size).astype(float)
    y_pred = RNG.choice(RNG.normal(size=size), size)
    return y_true, y_pred, {"event": RNG.integers(0, 2, size).astype(float)} if name.startswith("cox") else {}


def by_list(module, function, lengths, y_true, y_pred, extra, *others):
    """The function of every list alone, not reduced; nothing and 0 for an empty one."""
    found, begin = [], 0
    for length in lengths:
        part = slice(begin, begin + length)
        given = [array[part][None] for array in (y_true, y_pred, *others)]
        keywords = {name: array[part][None] for name, array in extra.items()}
        result = getattr(module, function)(*given, reduction="none", **keywords)[0] if length else 0.0
        found.append(result)
        begin += length
    return found


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", LENGTHS)
@pytest.mark.parametrize("name", NAMES)
def test_offsets_give_what_a_loop_over_the_lists_gives(name, case, weighted):
    lengths, module = LENGTHS[case], load("numpy", name)
    y_true, y_pred, extra = drawn(name, lengths)
    vector = RNG.normal(size=y_pred.size)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    weight = RNG.random(len(lengths)) if weighted else np.ones(len(lengths))
    keywords = {**extra, "offsets": offsets, "sample_weight": weight if weighted else None}
    values = np.array(by_list(module, "loss", lengths, y_true, y_pred, extra)) * weight
    per_entry = np.repeat(weight, lengths)
    total = weight.sum()
    assert np.allclose(module.loss(y_true, y_pred, reduction="none", **keywords), values, rtol=1e-13)
    assert module.loss(y_true, y_pred, reduction="sum", **keywords) == pytest.approx(values.sum(), rel=1e-13)
    assert module.loss(y_true, y_pred, **keywords) == pytest.approx(values.sum() / total, rel=1e-13)
    for function, others in (("gradient", ()), ("hessian", ()), ("hessian_vector_product", (vector,))):
        parts = by_list(module, function, lengths, y_true, y_pred, extra, *others)
        wanted = np.concatenate([part for part in parts if np.ndim(part)]) * per_entry
        for reduction, factor in (("none", 1), ("sum", 1), ("mean", total)):
            got = getattr(module, function)(y_true, y_pred, *others, reduction=reduction, **keywords)
            np.testing.assert_allclose(got, wanted / factor, rtol=1e-12, atol=1e-14)
    value, gradient = module.loss_and_gradient(y_true, y_pred, **keywords)
    assert value == module.loss(y_true, y_pred, **keywords)
    assert (gradient == module.gradient(y_true, y_pred, **keywords)).all()
    assert (
        module.gradient_and_hessian(y_true, y_pred, **keywords)[1] == module.hessian(y_true, y_pred, **keywords)
    ).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_dtypes_are_kept(dtype):
    y_true, y_pred, _ = drawn("ranknet", [2, 3])
    got = load("numpy", "ranknet").gradient(y_true.astype(dtype), y_pred.astype(dtype), offsets=[0, 2, 5])
    assert got.dtype == dtype


@pytest.mark.parametrize(
    ("offsets", "change", "message"),
    [
        ([0, 2], {}, "offsets must rise from 0 to the size of y_pred, 5"),
        ([0, 3, 2, 5], {}, "offsets must rise from 0"),
        ([1, 5], {}, "offsets must rise from 0"),
        ([0.0, 5.0], {}, "integers are needed"),
        ([5], {}, "integers are needed"),
        (
            [0, 2, 5],
            {"y_true": np.zeros((5, 1))},
            r"y_true has shape \(5, 1\), y_pred \(5,\); with offsets both need one",
        ),
        ([0, 2, 5], {"y_true": np.zeros(4)}, r"y_true has shape \(4,\)"),
        ([0, 2, 5], {"sample_weight": np.ones(5)}, "but offsets make 2 lists"),
        ([0, 2, 5], {"sample_weight": [-1.0, 1.0]}, "non-negative"),
        ([0, 2, 5], {"sample_weight": [0.0, 0.0]}, "a positive, finite sum"),
        ([0, 2, 5], {"reduction": "avg"}, "choose"),
        ([0, 2, 5], {"sigma": -1.0}, "outside its domain"),
    ],
)
def test_wrong_offsets_are_named(offsets, change, message):
    given = {"y_true": np.zeros(5), "y_pred": np.zeros(5), **change}
    with pytest.raises(ValueError, match=message):
        load("numpy", "ranknet").loss(given.pop("y_true"), given.pop("y_pred"), offsets=offsets, **given)


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_ragged_tensors_give_what_offsets_give(name, graph):
    """Value per list and gradient with respect to the flat scores, eagerly and in a graph."""
    tf = pytest.importorskip("tensorflow")
    lengths = LENGTHS["ragged"]
    y_true, y_pred, extra = drawn(name, lengths)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    function = getattr(load("tensorflow", name), name)

    def derived(scores):
        with tf.GradientTape() as tape:
            tape.watch(scores)
            lists = [tf.RaggedTensor.from_row_splits(array, offsets) for array in (y_true, scores, *extra.values())]
            values = function(*lists)
        return values, tape.gradient(values, scores)

    values, gradient = (tf.function(derived) if graph else derived)(tf.constant(y_pred))
    keywords = {**extra, "offsets": offsets}
    module = load("numpy", name)
    np.testing.assert_allclose(values, module.loss(y_true, y_pred, reduction="none", **keywords), rtol=1e-12)
    wanted = module.gradient(y_true, y_pred, reduction="sum", **keywords)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-11, atol=1e-13)
