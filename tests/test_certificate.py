"""Certificates: what is measured, that faults are seen, how they are stored, shown and checked again."""

import json
import math
import subprocess
import sys
from functools import cache

import numpy as np
import pytest

from symloss import Interval, Loss, catalogue, certificates, load, pipeline, y_pred, y_true
from symloss.arithmetic import Arithmetic
from symloss.errors import FileError, UnsupportedError
from symloss.mathematics import study
from symloss.measured import certified_text
from symloss.verify.certificate import certify, place_of, regions
from symloss.verify.checks import _array_certificate
from symloss.verify.examination import Examination
from symloss.verify.exhaustive import prove
from symloss.verify.faces import open_module
from symloss.verify.grid import batches, from_ordinals, ordinals
from symloss.verify.measure import Examiner, spacing, ulps
from symloss.verify.modules import Face
from symloss.verify.oracle import Point
from symloss.verify.report import Report
from tests.conftest import GENERATED, ROOT

FORMS = {form.name: form for name in catalogue.files() for form in catalogue.declared(name).generated_forms()}
# Not certified everywhere in float64, with the reason; everything else in the catalogue must be.


def module_of(name, target="numpy"):
    return open_module(FORMS[name], target, GENERATED / target / f"{name}.py")


def short(name, points=400, dtype="float64"):
    return {line.measurement.function: line for line in certify(FORMS[name], module_of(name), [dtype], points)}


# -- the measure ------------------------------------------------------------------------------------------------------


def test_errors_are_counted_in_ulps_of_the_result():
    """Against the number itself, not its rounding; in float64, float32 and among subnormals."""
    numbers = np.array([1.0, 1.0, -3.0, 5e-324, 1e-310, 0.0])
    got = np.array([1.0 + 2.0**-52, 1.0, -3.0, 1.5e-323, 1e-310, 5e-324])
    rest = np.array([0.25, 0.25, 0.0, 0.0, 0.5, 0.0])
    np.testing.assert_allclose(ulps(got, numbers, rest, np.float64), [0.75, 0.25, 0.0, 2.0, 0.5, 1.0], atol=1e-12)
    np.testing.assert_allclose(
        ulps(np.float32([1.0]), np.array([1.0 + 2.0**-24]), np.array([0.0]), np.float32), [0.5], atol=1e-7
    )


def test_infinities_and_nan_are_never_good_where_the_truth_is_finite():
    """And an infinite truth needs the right infinity."""
    numbers = np.array([1.0, 1e308, math.inf, -math.inf, math.inf, math.nan])
    got = np.array([math.nan, math.inf, math.inf, math.inf, 1.7e308, 3.0])
    errors = ulps(got, numbers, np.zeros(6), np.float64)
    assert math.isinf(errors[0])
    assert errors[1] > 1e15
    assert errors[2] == 0
    assert errors[3] > 1e15
    assert errors[4] > 1e14
    assert errors[5] == 0  # no derivative there: nothing to compare


def test_flushed_subnormals_are_forgiven_only_where_a_target_flushes():
    """TensorFlow's kernels take them for zero."""
    arguments = (np.array([0.0]), np.array([1e-310]), np.array([0.0]), np.float64)
    assert ulps(*arguments)[0] > 1e10
    assert ulps(*arguments, flushes=True)[0] == 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_ordinals_count_floats(dtype):
    """Neighbours differ by one, across zero too."""
    numbers = np.array([-1.0, -0.0, 0.0, 1e-40 if dtype is np.float32 else 1e-310, 1.0], dtype=dtype)
    up = np.nextafter(numbers, dtype(np.inf))
    assert (ordinals(up) - ordinals(numbers) == 1).all()
    np.testing.assert_array_equal(from_ordinals(ordinals(numbers), dtype), numbers)


def test_spacing_is_numpys_own():
    """Normal, subnormal and largest numbers."""
    numbers = np.array([1.0, 1.5, 2.0, 1e-310, 1.7e308, 3e-39])
    np.testing.assert_array_equal(spacing(numbers, np.float64), np.spacing(numbers))
    small = numbers[[0, 1, 2, 5]]
    np.testing.assert_array_equal(spacing(small, np.float32), np.spacing(small.astype(np.float32)).astype(float))


def test_labels_and_parameters_that_hold_integers_are_exact():
    """Otherwise sigmoid(x) - 1 would pass at label 1."""
    examiner = Examiner(FORMS["binary_crossentropy_logits"], np.float64)
    exact = examiner.sensitivity(Point(1.0, 1e-300, {"label_smoothing": 0.0}), "gradient", 0)
    soft = examiner.sensitivity(Point(0.7, 1e-300, {"label_smoothing": 0.0}), "gradient", 0)
    assert exact < 1e-100
    assert soft > 0.1


def test_sensitivity_is_half_an_ulp_of_the_inputs():
    """Exp at 700 moves by 350 ulps of its size, to first order."""
    examiner = Examiner(FORMS["exponential"], np.float64)
    moved = examiner.sensitivity(Point(-1.0, 700.0, {}), "value", 0)
    assert moved == pytest.approx(math.ulp(700.0) / 2 * math.exp(700.0) / math.ulp(math.exp(700.0)), rel=1e-6)


def test_samples_lie_in_their_domains_and_cover_the_floats():
    """Every exponent, both signs, zero labels, and the defaults of all parameters."""
    form = FORMS["huber"]
    found = list(batches(form, np.float64, 5000))
    assert sum(map(len, found)) >= 5000
    assert found[0].parameters == {"delta": 1.0}
    sizes = np.abs(np.concatenate([batch.y_pred for batch in found]))
    assert (sizes < 1e-300).any()
    assert (sizes > 1e300).any()
    assert len(np.unique(np.frexp(sizes[sizes > 0])[1])) > 1000
    for name in ("squared_log_error", "tweedie", "kl_divergence", "binary_crossentropy"):
        for batch in batches(FORMS[name], np.float32, 2000):
            assert np.isfinite(batch.y_pred).all()
            module_of(name).evaluator("")(batch)  # raises for anything outside


# -- faults -----------------------------------------------------------------------------------------------------------


class Faulty(Face):
    """A module whose gradient is off in one way."""

    target = "numpy"

    def __init__(self, name, change):
        self.inner, self.change = module_of(name), change

    def evaluator(self, mode):
        inside = self.inner.evaluator(mode)

        def evaluate(batch, functions=("value", "gradient", "hessian")):
            found = inside(batch, functions)
            if "gradient" in found:
                found["gradient"] = self.change(found["gradient"], batch)
            return found

        return evaluate


def _noisy(found, _batch):
    return found * (1 + 12 * 2.0**-53)


def _zero_when_confident(found, batch):
    return np.where(np.abs(batch.y_pred[:, None]) > 37, np.round(found), found)


def _wrong_at_one_place(found, batch):
    return np.where(batch.y_pred[:, None] == 0, 1e-3, found)


@pytest.mark.parametrize("change", [_noisy, _zero_when_confident], ids=lambda change: change.__name__)
def test_seeded_faults_are_not_certified(change):
    """Twelve roundings too many, or the classic 1 - sigmoid."""
    name = "binary_crossentropy_logits"
    lines = {line.measurement.function: line for line in certify(FORMS[name], Faulty(name, change), ["float64"], 800)}
    assert not lines["gradient"].is_certified
    assert lines["value"].is_certified
    assert lines["gradient"].regions()
    assert "y_pred" in lines["gradient"].regions()[0]


def test_an_error_between_the_samples_is_found_by_following_zeros():
    """A narrow fault beside a zero of the gradient, which no grid would hit."""
    name = "poisson_nll"

    def beside_the_zero(found, batch):
        close = np.abs(batch.y_pred - np.log(np.maximum(batch.y_true, 1))) < 1e-12
        return np.where(close[:, None], -found, found)

    lines = {
        line.measurement.function: line
        for line in certify(FORMS[name], Faulty(name, beside_the_zero), ["float64"], 800)
    }
    assert not lines["gradient"].is_certified


def test_regions_are_boxes_in_the_words_of_the_arguments():
    """One for each sign and setting."""
    errors = next(
        line.measurement.bad
        for line in certify(FORMS["hinge"], Faulty("hinge", lambda found, batch: found + 1), ["float64"], 300)
        if line.measurement.function == "gradient"
    )
    shown = regions(list(errors))
    assert 1 <= len(shown) <= 8
    assert all("y_true" in text and "y_pred" in text for text in shown)
    assert place_of(errors[0]).startswith("y_true=")


# -- the catalogue, which verification measures again on a short grid (tests/test_verify.py) -------------------------


# The quotient of two sums of a dozen terms is off by 5.5 ulp once. At a gamma next to 0 the focal loss of probabilities
# has a derivative that is infinite at a probability of 0 or 1, or is not.
BEYOND_THE_LIMIT = {
    ("dice", "float64", "value"),
    *(
        ("focal_categorical_probability", dtype, function)
        for dtype in ("float64", "float32")
        for function in ("gradient", "hessian")
    ),
}
MEASURED = [name for name, form in FORMS.items() if pipeline.is_measurable(form, "tensorflow")]


# In float32 these keep the digits that Keras prints (tests/test_published.py), which are not the nearest ones.
DIGITS_OF_KERAS = {
    ("categorical_crossentropy", "float32", "value"),
    ("sparse_categorical_crossentropy", "float32", "value"),
}


def test_the_committed_certificates_leave_nothing_else_out():
    """Every other function of every loss that is measured is good at every point, in both dtypes."""
    failing = set()
    for name in MEASURED:
        certificate = load_metadata(name)["certificate"]
        for dtype, limit in (("float64", 4.0), ("float32", 6.0)):
            for function, found in certificate[dtype].items():
                worst = found["worst_conditioned"]  # None where it is infinite
                assert found["certified"] == (worst is not None and worst <= limit)
                if not found["certified"]:
                    failing.add((name, dtype, function))
    assert failing >= DIGITS_OF_KERAS
    assert failing <= DIGITS_OF_KERAS | BEYOND_THE_LIMIT


@pytest.mark.parametrize("target", ["c", "numba"])
def test_the_certificates_of_compiled_modules_leave_out_what_numpy_does(target):
    """Pairs and extended numbers are theirs as well, and no digits of Keras are asked of them."""
    failing = {
        (name, dtype, function)
        for path in (GENERATED / "certificates").glob("*.json")
        for name, found in certificates.read(path).get(target, {}).items()
        for dtype, functions in found["measured"].items()
        for function, line in functions.items()
        if not line["certified"]
    }
    assert failing <= BEYOND_THE_LIMIT


def test_what_is_not_measured_says_so():
    """Losses that compare entries are measured in NumPy alone, and the error for TensorFlow names the way out."""
    assert all(load_metadata(name)["certificate"] is None for name in FORMS if name not in MEASURED)
    with pytest.raises(UnsupportedError, match="symloss verify checks it"):
        list(pipeline.certify(["infonce"], ("tensorflow",), GENERATED, dtypes=("float64",), points=100))


# Lists in sorted order, a batch of embeddings, cumulative logits, members of an ensemble.
OVER_PLACES = {
    "listmle": {"value"},
    "cox_partial_likelihood": {"value"},
    "gaussian_nll_diagonal": {"value", "gradient", "hessian"},
    "wasserstein_1d_histogram": {"value", "gradient", "hessian"},
    "ranknet": {"value"},
    "crps_ensemble": {"gradient", "hessian"},
    "ordinal_logistic": {"value", "gradient", "hessian"},
    "cumulative_link": {"value", "gradient", "hessian"},
}


@pytest.mark.parametrize("name", OVER_PLACES)
def test_losses_over_places_are_measured_over_all_floats(name):
    """Those functions that add up what can't cancel are certified; every function is measured."""
    lines = short(name, 300)
    assert set(lines) == {"value", "gradient", "hessian"}
    assert {function for function, line in lines.items() if line.is_certified} >= OVER_PLACES[name]
    assert all(line.measurement.points > 100 for line in lines.values())


def load_metadata(name):
    return module_of(name).module.METADATA


# TensorFlow has floats alone. Focal losses raise to gamma, which magnifies rounding gamma times (NumPy's go to extended
# numbers there), and are NaN where the truth is infinite; a subnormal quotient times 100 is lost; XLA orders sums anew.
FLOATS_ALONE = {
    ("absolute_percentage_error", "float64", "value"),
    ("categorical_crossentropy", "float64", "hessian"),
    ("categorical_crossentropy_logits", "float64", "gradient"),
    *(("student_t_nll", "float64", function) for function in ("value", "gradient", "hessian")),  # at scales of 1e-290
    ("jensen_shannon", "float64", "value"),  # of two distributions that are nearly the same
    *(("focal_binary", "float64", function) for function in ("value", "gradient", "hessian")),
    *(("focal_binary", "float32", function) for function in ("value", "gradient")),
    *(("focal_binary_probability", "float64", function) for function in ("value", "gradient", "hessian")),
    *(("focal_binary_probability", "float32", function) for function in ("value", "gradient")),
}


HOMES = catalogue.form_names()


def records_of(name):
    return certificates.read(certificates.path_of(GENERATED, HOMES[name]))


def test_the_certificates_of_tensorflow_leave_nothing_else_out():
    """Eager, in a graph and compiled by XLA, at 8 ulp or 8 (1 + S)."""
    failing, measured = set(), set()
    recorded = [name for name in MEASURED if "tensorflow" in records_of(name)]
    assert len(recorded) >= 31
    for name in recorded:
        for dtype, modes in records_of(name)["tensorflow"][name]["measured"].items():
            assert set(modes) == {"eager", "graph", "xla"}
            for functions in modes.values():
                for function, found in functions.items():
                    measured.add((name, dtype, function))
                    assert found["points"] >= 1800
                    if not found["certified"]:
                        failing.add((name, dtype, function))
    assert len(measured) == 6 * len(recorded)
    assert failing == DIGITS_OF_KERAS | FLOATS_ALONE


def test_tensorflow_modules_say_what_was_measured(form_name):
    """Of every mode, in the docstring, and what is not certified; nothing where nothing was."""
    text = module_of(form_name, "tensorflow").module.__doc__
    if form_name not in MEASURED or "tensorflow" not in records_of(form_name):
        assert "ulp" not in text
        return
    for mode in ("eager", "graph", "xla"):
        assert f"float64, {mode}: worst error in ulp/(1 + S), limit 8" in text
    assert ("not certified" in text) == any(name == form_name for name, _, _ in DIGITS_OF_KERAS | FLOATS_ALONE)


def test_compiled_pytorch_is_measured_but_not_twice_differentiated():
    """Value and gradient, at 8 ulp or 8 (1 + S); every module whose expm1 a compiler would take for exp(x) - 1."""
    for name in MEASURED:
        text = (GENERATED / "torch" / f"{name}.py").read_text(encoding="utf-8")
        for dtype, modes in records_of(name)["torch"][name]["measured"].items():
            if "_expm1" in text:
                assert set(modes) == {"eager", "compiled"}, (name, dtype)
            if (compiled := modes.get("compiled")) is not None:
                assert set(compiled) == {"value", "gradient"}
                assert {found["limit"] for found in compiled.values()} == {8.0}


@cache
def flushing_examiner(name, dtype):
    """One for all modes: they share the truth."""
    return Examiner(FORMS[name], dtype, None, module_of(name, "tensorflow").fixed, flushes=True)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["huber", "binary_crossentropy_logits", "cosine_similarity", "log_cosh"])
@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
def test_tensorflow_is_as_good_in_every_mode(name, mode, dtype):
    """All functions of a short grid, subnormals exempt."""
    evaluate = module_of(name, "tensorflow").evaluator(mode)
    for measurement in flushing_examiner(name, dtype).measure(evaluate, limit=8.0, count=300):
        assert measurement.is_certified, (measurement.function, measurement.bad[:1])


def test_a_residual_that_is_flushed_is_an_input_that_moved():
    """TensorFlow takes a difference below the smallest normal number for zero, and so may its sign be."""
    form, point = FORMS["absolute_error"], Point(-4.8185327779771214e-306, -4.818532778183974e-306, {})
    exact, flushing = (Examiner(form, np.float64, flushes=flushes) for flushes in (False, True))
    assert exact.sensitivity(point, "gradient", 0) == 0
    assert flushing.sensitivity(point, "gradient", 0) > 1e15


# -- stored, shown, checked again -------------------------------------------------------------------------------------


@pytest.mark.parametrize("form_name", MEASURED)
def test_modules_and_pages_carry_their_certificates(form_name):
    """In METADATA, in the docstring and in the LaTeX page, with the environment."""
    module = module_of(form_name).module
    certificate = module.METADATA["certificate"]
    assert set(certificate) == {"float64", "float32", "environment"}
    assert list(certificate["float64"]) == ["value", "gradient", "hessian"]
    assert certificate["float64"]["value"]["points"] >= 1800  # over an axis a sample has one value and many entries
    assert {"numpy", "machine", "oracle"} <= set(certificate["environment"])
    assert "float64: worst error in ulp/(1 + S)" in module.__doc__
    assert r"\paragraph{Accuracy}" in (GENERATED / "docs" / f"{form_name}.tex").read_text()


def test_a_certificate_belongs_to_its_code():
    """Of other code it says nothing."""
    record = {"numpy": {"any": {"code": certificates.code_hash("a"), "measured": {}}}}
    assert certificates.found_for(record, "numpy", "any", "a") is not None
    assert certificates.found_for(record, "numpy", "any", "b") is None
    assert certificates.found_for({}, "numpy", "any", "a") is None


def test_records_of_others_are_not_overwritten(tmp_path):
    """A file of the same name that is none of ours is an error."""
    path = tmp_path / "mine.json"
    path.write_text('{"a": 1}')
    with pytest.raises(FileError, match="is no record of certificates"):
        certificates.read(path)
    path.write_text("not json")
    with pytest.raises(FileError, match="is no record of certificates"):
        certificates.read(path)
    assert certificates.read(tmp_path / "none.json") == {}


@pytest.mark.parametrize("name", ["huber", "dice"])
def test_a_certificate_is_of_all_that_computes(name):
    """Kernels and what they call, as they stand in the module; not what checks and weighs around them."""
    mathematics = study(FORMS[name])
    record = certificates.read(GENERATED / "certificates" / f"{name}.json")

    def text_of(target, chosen_for):
        arithmetic = Arithmetic.from_data(record[chosen_for][name].get("arithmetic", {}))
        return certified_text(mathematics, [mathematics], target, arithmetic)

    assert text_of("c", "c").strip() in (GENERATED / "c" / f"{name}.c").read_text()
    assert text_of("numba", "c").strip() in (GENERATED / "numba" / f"{name}.py").read_text()
    module = (GENERATED / "numpy" / f"{name}.py").read_text()
    text = text_of("numpy", "numpy")
    functions = [f"def {part.strip()}" for part in text.split("\ndef ")[1:]]
    assert functions
    assert all(function in module for function in functions)
    assert "def _value(" in text
    assert "class _Batch" not in text


def test_verify_says_when_a_certificate_does_not_hold_here(monkeypatch):
    """A module that claims what the machine does not keep, with both numbers."""
    emitted = module_of("hinge")
    examination = Examination(FORMS["hinge"])
    good = Report("hinge", "numpy")
    _array_certificate(examination, emitted, good)
    assert good.passed

    exact = emitted.module._value
    monkeypatch.setattr(emitted.module, "_value", lambda *arguments: exact(*arguments) * (1 + 2.0**-49))
    found = Report("hinge", "numpy")
    _array_certificate(examination, emitted, found)
    assert "the certificate does not hold here" in str(found.failures[0])
    assert "4 allowed" in str(found.failures[0])


# -- exhaustive -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hinge", "exponential", "logistic_margin"])
def test_every_float16_is_half_an_ulp_from_the_truth(name):
    """All 63,488 finite predictions at both labels."""
    for proof in prove(FORMS[name], module_of(name), "float16"):
        assert proof.is_proved, proof
        assert proof.inputs == 2 * 63_488


def test_losses_of_two_variables_cannot_be_exhausted():
    """There are too many pairs."""
    with pytest.raises(UnsupportedError, match="more than one variable"):
        list(prove(FORMS["huber"], module_of("huber"), "float16"))


# -- the command ------------------------------------------------------------------------------------------------------


def run(*arguments, cwd=ROOT):
    return subprocess.run(
        [sys.executable, "-m", "symloss", *map(str, arguments)], capture_output=True, text=True, cwd=cwd, check=False
    )


MINE = """
from sympy import exp, log
import symloss
naive = symloss.Loss(name="naive", summary="A power tower that no rule knows.",
                     expression=log(1 + log(1 + exp(symloss.y_pred - symloss.y_true)) ** 3))
"""


def test_a_loss_of_ones_own_is_certified_and_its_module_says_so(tmp_path):
    """Table, JSON and picture; where it is not certified it says where, and exits with 1."""
    (tmp_path / "mine.py").write_text(MINE)
    assert run("generate", "mine.py", "--out", "losses", cwd=tmp_path).returncode == 0
    done = run("certify", "mine.py", "-o", "losses", "-p", 300, "--picture", "error.png", cwd=tmp_path)
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout.splitlines()[0].split("\t")[:4] == ["loss", "target", "dtype", "function"]
    assert ("not certified" in done.stdout) == (done.returncode == 1)
    assert (tmp_path / "error.png").read_bytes().startswith(b"\x89PNG")
    assert "Accuracy, of every point" in (tmp_path / "losses" / "numpy" / "naive.py").read_text()
    assert r"\paragraph{Accuracy}" in (tmp_path / "losses" / "docs" / "naive.tex").read_text()
    assert run("generate", "mine.py", "--out", "losses", "--check", cwd=tmp_path).returncode == 0

    parsed = json.loads(
        run("certify", "mine.py", "-o", "losses", "-p", 300, "--json", "--no-save", cwd=tmp_path).stdout
    )
    assert parsed[0]["loss"] == "naive"
    assert set(parsed[0]["measured"]["float64"]) == {"value", "gradient", "hessian"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["certify", "hubber"], "did you mean huber"),
        (["certify", "huber", "--dtype", "float8"], "there is no dtype float8"),
        (["certify", "huber", "--target", "mystery"], "there is no target mystery"),
        (["certify", "huber", "--out", "nowhere"], "run symloss generate first"),
        (["certify", "huber", "--picture", "a.gif"], "pictures are .png, .svg, .pdf"),
        (["certify", "huber", "hinge", "--picture", "a.png"], "a picture shows one module"),
        (["certify", "huber", "--exhaustive"], "more than one variable"),
        (["certify", "huber", "--target", "docs"], "has no functions"),
    ],
)
def test_mistakes_are_explained(arguments, message):
    """One line, exit code 2."""
    done = run(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_benchmark_of_invented_losses_runs():
    """On one of them, with few points."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.accuracy", "relative_log", "--points", "200", "--workers", "1"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("good everywhere: 1 of 1")


def test_a_special_function_is_as_good_as_the_rest():
    """erf, lgamma, digamma and their derivatives in NumPy, which has none of them."""
    from sympy import loggamma

    loss = Loss(
        name="shape",
        summary="x",
        expression=loggamma(y_pred) - y_pred * y_true,
        y_pred=Interval(0, 100, lower_open=True),
        y_true=Interval(1, 2),
    )
    module = load(loss).compile("numpy")
    assert module.hessian([1.5], [2.0]) == pytest.approx(math.pi**2 / 6 - 1, rel=1e-15)
