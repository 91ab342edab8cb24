"""Losses over lists in XGBoost and LightGBM: survival times of a whole table, and rankings in groups."""

import importlib
import sys
from types import SimpleNamespace

import lightgbm
import numpy as np
import pytest
import xgboost

from symloss import catalogue, load
from symloss.declare import Lists
from symloss.errors import UnsupportedError

PARAMS = {
    "xgboost": {"max_depth": 3, "eta": 0.3},
    "lightgbm": {"num_leaves": 7, "learning_rate": 0.3, "verbosity": -1, "num_threads": 1},
}
SURVIVAL = ("cox_partial_likelihood", "cox_efron")
RANKING = ("bpr", "lambdarank", "listmle", "listnet_softmax", "ranknet")
SIZES = np.array([7, 1, 12, 10] * 10)


def find(library, name, suffix):
    made = importlib.import_module(f"generated.{library}.{name}")
    return next(item for key, item in vars(made).items() if key.endswith(suffix))


@pytest.fixture(scope="module")
def patients():
    """Features, times without ties that float32 holds, and whether they are those of events."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4))
    failure, censoring = rng.exponential(np.exp(-X[:, 0])), rng.exponential(1.5, 400)
    times = np.minimum(failure, censoring).astype(np.float32).astype(np.float64)
    return X, times, (failure <= censoring).astype(np.float64)


@pytest.fixture(scope="module")
def queries():
    """Features and relevance of documents, in groups of several sizes."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(SIZES.sum(), 4))
    return X, np.clip(np.round(X[:, 0] + 1.5 + 0.2 * rng.normal(size=len(X))), 0, 4)


def test_the_lists_of_the_catalogue_are_these():
    forms = [form for name in catalogue.files() for form in catalogue.declared(name).generated_forms()]
    trained = {
        form.name
        for form in forms
        if isinstance(form.y_pred, Lists) and importlib.util.find_spec(f"generated.xgboost.{form.name}")
    }
    assert trained == {*SURVIVAL, *RANKING}


def test_cox_predicts_what_xgboosts_own_objective_does(patients):
    """Of times without ties, of which XGBoost makes other sets at risk than Breslow and Efron do."""
    X, times, event = patients
    own = {**PARAMS["xgboost"], "objective": "survival:cox", "base_score": 1.0}
    data = xgboost.DMatrix(X, label=np.where(event == 1, times, -times))
    expected = xgboost.train(own, data, 20).predict(data, output_margin=True)
    for name in SURVIVAL:
        made = find("xgboost", name, "Objective")()
        model = made.train(PARAMS["xgboost"], made.data(X, times, event=event), 20)
        np.testing.assert_allclose(made.predict(model, X), expected, atol=1e-5)


@pytest.mark.parametrize("library", PARAMS)
@pytest.mark.parametrize("name", SURVIVAL)
def test_an_estimator_of_hazards_stops_early_and_is_scored_by_its_loss(library, name, patients):
    X, times, event = patients
    made = find(library, name, "Regressor")(n_estimators=200, early_stopping_rounds=5, **PARAMS[library])
    held_out = (X[300:], times[300:], None, {"event": event[300:]})
    made.fit(X[:300], times[:300], event=event[:300], eval_set=[held_out])
    hazard = made.predict(X[300:])
    assert np.corrcoef(hazard, X[300:, 0])[0, 1] > 0.8
    module = importlib.import_module(f"generated.numpy.{name}")
    assert made.score(X[300:], times[300:], event=event[300:]) == pytest.approx(
        -module.loss(times[300:], hazard, event=event[300:]), rel=1e-12
    )
    assert 0 < made.model_.best_iteration < 190


@pytest.mark.parametrize("library", PARAMS)
@pytest.mark.parametrize("name", RANKING)
def test_derivatives_of_groups_are_those_of_each_list(library, name, queries):
    """A data set's groups, against the NumPy module one list at a time; a weight is one of a list."""
    X, relevance = queries
    made = find(library, name, "Objective")()
    module = importlib.import_module(f"generated.numpy.{name}")
    weights = np.random.default_rng(2).uniform(0.5, 2, SIZES.size).astype(np.float32).astype(np.float64)
    data = made.data(X, relevance, group=SIZES)
    if library == "lightgbm":
        data.construct()
    scores = 0.3 * X[:, 1]
    gradient, curvature = made(scores, data)
    weighted, _ = made.derivatives(relevance, scores, weights, offsets=np.concatenate([[0], np.cumsum(SIZES)]))
    ends = np.cumsum(SIZES)
    for place, (start, end) in enumerate(zip(ends - SIZES, ends, strict=True)):
        rows = slice(start, end)
        first, second = module.gradient_and_hessian(relevance[rows], scores[rows], reduction="sum")
        np.testing.assert_allclose(gradient[rows], first, rtol=1e-6, atol=1e-12)
        np.testing.assert_allclose(curvature[rows], np.maximum(second, 1e-16), rtol=1e-6, atol=1e-12)
        np.testing.assert_allclose(weighted[rows], weights[place] * gradient[rows], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("library", PARAMS)
@pytest.mark.parametrize("name", RANKING)
def test_a_ranking_is_learned_within_groups(library, name, queries):
    """Most pairs of lists never seen are in the right order; by chance, half of them are."""
    X, relevance = queries
    made = find(library, name, "Regressor")(n_estimators=30, **PARAMS[library])
    half = SIZES[: SIZES.size // 2].sum()
    made.fit(X[:half], relevance[:half], group=SIZES[: SIZES.size // 2])
    scores = made.predict(X[half:])
    pairs = right = 0
    start = 0
    for size in SIZES[SIZES.size // 2 :]:
        rows = slice(start, start + size)
        gap = relevance[half:][rows][:, None] - relevance[half:][rows]
        right += np.sum((gap > 0) & (scores[rows][:, None] > scores[rows]))
        pairs += np.sum(gap > 0)
        start += size
    assert right / pairs > 0.8
    module = importlib.import_module(f"generated.numpy.{name}")
    groups = SIZES[SIZES.size // 2 :]
    loss = module.loss(relevance[half:], scores, offsets=np.concatenate([[0], np.cumsum(groups)]))
    assert made.score(X[half:], relevance[half:], group=groups) == pytest.approx(-loss, rel=1e-9)


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")  # of LightGBM 4.6 with its own names
def test_lightgbms_ranker_hands_over_groups(queries):
    X, relevance = queries
    made = find("lightgbm", "ranknet", "Objective")()
    options = {"num_leaves": 7, "learning_rate": 0.3, "n_estimators": 5, "n_jobs": 1, "verbosity": -1}
    ranker = lightgbm.LGBMRanker(objective=made, **options).fit(X, relevance, group=SIZES)
    native = {**PARAMS["lightgbm"], "objective": made}
    booster = lightgbm.train(native, made.data(X, relevance, group=SIZES), 5)
    np.testing.assert_allclose(ranker.predict(X, raw_score=True), booster.predict(X, raw_score=True), rtol=1e-12)


@pytest.mark.parametrize("library", PARAMS)
def test_events_follow_the_rows_through_cross_validation(library, patients):
    X, times, event = patients
    made = find(library, "cox_partial_likelihood", "Objective")()
    data = made.data(X, times, event=event)
    seen = []

    class Watching(type(made)):
        def derivatives(self, y_true, raw_score, sample_weight=None, *, event, offsets=None):
            seen.append((y_true, event))
            return super().derivatives(y_true, raw_score, sample_weight, event=event, offsets=offsets)

    watching = Watching()
    watching.rows = made.rows
    if library == "xgboost":
        xgboost.cv(watching.params(PARAMS[library], data), data, 2, nfold=3, obj=watching, custom_metric=made.metric)
    else:
        options = watching.params(PARAMS[library], data) | {"num_threads": 1}
        lightgbm.cv(options, data, 2, nfold=3, stratified=False, feval=made.metric)
    known = dict(zip(times, event, strict=True))
    assert len(seen) >= 6
    for labels, events in seen:
        assert len(labels) < 300
        assert all(known[label] == flag for label, flag in zip(labels, events, strict=True))


def test_a_cluster_is_refused(patients, monkeypatch):
    X, times, event = patients
    made = find("xgboost", "cox_efron", "Objective")()
    data = made.data(X, times, event=event)
    monkeypatch.setattr(xgboost.collective, "get_world_size", lambda: 2)
    with pytest.raises(RuntimeError, match="other processes"):
        made(np.zeros(400), data)
    other = find("lightgbm", "cox_efron", "Objective")()
    numbers = other.data(X, times, event=event).construct()
    assert other(np.zeros(400), numbers)
    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(get_worker=lambda: "a worker"))
    with pytest.raises(RuntimeError, match="other processes"):
        other(np.zeros(400), numbers)


@pytest.mark.parametrize("library", PARAMS)
def test_what_lists_cannot_have_is_said(library, patients):
    X, times, event = patients
    made = find(library, "cox_efron", "Objective")()
    with pytest.raises(ValueError, match="missing labels"):
        made.data(X, np.where(times > 1, np.nan, times), event=event)
    with pytest.raises(ValueError, match="event has shape"):
        made.data(X, times, event=event[:10])
    with pytest.raises(ValueError, match="offsets make 1 lists"):
        made.derivatives(times, np.zeros(400), np.ones(400), event=event)
    with pytest.raises(UnsupportedError, match="blocks of rows"):
        load("cox_efron").generate("catboost")
