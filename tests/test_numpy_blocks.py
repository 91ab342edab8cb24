"""Large arrays: what is computed in blocks, on several cores, in any layout and into arrays of the caller's."""

import tracemalloc

import numpy as np
import pytest

from symloss import catalogue
from tests.conftest import load
from tests.test_numpy_modules import _batch

FORMS = {form.name: form for name in catalogue.files() for form in catalogue.declared(name).generated_forms()}
COUPLED = sorted(name for name, form in FORMS.items() if form.is_coupled)
SIMPLE = ["huber", "squared_error", "binary_crossentropy_logits", "poisson_nll", "pinball", "log_cosh"]
FUNCTIONS = ("loss", "gradient", "hessian")
PAIRS = (*FUNCTIONS, "loss_and_gradient", "gradient_and_hessian")


def samples(name, count, dtype=np.float64, seed=0):
    """Arguments in the domain of a loss over single predictions."""
    rng = np.random.default_rng(seed)
    y_true = (rng.random(count) < 0.5).astype(dtype) if name != "poisson_nll" else rng.poisson(1.0, count).astype(dtype)
    return y_true, rng.normal(size=count).astype(dtype)


def everything(module, arguments, **keywords):
    """The results of all functions of a module."""
    value, gradient = module.loss_and_gradient(*arguments, **keywords)
    slope, bend = module.gradient_and_hessian(*arguments, **keywords)
    return [getattr(module, name)(*arguments, **keywords) for name in FUNCTIONS] + [value, gradient, slope, bend]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", SIMPLE)
def test_any_number_of_workers_gives_the_same(name, reduction, monkeypatch):
    """Bit by bit: sums are of the same parts."""
    module = load("numpy", name)
    monkeypatch.setattr(module, "_SHARE", 1)
    arguments = samples(name, 3 * module._BLOCK * module._JOINED + 17)
    weight = np.random.default_rng(1).random(arguments[0].size)
    for keywords in ({}, {"sample_weight": weight}):
        alone = everything(module, arguments, reduction=reduction, **keywords)
        for workers in (2, 3, 64):
            together = everything(module, arguments, reduction=reduction, workers=workers, **keywords)
            for one, other in zip(alone, together, strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("name", SIMPLE)
def test_blocks_give_what_single_samples_give(name, dtype):
    """Every element of a large array is what it is in a small one."""
    module = load("numpy", name)
    y_true, y_pred = samples(name, 2 * module._BLOCK + 5, dtype)
    places = [0, 1, module._FEW, module._BLOCK - 1, module._BLOCK, 2 * module._BLOCK, y_pred.size - 1]
    for function in FUNCTIONS:
        whole = getattr(module, function)(y_true, y_pred, reduction="none")
        assert whole.dtype == dtype
        few = getattr(module, function)(y_true[places], y_pred[places], reduction="none")
        np.testing.assert_array_equal(whole[places], few)
    total = module.loss(y_true, y_pred, reduction="none").astype(np.float64).mean()
    np.testing.assert_allclose(module.loss(y_true, y_pred), total, rtol=1e-2 if dtype == np.float16 else 1e-5)


@pytest.mark.parametrize("name", SIMPLE)
def test_any_layout_gives_the_same(name, monkeypatch):
    """Strides, Fortran's order, reversed, a transposed view, integers as labels."""
    module = load("numpy", name)
    monkeypatch.setattr(module, "_SHARE", 1)
    shape = (3, module._BLOCK // 2 + 1, 4)
    y_true, y_pred = (item.reshape(shape) for item in samples(name, int(np.prod(shape))))
    wanted = module.gradient(y_true, y_pred, reduction="none")
    layouts = {
        "strides": lambda item: np.repeat(item, 2, axis=-1)[..., ::2],
        "Fortran": np.asfortranarray,
        "reversed": lambda item: np.ascontiguousarray(item[::-1])[::-1],
        "transposed": lambda item: np.ascontiguousarray(item.transpose(2, 0, 1)).transpose(1, 2, 0),
    }
    for change in layouts.values():
        np.testing.assert_array_equal(module.gradient(change(y_true), change(y_pred), reduction="none"), wanted)
        np.testing.assert_array_equal(module.gradient(y_true, change(y_pred), reduction="none", workers=2), wanted)
    np.testing.assert_array_equal(module.gradient(y_true.astype(np.int8), y_pred, reduction="none"), wanted)


@pytest.mark.parametrize("name", sorted(FORMS))
def test_no_name_is_missing_in_a_large_array(name):
    """Every function of every loss with more than one block, against its halves."""
    module = load("numpy", name)
    y_true, y_pred, extras = _batch(name, shape=(300,))
    count = 2 * module._BLOCK // (y_pred.size // 300) + 3
    given = {"y_true": y_true, "y_pred": y_pred, **extras}
    given = {key: np.resize(item, (count, *item.shape[1:])) for key, item in given.items()}
    for function in FUNCTIONS:
        whole = getattr(module, function)(**given, reduction="none")
        parts = []
        for part in (slice(0, count // 2), slice(count // 2, None)):
            picked = {key: item[part] for key, item in given.items()}
            parts.append(getattr(module, function)(**picked, reduction="none"))
        np.testing.assert_array_equal(whole, np.concatenate(parts))


def many(name, count=50):
    """Arguments of a loss that couples entries, some of them matrices."""
    y_true, y_pred, extras = _batch(name, shape=(count,))
    return {"y_true": y_true, "y_pred": y_pred, **extras}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", COUPLED)
def test_samples_apart_are_computed_some_at_a_time(name, reduction, monkeypatch):
    """Any size of a block and number of workers gives the same, weighted or not, also in arrays of the caller's."""
    module, given = load("numpy", name), many(name)
    weight = np.random.default_rng(2).random(np.shape(module.loss(**given, reduction="none")))
    weight.ravel()[3] = 0
    for keywords in ({}, {"sample_weight": weight}):
        wanted = {function: getattr(module, function)(**given, **keywords, reduction=reduction) for function in PAIRS}
        with monkeypatch.context() as patched:
            patched.setattr(module, "_BLOCK", 3 * given["y_pred"][0].size)
            patched.setattr(module, "_SHARE", 2)
            for workers in (1, 3):
                for function in PAIRS:
                    plain = {**given, **keywords, "reduction": reduction, "workers": workers}
                    found = getattr(module, function)(**plain)
                    np.testing.assert_equal(found, wanted[function])
                    if function != "loss" or reduction == "none":
                        out = empty_like(found if function != "loss_and_gradient" else found[1])
                        getattr(module, function)(**plain, out=out)
                        np.testing.assert_equal(out, found if function != "loss_and_gradient" else found[1])


def empty_like(found):
    """Arrays to write into, every second entry of larger ones."""
    if isinstance(found, tuple):
        return tuple(map(empty_like, found))
    return np.empty((*found.shape, 2), found.dtype)[..., 0]


@pytest.mark.parametrize("name", COUPLED)
def test_one_sample_is_that_of_many(name):
    """Without a dimension of samples; a value of it is a number of its own."""
    module, given = load("numpy", name), many(name, 3)
    alone = {key: item[1] for key, item in given.items()}
    for function in FUNCTIONS:
        found = getattr(module, function)(**alone, reduction="none")
        np.testing.assert_equal(found, getattr(module, function)(**given, reduction="none")[1])


@pytest.mark.parametrize("name", ["triplet", "cumulative_link", "crps_ensemble", "infonce"])
def test_memory_between_is_small_where_entries_are_coupled(name):
    """A megabyte beside the arrays that go in and come out, and one number per sample."""
    module = load("numpy", name)
    given = many(name, 7)
    count = 2**21 // max(np.asarray(item)[0].size for item in given.values())
    given = {key: np.resize(item, (count, *np.shape(item)[1:])) for key, item in given.items()}
    module.loss_and_gradient(**given)
    out = np.empty_like(given["y_pred"])
    tracemalloc.start()
    module.gradient(**given, out=out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20 * 1.5 + 40 * count, peak / 2**20


@pytest.mark.parametrize("name", SIMPLE)
def test_results_are_written_where_they_are_wanted(name):
    """``out`` is what is returned, in any layout, for small and large arrays."""
    module = load("numpy", name)
    for count in (7, 2 * module._BLOCK + 1):
        arguments = samples(name, count)
        for make in (np.empty, lambda count: np.empty(2 * count)[::2]):
            out = make(count)
            assert module.gradient(*arguments, out=out) is out
            np.testing.assert_array_equal(out, module.gradient(*arguments))
            assert module.loss(*arguments, reduction="none", out=out) is out
            np.testing.assert_array_equal(out, module.loss(*arguments, reduction="none"))
            pair = (make(count), make(count))
            found = module.gradient_and_hessian(*arguments, out=pair)
            assert found[0] is pair[0] and found[1] is pair[1]
            np.testing.assert_array_equal(pair, module.gradient_and_hessian(*arguments))
            value, gradient = module.loss_and_gradient(*arguments, out=out)
            assert gradient is out and value == module.loss(*arguments)


def test_a_place_that_will_not_do_is_refused():
    """Shape, dtype, read-only, overlap, a mean that is one number."""
    module = load("numpy", "huber")
    y_true, y_pred = samples("huber", 8)
    locked = np.empty(8)
    locked.flags.writeable = False
    for wrong in (np.empty(7), np.empty(8, np.float32), locked, [0.0] * 8):
        with pytest.raises(ValueError, match="a writable array of float64 and shape"):
            module.gradient(y_true, y_pred, out=wrong)
    with pytest.raises(ValueError, match="overlaps an argument"):
        module.gradient(y_true, y_pred, out=y_pred)
    with pytest.raises(ValueError, match="overlap"):
        module.gradient_and_hessian(y_true, y_pred, out=(locked := np.empty(8), locked))
    with pytest.raises(ValueError, match="makes one number"):
        module.loss(y_true, y_pred, out=np.empty(8))
    with pytest.raises(TypeError, match="a pair of arrays"):
        module.gradient_and_hessian(y_true, y_pred, out=np.empty(8))
    for workers in (0, -1, 1.5, "2", None):
        with pytest.raises(ValueError, match="workers"):
            module.loss(y_true, y_pred, workers=workers)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_wrong_value_is_named_by_its_place_in_the_whole(workers, monkeypatch):
    """Not by its place in a block."""
    module = load("numpy", "binary_crossentropy_logits")
    monkeypatch.setattr(module, "_SHARE", 1)
    y_true, y_pred = samples("binary_crossentropy_logits", 3 * module._BLOCK)
    y_true[2 * module._BLOCK + 5] = 1.5
    with pytest.raises(ValueError, match=f"y_true is 1.5 at index \\({2 * module._BLOCK + 5},\\)"):
        module.gradient(y_true, y_pred, workers=workers)
    shaped = (item.reshape(3, module._BLOCK).T for item in (y_true, y_pred))
    with pytest.raises(ValueError, match=r"y_true is 1.5 at index \(5, 2\)"):
        module.gradient(*shaped, workers=workers)


@pytest.mark.parametrize("name", [*SIMPLE, "tweedie", "context_weighted_squared_error"])
def test_memory_beyond_arguments_and_results_is_one_mebibyte(name):
    """Scratch of a block, whatever the size of the arrays."""
    module = load("numpy", name)
    arguments = samples(name, 40 * module._BLOCK)
    extra = {"context_weight": np.ones(arguments[0].size)} if "context" in name else {}
    out = np.empty(arguments[0].size)
    module.loss_and_gradient(*arguments, out=out, **extra)  # the memory that is kept is measured by itself
    tracemalloc.start()
    try:
        module.loss_and_gradient(*arguments, out=out, **extra)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    memory = sum(item.nbytes for item in vars(module._MEMORY)["memory"])
    assert peak < 2**20
    assert memory <= 9 * 2**17


def test_files_larger_than_memory_stream_through(tmp_path):
    """A memory-mapped file is read in blocks, and results may go to another."""
    module = load("numpy", "huber")
    y_true, y_pred = samples("huber", 5 * module._BLOCK)
    mapped = []
    for name, item in (("labels", y_true), ("scores", y_pred)):
        mapped.append(np.memmap(tmp_path / name, dtype=np.float64, mode="w+", shape=item.shape))
        mapped[-1][:] = item
    out = np.memmap(tmp_path / "gradient", dtype=np.float64, mode="w+", shape=y_true.shape)
    value, gradient = module.loss_and_gradient(*mapped, out=out)
    wanted = module.loss_and_gradient(y_true, y_pred)
    assert gradient is out and value == wanted[0]
    np.testing.assert_array_equal(out, wanted[1])
    assert module.start_value(mapped[0]) == module.start_value(y_true)


def test_rows_longer_than_a_block():
    """A vocabulary of more classes than a block has entries."""
    module = load("numpy", "sparse_categorical_crossentropy_logits")
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(0, 40_000, 3), rng.normal(size=(3, 40_000))
    whole = module.gradient(y_true, y_pred, reduction="none")
    rows = [module.gradient(y_true[[row]], y_pred[[row]], reduction="none")[0] for row in range(3)]
    np.testing.assert_array_equal(whole, rows)
