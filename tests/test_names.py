"""A user's names never collide with those of generated code: each works, or is refused when it is declared."""

import io
import keyword
import re
import tokenize

import jax
import numpy as np
import pytest
import sympy
import torch

import symloss
from symloss import ExtraInput, Interval, Loss, Parameter, SymlossError, y_pred, y_true
from symloss.arithmetic import FLOATS, Arithmetic, Doubt
from symloss.mathematics import study
from symloss.measured import bare_texts
from symloss.modules import imported
from symloss.targets import find
from tests.conftest import GENERATED

Y_TRUE, Y_PRED = np.array([1.0, 2.0]), np.array([0.5, 3.0])


def identifiers() -> list[str]:
    """Every lower-case identifier that generated modules of Python's frameworks use; objectives refuse theirs."""
    found = set()
    for path in (
        path for target in ("numpy", "tensorflow", "torch", "jax") for path in (GENERATED / target).glob("*.py")
    ):
        tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
        found |= {token.string for token in tokens if token.type == tokenize.NAME}
    return sorted(name for name in found if re.fullmatch("[a-z][a-z0-9_]*", name) and not keyword.iskeyword(name))


def accepted() -> list[str]:
    """Those that a parameter may have."""
    return [name for name in identifiers() if refusal(name) is None]


def refusal(name: str) -> str | None:
    """Why a name is refused."""
    try:
        Parameter(sympy.Symbol(name), 1.5, Interval(0.5, 3), "tried")
    except SymlossError as error:
        return str(error)
    return None


NAMES = accepted()
BATCHES = [NAMES[start : start + 8] for start in range(0, len(NAMES), 8)]


def test_most_names_are_free():
    """Only what Python, the frameworks and the functions' own arguments need is refused."""
    refused = set(identifiers()) - set(NAMES)
    assert len(refused) < 0.2 * len(NAMES)
    assert all("is taken" in refusal(name) for name in refused)
    assert {"residual", "slope", "value", "weights", "margin", "total", "batch"} <= set(NAMES)


@pytest.mark.parametrize("names", BATCHES, ids="-".join)
def test_a_parameter_may_have_the_name_of_anything_in_generated_code(names):
    """In every NumPy function, in the functions and classes of Keras and PyTorch, and in that of JAX."""
    total = sympy.Add(*[sympy.Symbol(name) for name in names])
    expression = total * (y_pred - y_true) ** 2 + sympy.log(1 + sympy.exp(total * y_pred))
    parameters = [Parameter(sympy.Symbol(name), 1.5, Interval(0.01, 3), "tried") for name in names]
    handle = symloss.load(Loss(name="tried", summary="Tried.", expression=expression, parameters=parameters))
    given = {name: 2.0 / len(names) for name in names}
    value = 2 * (Y_PRED - Y_TRUE) ** 2 + np.log1p(np.exp(2 * Y_PRED))
    slope = 4 * (Y_PRED - Y_TRUE) + 2 / (1 + np.exp(-2 * Y_PRED))
    curvature = 4 + 4 / (2 + np.exp(2 * Y_PRED) + np.exp(-2 * Y_PRED))

    module = handle.compile("numpy")
    np.testing.assert_allclose(module.loss(Y_TRUE, Y_PRED, reduction="none", **given), value)
    found = module.loss_and_gradient(Y_TRUE, Y_PRED, reduction="none", sample_weight=[1.0, 1.0], **given)
    np.testing.assert_allclose(found, (value, slope))
    np.testing.assert_allclose(module.gradient_and_hessian(Y_TRUE, Y_PRED, **given), (slope / 2, curvature / 2))
    assert np.isfinite(module.start_value(Y_TRUE, **given))

    module = handle.compile("tensorflow")
    np.testing.assert_allclose(module.tried(Y_TRUE, Y_PRED, **given), value.mean())
    instance = module.Tried.from_config(module.Tried(**given, dtype="float64").get_config())
    np.testing.assert_allclose(instance(Y_TRUE[None], Y_PRED[None]), value.mean())

    module = handle.compile("torch")
    scores, labels = torch.tensor(Y_PRED, requires_grad=True), torch.tensor(Y_TRUE)
    [found] = torch.autograd.grad(module.TriedLoss(**given)(scores, labels), scores, create_graph=True)
    np.testing.assert_allclose(found.detach(), slope / 2)
    np.testing.assert_allclose(torch.autograd.grad(found.sum(), scores)[0], curvature / 2)
    direction = (torch.ones(2, dtype=torch.float64),)
    _, along = torch.func.jvp(lambda moving: module.tried(moving, labels, **given), (scores.detach(),), direction)
    np.testing.assert_allclose(along, slope.mean())

    module = handle.compile("jax")
    with jax.enable_x64(True):
        found = jax.jit(jax.hessian(module.tried, argnums=1))(Y_TRUE, Y_PRED, **given)
        np.testing.assert_allclose(found, np.diag(curvature / 2), atol=1e-15)


@pytest.mark.parametrize("names", BATCHES, ids="-".join)
def test_an_extra_input_may_have_the_name_of_anything_in_generated_code(names):
    """At construction and with each call."""
    total = sympy.Add(*[sympy.Symbol(name) for name in names])
    extra = [ExtraInput(sympy.Symbol(name), Interval(0.01, 3), "tried") for name in names]
    expression = total * (y_pred - y_true) ** 2
    handle = symloss.load(Loss(name="tried", summary="Tried.", expression=expression, extra_inputs=extra))
    given = {name: np.array([1.0, 2.0]) / len(names) for name in names}
    value = np.array([1.0, 2.0]) * (Y_PRED - Y_TRUE) ** 2

    module = handle.compile("numpy")
    np.testing.assert_allclose(module.loss(Y_TRUE, Y_PRED, reduction="none", **given), value)

    module = handle.compile("tensorflow")
    instance = module.Tried(**given, dtype="float64")
    np.testing.assert_allclose(module.Tried.from_config(instance.get_config())(Y_TRUE, Y_PRED), value.mean())
    np.testing.assert_allclose(module.Tried(dtype="float64")(Y_TRUE, Y_PRED, **given), value.mean())

    module = handle.compile("torch")
    extras = {name: torch.tensor(item) for name, item in given.items()}
    found = module.TriedLoss()(torch.tensor(Y_PRED), torch.tensor(Y_TRUE), **extras)
    np.testing.assert_allclose(found, value.mean())

    module = handle.compile("jax")
    with jax.enable_x64(True):
        np.testing.assert_allclose(module.tried(Y_TRUE, Y_PRED, **given), value.mean())


def _near_a_zero(name):
    """A loss of which one side of a choice is costly, with a parameter of some name."""
    scale = sympy.Symbol(name, positive=True)
    return Loss(
        name="tried",
        summary="Counts, with a scale.",
        y_true=Interval(0),
        expression=scale * (sympy.exp(y_pred) - y_true * y_pred),
        parameters=[Parameter(scale, 2.0, Interval(0.1, 10), "the scale")],
    )


@pytest.mark.parametrize("name", ["places", "value", "gradient", "hessian"])
def test_what_entries_need_apart_takes_no_name_of_a_parameter(name):
    """Neither the places that take a rare side, nor results that are mended where floats are in doubt."""
    doubts = {output: (Doubt("result", 0.25, 4.0),) for output in ("value", "gradient", "hessian")}
    rng = np.random.default_rng(0)
    counts, scores = rng.poisson(1.0, 3000), rng.normal(size=3000)
    for arithmetic in (FLOATS, Arithmetic(extended=doubts)):
        results = []
        for chosen in ("other_name", name):
            loss = _near_a_zero(chosen)
            mathematics = study(loss)
            module = imported(
                bare_texts(mathematics, [mathematics], find("numpy"), arithmetic)[".py"], f"tried_{chosen}"
            )
            given = {chosen: 3.0}
            results.append([module.loss(counts, scores, **given), module.gradient(counts, scores, **given)])
            results[-1] += module.loss_and_gradient(counts, scores, **given)
            results[-1] += module.gradient_and_hessian(counts, scores, **given)
        assert ".nonzero()" in bare_texts(mathematics, [mathematics], find("numpy"), arithmetic)[".py"]
        for one, other in zip(*results, strict=True):
            np.testing.assert_array_equal(one, other)
