"""The PyTorch modules in every mode that PyTorch has, against NumPy, finite differences and PyTorch's own losses."""

import copy

import numpy as np
import pytest
import torch

from symloss import catalogue
from symloss.declare import stop_gradient
from symloss.torch_signature import torch_name
from tests.conftest import load
from tests.test_numpy_modules import _batch

FORMS = {form.name: form for name in catalogue.files() for form in catalogue.declared(name).generated_forms()}
APART = sorted(name for name, form in FORMS.items() if not form.is_coupled)
NAMESAKES = sorted(name for name, form in FORMS.items() if hasattr(torch.nn, torch_name(form).name))
# Weights that are constants for the derivative, which finite differences see moving.
FIXED = {name for name, form in FORMS.items() if form.full_expression.has(stop_gradient)}
COMPILED = [
    "huber",
    "binary_crossentropy_logits",
    "sparse_categorical_crossentropy_logits",
    "focal_binary",
    "poisson_nll",
    "cosine_similarity",
]
SAMPLES = 5


def function_of(name):
    """The function of a generated module."""
    return getattr(load("torch", name), torch_name(FORMS[name]).function)


def class_of(name):
    """The class of a generated module."""
    return getattr(load("torch", name), torch_name(FORMS[name]).name)


def batch(name, count=SAMPLES):
    """Targets, predictions and extra inputs as arrays; the entries of a sample come last."""
    return _batch(name, (count,))


def tensors(name, count=SAMPLES):
    """The same as tensors: predictions first."""
    y_true, y_pred, keywords = batch(name, count)
    given = {key: torch.from_numpy(item) if isinstance(item, np.ndarray) else item for key, item in keywords.items()}
    if torch_name(FORMS[name]).dim != -1:
        given["dim"] = -1
    return torch.from_numpy(y_pred), torch.from_numpy(y_true), given


@pytest.mark.parametrize("name", sorted(FORMS))
def test_values_and_derivatives_are_those_of_numpy(name):
    """Value, gradient and Hessian times a vector, per sample."""
    y_true, y_pred, keywords = batch(name)
    module = load("numpy", name)
    pred, true, given = tensors(name)
    pred.requires_grad_()
    value = function_of(name)(pred, true, reduction="none", **given)
    expected = module.loss(y_true, y_pred, reduction="none", **keywords)
    np.testing.assert_allclose(value.detach(), expected, rtol=1e-12, atol=1e-14)
    [gradient] = torch.autograd.grad(value.sum(), pred, create_graph=True)
    wanted = module.gradient(y_true, y_pred, reduction="none", **keywords)
    scale = np.abs(wanted).max(initial=0)
    np.testing.assert_allclose(gradient.detach(), wanted, rtol=1e-11, atol=1e-13 * scale)
    vector = np.random.default_rng(1).normal(size=y_pred.shape)
    [product] = torch.autograd.grad(gradient, pred, torch.from_numpy(vector))
    if hasattr(module, "hessian_vector_product"):
        wanted = module.hessian_vector_product(y_true, y_pred, vector, reduction="none", **keywords)
    else:
        wanted = vector * module.hessian(y_true, y_pred, reduction="none", **keywords)
    np.testing.assert_allclose(product, wanted, rtol=1e-10, atol=1e-12 * max(np.abs(wanted).max(initial=0), scale))


@pytest.mark.parametrize("name", sorted(FORMS.keys() - FIXED))
def test_gradcheck_and_gradgradcheck(name):
    """Finite differences of PyTorch's own, of first and second order, in float64."""
    pred, true, given = tensors(name)
    pred.requires_grad_()

    def loss(prediction):
        return function_of(name)(prediction, true, reduction="none", **given)

    assert torch.autograd.gradcheck(loss, pred, rtol=1e-4, atol=1e-5)
    assert torch.autograd.gradgradcheck(loss, pred, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", sorted(FORMS))
def test_transforms_of_torch_func(name):
    """grad, jvp, hessian and vmap give what autograd gives."""
    pred, true, given = tensors(name)
    function = function_of(name)

    def loss(prediction):
        return function(prediction, true, **given)

    moving = pred.clone().requires_grad_()
    [gradient] = torch.autograd.grad(loss(moving), moving, create_graph=True)
    torch.testing.assert_close(torch.func.grad(loss)(pred), gradient.detach())
    vector = torch.linspace(-1, 1, pred.numel(), dtype=pred.dtype).reshape(pred.shape)
    value, slope = torch.func.jvp(loss, (pred,), (vector,))
    torch.testing.assert_close(value, loss(pred))
    torch.testing.assert_close(slope, (gradient.detach() * vector).sum())
    [product] = torch.autograd.grad(gradient, moving, vector)
    hessian = torch.func.hessian(loss)(pred).reshape(pred.numel(), pred.numel())
    torch.testing.assert_close((hessian @ vector.reshape(-1)).reshape(pred.shape), product)
    extras = {item.name: given.pop(item.name) for item in FORMS[name].extra_inputs}
    one_by_one = torch.func.vmap(
        lambda prediction, target, further: function(
            prediction[None], target[None], **given, **{key: item[None] for key, item in further.items()}
        )
    )(pred, true, extras)
    together = function(pred, true, reduction="none", **given, **extras)
    torch.testing.assert_close(one_by_one, together if FORMS[name].rows is None else together.mean(-1))


@pytest.mark.parametrize("name", COMPILED)
def test_compile_without_a_graph_break(name):
    """The whole graph, forward and backward, with the registered derivative."""
    pred, true, given = tensors(name, 64)
    compiled = torch.compile(function_of(name), fullgraph=True)
    results = []
    for function in (function_of(name), compiled):
        moving = pred.clone().requires_grad_()
        value = function(moving, true, **given)
        results.append((value.detach(), torch.autograd.grad(value, moving)[0]))
    torch.testing.assert_close(results[0], results[1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_expm1_is_right_when_compiled(dtype):
    """From subnormal numbers to overflow: PyTorch's own, compiled for a CPU, is exp(x) - 1."""
    size = torch.logspace(-300 if dtype == torch.float64 else -36, 2.8, 4001, dtype=torch.float64)
    x = torch.cat([-size, size, torch.tensor([0.0, -1e30, 1e30])]).to(dtype)
    found = torch.compile(load("torch", "binary_crossentropy_logits")._expm1, fullgraph=True)(x)
    wanted = torch.expm1(x.double()).to(dtype) if dtype == torch.float32 else torch.expm1(x)
    torch.testing.assert_close(found, wanted, rtol=4 * torch.finfo(dtype).eps, atol=0)


def test_the_registered_derivative_is_used_when_compiled():
    """Autodiff of softplus(-x) at x = 1e4 in float32 would be NaN or cancel; ours is the exact tiny number."""
    module = load("torch", "binary_crossentropy_logits")
    moving = torch.tensor([90.0], requires_grad=True)
    torch.compile(module.binary_cross_entropy_with_logits, fullgraph=True)(moving, torch.tensor([1.0])).backward()
    np.testing.assert_allclose(moving.grad, -np.exp(-90.0), rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", APART)
def test_half_precision_is_computed_in_float32(name, dtype):
    """In dtype, out dtype; under autocast, float32 as PyTorch's own losses."""
    pred, true, given = tensors(name)
    given = {
        key: item.float() if torch.is_tensor(item) and item.is_floating_point() else item for key, item in given.items()
    }
    true = true.float() if true.is_floating_point() else true
    narrow = pred.to(dtype)
    value = function_of(name)(narrow, true, **given)
    assert value.dtype == dtype
    wide = function_of(name)(narrow.float(), true, **given)
    torch.testing.assert_close(value, wide.to(dtype), equal_nan=True)
    with torch.autocast("cpu", torch.bfloat16):
        assert function_of(name)(narrow, true, **given).dtype == torch.float32


@pytest.mark.parametrize("name", sorted(FORMS))
def test_meta_tensors_have_shapes(name):
    """Nothing looks at numbers, so that shapes can be had without any."""
    pred, true, given = tensors(name)
    meta = {key: item.to("meta") if torch.is_tensor(item) else item for key, item in given.items()}
    value = function_of(name)(pred.to("meta"), true.to("meta"), reduction="none", **meta)
    assert value.device.type == "meta"
    assert value.shape == function_of(name)(pred, true, reduction="none", **given).shape


def test_tensor_parameters_are_in_the_state():
    """Saved, loaded, moved to another dtype; numbers are no state."""
    huber = class_of("huber")
    module = huber(delta=torch.tensor(0.5, dtype=torch.float64))
    assert list(module.state_dict()) == ["delta"]
    assert not huber(delta=0.5).state_dict()
    other = huber(delta=torch.tensor(2.0, dtype=torch.float64))
    other.load_state_dict(module.state_dict())
    pred, true = torch.tensor([3.0]), torch.tensor([0.0])
    assert other(pred, true) == huber(delta=0.5)(pred, true)
    assert other.float().delta.dtype == torch.float32
    assert repr(huber(delta=0.5)) == "HuberLoss(reduction='mean', delta=0.5)"


def test_export():
    """torch.export of a module that ends in the loss."""
    huber = class_of("huber")

    class Trained(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(3, 1)
            self.loss = huber(delta=0.3)

        def forward(self, features, targets):
            return self.loss(self.layer(features), targets)

    model = Trained()
    arguments = (torch.randn(8, 3), torch.randn(8, 1))
    exported = torch.export.export(model, arguments)
    torch.testing.assert_close(exported.module()(*arguments), model(*arguments))


def _problem(name):
    """Features, targets and an output layer that suit a loss."""
    torch.manual_seed(0)
    features = torch.randn(64, 5, dtype=torch.float64)
    signal = features @ torch.randn(5, 3, dtype=torch.float64)
    if name in ("sparse_categorical_crossentropy_logits", "multi_margin"):
        return features, signal.argmax(-1), torch.nn.Identity()
    if name == "logistic_margin":
        return features, signal.sign(), torch.nn.Identity()
    if name == "binary_crossentropy":
        return features, (signal > 0).double(), torch.nn.Sigmoid()
    if name == "binary_crossentropy_logits":
        return features, (signal > 0).double(), torch.nn.Identity()
    if name == "poisson_nll":
        return features, torch.poisson(torch.exp(signal / 4)), torch.nn.Identity()
    return features, signal, torch.nn.Identity()


@pytest.mark.parametrize("name", NAMESAKES)
def test_training_with_ours_gives_the_weights_of_the_namesake(name):
    """Thirty steps of Adam on a small network."""
    features, targets, last = _problem(name)
    network = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3), last).double()
    trained = []
    for kind in (class_of(name), getattr(torch.nn, torch_name(FORMS[name]).name)):
        model, criterion = copy.deepcopy(network), kind(reduction="mean")
        optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
        for _ in range(30):
            optimiser.zero_grad()
            criterion(model(features), targets).backward()
            optimiser.step()
        trained.append([parameter.detach() for parameter in model.parameters()])
    for ours, theirs in zip(*trained, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-9)


def test_there_are_namesakes():
    """Those that PyTorch has."""
    assert {torch_name(FORMS[name]).name for name in NAMESAKES} == {
        "BCELoss",
        "BCEWithLogitsLoss",
        "CrossEntropyLoss",
        "HuberLoss",
        "L1Loss",
        "MSELoss",
        "MultiMarginLoss",
        "PoissonNLLLoss",
        "SoftMarginLoss",
    }


def test_an_ignored_label_does_not_count():
    """As in PyTorch's own, with classes in dimension 1."""
    torch.manual_seed(1)
    scores, labels = torch.randn(4, 3, 6, dtype=torch.float64), torch.randint(0, 3, (4, 6))
    labels[1, 2:] = -100
    labels[2, 0] = 7 % 3
    for reduction in ("mean", "sum", "none"):
        ours = class_of("sparse_categorical_crossentropy_logits")(reduction=reduction)
        theirs = torch.nn.CrossEntropyLoss(reduction=reduction)
        torch.testing.assert_close(ours(scores, labels), theirs(scores, labels))


def test_wrong_arguments_are_told():
    """Shapes, parameters, reductions, dtypes, and gradients that would never come."""
    huber = function_of("huber")
    one, two = torch.zeros(3), torch.zeros(3, 1)
    with pytest.raises(ValueError, match=r"target has shape \(3, 1\), input \(3,\)"):
        huber(one, two)
    with pytest.raises(ValueError, match=r"delta=-1\.0 is outside its domain"):
        huber(one, one, delta=-1.0)
    for number in ("x", "0.5", True):
        with pytest.raises(TypeError, match=f"delta={number!r} is not a real number"):
            huber(one, one, delta=number)
    with pytest.raises(ValueError, match=r"delta has shape \(2,\); one number is needed"):
        huber(one, one, delta=torch.ones(2))
    with pytest.raises(TypeError, match=r"target has dtype torch\.complex64; real numbers are needed"):
        huber(one, one * 1j)
    assert huber(one + 3, one, delta=np.float32(0.5)) == huber(one + 3, one, delta=0.5)
    with pytest.raises(ValueError, match="reduction='average'"):
        huber(one, one, "average")
    with pytest.raises(TypeError, match=r"input has dtype torch\.int64"):
        huber(one.long(), one)
    with pytest.raises(ValueError, match="target requires grad"):
        huber(one, one.clone().requires_grad_())
    with pytest.raises(ValueError, match="sample_weight has shape"):
        huber(one, one, sample_weight=two)
    with pytest.raises(ValueError, match="sample_weight requires grad"):
        huber(one, one, sample_weight=one.clone().requires_grad_())
    assert huber(one, one + 1, sample_weight=[1, 2, 0]) == huber(one[:1], one[:1] + 1)
    with pytest.raises(TypeError, match="integer class labels"):
        function_of("sparse_categorical_crossentropy_logits")(torch.zeros(2, 3), torch.zeros(2))
