"""The admissibility report against what is known of every loss, and against assertions of a library that are false."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from click.testing import CliRunner
from sympy import Abs, Max, Piecewise, Symbol, cosh, log

import symloss
from symloss import Interval, Loss, Parameter, load, y_pred, y_true
from symloss.analyse.findings import Grade
from symloss.analyse.ranges import Range, range_of
from symloss.analyse.structure import Layout
from symloss.cli import app
from symloss.declare import Signs, positive
from symloss.errors import DeclarationError

residual = y_pred - y_true


@dataclass(frozen=True)
class Truth:
    """What textbooks say: True, False, or None where the report need not know."""

    smooth_twice: bool | None
    convex: bool | None
    strongly: bool | None = None
    lipschitz: str | bool | None = None
    gradient: str | bool | None = None
    symmetric: bool | None = None
    minimiser: str | None = None


# Boyd, Vandenberghe (2004), Convex optimization; McCullagh, Nelder (1989), Generalized linear models; Bartlett, Jordan,
# McAuliffe (2006), Convexity, classification and risk bounds; Gneiting (2011), Making and evaluating point forecasts.
SCORES = {
    "absolute_error": Truth(False, True, False, "1", False, True, "median"),
    "absolute_percentage_error": Truth(False, True, False, "factor/epsilon", False, True, "median of labels weighted"),
    "binary_crossentropy": Truth(True, True, None, False, False, None, "mean"),
    "binary_crossentropy_logits": Truth(True, True, False, "1 - label_smoothing/2", "1/4", True, "mean"),
    "context_weighted_squared_error": Truth(True, True, True, False, "2*context_weight", True, "mean"),
    "dpo": Truth(True, True, False, None, "beta**2/4", False, None),
    "expectile": Truth(False, True, True, False, "Max(2*tau, 2 - 2*tau)", False, "expectile at tau"),
    "exponential": Truth(True, True, False, False, False, True, "1/2 times the log-odds"),
    "focal_binary": Truth(True, False, False, None, None, False, None),
    "focal_binary_probability": Truth(True, None, None, False, False, False, None),
    "gamma_deviance": Truth(True, False, False, False, False, False, "mean"),
    "gamma_nll": Truth(True, True, False, False, False, False, "mean"),
    "gaussian_nll": Truth(True, True, True, False, "1/variance", True, "mean"),
    "half_squared_error": Truth(True, True, True, False, "1", True, "mean"),
    "hinge": Truth(False, True, False, "1", False, True, "1 where p > 1/2, else -1"),
    "huber": Truth(False, True, False, "delta", "1", True, "M-estimator"),
    "laplace_nll": Truth(False, True, False, "1/scale", False, True, "median"),
    "log_cosh": Truth(True, True, False, "1", "1", True, "M-estimator"),
    "logistic_margin": Truth(True, True, False, "1", "1/4", True, "log-odds"),
    "pinball": Truth(False, True, False, "Max(tau, 1 - tau)", False, False, "quantile at tau"),
    "poisson_nll": Truth(True, True, False, False, False, False, "mean"),
    "poisson_nll_mean": Truth(True, True, False, False, False, False, "mean"),
    "ppo_clip": Truth(False, False, False, False, False, False, None),
    "pseudo_huber": Truth(True, True, False, "delta", "1", True, "M-estimator"),
    "squared_error": Truth(True, True, True, False, "2", True, "mean"),
    "squared_hinge": Truth(False, True, False, False, "2", True, "2*p - 1"),
    "squared_log_error": Truth(
        True, False, False, False, False, False, "the prediction whose log(y_pred + 1) is the mean"
    ),
    "student_t_nll": Truth(True, False, False, None, None, True, None),
    "tweedie": Truth(True, True, False, False, False, False, "mean"),
}
# Of losses over axes: twice differentiable, convex in all scores. None: not known to the report, or not to us.
VECTORS = {
    "batch_hard_triplet": (False, None),
    "bpr": (True, True),
    "categorical_crossentropy": (True, False),
    "categorical_crossentropy_logits": (True, True),
    "categorical_hinge": (False, True),
    "circle": (True, None),
    "clip": (True, None),
    "contrastive": (False, False),
    "cosine_similarity": (True, False),
    "cox_efron": (True, None),
    "cox_partial_likelihood": (True, True),
    "crps_ensemble": (False, None),
    "cumulative_link": (None, None),
    "dice": (True, False),
    "focal_categorical": (True, False),
    "focal_categorical_probability": (True, False),
    "gaussian_nll_diagonal": (True, True),
    "generalized_cross_entropy": (True, True),
    "hellinger": (True, True),
    "infonce": (True, None),
    "jaccard": (True, False),
    "jensen_shannon": (True, True),
    "kl_divergence": (True, True),
    "lambdarank": (True, None),
    "listmle": (True, True),
    "listnet_softmax": (True, True),
    "multi_margin": (False, True),
    "multi_similarity": (True, None),
    "multiclass_hinge": (False, True),
    "ntxent": (True, None),
    "ordinal_logistic": (True, True),
    "ranknet": (True, True),
    "sparse_categorical_crossentropy": (True, False),
    "sparse_categorical_crossentropy_logits": (True, True),
    "triplet": (False, None),
    "tversky": (True, False),
    "wasserstein_1d_histogram": (False, True),
}
ADDITIVE_NOT = {
    *("batch_hard_triplet", "bpr", "circle", "clip", "cox_efron", "cox_partial_likelihood", "infonce", "lambdarank"),
    *("listmle", "listnet_softmax", "multi_similarity", "ntxent", "ranknet"),
}
UNCOUPLED = {"gaussian_nll_diagonal", "hellinger", "jensen_shannon", "kl_divergence", "ordinal_logistic"}


def holds(finding):
    """True, False, or None where the report doesn't know."""
    return None if finding.grade is Grade.UNKNOWN else finding.grade.holds


def test_the_truths_cover_the_catalogue():
    from symloss import catalogue

    forms = [form for name in catalogue.files() for form in catalogue.declared(name).generated_forms()]
    assert {form.name for form in forms if form.is_elementwise} == set(SCORES)
    assert {form.name for form in forms if not form.is_elementwise} == set(VECTORS)


@pytest.mark.parametrize("name", SCORES)
def test_a_loss_of_one_score_is_what_textbooks_say(name):
    truth, report = SCORES[name], load(name).report()
    assert holds(report.finding("additive_over_rows")) is True
    assert holds(report.finding("coupled_over_outputs")) is False
    for claim, known in (
        ("twice_differentiable", truth.smooth_twice),
        ("convex", truth.convex),
        ("strongly_convex", truth.strongly),
        ("symmetric", truth.symmetric),
    ):
        if known is not None:
            assert holds(report.finding(claim)) is known, claim
    for claim, known in (("lipschitz", truth.lipschitz), ("smooth", truth.gradient)):
        found = report.finding(claim)
        if isinstance(known, str):
            assert (holds(found), found.answer) == (True, known), claim
        elif known is not None:
            assert holds(found) is known, claim
    if truth.minimiser is not None:
        found = report.finding("minimiser")
        assert found.grade is Grade.PROVED
        assert found.answer.startswith(truth.minimiser)


@pytest.mark.parametrize("name", VECTORS)
def test_a_loss_over_axes_is_what_is_known_of_it(name):
    smooth_twice, convex = VECTORS[name]
    report = load(name).report()
    assert holds(report.finding("additive_over_rows")) is (name not in ADDITIVE_NOT)
    assert holds(report.finding("coupled_over_outputs")) is (name not in UNCOUPLED)
    if smooth_twice is not None:
        assert holds(report.finding("twice_differentiable")) is smooth_twice
    assert holds(report.finding("convex")) is convex


@pytest.mark.parametrize("name", SCORES)
def test_counter_examples_are_counter_examples(name):
    """Checked by the emitted module and finite differences, which share nothing with the report."""
    handle = load(name)
    module, report = handle.compile("numpy"), handle.report()

    def at(finding, function, shift=0.0):
        others = {key: value for key, value in finding.at.items() if key not in ("y_true", "y_pred")}
        extra = {item.name for item in handle.declaration.extra_inputs}
        others = {key: np.array([value]) if key in extra else value for key, value in others.items()}
        arguments = np.array([finding.at["y_true"]]), np.array([finding.at["y_pred"] + shift])
        return float(getattr(module, function)(*arguments, **others, reduction="none")[0])

    convex, positive_hessian = report.finding("convex"), report.finding("hessian_positive")
    if convex.grade is Grade.REFUTED:
        assert at(convex, "hessian") < 0
        step, middle = 1e-3 * max(1e-3, abs(convex.at["y_pred"])), at(convex, "loss")
        if name != "ppo_clip":  # where the point is beside a kink
            assert (at(convex, "loss", step) + at(convex, "loss", -step)) / 2 < middle
    if positive_hessian.grade is Grade.REFUTED:
        assert at(positive_hessian, "hessian") <= 0
    if (strongly := report.finding("strongly_convex")).grade is Grade.REFUTED:
        assert at(strongly, "hessian") < 1e-9


# LossFunctions.jl at b60f2b3, src/losses/*.jl and test/props.jl: asserted there, and false.
eps, p = Symbol("eps", positive=True), Symbol("p", positive=True)
FALSE_ASSERTIONS = {
    "log_cosh is strongly convex": (Loss("lc", log(cosh(residual)), "Log-cosh."), "strongly_convex"),
    "l2 epsilon-insensitive is strongly convex": (
        Loss(
            "l2_insensitive",
            Max(0, Abs(residual) - eps) ** 2,
            "A tube.",
            parameters=[Parameter(eps, 1.0, positive, "width")],
        ),
        "strongly_convex",
    ),
    "power above 2 is strongly convex": (Loss("cubic", Abs(residual) ** 3, "A power of 3."), "strongly_convex"),
    "huber is twice differentiable": (None, "twice_differentiable"),
    "power below 2 is twice differentiable": (
        Loss("sesqui", Abs(residual) ** 1.5, "A power of 3/2."),
        "twice_differentiable",
    ),
}


@pytest.mark.parametrize("assertion", FALSE_ASSERTIONS)
def test_false_assertions_of_a_library_are_refuted(assertion):
    declared, claim = FALSE_ASSERTIONS[assertion]
    finding = load(declared or "huber").report().finding(claim)
    assert finding.grade is Grade.REFUTED
    assert {"y_true", "y_pred"} <= set(finding.at)


def test_the_zero_one_loss_is_refused_where_it_jumps():
    """Asserted there to be Lipschitz."""
    with pytest.raises(DeclarationError, match="jumps from"):
        Loss("zero_one", Piecewise((0, y_pred * y_true >= 0), (1, True)), "Zero or one.", y_true=Signs())


CURVATURES = {
    "squared_error": "exact",
    "absolute_error": "majoriser",
    "pinball": "majoriser",
    "huber": "majoriser",
    "pseudo_huber": "majoriser",
    "log_cosh": "majoriser",
    "focal_binary": "gauss_newton",
    "binary_crossentropy_logits": "exact",
    "gamma_nll": "exact",
    "tweedie": "exact",
    "poisson_nll": "exact",
    "squared_hinge": "exact",
    "hinge": "majoriser",
    "expectile": "exact",
    "sparse_categorical_crossentropy_logits": "exact",
    "focal_categorical": "absolute",
    "multi_margin": "ones",
}


@pytest.mark.parametrize("name", CURVATURES)
def test_the_default_curvature_is_safe(name):
    training = load(name).report().training
    assert training.default == CURVATURES[name]
    assert training.curvatures[training.default].finding.grade.holds
    assert all(library.can_train for library in training.libraries)


def test_what_boosters_can_not_train_is_said_and_why():
    probabilities = load("gamma_deviance").report().training
    assert not any(library.can_train for library in probabilities.libraries)
    assert "declare a link" in probabilities.libraries[0].why
    assert load("ntxent").report().training.layout is Layout.OTHER
    through_the_link = load("binary_crossentropy").report().training
    assert through_the_link.form.name == "binary_crossentropy_logits"


@pytest.mark.parametrize("delta", [0.5, 1.0, 2.0])
def test_regions_end_where_curvature_does(delta):
    shown = [str(region) for region in load("huber").report().regions]
    assert shown == ["zero for y_pred - y_true in (-oo, -1)", "zero for y_pred - y_true in (1, oo)"]
    d = Symbol("d", positive=True)
    bent = Loss(
        "bent",
        Piecewise((residual**2 / 2, Abs(residual) <= d), (d * (Abs(residual) - d / 2), True)),
        "Huber again.",
        parameters=[Parameter(d, delta, positive, "where it bends")],
    )
    assert [str(region) for region in load(bent).report().regions][1] == f"zero for y_pred - y_true in ({delta:g}, oo)"


def test_a_losses_concave_side_is_found():
    """-|r| jumps down, and a squared residual that saturates bends down."""
    concave = load(Loss("inverted", -Abs(residual), "Upside down.")).report()
    assert concave.finding("convex").grade is Grade.REFUTED
    c = Symbol("c", positive=True)
    geman = Loss(
        "geman",
        residual**2 / (residual**2 + c**2),
        "Saturates.",
        parameters=[Parameter(c, 1.0, Interval(0.1, 10), "where it bends")],
    )
    report = load(geman).report()
    assert report.finding("convex").grade is Grade.REFUTED
    assert report.training.default in ("majoriser", "absolute")


@pytest.mark.parametrize(
    ("expression", "at", "inside"),
    [
        (Symbol("x") ** 2 - Symbol("x"), 0.5, (-1.0, 2.0)),
        (1 / (1 + Symbol("x") ** 2), 0.3, (-1.0, 2.0)),
    ],
)
def test_ranges_hold_what_they_enclose(expression, at, inside):
    from fractions import Fraction

    x = next(iter(expression.free_symbols))
    found = range_of(expression, {x: Range(Fraction(inside[0]), Fraction(inside[1]))})
    for place in np.linspace(*inside, 101):
        value = float(expression.subs(x, place))
        assert float(found.lower) <= value <= float(found.upper)
    assert float(found.lower) <= float(expression.subs(x, at)) <= float(found.upper)


def test_the_command_prints_text_in_a_pipe_and_json_on_demand(tmp_path):
    result = CliRunner().invoke(app, ["report", "huber"])
    assert result.exit_code == 0
    assert "convex\tproved" in result.stdout
    assert "majoriser (default)" in result.stdout
    data = json.loads(CliRunner().invoke(app, ["report", "focal_binary", "--json"]).stdout)
    convex = next(item for item in data["findings"] if item["claim"] == "convex")
    assert convex["grade"] == "refuted"
    assert convex["counter_example"]["gamma"] == 2.0
    assert data["default_curvature"] == "gauss_newton"
    assert CliRunner().invoke(app, ["report", "hubr"]).exception.__class__.__name__ == "DeclarationError"
    file = tmp_path / "mine.py"
    file.write_text(
        "from symloss import Loss, y_pred, y_true\nmine = Loss('mine', (y_pred - y_true) ** 4, 'A fourth power.')\n"
    )
    assert "strongly convex\trefuted" in CliRunner().invoke(app, ["report", str(file)]).stdout
    assert isinstance(symloss.load("huber").report().as_data(), dict)
