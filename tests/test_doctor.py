"""The doctor finds the faults that people reported, has no complaint about right objectives, and survives bad ones."""

import functools
import importlib
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sympy import Abs, log

import symloss
from symloss import Interval, Loss, SymlossError, y_pred, y_true
from symloss.doctor import FaultyObjectiveError
from symloss.doctor.samples import KINDS, of_classes
from tests.objectives import faulty
from tests.objectives.faulty import MORE, TWELVE
from tests.objectives.right import RIGHT

_SIZE = Interval.parse("(0, oo)")
_ERROR = y_pred - y_true
_OWN = {
    "fair": Loss("fair", Abs(_ERROR) - log(1 + Abs(_ERROR)), "Fair."),
    "half_squared_log_error": Loss(
        "half_squared_log_error", (log(1 + y_pred) - log(1 + y_true)) ** 2 / 2, "RMSLE.", y_true=_SIZE, y_pred=_SIZE
    ),
    "relative_error": Loss("relative_error", Abs(_ERROR) / Abs(y_true), "MAPE.", y_true=_SIZE),
    "symmetric_percentage_error": Loss(
        "symmetric_percentage_error",
        Abs(_ERROR) / (Abs(y_true) + Abs(y_pred)),
        "SMAPE.",
        y_true=_SIZE,
        y_pred=_SIZE,
    ),
}
_handle = functools.cache(symloss.load)  # studied once
_OURS = [
    (library, path.stem)
    for library in ("xgboost", "lightgbm", "catboost")
    for path in sorted((Path(__file__).parent.parent / "generated" / library).glob("[a-z]*.py"))
]
_OF_A_SCALE = {"absolute_error", "pinball", "hinge"}  # their smoothing is taken from the rows at hand


@pytest.mark.parametrize("thread", TWELVE)
def test_the_twelve_faults_are_found_with_the_loss_known(thread):
    function, library, loss, expected, _ = TWELVE[thread]
    found = symloss.lint(function, library, _OWN.get(loss, loss))
    assert not found.passed
    assert expected <= found.codes()


@pytest.mark.parametrize("thread", TWELVE)
def test_the_twelve_faults_are_found_from_the_callback_alone(thread):
    function, library, _, _, expected = TWELVE[thread]
    found = symloss.lint(function, library)
    assert not found.passed
    assert expected <= found.codes()


@pytest.mark.parametrize("thread", MORE)
def test_more_reported_faults_are_found(thread):
    function, library, expected = MORE[thread]
    assert expected <= symloss.lint(function, library).codes()


@pytest.mark.parametrize("name", RIGHT)
def test_right_objectives_have_no_fault(name):
    function, library, loss, options = RIGHT[name]
    for known in dict.fromkeys((None, loss)):
        found = symloss.lint(function, library, known and _handle(known), **options)
        found.raise_if_failed()
        assert "weights-ignored" not in found.codes()


@pytest.mark.parametrize(("library", "name"), _OURS)
def test_generated_objectives_are_those_of_their_loss(library, name):
    module = importlib.import_module(f"generated.{library}.{name}")
    if "lists" in module.METADATA["y_pred"]:
        return  # a loss over lists has no derivatives of one row
    outputs = len(module.METADATA.get("outputs", ())) or None
    if module.METADATA["extra_inputs"] and not outputs:
        return  # they are bound to a data set, which a callback alone is not
    kind = next(item for key, item in vars(module).items() if key.endswith("Objective"))
    known = _handle(name) if library == "xgboost" else None  # the numbers are the same in every library
    found = symloss.lint(kind(), library, known, outputs=outputs)
    allowed = {"rows-coupled"} if name in _OF_A_SCALE else set()
    if name == "dpo":  # has no label to lead to, and a curvature below XGBoost's min_child_weight
        allowed = {"does-not-train", "points-away"}
    assert found.codes() <= allowed, str(found)


def test_the_worst_point_is_one():
    """The point that is shown really has the two numbers that are shown with it."""
    found = symloss.lint(faulty.logistic_by_probability, "xgboost", "binary_crossentropy_logits")
    item = next(item for item in found.faults if item.code == "wrong-variable")
    label, score = item.at["y_true"], item.at["score"]
    p = 1 / (1 + np.exp(-score))
    assert f"expected {p - label:.6g}" in item.message
    assert f"got {-label / p + (1 - label) / (1 - p):.6g}" in item.message
    assert item.share > 0.9


@pytest.mark.parametrize("factor", [0.5, -3.0, 1e-3])
def test_a_constant_factor_is_measured(factor):
    found = symloss.lint(
        lambda scores, data: (factor * (scores - data.get_label()), np.full_like(scores, abs(factor))),
        "xgboost",
        "half_squared_error",
    )
    item = next(item for item in found.symptoms if item.code in {"constant-factor", "opposite-sign"})
    assert f"{abs(factor):.6g} times" in item.message


def test_overflow_is_told_from_the_score_on_at_which_it_begins():
    found = symloss.lint(faulty.quotient_of_exponentials, "lightgbm")
    item = next(item for item in found.symptoms if item.code == "overflow")
    assert 700 < item.at["score"] < 711  # exp(709.8) is the largest


def test_the_share_of_bad_curvature_is_that_of_the_points():
    found = symloss.lint(faulty.symmetric_percentage_error, "lightgbm", _OWN["symmetric_percentage_error"])
    item = next(item for item in found.faults if item.code == "hessian-not-positive")
    sample = KINDS["positive predictions"]()
    above = sample.scores > sample.y_true[:, None]
    assert item.share == pytest.approx(float(np.mean(above)))  # -4y/(s+y)^3 there, the opposite below


def test_a_correct_objective_is_offered_and_it_is_correct(tmp_path, monkeypatch):
    found = symloss.lint(faulty.log_cosh_with_its_sign_reversed, "xgboost", "log_cosh")
    assert "symloss generate log_cosh --target xgboost --out losses" in found.corrected
    command = found.corrected.splitlines()[0].removeprefix("# ").split()
    subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "losses" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 2))
    names = {"params": {"max_depth": 2}, "X": X, "y": X[:, 0]}
    exec(found.corrected, names)
    assert symloss.lint(names["objective"], "xgboost", "log_cosh").passed
    predicted = names["objective"].predict(names["booster"], X)
    assert np.corrcoef(predicted, X[:, 0])[0, 1] > 0.9


def test_parameters_of_the_loss_are_those_given():
    def huber(scores, data):
        r = scores - data.get_label()
        return np.clip(r, -2, 2), np.ones_like(r)

    assert symloss.lint(huber, "xgboost", "huber", parameters={"delta": 2}).passed
    assert "wrong-gradient" in symloss.lint(huber, "xgboost", "huber").codes()


def test_an_objective_that_is_bound_to_rows_is_examined_with_them():
    random = np.random.default_rng(1)
    labels, exposure = random.poisson(2.0, 60), random.uniform(0.5, 2, 60)

    def poisson(scores, data):
        mean = exposure * np.exp(scores)
        return mean - data.get_label(), mean

    assert symloss.lint(poisson, "xgboost", labels=labels, bound=True).passed
    assert "raises" in symloss.lint(poisson, "xgboost").codes()
    costs = random.uniform(0.5, 2, 60)

    def weighted(scores, data):
        return 2 * costs * (scores - data.get_label()), 2 * costs

    name = "context_weighted_squared_error"
    inputs = {"context_weight": costs}
    assert symloss.lint(weighted, "xgboost", name, labels=labels, inputs=inputs).passed
    wrong = symloss.lint(weighted, "xgboost", name, labels=labels, inputs={"context_weight": costs[::-1]})
    assert "wrong-gradient" in wrong.codes()
    with pytest.raises(SymlossError, match="context_weight"):
        symloss.lint(weighted, "xgboost", name)


def cox(scores, dtrain):
    """The partial likelihood, labels of censored times negative, as XGBoost has them; every row is one list."""
    y = dtrain.get_label()
    weight = np.exp(scores)
    at_risk = np.abs(y)[:, None] <= np.abs(y)
    share = at_risk * weight / (at_risk @ weight)[:, None]
    event = (y > 0).astype(float)
    return event @ share - event, np.maximum(event @ (share * (1 - share)), 1e-6)


def test_of_a_loss_over_lists_only_that_is_told():
    """Its scores are moved one at a time, so that its Hessian is found to be right."""
    found = symloss.lint(cox, "xgboost")
    assert {item.code for item in found.faults} == {"rows-coupled"}
    symloss.lint(cox, "xgboost", ignore=["rows-coupled"]).raise_if_failed()

    def wrong(scores, dtrain):
        gradient, hessian = cox(scores, dtrain)
        return gradient, 3 * hessian

    assert "inconsistent" in symloss.lint(wrong, "xgboost").codes()


def test_each_kind_of_labels_may_be_asked_for():
    for kind in KINDS:
        found = symloss.lint(faulty.squared_error_divided_by_rows, "xgboost", labels=kind)
        assert found.labels == KINDS[kind]().kind
        assert "divided-by-rows" in found.codes()


def test_samples_are_exact_in_float32():
    for sample in [*(make() for make in KINDS.values()), of_classes(4)]:
        for numbers in (sample.y_true, sample.scores):
            assert np.array_equal(numbers, numbers.astype(np.float32))


@pytest.mark.parametrize(
    ("arguments", "keywords", "message"),
    [
        ((faulty.exact_focal, "sklearn"), {}, "choose from xgboost, lightgbm, catboost"),
        ((faulty.exact_focal, "xgboost"), {"style": "other"}, "native, scikit-learn"),
        ((faulty.exact_focal, "xgboost"), {"labels": "many"}, "positive predictions"),
        ((faulty.exact_focal, "xgboost"), {"labels": ["a", "b"]}, "finite numbers"),
        ((faulty.exact_focal, "xgboost"), {"labels": [1.0, np.nan]}, "finite numbers"),
        ((faulty.exact_focal, "xgboost"), {"classes": 1}, "2 or more"),
        ((faulty.exact_focal, "xgboost"), {"classes": 3, "labels": "real"}, "classes alone"),
        ((faulty.exact_focal, "xgboost"), {"bound": True}, "give labels"),
        ((faulty.exact_focal, "catboost"), {}, "calc_ders_range"),
        ((3, "xgboost"), {}, "can't be called"),
        ((faulty.exact_focal, "xgboost", "huber"), {"parameters": {"delt": 1}}, "it has delta"),
        ((faulty.exact_focal, "xgboost", "huber"), {"parameters": {"delta": -1}}, "not in"),
        ((faulty.exact_focal, "xgboost", "hubre"), {}, "huber"),
        ((faulty.exact_focal, "xgboost", "triplet"), {}, "one score per row"),
    ],
)
def test_wrong_arguments_are_refused(arguments, keywords, message):
    with pytest.raises(SymlossError, match=message):
        symloss.lint(*arguments, **keywords)


def test_an_objective_that_hangs_is_left_behind():
    found = symloss.lint(lambda scores, data: time.sleep(1000), "xgboost", time_limit=0.5)
    assert found.codes() == {"hangs"}


def test_an_objective_that_exits_or_raises_is_told():
    leaves = symloss.lint(lambda scores, data: sys.exit(3), "xgboost")
    assert leaves.codes() == {"raises", "not-picklable"}
    message = str(symloss.lint(lambda scores, data: {}["gone"], "xgboost"))
    assert "KeyError: 'gone'" in message
    assert "line" in message


def test_a_diagnosis_is_a_test():
    found = symloss.lint(faulty.absolute_error_of_nothing, "xgboost")
    with pytest.raises(FaultyObjectiveError, match="hessian-not-positive"):
        found.raise_if_failed()
    ignored = symloss.lint(faulty.logistic_without_weights, "xgboost", ignore=["weights-ignored"])
    ignored.raise_if_failed(strict=True)
    with pytest.raises(FaultyObjectiveError):
        symloss.lint(faulty.logistic_without_weights, "xgboost").raise_if_failed(strict=True)


def _run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "symloss", "lint", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


_MODULE = """
import time, os, numpy as np
print("this is printed while the module is imported")
def squared(preds, dtrain):
    print("and this while it is called")
    weight = dtrain.get_weight()
    weight = weight if weight is not None and len(weight) else np.ones(len(preds))
    return weight * (preds - dtrain.get_label()), weight
def reversed_(preds, dtrain):
    return dtrain.get_label() - preds, np.ones_like(preds)
def hangs(preds, dtrain):
    time.sleep(1000)
def dies(preds, dtrain):
    os._exit(7)
class Poisson:
    def calc_ders_range(self, approxes, targets, weights):
        return [(t - np.exp(a), -np.exp(a)) for a, t in zip(approxes, targets)]
"""


def test_the_command(tmp_path):
    (tmp_path / "own.py").write_text(_MODULE)
    right = _run("own.py:squared", "--for", "xgboost", "--loss", "half_squared_error", cwd=tmp_path)
    assert right.returncode == 0, right.stderr
    assert "no faults" in right.stdout
    assert "printed" not in right.stdout
    wrong = _run("own.py:reversed_", "--for", "lightgbm", "--json", cwd=tmp_path)
    assert wrong.returncode == 1
    assert "points-away" in {item["code"] for item in json.loads(wrong.stdout)["symptoms"]}
    catboost = _run("own.py:Poisson", "--for", "catboost", cwd=tmp_path)
    assert catboost.returncode == 1
    assert "class-not-instance" in catboost.stdout
    by_name = _run("own:squared", "--for", "xgboost", cwd=tmp_path)
    assert by_name.returncode == 0, by_name.stderr


def test_the_command_survives_what_it_runs(tmp_path):
    (tmp_path / "own.py").write_text(_MODULE)
    hangs = _run("own.py:hangs", "--for", "xgboost", "--time-limit", "1", cwd=tmp_path)
    assert (hangs.returncode, "hangs" in hangs.stdout) == (1, True)
    dies = _run("own.py:dies", "--for", "xgboost", cwd=tmp_path)
    assert (dies.returncode, "code 7" in dies.stdout) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("own.py", "--for", "xgboost"), "squared, reversed_, hangs, dies, Poisson"),
        (("own.py:squard", "--for", "xgboost"), "did you mean squared"),
        (("gone.py:squared", "--for", "xgboost"), "there is no file gone.py"),
        (("own.py:squared", "--for", "sklearn"), "choose from xgboost"),
        (("own.py:squared", "--for", "xgboost", "--loss", "huber", "--set", "delta"), "--set delta=1.5"),
        (("own.py:squared", "--for", "xgboost", "--loss", "hubre"), "huber"),
        (("broken.py:f", "--for", "xgboost"), "could not be imported: SyntaxError"),
    ],
)
def test_the_command_says_what_is_wrong_with_its_arguments(tmp_path, arguments, message):
    (tmp_path / "own.py").write_text(_MODULE)
    (tmp_path / "broken.py").write_text("def f(:\n")
    ended = _run(*arguments, cwd=tmp_path)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_outputs_are_compared_one_by_one():
    """Of a Gaussian, against its formula: one wrong column is found, with the right number beside it."""

    def gaussian(scores, data, factor=1.0):
        r, precision = scores[:, 0] - data.get_label(), np.exp(-scores[:, 1])
        gradient = np.stack([r * precision, factor * (1 - r**2 * precision) / 2], axis=1)
        return gradient, np.stack([precision, np.full_like(precision, 0.5)], axis=1)

    right = symloss.lint(gaussian, "xgboost", "gaussian_nll", outputs=2)
    assert right.passed, str(right)
    wrong = symloss.lint(functools.partial(gaussian, factor=-1.0), "xgboost", "gaussian_nll", outputs=2)
    item = next(item for item in wrong.faults if item.code == "wrong-gradient")
    assert item.share == pytest.approx(0.5, abs=0.02)
    mean, log_variance = item.at["score"]
    expected = (1 - (mean - item.at["y_true"]) ** 2 * np.exp(-log_variance)) / 2
    assert f"expected {expected:.6g}, got {-expected:.6g}" in item.message
    with pytest.raises(SymlossError, match="prediction, variance"):
        symloss.lint(gaussian, "xgboost", "gaussian_nll", outputs=3)
