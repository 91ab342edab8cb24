"""Every stabilising rule is an identity: sampled by iterating over the table, so that none is forgotten."""

import math

import pytest
import sympy
from sympy import Symbol, cosh, exp, log, sqrt

from symloss.declare import Axis, Element, Index, Loss, Vectors, positive, real, sum_over, y_pred
from symloss.evaluate import number
from symloss.rules import FINISHING, LIFTING
from symloss.stabilise import finish, lift

AXIS_LOSS = Loss(
    name="over_axis",
    expression=sum_over(Axis("K").index("k"), y_pred[Axis("K").index("k")] ** 2),
    summary="x",
    y_pred=Vectors("K", real),
)
ENTRIES = ([0.25, 0.5, 0.25], [0.3, 1.7, 0.9], [2.0, 0.125, 3.5])


def _values(step):
    scalars = {"x": (-2.3, 0.4, 1.9)[step], "a": (0.7, 1.3, 2.6)[step], "b": (0.4, 1.3, 3.1)[step]}
    scalars |= {"y": (0.25, 0.5, 2.0)[step], "e": (0.5, 1.0, 2.25)[step]}
    return {**scalars, "y_pred": list(ENTRIES[step]), "y_true": float(step), "i": 0.0, "j": 1.0}


@pytest.mark.parametrize("rule", [*LIFTING, *FINISHING], ids=lambda rule: rule.name)
def test_a_rule_fires_on_its_example_and_changes_nothing(rule):
    """The example is rewritten, and both forms agree to thirty digits at three points."""
    before = rule.example()
    after = rule.rewrite(before)

    assert after is not None
    for step in range(3):
        values = _values(step)
        if any(entry.data.name == "y_true" and isinstance(entry.index, Index) for entry in before.atoms(Element)):
            values["y_true"] = [0.5, -1.0, 2.0]
        old, new = number(before, AXIS_LOSS, values), number(after, AXIS_LOSS, values)
        assert math.isclose(old, new, rel_tol=1e-15, abs_tol=1e-30)
        assert abs(old - new) <= 1e-30 * (1 + abs(old))


@pytest.mark.parametrize("rule", [*LIFTING, *FINISHING], ids=lambda rule: rule.name)
def test_a_rule_says_where_the_naive_form_fails_and_why_it_holds(rule):
    """A rule without a reason and a source would be folklore."""
    assert len(rule.fails) > 8
    assert len(rule.source) > 8


x = Symbol("x", real=True)


@pytest.mark.parametrize(
    ("naive", "atoms"),
    [
        (log(1 + exp(x)), {"softplus"}),
        (log(1 + exp(-x)), {"softplus"}),
        (-log(1 / (1 + exp(-x))), {"softplus"}),
        (log(1 - 1 / (1 + exp(-x))), {"softplus"}),
        (exp(x) / (1 + exp(x)), {"sigmoid"}),
        (1 - exp(x) / (1 + exp(x)), {"sigmoid"}),
        (exp(2 * x) / (1 + exp(x)) ** 2, {"sigmoid"}),
        (log((exp(x) + exp(-x)) / 2), {"logcosh"}),
        (log(exp(x) + exp(2 * x)), {"softplus"}),
        (log(1 + exp(x) + exp(-x)), {"softplus"}),
        (log(1 + (x / 3) ** 2), {"log_hypotenuse"}),
        (x**2 / (x**2 + 4), {"hypotenuse_unit"}),
        (log(cosh(x)), {"logcosh"}),
        (sqrt(1 + x**2) - 1, {"hypotenuse_excess"}),
        (1 / sqrt(1 + (x / 3) ** 2), {"hypotenuse"}),
    ],
)
def test_textbook_forms_reach_their_atoms(naive, atoms):
    """However it is typed, no exponential or root is left bare."""
    lifted = lift(naive)
    assert {type(node).__name__ for node in lifted.atoms(sympy.Function)} == atoms
    for value in (-3.0, 0.5, 2.0):
        values = {"x": value}
        assert abs(number(naive, AXIS_LOSS, values) - number(lifted, AXIS_LOSS, values)) < 1e-30


def test_lifting_and_finishing_are_idempotent():
    """A second pass finds nothing more to do."""
    expression = log(1 + exp(x)) - Symbol("y", nonnegative=True) * x
    once = finish(lift(expression))
    assert finish(lift(once)) == once


def test_domain_symbols_keep_their_positivity():
    """Rules rely on assumptions, so those must survive."""
    assert Vectors("K", positive).entries.lower_open
