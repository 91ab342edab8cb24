"""The contract of generated NumPy modules, for every module: shapes, dtypes, errors, no warnings, metadata."""

import ast
import inspect
import sys
import warnings

import numpy as np
import pytest

from symloss import catalogue
from tests.conftest import GENERATED, load

FORMS = {form.name: form for name in catalogue.files() for form in catalogue.declared(name).generated_forms()}
FUNCTIONS = ("loss", "gradient", "hessian", "loss_and_gradient", "gradient_and_hessian", "start_value")


def _batch(name, shape=(6,), dtype=np.float64, seed=0):
    """Valid arguments for a module."""
    import random

    from symloss.verify.modules import arrays
    from symloss.verify.probes import _draw, _human  # the verifier's own drawing of valid numbers

    form, dice = FORMS[name], random.Random(seed)
    y_true, y_pred, keywords = arrays(form, [_draw(form, dice, _human) for _ in range(int(np.prod(shape)))])

    def shaped(values):
        values = values.reshape((*shape, *values.shape[1:]))
        return values if values.dtype.kind == "i" else values.astype(dtype)

    extras = {item.name: shaped(keywords[item.name]) for item in form.extra_inputs}
    return shaped(y_true), shaped(y_pred), extras


def _rows(name, y_pred):
    """The dimensions that values have behind those of the samples."""
    return y_pred.shape[-2:-1] if FORMS[name].rows is not None else ()


def test_imports_numpy_and_nothing_else(form_name):
    """Self-contained but for the standard library: a user copies one file."""
    tree = ast.parse((GENERATED / "numpy" / f"{form_name}.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name for name in imported if name.partition(".")[0] not in sys.stdlib_module_names} == {"numpy"}


def test_every_function_is_there_with_the_promised_signature(form_name):
    """Data positional, everything else by keyword, the same defaults everywhere."""
    module, form = load("numpy", form_name), FORMS[form_name]
    wanted = list(FUNCTIONS)
    if not form.is_elementwise:
        wanted += ["hessian_vector_product", "hessian_full"]
    if form.inverse_link is not None:
        wanted.append("inverse_link")
    for name in wanted:
        assert callable(getattr(module, name))
    parameters = inspect.signature(module.loss).parameters
    assert list(parameters)[:2] == ["y_true", "y_pred"]
    assert all(item.kind is item.KEYWORD_ONLY for name, item in parameters.items() if name not in ("y_true", "y_pred"))
    assert parameters["sample_weight"].default is None
    assert parameters["reduction"].default == "mean"
    for item in form.parameters:
        assert parameters[item.name].default == item.default


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_in_is_dtype_out(form_name, dtype):
    """float16 is computed in float32, and comes back as float16."""
    module = load("numpy", form_name)
    y_true, y_pred, extras = _batch(form_name, dtype=dtype)
    assert module.loss(y_true, y_pred, **extras).dtype == dtype
    for name in ("gradient", "hessian"):
        result = getattr(module, name)(y_true, y_pred, **extras)
        assert isinstance(result, np.ndarray)
        assert result.dtype == dtype
        assert result.shape == y_pred.shape


def test_integers_are_promoted(form_name):
    """Integer predictions are float64 predictions."""
    module = load("numpy", form_name)
    y_true, y_pred, extras = _batch(form_name)
    whole = np.ones_like(y_pred, dtype=np.int64)
    if module.METADATA["y_pred"] == "[0, 1]":
        whole[...] = (y_true > 0.5) if y_true.shape == y_pred.shape else 1
        y_true = whole
    result = module.gradient(y_true, whole, **extras)
    assert result.dtype == np.float64


def test_any_shape_and_a_single_number(form_name):
    """Elementwise losses take any shape, also none; losses over an axis any leading shape."""
    module, form = load("numpy", form_name), FORMS[form_name]
    for shape in [(1,), (2, 3), (2, 1, 3)] + ([()] if form.is_elementwise else []):
        y_true, y_pred, extras = _batch(form_name, shape)
        assert module.gradient(y_true, y_pred, **extras).shape == y_pred.shape
        value = module.loss(y_true, y_pred, reduction="none", **extras)
        assert isinstance(value, np.ndarray)
        assert value.shape == (*shape, *_rows(form_name, y_pred))
        assert np.ndim(module.loss(y_true, y_pred, **extras)) == 0


def test_no_warning_even_when_every_one_is_an_error(form_name):
    """The domain is covered without a floating-point warning of any kind."""
    module = load("numpy", form_name)
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        for seed in range(20):
            y_true, y_pred, extras = _batch(form_name, seed=seed)
            for name in ("loss", "gradient", "hessian"):
                assert np.isfinite(getattr(module, name)(y_true, y_pred, **extras)).all()


@pytest.mark.parametrize("shape", [(300,), (30, 10), (40_000,)])
def test_a_result_that_its_dtype_cannot_hold_is_infinite_without_a_warning(shape):
    """float16 ends at 65504, float32 at 3.4e38; a mean of float16 is taken in float32."""
    module = load("numpy", "squared_error")
    for dtype, size in ((np.float16, 200), (np.float32, 1e19)):
        total, _ = module.loss_and_gradient(np.zeros(shape, dtype), np.full(shape, size, dtype), reduction="sum")
        assert total.dtype == dtype
        assert float(total) == np.inf
    mean = module.loss(np.zeros(shape, np.float16), np.full(shape, 200, np.float16))
    assert float(mean) == 40_000


@pytest.mark.parametrize("target", ["numpy", "numba"])
def test_what_is_given_for_results_is_what_comes_back(target):
    """Also over an axis, wherever that is."""
    pytest.importorskip(target)
    module = load(target, "categorical_crossentropy_logits")
    y_true, y_pred = np.full((4, 3), 0.25), np.random.default_rng(0).normal(size=(4, 3))
    out, other = np.empty((4, 3)), np.empty((4, 3))
    assert module.gradient(y_true, y_pred, axis=0, out=out) is out
    assert module.loss_and_gradient(y_true, y_pred, axis=0, out=other)[1] is other
    np.testing.assert_array_equal(out, other)
    first, second = module.gradient_and_hessian(y_true, y_pred, axis=0, out=(out, other))
    assert first is out
    assert second is other


def test_unequal_shapes_never_broadcast(form_name):
    """(n,) against (n, 1) is an error that shows both shapes."""
    module = load("numpy", form_name)
    y_true, y_pred, extras = _batch(form_name)
    with pytest.raises(ValueError, match=r"y_true has shape .*(they must be equal|is needed)"):
        module.loss(y_true[:, None], y_pred, **extras)
    with pytest.raises(ValueError, match=r"they must be equal|is needed"):
        module.gradient(y_true[:-1], y_pred, **extras)


def test_empty_input_is_refused(form_name):
    """There is no mean of nothing."""
    module = load("numpy", form_name)
    y_true, y_pred, extras = _batch(form_name)
    with pytest.raises(ValueError, match="empty"):
        module.loss(y_true[:0], y_pred[:0], **{name: value[:0] for name, value in extras.items()})


@pytest.mark.parametrize("bad", [np.array(["a"] * 6), np.array([None] * 6), np.ones(6, complex)])
def test_wrong_dtypes_are_refused(form_name, bad):
    """Text, objects and complex numbers are not predictions."""
    module = load("numpy", form_name)
    y_true, y_pred, extras = _batch(form_name)
    wrong = np.broadcast_to(bad.reshape(6, *[1] * (y_pred.ndim - 1)), y_pred.shape)
    with pytest.raises(TypeError, match="dtype"):
        module.loss(y_true, wrong, **extras)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused_with_their_place(form_name, bad):
    """The message names the argument and the index."""
    module = load("numpy", form_name)
    y_true, y_pred, extras = _batch(form_name)
    y_pred[(3, *[0] * (y_pred.ndim - 1))] = bad
    with pytest.raises(ValueError, match=r"y_pred is (nan|inf|-inf) at index \(3"):
        module.gradient(y_true, y_pred, **extras)


def test_parameters_outside_their_domain_are_refused(form_name):
    """Every parameter, at both sides, NaN and the wrong type."""
    module = load("numpy", form_name)
    y_true, y_pred, extras = _batch(form_name)
    for item in FORMS[form_name].parameters:
        for bad in (item.domain.lower - 1, item.domain.upper + 1, np.nan, np.inf):
            with pytest.raises(ValueError, match=f"{item.name}=.* is outside its domain"):
                module.loss(y_true, y_pred, **extras, **{item.name: bad})
        with pytest.raises(TypeError, match="not a real number"):
            module.loss(y_true, y_pred, **extras, **{item.name: "1"})


@pytest.mark.parametrize("delta", [1e60, 1e-60])
def test_a_parameter_that_float32_cannot_hold_is_refused(delta):
    """Rounded to infinity or to zero it would be another loss."""
    module = load("numpy", "huber")
    ones = np.ones(2, np.float32)
    with pytest.raises(ValueError, match=r"in float32, outside its domain"):
        module.loss(ones, ones, delta=delta)


def test_masked_arrays_are_refused():
    """Their mask would be lost."""
    masked = np.ma.array([1.0, 2.0], mask=[False, True])
    with pytest.raises(TypeError, match="y_pred is a masked array; leave samples out by a sample_weight of 0"):
        load("numpy", "huber").loss([1.0, 2.0], masked)


def test_labels_outside_theirs_are_refused(form_name):
    """Labels 0 for a margin loss, 1.5 for a probability, 4 of 4 classes: all named."""
    module = load("numpy", form_name)
    y_true, y_pred, extras = _batch(form_name)
    if y_true.dtype.kind == "i" and module.METADATA["y_true"] != "integers 0..K-1":
        return  # identifiers may be any integers
    wrong = {"{-1, 1}": 0, "[0, 1]": 1.5, "integers 0..K-1": 4, "(0, oo)": 0, "[0, oo)": -1, "(-1, oo)": -1}
    bad = wrong.get(module.METADATA["y_true"])
    if bad is None:
        bad = -0.5 if "probabilities" in module.METADATA["y_true"] else np.nan
    y_true = y_true.copy()
    y_true[(2, *[0] * (y_true.ndim - 1))] = bad
    with pytest.raises(ValueError, match="y_true"):
        module.loss(y_true, y_pred, **extras)


def test_float_labels_are_refused_where_classes_are_meant():
    """1.0 is not a class number, and neither is an array that sums to two a distribution."""
    sparse = load("numpy", "sparse_categorical_crossentropy_logits")
    with pytest.raises(TypeError, match="integer class labels"):
        sparse.loss([1.0], [[0.0, 1.0]])
    with pytest.raises(ValueError, match="must sum to 1"):
        load("numpy", "categorical_crossentropy_logits").loss([[1.0, 1.0]], [[0.0, 1.0]])


@pytest.mark.parametrize("weight", [[1.0, -1.0], [np.nan, 1.0], [0.0, 0.0], [1.0], [[1.0], [1.0]]])
def test_bad_weights_are_refused(weight):
    """Negative, NaN, all zero and of the wrong shape."""
    with pytest.raises(ValueError, match="weight"):
        load("numpy", "huber").loss([1.0, 2.0], [1.5, 2.5], sample_weight=weight)


def test_weight_zero_removes_a_sample_even_where_its_loss_is_infinite():
    """0 times infinity is 0 here, in value and gradient."""
    module = load("numpy", "binary_crossentropy")
    assert module.loss([1.0, 1.0], [0.0, 0.5], sample_weight=[0.0, 1.0]) == module.loss([1.0], [0.5])
    assert module.gradient([1.0, 1.0], [0.0, 0.5], sample_weight=[0.0, 1.0]).tolist() == [0.0, -2.0]


def test_an_unknown_reduction_is_refused():
    """The message lists the three."""
    with pytest.raises(ValueError, match='"mean", "sum" or "none"'):
        load("numpy", "huber").loss([1.0], [2.0], reduction="average")


def test_the_axis_may_be_anywhere():
    """axis=0 on the transposed arrays gives the transposed result."""
    module = load("numpy", "categorical_crossentropy_logits")
    y_true, y_pred, _ = _batch("categorical_crossentropy_logits", (3, 2))
    moved = [np.moveaxis(item, -1, 0) for item in (y_true, y_pred)]
    for name in ("gradient", "hessian"):
        last, first = getattr(module, name)(y_true, y_pred), getattr(module, name)(*moved, axis=0)
        np.testing.assert_array_equal(np.moveaxis(last, -1, 0), first)
    assert module.loss(*moved, axis=0) == module.loss(y_true, y_pred)
    with pytest.raises(ValueError, match="axis=7 does not exist"):
        module.loss(y_true, y_pred, axis=7)


def test_inputs_are_left_alone(form_name):
    """No argument is written to."""
    module = load("numpy", form_name)
    y_true, y_pred, extras = _batch(form_name)
    copies = y_true.copy(), y_pred.copy()
    for name in FUNCTIONS[:5]:
        getattr(module, name)(y_true, y_pred, **extras)
    np.testing.assert_array_equal(y_true, copies[0])
    np.testing.assert_array_equal(y_pred, copies[1])


def test_metadata_is_complete(form_name):
    """A plain dictionary with everything a tool wants to know."""
    metadata = load("numpy", form_name).METADATA
    wanted = {"name", "formula", "parameters", "link", "kinks", "curvature", "certificate", "source_hash"}
    assert wanted <= set(metadata)
    assert metadata["name"] == form_name
    assert type(metadata) is dict


def test_no_distribution_leaks_into_code(form_name):
    """SymPy's own derivatives contain these; none may reach a file."""
    for path in (GENERATED / "numpy" / f"{form_name}.py", GENERATED / "docs" / f"{form_name}.tex"):
        text = path.read_text()
        for word in ("DiracDelta", "Heaviside", "Derivative", "Subs(", "nan", "NaN"):
            assert word not in text


KNOWN_KINKS = {
    "absolute_error": [("y", "gradient")],
    "absolute_percentage_error": [("y", "gradient")],
    "expectile": [("y", "Hessian")],
    "hinge": [(r"\frac{1}{y}", "gradient")],
    "huber": [(r"y - \delta", "Hessian"), (r"y + \delta", "Hessian")],
    "laplace_nll": [("y", "gradient")],
    "pinball": [("y", "gradient")],
    "ppo_clip": [
        (r"y + \log{\left(1 + \epsilon \right)}", "gradient"),
        (r"y + \log{\left(1 - \epsilon \right)}", "gradient"),
    ],
    "squared_hinge": [(r"\frac{1}{y}", "Hessian")],
}


def test_kinks_are_found_and_only_where_they_are(form_name):
    """Against the list in the catalogue of losses."""
    found = [(kink["at"], kink["jumps"]) for kink in load("numpy", form_name).METADATA["kinks"]]
    assert sorted(found) == sorted(KNOWN_KINKS.get(form_name, []))


@pytest.mark.parametrize("score", [-1e4, -800.0, -40.0, 0.0, 40.0, 800.0, 1e4])
def test_logit_losses_are_finite_for_every_score(score):
    """Textbook formulas overflow from 710."""
    for name in ("binary_crossentropy_logits", "focal_binary"):
        for label in (0.0, 0.25, 1.0):
            for function in ("loss", "gradient", "hessian"):
                assert np.isfinite(getattr(load("numpy", name), function)([label], [score])).all()
    sparse = load("numpy", "sparse_categorical_crossentropy_logits")
    for function in ("loss", "gradient", "hessian", "hessian_full"):
        assert np.isfinite(getattr(sparse, function)([1], [[0.0, score, -score]])).all()


def test_a_confident_prediction_keeps_its_digits():
    """The probability of the other classes is summed apart: 1 - p would be 0."""
    module = load("numpy", "sparse_categorical_crossentropy_logits")
    value = module.loss([0], [[50.0, 0.0, 1.0]])
    assert value == pytest.approx(np.exp(-50) * (1 + np.e), rel=1e-14)
    assert module.gradient([0], [[50.0, 0.0, 1.0]])[0, 0] == pytest.approx(-value, rel=1e-14)
