"""The ledger of kinks: what every target returns at the tie itself and one float to either side."""

import numpy as np
import pytest
import sympy

import symloss
from symloss import catalogue
from symloss.declare import Signs
from symloss.verify.faces import open_module
from symloss.verify.grid import Batch
from symloss.verify.oracle import Oracle, Point
from tests.conftest import GENERATED

FORMS = {form.name: form for name in catalogue.files() for form in catalogue.declared(name).generated_forms()}
# A kink at the logarithm of a parameter is where no float is, so that none is on it.
KINKS = [(name, kink) for name in sorted(FORMS) for kink in symloss.load(name).kinks if not kink.at.has(sympy.log)]


def tie(name, kink):
    """A target, parameters, and the prediction where something jumps; all exact, none where both sides are alike."""
    constants = {item.name: float(item.default) for item in FORMS[name].parameters}
    constants = {name: 0.25 if value == 0.5 else value for name, value in constants.items()}
    y_true = 1.0 if isinstance(FORMS[name].y_true, Signs) else 4.0
    values = {**constants, "y_true": y_true}
    at = kink.at.subs({symbol: values[symbol.name] for symbol in kink.at.free_symbols})
    assert sympy.Rational(float(at)) == sympy.nsimplify(at, rational=True)
    return y_true, float(at), constants


def around(at):
    """The tie and its neighbours."""
    return np.array([np.nextafter(at, -np.inf), at, np.nextafter(at, np.inf)])


def test_there_are_ties_to_test():
    """Every loss with a kink, and its kind of jump."""
    assert {name for name, _ in KINKS} >= {"absolute_error", "expectile", "hinge", "huber", "pinball", "squared_hinge"}
    assert {kink.takes for _, kink in KINKS} <= {"below", "above", "zero"}


@pytest.mark.parametrize(("name", "kink"), KINKS, ids=lambda item: item if isinstance(item, str) else str(item.at))
@pytest.mark.parametrize("target", ["numpy", "tensorflow", "torch", "jax"])
def test_a_tie_takes_the_side_that_the_ledger_names(target, name, kink):
    """The neighbours are the two one-sided derivatives; the tie is one of them, or 0, the same in every target."""
    y_true, at, constants = tie(name, kink)
    emitted = open_module(FORMS[name], target, GENERATED / target / f"{name}.py")
    constants = {**constants, **emitted.fixed}
    extras = {item.name: 2.0 for item in FORMS[name].extra_inputs}
    numbers = around(at)
    batch = Batch(np.full(3, y_true), numbers, constants, {item: np.full(3, value) for item, value in extras.items()})
    part = kink.jumps.lower()
    below, here, above = emitted.evaluator(emitted.modes[0])(batch)[part][:, 0]
    oracle = Oracle(FORMS[name])
    for got, number in ((below, numbers[0]), (above, numbers[2])):
        truth = getattr(oracle.truth(Point(y_true, float(number), {**constants, **extras})), part)[0]
        assert got == pytest.approx(float(truth), rel=1e-12)
    assert below != above
    assert here == pytest.approx({"below": below, "above": above, "zero": 0.0}[kink.takes], rel=1e-12, abs=0)


@pytest.mark.parametrize(("name", "kink"), KINKS, ids=lambda item: item if isinstance(item, str) else str(item.at))
def test_modules_and_pages_name_the_side(name, kink):
    """In METADATA, in the docstring and on the page."""
    words = "0" if kink.takes == "zero" else f"that of {'smaller' if kink.takes == 'below' else 'larger'} predictions"
    module = open_module(FORMS[name], "numpy", GENERATED / "numpy" / f"{name}.py").module
    assert kink.takes in {item["takes"] for item in module.METADATA["kinks"]}
    assert f"there it is {words}." in module.__doc__
    assert f"there it is {words}." in (GENERATED / "docs" / f"{name}.tex").read_text()
