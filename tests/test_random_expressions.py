"""Random formulas over axes: derived, emitted as NumPy, and compared with dense loops that carry derivatives.

``SYMLOSS_EXAMPLES=5000 pytest tests/test_random_expressions.py`` tries more of them.
"""

import os
import types

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sympy import Abs, Eq, Integer, Max, Ne, Rational, exp, log, sqrt, tanh

from symloss.declare import (
    Arrays,
    Axis,
    Loss,
    Vectors,
    bracket,
    log_sum_exp_over,
    max_over,
    real,
    sum_over,
    y_pred,
    y_true,
)
from symloss.errors import DeclarationError
from symloss.mathematics import study
from symloss.modules import Provenance, module_text
from symloss.targets import find
from tests.jets import Reading

ROWS, FEATURES = Axis("N"), Axis("D")
FIRST, SECOND, THIRD = (ROWS.index(letter) for letter in "ijk")
D, E = (FEATURES.index(letter) for letter in "de")
PLAIN = {"list": (Vectors("N", real), (ROWS,)), "batch": (Arrays(("N", "D"), real), (ROWS, FEATURES))}
EXAMPLES = int(os.environ.get("SYMLOSS_EXAMPLES", "120"))


class Source:
    """Draws formulas; ``shape`` says whether y_pred is a list of scores or a batch of embeddings."""

    def __init__(self, draw, shape):
        self.draw, self.shape = draw, shape

    def pick(self, *items):
        return self.draw(st.sampled_from(items))

    def scalar(self, free, depth):
        """A formula whose free indices are among those given."""
        if depth == 0:
            return self.leaf(free)
        kind = self.pick("leaf", "sum", "product", "function", "function", "over", "over", "over")
        if kind == "leaf":
            return self.leaf(free)
        if kind == "sum":
            return self.scalar(free, depth - 1) + self.pick(1, -1, 2) * self.scalar(free, depth - 1)
        if kind == "product":
            return self.scalar(free, depth - 1) * self.scalar(free, depth - 1)
        if kind == "function":
            return self.function(self.scalar(free, depth - 1))
        return self.over(free, depth)

    def leaf(self, free):
        rows = [index for index in free if index.axis == ROWS]
        features = [index for index in free if index.axis == FEATURES]
        options = [Integer(1), Rational(1, 2)]
        options += [y_true[index] for index in rows]
        if self.shape == "list":
            options += [y_pred[index] for index in rows] * 3
        else:
            options += [y_pred[row, feature] for row in rows for feature in features] * 3
        return self.pick(*options)

    def function(self, x):
        kind = self.pick("exp", "softplus", "tanh", "root", "abs", "positive", "square")
        return {
            "exp": lambda: exp(tanh(x)),
            "softplus": lambda: log(1 + exp(x)),
            "tanh": lambda: tanh(x),
            "root": lambda: sqrt(1 + x**2),
            "abs": lambda: Abs(x),
            "positive": lambda: Max(0, x),
            "square": lambda: x**2,
        }[kind]()

    def over(self, free, depth):
        """A sum, a maximum or a log-sum-exp over an axis, perhaps under a condition."""
        choices = [
            index
            for index in ((FIRST, SECOND, THIRD) if self.shape == "list" else (FIRST, SECOND, THIRD, D, E))
            if index not in free
        ]
        if not choices:
            return self.leaf(free)
        index = self.pick(*choices[:1], *[item for item in choices if item.axis == FEATURES][:1])
        body = self.scalar((*free, index), depth - 1)
        others = [item for item in free if item.axis == index.axis]
        flag = self.condition(index, others)
        kind = self.pick("sum", "sum", "mean", "max", "log_sum_exp")
        if kind == "max":
            return max_over(index, body)
        if kind == "log_sum_exp":
            own = None if flag is None or not others or not flag.has(others[0]) or isinstance(flag, Ne) else flag
            return log_sum_exp_over(index, tanh(body) * 3, own)
        weight = 1 if flag is None else bracket(flag)
        return sum_over(index, weight * body) / (index.axis if kind == "mean" else 1)

    def condition(self, index, others):
        """A condition on the index that holds where it equals another index, or none."""
        kind = self.pick("none", "order", "place", "same", "other", "either")
        if kind == "none" or not others:
            return None
        other = self.pick(*others)
        if index.axis == FEATURES:
            return {"order": index <= other, "place": index <= other}.get(kind, Ne(index, other))
        return {
            "order": y_true[index] <= y_true[other],
            "place": index <= other,
            "same": Eq(y_true[index], y_true[other]),
            "other": Ne(index, other),
            "either": (y_true[index] < y_true[other]) | Eq(index, other),
        }[kind]


@st.composite
def losses(draw):
    """A loss of a random formula, with a value per row or one in all."""
    shape = draw(st.sampled_from(["list", "batch"]))
    source = Source(draw, shape)
    per_row = draw(st.booleans()) and shape == "batch"
    depth = draw(st.integers(2, 4))
    formula = source.scalar((FIRST,), depth) if per_row else source.over((), depth)
    try:
        return Loss(
            "random_formula",
            formula,
            "A random formula.",
            y_true=Vectors("N", real),
            y_pred=PLAIN[shape][0],
            rows=FIRST if per_row else None,
        )
    except DeclarationError:
        assume(condition=False)


def emitted(loss):
    """The NumPy module of a loss, as a namespace."""
    mathematics = study(loss)
    text = module_text(mathematics, find("numpy"), Provenance("a test", "none", "0" * 16, (loss.name,)), [mathematics])
    module = types.ModuleType("random_formula")
    exec(compile(text, "random_formula.py", "exec"), module.__dict__)
    return module


def arrays_for(loss, seed):
    """Random sizes, 1 included, and random numbers, ties included."""
    dice = np.random.default_rng(seed)
    sizes = {"N": int(dice.integers(1, 5)), "D": int(dice.integers(1, 4))}
    shape = [sizes[axis.name] for axis in loss.axes_of_data("y_pred")]
    return (
        sizes,
        {"y_pred": dice.normal(size=shape), "y_true": dice.integers(0, 3, size=sizes["N"]).astype(float)},
        dice,
    )


def close(got, wanted, scale):
    return np.all(np.abs(got - wanted) <= 1e-10 * scale)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=EXAMPLES < 500)
@given(losses(), st.integers(0, 2**32 - 1))
def test_a_random_formula_is_derived_and_emitted_right(loss, seed):
    compare(loss, seed)


def compare(loss, seed):
    """Value, gradient, diagonal and product with a vector, against dense loops."""
    module = emitted(loss)
    sizes, arrays, dice = arrays_for(loss, seed)
    vector = dice.normal(size=arrays["y_pred"].shape)
    reading = Reading(arrays, sizes)
    if loss.rows is None:
        jets, weight, weights = [reading.read(loss.full_expression, {})], np.ones(1), {}
    else:
        jets = [reading.read(loss.full_expression, {loss.rows: place}) for place in range(sizes["N"])]
        weight = dice.uniform(0.5, 2.0, size=sizes["N"])
        weights = {"sample_weight": weight}
    value = np.array([jet.value for jet in jets])
    gradient = sum(factor * jet.gradient for factor, jet in zip(weight, jets, strict=True))
    hessian = sum(factor * jet.hessian for factor, jet in zip(weight, jets, strict=True))
    if not (np.isfinite(value).all() and np.isfinite(gradient).all() and np.isfinite(hessian).all()):
        return
    arguments = (arrays["y_true"], arrays["y_pred"])
    got = np.atleast_1d(module.loss(*arguments, reduction="none", **weights))
    assert close(got, value * weight, 1 + np.abs(value).max())
    wanted = {
        "gradient": gradient,
        "hessian": np.diagonal(hessian),
        "product": hessian @ vector.ravel(),
    }
    results = {
        "gradient": module.gradient(*arguments, reduction="sum", **weights),
        "hessian": module.hessian(*arguments, reduction="sum", **weights),
        "product": module.hessian_vector_product(*arguments, vector, reduction="sum", **weights),
    }
    scale = 1 + np.abs(gradient).max() + np.abs(hessian).max()
    for name, exact in wanted.items():
        assert results[name].shape == arrays["y_pred"].shape
        assert close(results[name].ravel(), exact, scale), name
