"""Objectives compute shorter forms than NumPy modules do: the derivatives are the same to what training can tell."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from symloss import load
from symloss.analyse import brief
from symloss.analyse.brief import objective_kernel
from symloss.lower import lower

_FOLDER = Path(__file__).parent.parent / "generated" / "xgboost"
_NAMES = [path.stem for path in sorted(_FOLDER.glob("[a-z]*.py"))]
_LABELS = {"real": [-3.0, 0.0, 0.7, 250.0], "[0, 1]": [0.0, 1.0], "{-1, 1}": [-1.0, 1.0]}


def _of(name):
    """A loss of one score per row without further inputs: its objective, its certified NumPy module, and labels."""
    boosted = importlib.import_module(f"generated.xgboost.{name}")
    domain = boosted.METADATA["y_true"]
    is_simple = not boosted.METADATA["extra_inputs"] and "over" not in domain and ".." not in domain
    if not is_simple:
        return None
    made = next(item for key, item in vars(boosted).items() if key.endswith("Objective"))
    return made, importlib.import_module(f"generated.numpy.{name}"), _LABELS.get(domain, [0.5, 1.0, 4.0, 90.0])


_SINGLE = [name for name in _NAMES if _of(name)]


def _grid(labels, scores):
    y_true, raw = np.meshgrid(labels, scores)
    return y_true.ravel(), raw.ravel()


@pytest.mark.parametrize("name", _SINGLE)
def test_derivatives_are_those_of_the_certified_module(name):
    made, module, labels = _of(name)
    y_true, raw = _grid(labels, np.concatenate([np.linspace(-30, 30, 601), [-400.0, -80.0, 80.0, 400.0]]) + 0.01)
    gradient, _ = made().derivatives(y_true, raw)
    true, hessian = module.gradient_and_hessian(y_true, raw, reduction="sum")
    true, hessian = np.clip(true, -1e30, 1e30), np.clip(np.abs(hessian), 0, 1e30)
    allowed = 1e-7 * np.abs(true) + 1e-12 * (np.median(np.abs(true)) + hessian)
    assert np.all(np.abs(gradient - true) <= allowed)


@pytest.mark.parametrize("name", _SINGLE)
def test_nothing_that_is_not_finite_comes_of_far_scores(name):
    made, _, labels = _of(name)
    y_true, raw = _grid(labels, [sign * size for sign in (-1, 1) for size in (1e3, 1e6, 1e15, 1e30, 3e38)])
    weights = np.resize([0.0, 1.0, 1e20], y_true.shape)
    for weight in (None, weights):
        gradient, curvature = made().derivatives(y_true, raw, weight)
        assert np.isfinite(gradient).all()
        assert (curvature >= 1e-16).all()
        assert (curvature <= 1e30).all()


def test_a_shorter_form_is_taken_only_where_it_agrees(monkeypatch):
    mathematics = load("binary_crossentropy_logits")._mathematics
    stable = lower(mathematics.derivation)
    right = objective_kernel(mathematics, {})
    assert brief._cost(right) < 0.7 * brief._cost(stable)

    def slightly_wrong(lowering, node):
        position = brief._sigmoid(lowering, node)
        return lowering.apply("multiply", position, lowering.constant(1 + 1e-6))

    monkeypatch.setitem(brief._BRIEF, type(_sigmoid_atom()), slightly_wrong)
    other = objective_kernel(mathematics, {})
    assert brief._cost(other) > brief._cost(right)
    assert not any(getattr(value.definition, "number", None) == 1 + 1e-6 for value in other.values)


def _sigmoid_atom():
    from sympy import Symbol

    from symloss import atoms

    return atoms.sigmoid(Symbol("x", real=True))


def test_a_form_that_overflows_is_not_taken():
    """exp(x)/(1 + exp(x)) is NaN for large x; a kernel with a NaN where the stable one has none never agrees."""
    known = [{"value": np.array([1.0]), "gradient": np.array([1.0]), "hessian": np.array([0.1])}]
    for name in known[0]:
        found = [known[0] | {name: np.array([np.nan])}]
        assert not brief._agree(found, known)
        assert brief._agree(known, known)
        off = [known[0] | {name: known[0][name] * (1 + 1e-5)}]
        assert not brief._agree(off, known)
