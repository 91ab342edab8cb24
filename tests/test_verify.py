"""Every generated module passes verification, on every target; a failure is explained."""

import json
import math

import pytest
import sympy

from symloss import Loss, catalogue, y_pred, y_true
from symloss.verify.checks import verify_module
from symloss.verify.examination import Examination
from symloss.verify.oracle import Oracle, Point, UndecidedError
from symloss.verify.report import cause_of
from tests.conftest import GENERATED, ROOT, form_names, load

FORMS = {form.name: form for name in catalogue.files() for form in catalogue.declared(name).generated_forms()}


# What JAX compiles takes seconds each; tests/test_jax.py compares all of its modules with NumPy's.
JAX = [
    "huber",
    "focal_binary",
    "categorical_crossentropy_logits",
    "cox_efron",
    "listmle",
    "ntxent",
    "tweedie",
    "triplet",
]


@pytest.mark.parametrize("form_name", form_names())
def test_every_module_passes(form_name):
    """Value, gradient, Hessian, reductions, weights, products, start value and link, at every probe of one truth."""
    examination = Examination(FORMS[form_name])
    for target in ("numpy", "tensorflow", "torch", *(["jax"] if form_name in JAX else [])):
        report = verify_module(examination, target, GENERATED / target / f"{form_name}.py")
        assert [str(failure) for failure in report.failures] == []
        assert report.points >= 49, target
        assert max(report.worst.values()) <= examination.limit, target
        assert set(report.worst) == {"value", "gradient", "hessian"}, target


def test_reports_are_data():
    """--json prints what the table shows."""
    report = verify_module(Examination(FORMS["huber"]), "numpy", GENERATED / "numpy" / "huber.py")
    assert json.loads(json.dumps(report.as_data(), default=str))["passed"] is True


@pytest.mark.parametrize(
    ("name", "point", "value", "slope", "curvature"),
    [
        ("huber", Point(1.0, 4.0, {"delta": 2.0}), 4.0, 2.0, 0.0),
        ("squared_error", Point(1.0, 4.0, {}), 9.0, 6.0, 2.0),
        ("hinge", Point(-1.0, 0.5, {}), 1.5, 1.0, 0.0),
        ("poisson_nll", Point(2.0, 0.0, {}), 1.0, -1.0, 1.0),
        ("exponential", Point(1.0, 0.0, {}), 1.0, -1.0, 1.0),
        ("binary_crossentropy_logits", Point(1.0, 0.0, {"label_smoothing": 0.0}), math.log(2), -0.5, 0.25),
        ("gaussian_nll", Point(0.0, 2.0, {"variance": 4.0}), math.log(4) / 2 + 0.5, 0.5, 0.25),
    ],
)
def test_the_oracle_knows_results_by_hand(name, point, value, slope, curvature):
    """Worked out on paper, so that the oracle itself stands on something."""
    truth = Oracle(FORMS[name]).truth(point)
    assert float(truth.value) == pytest.approx(value, rel=1e-15)
    assert float(truth.gradient[0]) == pytest.approx(slope, rel=1e-15)
    assert float(truth.hessian[0]) == pytest.approx(curvature, rel=1e-15)


def test_the_oracle_agrees_with_numerical_differentiation():
    """Mpmath's own derivatives of the oracle's values, for every elementwise loss."""
    import mpmath

    from symloss.verify.probes import probes

    for form in FORMS.values():
        if not form.is_elementwise:
            continue
        oracle = Oracle(form)
        for probe in probes(form)[:3]:
            truth = oracle.truth(probe.point)
            from dataclasses import replace

            def value(prediction, oracle=oracle, probe=probe):
                return oracle.along(replace(probe.point, y_pred=prediction))[0]

            with mpmath.workdps(60):
                step = mpmath.mpf(2) ** -24
                at = mpmath.mpf(probe.point.y_pred)
                slope = (value(at + step) - value(at - step)) / (2 * step)
                assert abs(slope - truth.gradient[0]) <= mpmath.mpf(10) ** -12 * (1 + abs(slope))


def test_causes_are_named():
    """The two commonest mistakes are recognised; anything else is left to the numbers."""
    assert cause_of([(-1.0, 1.0), (-2.5, 2.5)]) == "opposite sign"
    assert cause_of([(2.0, 1.0), (5.0, 2.5)]) == "constant factor 2"
    assert cause_of([(2.0, 1.0), (5.0, 2.0)]) == ""


def test_verification_of_a_missing_file_says_what_to_do(tmp_path):
    """Generate first."""
    from symloss.errors import FileError

    with pytest.raises(FileError, match="run symloss generate first"):
        verify_module(Examination(FORMS["huber"]), "numpy", tmp_path / "huber.py")


def test_generated_modules_are_what_is_imported():
    """The committed files are the ones under test."""
    assert load("numpy", "huber").__file__ == str(ROOT / "generated" / "numpy" / "huber.py")


def test_a_loss_that_is_undecided_everywhere_does_not_pass(monkeypatch):
    """Nothing examined is nothing shown."""
    loss = catalogue.declared("huber").generated_forms()[0]
    examination = Examination(loss)

    def undecided(_point):
        raise UndecidedError("never")

    monkeypatch.setattr(examination, "truth", undecided)
    report = verify_module(examination, "numpy", GENERATED / "numpy" / "huber.py")
    assert not report.passed
    assert report.points == 0
    assert any("no affordable precision" in str(failure) for failure in report.failures)


def test_the_oracle_cancels_what_no_precision_can_tell():
    """At 1e100 the exponential has vanished from 1 + exp(-x) at every precision, and log(1 - 1) would be a lie."""
    sigmoid = 1 / (1 + sympy.exp(-y_pred))
    loss = Loss(name="naive", summary="Typed as defined.", expression=-sympy.log(1 - sigmoid) + 0 * y_true)
    oracle = Oracle(loss)
    assert math.isclose(oracle.truth(Point(0.0, 50.0, {})).value, 50.0)
    truth = oracle.truth(Point(0.0, 1e100, {}))
    assert (float(truth.value), float(truth.gradient[0])) == (1e100, 1.0)


def test_the_oracle_says_when_it_cannot_tell():
    """A root of the sum can't be cancelled; at 1e100 it is 1 at every affordable precision."""
    hidden = sympy.sqrt(1 + sympy.exp(-y_pred)) - 1
    oracle = Oracle(Loss(name="hidden", summary="Out of reach.", expression=-sympy.log(hidden) + 0 * y_true))
    assert math.isclose(oracle.truth(Point(0.0, 50.0, {})).value, 50 + math.log(2))
    with pytest.raises(UndecidedError):
        oracle.truth(Point(0.0, 1e100, {}))
