"""Objectives for XGBoost, LightGBM and CatBoost, held to what these libraries have built in and to their definitions."""

import ast
import importlib
import os
import pickle
import subprocess
import sys
from itertools import product
from pathlib import Path

import catboost
import joblib
import lightgbm
import mpmath
import numpy as np
import pytest
import xgboost
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sympy import Symbol, log, loggamma

from symloss import ExtraInput, Loss, Parameter, catalogue, pipeline, y_pred, y_true
from symloss.analyse import boosters
from symloss.analyse.boosters import training_of
from symloss.declare import Lists, log_link, nonnegative, positive
from symloss.declare.loss import RESERVED
from symloss.errors import UnsupportedError
from symloss.evaluate import number
from symloss.handle import load
from symloss.pipeline import OBJECTIVE_TARGETS
from tests.conftest import ROOT

ROUNDS = 20
LIBRARIES = OBJECTIVE_TARGETS
PARAMS = {
    "xgboost": {"max_depth": 3, "eta": 0.3},
    "lightgbm": {"num_leaves": 7, "learning_rate": 0.3, "verbosity": -1, "deterministic": True, "num_threads": 1},
    "catboost": {
        "depth": 3,
        "learning_rate": 0.3,
        "random_seed": 0,
        "bootstrap_type": "No",
        "leaf_estimation_iterations": 1,
    },
}
SEVERAL = {"gaussian_nll", "laplace_nll", "student_t_nll"}  # scores per row, looked at by themselves
NAMES = sorted(
    form.name
    for name in catalogue.files()
    for form in catalogue.declared(name).generated_forms()
    if importlib.util.find_spec(f"generated.xgboost.{form.name}")
    and form.name not in SEVERAL
    and not isinstance(form.y_pred, Lists)  # see test_boosting_lists.py
)


def module(library, name):
    return importlib.import_module(f"generated.{library}.{name}")


def find(library, name, suffix):
    """The class of a module that ends so."""
    return next(item for key, item in vars(module(library, name)).items() if key.endswith(suffix))


def objective(library, name, **parameters):
    return find(library, name, "Objective")(**parameters)


def trained(made, library, X, y, weight=None, rounds=ROUNDS, params=None):
    return made.train(PARAMS[library] | (params or {}), made.data(X, y, sample_weight=weight), rounds)


def raw_scores(library, model, X):
    if library == "xgboost":
        return model.predict(xgboost.DMatrix(X), output_margin=True)
    if library == "lightgbm":
        return model.predict(X, raw_score=True)
    return model.predict(X, prediction_type="RawFormulaVal")


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(0)
    X, y = load_diabetes(return_X_y=True)
    found = {"numbers": (X, y), "counts": (X, rng.poisson(np.exp(5 * X[:, 2])).astype(float))}
    found |= {"classes_2": load_breast_cancer(return_X_y=True), "classes_3": load_wine(return_X_y=True)}
    found |= {"classes_10": load_digits(return_X_y=True)}
    return {name: (X, y.astype(float), rng.integers(1, 4, len(y)).astype(float)) for name, (X, y) in found.items()}


# LightGBM counts rows too; CatBoost scales the penalty by the mean weight, and adds noise to scores of splits.
WITHOUT_COUNTS = {"lightgbm": {"min_data_in_leaf": 1}, "catboost": {"l2_leaf_reg": 0, "random_strength": 0}}


def few_values(X):
    """Columns of six values, so that no library's bins depend on how often a row comes or what it weighs."""
    return np.digitize(X, np.quantile(X, [0.2, 0.4, 0.6, 0.8, 0.9])).astype(float)


def logistic(score):
    return 1 / (1 + np.exp(-score))


# Loss, table, our parameters, and how each library trains it itself: the parameters, and its predictions from a start
# value. "exact" where the library uses the Hessian that we do, else how it differs.
XGB = {
    "half_squared_error": ("numbers", {}, lambda s: {"objective": "reg:squarederror", "base_score": s}),
    "pseudo_huber": (
        "numbers",
        {"delta": 20.0, "curvature": "exact"},
        lambda s: {"objective": "reg:pseudohubererror", "huber_slope": 20.0, "base_score": s},
    ),
    "poisson_nll": (
        "counts",
        {},
        lambda s: {"objective": "count:poisson", "max_delta_step": 0, "base_score": float(np.exp(s))},
    ),
    "gamma_nll": ("numbers", {}, lambda s: {"objective": "reg:gamma", "base_score": float(np.exp(s))}),
    "tweedie": ("counts", {}, lambda s: {"objective": "reg:tweedie", "base_score": float(np.exp(s))}),
    "binary_crossentropy_logits": (
        "classes_2",
        {},
        lambda s: {"objective": "binary:logistic", "base_score": float(logistic(s))},
    ),
    "sparse_categorical_crossentropy_logits": (
        "classes_3",
        {"curvature": "majoriser"},  # XGBoost 3.2 takes twice the diagonal
        lambda s: {"objective": "multi:softprob", "num_class": 3, "base_score": s.tolist()},
    ),
}
LGB = {
    "half_squared_error": ("numbers", {}, {"objective": "regression"}),
    "poisson_nll": ("counts", {}, {"objective": "poisson", "poisson_max_delta_step": 1e-12}),
    "gamma_nll": ("numbers", {}, {"objective": "gamma"}),
    "tweedie": ("counts", {}, {"objective": "tweedie"}),
    "binary_crossentropy_logits": ("classes_2", {}, {"objective": "binary"}),
}
CAT = {
    "half_squared_error": ("numbers", {}, {"loss_function": "RMSE", "boost_from_average": False}, np.asarray),
    "poisson_nll": ("counts", {}, {"loss_function": "Poisson"}, np.exp),
    "binary_crossentropy_logits": ("classes_2", {}, {"loss_function": "Logloss"}, logistic),
    "sparse_categorical_crossentropy_logits": ("classes_3", {}, {"loss_function": "MultiClass"}, None),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", XGB)
def test_xgboost_predicts_what_its_own_objective_does(name, weighted, tables):
    table, parameters, built_in = XGB[name]
    X, y, weight = tables[table]
    weight = weight if weighted else None
    made = objective("xgboost", name, **parameters)
    theirs = xgboost.train(
        PARAMS["xgboost"] | built_in(made.start_value(y if "sparse" not in name else y.astype(int), weight)),
        xgboost.DMatrix(X, y, weight=weight),
        ROUNDS,
    ).predict(xgboost.DMatrix(X))
    ours = made.predict(trained(made, "xgboost", X, y, weight), X)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("strategy", ["one_output_per_tree", "multi_output_tree"])
@pytest.mark.parametrize("weighted", [False, True])
def test_several_labels_are_predicted_as_by_xgboosts_own_objective(weighted, strategy, tables):
    """Labels of different sizes, from a start value each, in both of XGBoost's strategies."""
    X, y, weight = tables["numbers"]
    labels = np.stack([y, 10 - y / 50, X[:, 2]], axis=1)
    weight = weight if weighted else None
    made = objective("xgboost", "half_squared_error")
    data = made.data(X, labels, sample_weight=weight)
    params = PARAMS["xgboost"] | {"multi_strategy": strategy}
    start = made.params(params, data)["base_score"]
    np.testing.assert_allclose(start, np.average(labels, axis=0, weights=weight), rtol=1e-6, atol=1e-6)
    model = made.train(params, data, ROUNDS)
    own = params | {"objective": "reg:squarederror", "base_score": start}
    theirs = xgboost.train(own, xgboost.DMatrix(X, label=labels, weight=weight), ROUNDS)
    np.testing.assert_allclose(made.predict(model, X), theirs.predict(xgboost.DMatrix(X)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("library", LIBRARIES)
def test_labels_in_one_column_are_scored_as_labels_are(library, tables):
    X, y, weight = tables["numbers"]
    rounds = {"iterations" if library == "catboost" else "n_estimators": 5}
    estimator = find(library, "huber", "Regressor")(delta=30.0, **rounds, **PARAMS[library]).fit(X, y)
    assert estimator.score(X, y[:, None], weight) == estimator.score(X, y, weight)


def test_several_labels_are_one_label_several_times(tables):
    X, y, weight = tables["numbers"]
    labels = np.stack([y, 10 - y / 50], axis=1)
    estimator = find("xgboost", "huber", "Regressor")
    both = estimator(delta=3.0, n_estimators=10).fit(X, labels, sample_weight=weight, eval_set=[(X, labels)])
    for place, column in enumerate(labels.T):
        alone = estimator(delta=3.0, n_estimators=10).fit(X, column, sample_weight=weight)
        np.testing.assert_allclose(both.predict(X)[:, place], alone.predict(X), rtol=1e-6)
    expected = r2_score(labels, both.predict(X), sample_weight=weight)
    assert both.score(X, labels, weight) == pytest.approx(expected, rel=1e-12)
    scores = both.predict(X)
    halves = [both.objective_.loss(labels[:, place], scores[:, place], weight) for place in (0, 1)]
    assert both.objective_.loss(labels, scores, weight) == pytest.approx(np.mean(halves), rel=1e-12)
    with pytest.raises(ValueError, match="several labels can't have missing ones"):
        estimator().fit(X, np.where(labels > 9, np.nan, labels))
    with pytest.raises(ValueError, match="y_true has shape"):
        both.objective_.derivatives(labels[:, :1], scores)


def test_ten_classes_are_predicted_as_by_xgboosts_own_objective(tables):
    """Handwritten digits; XGBoost takes twice the diagonal."""
    X, y, _ = tables["classes_10"]
    made = objective("xgboost", "sparse_categorical_crossentropy_logits", curvature="majoriser")
    data = made.data(X, y)
    params = PARAMS["xgboost"] | {"max_depth": 2}
    mine = raw_scores("xgboost", made.train(params, data, ROUNDS), X)
    start = made.params(params, data)["base_score"]
    own = params | {"objective": "multi:softprob", "num_class": 10, "base_score": start}
    theirs = raw_scores("xgboost", xgboost.train(own, xgboost.DMatrix(X, label=y), ROUNDS), X)
    np.testing.assert_allclose(mine, theirs, atol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LGB)
def test_lightgbm_predicts_what_its_own_objective_does(name, weighted, tables):
    table, parameters, built_in = LGB[name]
    X, y, weight = tables[table]
    weight = weight if weighted else None
    made = objective("lightgbm", name, **parameters)
    data = lightgbm.Dataset(X, y, weight=weight)
    theirs = lightgbm.train(PARAMS["lightgbm"] | built_in, data, ROUNDS).predict(X)
    np.testing.assert_allclose(made.predict(trained(made, "lightgbm", X, y, weight), X), theirs, rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", CAT)
def test_catboost_predicts_what_its_own_objective_does(name, weighted, tables):
    table, parameters, built_in, inverse = CAT[name]
    X, y, weight = tables[table]
    weight = weight if weighted else None
    made = objective("catboost", name, **parameters)
    start = np.atleast_1d(made.start_value(y if inverse is not None else y.astype(int), weight))
    pool = catboost.Pool(X, y, weight=weight, baseline=np.tile(start, (len(y), 1)))
    params = {"iterations": ROUNDS, "verbose": False, "allow_writing_files": False, "leaf_estimation_method": "Newton"}
    theirs = catboost.CatBoost(PARAMS["catboost"] | params | built_in).fit(pool)
    theirs.set_scale_and_bias(1.0, start.tolist() if len(start) > 1 else float(start[0]))
    expected = theirs.predict(X, prediction_type="RawFormulaVal")
    expected = inverse(expected) if inverse is not None else theirs.predict(X, prediction_type="Probability")
    np.testing.assert_allclose(made.predict(trained(made, "catboost", X, y, weight), X), expected, rtol=1e-9)


def test_lightgbm_softmax_has_another_factor_and_the_same_loss(tables):
    """LightGBM multiplies the diagonal by K / (K - 1), so predictions differ and the loss hardly does."""
    X, y, _ = tables["classes_3"]
    made = objective("lightgbm", "sparse_categorical_crossentropy_logits")
    params = PARAMS["lightgbm"] | {"learning_rate": 0.1}
    ours = made.predict(made.train(params, made.data(X[::2], y[::2]), ROUNDS), X[1::2])
    built_in = params | {"objective": "multiclass", "num_class": 3}
    theirs = lightgbm.train(built_in, lightgbm.Dataset(X[::2], y[::2]), ROUNDS).predict(X[1::2])
    accuracy = [float(np.mean(shares.argmax(axis=1) == y[1::2])) for shares in (ours, theirs)]
    assert accuracy[0] >= accuracy[1] - 0.01


@pytest.mark.parametrize(("name", "parameters"), [("pinball", {"tau": 0.8}), ("absolute_error", {})])
@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_kinked_losses_learn_as_well_as_the_built_in(library, name, parameters, tables):
    """The libraries refit leaves to quantiles, which an objective can't; the loss must be within 10 %."""
    X, y, _ = tables["numbers"]
    made = objective(library, name, **parameters)
    alpha = parameters.get("tau", 0.5)
    quiet = {"verbosity": -1} if library == "lightgbm" else {}
    params = {"learning_rate": 0.1, **({"max_depth": 3} if library == "xgboost" else {"num_leaves": 7}), **quiet}
    losses = {"ours": [], "theirs": []}
    for fold in range(4):
        test = np.arange(len(y)) % 4 == fold
        model = made.train(params, made.data(X[~test], y[~test]), 150)
        losses["ours"].append(made.loss(y[test], raw_scores(library, model, X[test])))
        if library == "xgboost":
            built_in = params | {"objective": "reg:quantileerror", "quantile_alpha": alpha}
            model = xgboost.train(built_in, xgboost.DMatrix(X[~test], y[~test]), 150)
        else:
            built_in = params | {"objective": "quantile", "alpha": alpha}
            model = lightgbm.train(built_in, lightgbm.Dataset(X[~test], y[~test]), 150)
        losses["theirs"].append(made.loss(y[test], raw_scores(library, model, X[test])))
    assert np.mean(losses["ours"]) <= 1.1 * np.mean(losses["theirs"])


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_a_loss_that_no_library_has_is_lower_than_with_the_nearest_that_it_has(library, tables):
    """Focal against logistic, and an asymmetric squared error against the plain one, on rows that were held out."""
    params = {
        "learning_rate": 0.1,
        **({"max_depth": 3} if library == "xgboost" else {"num_leaves": 7, "verbosity": -1}),
    }
    for name, nearest, table, parameters in (
        ("focal_binary", "binary_crossentropy_logits", "classes_2", {}),
        ("expectile", "half_squared_error", "numbers", {"tau": 0.9}),
    ):
        X, y, _ = tables[table]
        test = np.arange(len(y)) % 3 == 0
        ours = objective(library, name, **parameters)
        found = []
        for made in (ours, objective(library, nearest)):
            model = made.train(params, made.data(X[~test], y[~test]), 100)
            found.append(ours.loss(y[test], raw_scores(library, model, X[test])))
        assert found[0] < found[1]


@pytest.mark.parametrize("name", ["huber", "binary_crossentropy_logits", "sparse_categorical_crossentropy_logits"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_weights_are_rows_that_come_more_often(library, name, tables):
    """Derivatives, metric and start value; weight 0 leaves a row out."""
    _, y, weight = tables["classes_3" if "sparse" in name else "classes_2"]
    weight[::5] = 0
    made = objective(library, name)
    rng = np.random.default_rng(1)
    labels = y.astype(int) if "sparse" in name else y
    scores = rng.normal(size=(len(y), 3) if "sparse" in name else len(y))
    repeated = np.repeat(np.arange(len(y)), weight.astype(int))
    assert made.loss(labels, scores, weight) == pytest.approx(made.loss(labels[repeated], scores[repeated]), rel=1e-12)
    start = made.start_value(labels, weight)
    np.testing.assert_allclose(start, made.start_value(labels[repeated]), rtol=1e-9, atol=1e-12)
    gradient, curvature = made.derivatives(labels, scores, weight)
    single_gradient, single_curvature = made.derivatives(labels, scores)
    shape = (-1, 1) if scores.ndim > 1 else (-1,)
    np.testing.assert_allclose(gradient, single_gradient * weight.reshape(shape))
    np.testing.assert_allclose(curvature, np.maximum(single_curvature * weight.reshape(shape), 1e-16))


@pytest.mark.parametrize("library", LIBRARIES)
def test_training_on_weights_is_training_on_duplicates(library, tables):
    X, y, weight = tables["numbers"]
    repeated = np.repeat(np.arange(len(y)), weight.astype(int))
    made = objective(library, "pseudo_huber", delta=30.0)
    X = few_values(X)
    params = WITHOUT_COUNTS.get(library, {})
    weighted = made.predict(trained(made, library, X, y, weight, 5, params), X)
    doubled = made.predict(trained(made, library, X[repeated], y[repeated], None, 5, params), X)
    np.testing.assert_allclose(weighted, doubled, rtol=1e-4)


@pytest.mark.parametrize("library", LIBRARIES)
def test_missing_labels_weigh_nothing(library, tables):
    X, y, _ = tables["numbers"]
    gone = np.arange(len(y)) % 4 == 0
    made = objective(library, "pseudo_huber", delta=30.0)
    with_gaps = trained(made, library, X, np.where(gone, np.nan, y))
    without = trained(made, library, X, np.where(gone, y[1], y), np.where(gone, 0.0, 1.0))
    np.testing.assert_array_equal(made.predict(with_gaps, X), made.predict(without, X))
    with pytest.raises(ValueError, match="every label is missing"):
        made.data(X, np.full(len(y), np.nan))


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_metric_is_the_loss_and_stops_early_at_its_minimum(library, tables):
    X, y, weight = tables["numbers"]
    test = np.arange(len(y)) % 3 == 0
    estimator = find(library, "pseudo_huber", "Regressor")(
        delta=10.0, early_stopping_rounds=5, **{"iterations" if library == "catboost" else "n_estimators": 200}
    )
    estimator.set_params(**(PARAMS[library] | {"learning_rate" if library != "xgboost" else "eta": 0.3}))
    estimator.fit(X[~test], y[~test], sample_weight=weight[~test], eval_set=[(X[test], y[test], weight[test])])
    loss = module("xgboost", "pseudo_huber").loss
    value = loss(y[test], estimator.predict(X[test]).astype(float), delta=10.0, sample_weight=weight[test])
    model = estimator.model_
    if library == "xgboost":
        best, score = model.best_iteration, model.best_score
    elif library == "lightgbm":
        best, score = model.best_iteration - 1, model.best_score["valid_0"]["loss_pseudo_huber"]
    else:
        best, score = model.get_best_iteration(), next(iter(model.get_best_score()["validation"].values()))
    assert best < 199
    assert float(value) == pytest.approx(float(score), rel=1e-5)


@pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated")  # of LightGBM 4.7; older ones know no other
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")  # of LightGBM 4.6 with its own names
@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_the_scikit_learn_style_of_the_library_takes_the_same_object(library, tables):
    X, y, weight = tables["numbers"]
    made = objective(library, "half_squared_error")
    start = made.start_value(y, weight)
    native = made.predict(trained(made, library, X, y, weight), X)
    if library == "xgboost":
        model = xgboost.XGBRegressor(
            n_estimators=ROUNDS, objective=made, base_score=start, eval_metric=made.metric, **PARAMS[library]
        ).fit(X, y, sample_weight=weight, eval_set=[(X, y)], sample_weight_eval_set=[weight], verbose=False)
        np.testing.assert_array_equal(model.predict(X), native)
        shown = model.evals_result()["validation_0"]["loss_half_squared_error"][-1]
    else:
        model = lightgbm.LGBMRegressor(n_estimators=ROUNDS, objective=made, metric="None", **PARAMS[library])
        ones = np.full(len(y), start)
        model.fit(
            X,
            y,
            sample_weight=weight,
            init_score=ones,
            eval_set=[(X, y)],
            eval_sample_weight=[weight],
            eval_init_score=[ones],
            eval_metric=made.metric,
        )
        np.testing.assert_allclose(model.predict(X) + start, native, rtol=1e-6)
        shown = model.evals_result_["valid_0" if "valid_0" in model.evals_result_ else "training"][
            "loss_half_squared_error"
        ][-1]
    assert shown == pytest.approx(made.loss(y, native, weight), rel=1e-5)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_saved_model_predicts_the_same_in_a_fresh_process(library, tables, tmp_path):
    """The start value is part of the model: no line of ours is needed to predict."""
    X, y, _ = tables["numbers"]
    made = objective(library, "half_squared_error")
    model = trained(made, library, X, y)
    path = tmp_path / ("model.json" if library != "catboost" else "model.cbm")
    model.save_model(path if library == "xgboost" else str(path))
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "expected.npy", made.predict(model, X))
    reading = {
        "xgboost": "import xgboost; b = xgboost.Booster(model_file={path!r}); p = b.predict(xgboost.DMatrix(X))",
        "lightgbm": "import lightgbm; p = lightgbm.Booster(model_file={path!r}).predict(X)",
        "catboost": "import catboost; p = catboost.CatBoost().load_model({path!r}).predict(X)",
    }[library].format(path=str(path))
    code = f"import numpy as np; X = np.load('X.npy'); {reading}; assert (p == np.load('expected.npy')).all()"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


@pytest.mark.parametrize("library", LIBRARIES)
def test_training_goes_on_from_a_model(library, tables):
    X, y, _ = tables["numbers"]
    made = objective(library, "half_squared_error")
    whole = made.predict(trained(made, library, X, y, rounds=10), X)
    half = trained(made, library, X, y, rounds=5)
    option = {"xgboost": "xgb_model", "lightgbm": "init_model", "catboost": "init_model"}[library]
    more = made.train(PARAMS[library], made.data(X, y), 5, **{option: half})
    np.testing.assert_allclose(made.predict(more, X), whole, rtol=1e-4 if library != "catboost" else 1e-6)


@pytest.mark.parametrize("library", LIBRARIES)
def test_objectives_and_estimators_are_scikit_learns_citizens(library, tables):
    X, y, _ = tables["numbers"]
    made = objective(library, "huber", delta=30.0)
    copied = pickle.loads(pickle.dumps(made))
    assert copied == made
    assert hash(copied) == hash(made)
    assert "delta=30.0" in repr(made)
    assert clone(made, safe=False) == made
    assert type(made).grid(delta=[1.0, 2.0])[1].delta == 2.0
    assert made.changed(delta=2.0).parameters == made.parameters | {"delta": 2.0}
    with pytest.raises(TypeError, match="slope"):
        made.changed(slope=1)
    estimator = find(library, "huber", "Regressor")(delta=30.0, **PARAMS[library])
    estimator.set_params(**{"iterations" if library == "catboost" else "n_estimators": 5})
    assert clone(estimator).get_params() == estimator.get_params()
    search = GridSearchCV(estimator, {"delta": [0.01, 50.0]}, cv=3).fit(X, y)
    assert search.best_params_ == {"delta": 50.0}
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] != scores[1]
    assert cross_val_score(estimator, X, y, cv=3).mean() > 0.1
    with joblib.parallel_backend("loky"):
        jobs = joblib.Parallel(n_jobs=2)(joblib.delayed(estimator.fit)(X, y) for _ in range(2))
    np.testing.assert_array_equal(jobs[0].predict(X), estimator.fit(X, y).predict(X))


@pytest.mark.parametrize("library", LIBRARIES)
def test_classifiers_take_classes_of_any_name(library, tables):
    X, y, _ = tables["classes_3"]
    names = np.array(["barbera", "barolo", "grignolino"])[y.astype(int)]
    rounds = {"iterations" if library == "catboost" else "n_estimators": 10}
    for name in (
        "sparse_categorical_crossentropy_logits",
        "categorical_crossentropy_logits",
        "focal_categorical",
        "multi_margin",
        "multiclass_hinge",
        "categorical_hinge",
    ):
        estimator = find(library, name, "Classifier")(**rounds, **PARAMS[library]).fit(X, names)
        shares = estimator.predict_proba(X)
        np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
        assert estimator.score(X, names) > 0.9
        assert set(estimator.predict(X)) <= set(names)
    two = names != "barbera"
    for name in ("binary_crossentropy_logits", "logistic_margin", "hinge"):
        estimator = find(library, name, "Classifier")(**rounds, **PARAMS[library]).fit(X[two], names[two])
        assert estimator.score(X[two], names[two]) > 0.9
    with pytest.raises(ValueError, match="tells two apart"):
        estimator.fit(X, names)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_further_inputs_follow_the_rows_through_cross_validation(library, tables):
    """Each fold must see the weights of its own rows: trained alone on them, it gives the same."""
    X, y, _ = tables["numbers"]
    context = np.random.default_rng(3).uniform(0.1, 5, len(y))
    made = objective(library, "context_weighted_squared_error")
    data = made.data(X, y, context_weight=context)
    folds = [(np.flatnonzero(np.arange(len(y)) % 3 != k), np.flatnonzero(np.arange(len(y)) % 3 == k)) for k in range(3)]
    start = made.start_value(y, context_weight=context)
    if library == "xgboost":
        params = made.params(PARAMS[library] | {"base_score": start}, data)
        table = xgboost.cv(
            params, data, 5, folds=folds, obj=made, custom_metric=made.metric, as_pandas=False, stratified=False
        )
        shown = table["test-loss_context_weighted_squared_error-mean"][-1]
    else:
        data = made.data(X, y, context_weight=context, init_score=np.full(len(y), start), free_raw_data=False)
        data.construct()
        params = made.params(PARAMS[library], data)
        table = lightgbm.cv(params, data, 5, folds=folds, feval=made.metric)
        shown = table["valid loss_context_weighted_squared_error-mean"][-1]
    expected = []
    for train, test in folds:
        alone = objective(library, "context_weighted_squared_error")
        part = alone.data(X[train], y[train], context_weight=context[train])
        if library == "xgboost":
            model = alone.train(PARAMS[library] | {"base_score": start}, part, 5)
            scores = raw_scores(library, model, X[test])
        else:
            continue
        expected.append(alone.loss(y[test], scores, context_weight=context[test]))
    if expected:
        assert shown == pytest.approx(np.mean(expected), rel=1e-5)
    assert shown < made.loss(y, np.full(len(y), start), context_weight=context)
    other = made.data(X[:7], y[:7], context_weight=context[:7])
    assert made.arguments(None, other.construct() if library == "lightgbm" else other, None)[3][
        "context_weight"
    ].shape == (7,)
    with pytest.raises(ValueError, match="context_weight has shape"):
        made.data(X, y, context_weight=context[:5])


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_estimator_binds_further_inputs(library, tables):
    X, y, _ = tables["numbers"]
    X = few_values(X)
    context = np.where(X[:, 2] > 2, 10.0, 0.1)
    params = PARAMS[library] | WITHOUT_COUNTS.get(library, {})
    estimator = find(library, "context_weighted_squared_error", "Regressor")(**params)
    estimator.fit(X, y, context_weight=context, eval_set=[(X[:50], y[:50], None, {"context_weight": context[:50]})])
    weighted = find(library, "squared_error", "Regressor")(**params).fit(X, y, sample_weight=context)
    if library != "catboost":
        np.testing.assert_allclose(estimator.predict(X), weighted.predict(X), rtol=1e-3)
        return
    # CatBoost scores splits by sums of weights, which further inputs are none of; they are learned from all the same.
    plain = find(library, "squared_error", "Regressor")(**params).fit(X, y)
    losses = [np.average((y - model.predict(X)) ** 2, weights=context) for model in (estimator, plain)]
    assert losses[0] < losses[1]


def test_catboost_gives_the_same_for_any_block_of_rows():
    rng = np.random.default_rng(0)
    y, scores, weight = rng.normal(size=300), rng.normal(size=300), rng.uniform(size=300)
    made = objective("catboost", "absolute_error", smoothing=0.1)
    whole = made.calc_ders_range(scores, y, weight)
    parts = [made.calc_ders_range(scores[a:b], y[a:b], weight[a:b]) for a, b in ((0, 7), (7, 250), (250, 300))]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    assert (whole[:, 1] < 0).all()


# -- derivatives -----------------------------------------------------------------------------------------------------


def settings(library, name):
    """An objective for every curvature that the module has."""
    return [objective(library, name, curvature=policy) for policy in module(library, name)._CURVATURES]


@pytest.mark.parametrize("name", NAMES)
def test_no_curvature_is_negative_or_infinite_at_any_score(name):
    """Float32 scores to 1e4 and far beyond; no floating-point warning."""
    form = load(name).declaration
    scores = np.array(
        [0.0, *(sign * size for sign in (1, -1) for size in (1e-3, 1, 20, 90, 800, 1e4, 1e30))], np.float32
    )
    extras = {item.name: np.full(len(scores), 0.7) for item in form.extra_inputs}
    many = not form.is_elementwise
    labels = [0, 1, 2] if many else [1.0, -1.0] if "{-1, 1}" in str(form.y_true) else [1.0]
    with np.errstate(all="raise", under="ignore"):
        for chosen, label in product(settings("xgboost", name), labels):
            y_true = np.full(len(scores), label)
            entries = np.stack([scores, -scores, 0 * scores], axis=1) if many else scores
            made = chosen.changed(**({"smoothing": 0.1} if "smoothing" in chosen.parameters else {}))
            gradient, curvature = made.derivatives(y_true.astype(int) if many else y_true, entries, **extras)
            assert gradient.shape == curvature.shape == entries.shape
            assert gradient.dtype == curvature.dtype == np.float64
            assert np.isfinite(gradient).all()
            assert (curvature > 0).all()
            assert np.isfinite(curvature.astype(np.float32)).all()


@pytest.mark.parametrize("name", [name for name in NAMES if load(name).declaration.is_elementwise])
def test_derivatives_are_those_of_the_declaration(name):
    """40 digits of the declaration, differentiated by SymPy as it stands, against every library."""
    handle = load(name)
    training = training_of(handle._mathematics)
    labels = [1.0, -1.0] if "{-1, 1}" in str(handle.declaration.y_true) else [1.0]
    for label, score in product(labels, (-3.3, -0.4, 0.3, 1.7, 4.0)):
        values = {"y_true": label, "y_pred": score}
        values |= {item.name: float(item.default) for item in handle.declaration.parameters}
        values |= {item.name: 0.7 for item in handle.declaration.extra_inputs}
        exact = {
            "gradient": float(number(handle.gradient, handle.declaration, values)),
            "exact": float(number(handle.hessian, handle.declaration, values)),
        }
        extras = {item.name: np.array([0.7]) for item in handle.declaration.extra_inputs}
        for library in LIBRARIES:
            for policy in module(library, name)._CURVATURES:
                made = objective(library, name, curvature=policy)
                if made.parameters.get("smoothing", 0) is None:
                    made = made.changed(smoothing=1e-6)
                gradient, curvature = made.derivatives(np.array([label]), np.array([score]), **extras)
                assert gradient[0] == pytest.approx(exact["gradient"], rel=1e-12, abs=1e-14)
                wanted = {
                    "exact": exact["exact"],
                    "floor": max(exact["exact"], 0.01),
                    "absolute": abs(exact["exact"]),
                    "ones": 1.0,
                }
                if policy in wanted:
                    assert curvature[0] == pytest.approx(max(wanted[policy], 1e-16), rel=1e-12)
    assert training.default in module("xgboost", name)._CURVATURES


@pytest.mark.parametrize("name", [name for name in NAMES if "majoriser" in module("xgboost", name)._CURVATURES])
def test_a_majoriser_majorises(name):
    """The parabola at every score lies above the loss at every other; of kinked losses, away from the kink."""
    handle = load(name)
    if not handle.declaration.is_elementwise:
        return
    smoothing = 0.05
    for label in (
        (1.0, -1.0)
        if "real" in str(handle.declaration.y_true) or "{-1" in str(handle.declaration.y_true)
        else (1.0, 0.0)
    ):
        made = objective("xgboost", name, curvature="majoriser")
        has_kink = "smoothing" in made.parameters
        if has_kink:
            made = made.changed(smoothing=smoothing)
        scores = np.linspace(-9, 9, 181) + 0.013
        extras = {item.name: np.full(len(scores), 0.7) for item in handle.declaration.extra_inputs}
        gradient, curvature = made.derivatives(np.full(len(scores), label), scores, **extras)
        value = handle.compile("numpy").loss(np.full(len(scores), label), scores, reduction="none", **extras)
        step = scores[np.newaxis] - scores[:, np.newaxis]
        parabola = value[:, None] + gradient[:, None] * step + curvature[:, None] * step**2 / 2
        above = parabola >= value[None] - 1e-9 * (1 + np.abs(value[None]))
        centres = [label] if handle.declaration.y_true.__class__.__name__ != "Signs" else [1 / label]
        far = np.abs(scores - centres[0]) > smoothing if has_kink else np.ones(len(scores), bool)
        assert above[far].all()


def test_gauss_newton_and_fisher_are_what_they_are_called():
    """Against textbook derivatives of the loss in the prediction, and sums over the labels' distributions."""
    p = mpmath.mpf
    for score in (-2.0, 0.3, 1.5):
        m = 1 / (1 + mpmath.exp(-p(score)))
        for name, value in (("focal_binary", lambda q: -p(0.25) * (1 - q) ** 2 * mpmath.log(q)),):
            expected = mpmath.diff(value, m, 2) * (m * (1 - m)) ** 2
            made = objective("xgboost", name, curvature="gauss_newton")
            assert made.derivatives([1.0], [score])[1][0] == pytest.approx(float(expected), rel=1e-8)
        hessians = {
            "binary_crossentropy_logits": [(1 - m, 0.0), (m, 1.0)],
            "poisson_nll": [
                (mpmath.exp(-mpmath.exp(score)) * mpmath.exp(score * k) / mpmath.factorial(k), float(k))
                for k in range(60)
            ],
        }
        for name, distribution in hessians.items():
            exact = objective("xgboost", name, curvature="exact")
            expected = sum(float(weight) * exact.derivatives([label], [score])[1][0] for weight, label in distribution)
            fisher = objective("xgboost", name, curvature="fisher")
            assert fisher.derivatives([1.0], [score])[1][0] == pytest.approx(expected, rel=1e-9)


def test_the_bound_over_classes_bounds_the_whole_matrix():
    rng = np.random.default_rng(0)
    numpy_module = load("sparse_categorical_crossentropy_logits").compile("numpy")
    scores, labels = 3 * rng.normal(size=(50, 4)), rng.integers(0, 4, 50)
    _, bound = objective("xgboost", "sparse_categorical_crossentropy_logits", curvature="majoriser").derivatives(
        labels, scores
    )
    full = numpy_module.hessian_full(labels, scores, reduction="none")
    gaps = np.einsum("nk,kj->nkj", bound, np.eye(4)) - full
    assert np.linalg.eigvalsh(gaps).min() > -1e-12


# -- distributions ---------------------------------------------------------------------------------------------------

shape, size = Symbol("shape", positive=True), Symbol("size", positive=True)
DISTRIBUTIONS = {
    "gaussian_nll": "gaussian_nll",
    "laplace_nll": "laplace_nll",
    "student_t_nll": "student_t_nll",
    "gamma": Loss(
        name="gamma_shape",
        summary="Gamma of mean and shape.",
        expression=loggamma(shape)
        - shape * log(shape)
        - (shape - 1) * log(y_true)
        + shape * (log(y_pred) + y_true / y_pred),
        y_true=positive,
        y_pred=positive,
        extra_inputs=[ExtraInput(shape, positive, "shape", link=log_link)],
        link=log_link,
        forms={"raw": "gamma_shape"},
    ),
    "negative_binomial": Loss(
        name="negative_binomial",
        summary="Negative binomial of mean and size.",
        expression=loggamma(size)
        - loggamma(y_true + size)
        + (size + y_true) * log(size + y_pred)
        - size * log(size)
        - y_true * log(y_pred),
        y_true=nonnegative,
        y_pred=positive,
        extra_inputs=[ExtraInput(size, positive, "size", link=log_link)],
        link=log_link,
        forms={"raw": "negative_binomial"},
    ),
}


def sample(name, location, scale):
    """Labels of a distribution whose two parameters are given, as SciPy has them."""
    return {
        "gaussian_nll": stats.norm(location, np.sqrt(scale)),
        "laplace_nll": stats.laplace(location, scale),
        "student_t_nll": stats.t(4, location, scale),
        "gamma": stats.gamma(scale, scale=location / scale),
        "negative_binomial": stats.nbinom(scale, scale / (scale + location)),
    }[name]


def compiled(name, library):
    loss = DISTRIBUTIONS[name]
    return module(library, loss) if isinstance(loss, str) else load(loss).compile(library)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_every_parameter_of_a_distribution_is_learned(name, library):
    """On rows that were held out: a lower loss than constants have, and parameters near those that made the labels."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 2))
    is_positive = name in ("gamma", "negative_binomial")
    location = np.exp(0.7 * X[:, 0]) * 5 if is_positive else 2 * X[:, 0]
    scale = np.exp(0.5 * X[:, 1]) * (2 if is_positive else 1)
    y = sample(name, location, scale).rvs(random_state=1).astype(float)
    estimator = next(item for key, item in vars(compiled(name, library)).items() if key.endswith("Regressor"))
    params = {"max_depth": 2} if library == "xgboost" else {"num_leaves": 4, "verbosity": -1}
    model = estimator(n_estimators=60, learning_rate=0.15, **params).fit(X[::2], y[::2])
    found = model.predict_parameters(X[1::2])
    assert found.shape == (1000, 2)
    np.testing.assert_array_equal(found[:, 0], model.predict(X[1::2]))
    assert np.corrcoef(found[:, 0], location[1::2])[0, 1] > 0.9
    assert np.corrcoef(np.log(found[:, 1]), np.log(scale[1::2]))[0, 1] > 0.6
    objective, scores = model.objective_, raw_scores(library, model.model_, X[1::2])
    constant = np.tile(model.start_value_, (1000, 1))
    assert objective.loss(y[1::2], scores) < objective.loss(y[1::2], constant) - 0.1


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_start_values_of_a_distribution_are_its_likeliest(name):
    y = sample(name, 3.0, 2.0).rvs(400, random_state=3).astype(float)
    made = next(item for key, item in vars(compiled(name, "xgboost")).items() if key.endswith("Objective"))()
    start = np.asarray(made.start_value(y))
    here = made.loss(y, np.tile(start, (400, 1)))
    for step in (1e-3, -1e-3):
        for place in range(2):
            assert made.loss(y, np.tile(start + step * np.eye(2)[place], (400, 1))) >= here


@pytest.mark.parametrize("name", [name for name in DISTRIBUTIONS if name != "negative_binomial"])
def test_fisher_information_is_the_expected_square_of_the_derivative(name):
    """By quadrature over SciPy's density."""
    made = next(item for key, item in vars(compiled(name, "xgboost")).items() if key.endswith("Objective"))()
    assert made.curvature == "fisher"
    for raw in ([0.3, -0.4], [1.1, 0.8]):
        location = np.exp(raw[0]) if name == "gamma" else raw[0]
        distribution = sample(name, location, np.exp(raw[1]))
        labels = distribution.ppf((np.arange(200_000) + 0.5) / 200_000)
        gradient, curvature = made.derivatives(labels, np.tile(raw, (len(labels), 1)))
        np.testing.assert_allclose((gradient**2).mean(axis=0), curvature[0], rtol=2e-3)
        np.testing.assert_allclose(gradient.mean(axis=0), 0, atol=1e-3)


def test_the_mean_of_a_negative_binomial_has_fisher_information_and_its_size_has_none_in_closed_form():
    from symloss.analyse.curvature import output_curvatures
    from symloss.declare.outputs import outputs_of
    from symloss.mathematics import study

    outputs = outputs_of(DISTRIBUTIONS["negative_binomial"])
    mean, scatter = output_curvatures(outputs, [study(output.loss) for output in outputs])
    assert "fisher" in mean
    assert "fisher" not in scatter


def test_catboost_refuses_a_distribution_and_says_why():
    with pytest.raises(UnsupportedError, match="several scores per row for classes only"):
        load("gaussian_nll").generate("catboost")


# -- a cluster -------------------------------------------------------------------------------------------------------


def test_a_local_cluster_gives_the_model_of_one_process(tmp_path):
    """XGBoost's and LightGBM's own interfaces to Dask; in a process of its own, because clusters spawn."""
    program = tmp_path / "cluster.py"
    program.write_text(CLUSTER)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, check=False, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("the same") == 2


CLUSTER = """
import dask.array, lightgbm, numpy as np, xgboost, xgboost.dask
from distributed import Client, LocalCluster
from generated.lightgbm.pseudo_huber import PseudoHuberObjective as ForLightGBM
from generated.xgboost.pseudo_huber import PseudoHuberObjective as ForXGBoost
from sklearn.datasets import load_diabetes

def main():
    X, y = load_diabetes(return_X_y=True)
    X = np.digitize(X, np.quantile(X, [0.2, 0.4, 0.6, 0.8, 0.9])).astype(float)
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster) as client:
        parts = dask.array.from_array(X, chunks=(221, 10)), dask.array.from_array(y, chunks=221)
        made = ForXGBoost(delta=30.0)
        params = made.params({"max_depth": 3}, made.data(X, y))
        data = xgboost.dask.DaskDMatrix(client, *parts)
        several = xgboost.dask.train(client, params, data, 10, obj=made)["booster"]
        one = made.train({"max_depth": 3}, made.data(X, y), 10)
        np.testing.assert_allclose(made.predict(several, X), made.predict(one, X), rtol=1e-5)
        print("the same")
        made = ForLightGBM(delta=30.0)
        start = made.start_value(y)
        options = {"n_estimators": 10, "num_leaves": 7, "min_child_samples": 5, "verbosity": -1, "n_jobs": None}
        several = lightgbm.DaskLGBMRegressor(client=client, objective=made, tree_learner="data", **options)
        several.fit(*parts, init_score=dask.array.full(len(y), start, chunks=221))
        made.add_start(several.booster_, start)
        one = made.train({"num_leaves": 7, "min_data_in_leaf": 5, "verbosity": -1}, made.data(X, y), 10)
        np.testing.assert_allclose(made.predict(several.booster_, X), made.predict(one, X), rtol=1e-9)
        print("the same")

if __name__ == "__main__":
    main()
"""


# -- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", LIBRARIES)
def test_bad_input_is_named(library, tables):
    X, y, _ = tables["numbers"]
    with pytest.raises(ValueError, match="delta=-1 is outside its domain"):
        objective(library, "huber", delta=-1)
    with pytest.raises(TypeError, match="delta='wide' is not a real number"):
        objective(library, "huber", delta="wide")
    with pytest.raises(ValueError, match="curvature='hessian'; choose from"):
        objective(library, "huber", curvature="hessian")
    with pytest.raises(ValueError, match="labels must be -1 or 1"):
        objective(library, "hinge").derivatives(np.array([0.0, 1.0]), np.array([0.3, 0.4]))
    with pytest.raises(ValueError, match="y_true has shape"):
        objective(library, "huber").derivatives(np.zeros((3, 1)), np.zeros(3))
    made = objective(library, "poisson_nll")
    with pytest.raises(Exception, match="y_true is -"):
        trained(made, library, X, y - 500)
    name = "loss_function" if library == "catboost" else "objective"
    with pytest.raises(ValueError, match=f"params name the {name}"):
        made.train({name: "Poisson"}, made.data(X, y), 2)
    with pytest.raises(ValueError, match="no rows are known"):
        objective(library, "context_weighted_squared_error").rows.take([0])


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    "name", ["huber", "pinball", "context_weighted_squared_error", "focal_categorical", "hinge", "cox_efron"]
)
def test_every_name_that_a_class_uses_is_kept_from_declarations(name, library):
    """Arguments, attributes, methods and variables: a parameter called so would take their place."""
    if library == "catboost" and name == "cox_efron":
        return  # refused
    declaration = load(name).declaration
    inputs = {item.name for item in declaration.extra_inputs}
    own = {item.name for item in declaration.parameters} | inputs | RESERVED
    of_classes, beside_inputs = set(), set()
    for node in ast.parse(Path(module(library, name).__file__).read_text()).body:
        for part in ast.walk(node) if isinstance(node, ast.ClassDef) and not node.name.startswith("_") else ():
            if isinstance(part, ast.FunctionDef):
                arguments = {item.arg for item in ast.walk(part.args) if isinstance(item, ast.arg)}
                stored = {
                    item.id for item in ast.walk(part) if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)
                }
                of_classes |= {part.name} | (arguments if part.name == "__init__" else set())
                beside_inputs |= arguments | stored if arguments & inputs else set()
            elif isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store):
                of_classes.add(part.attr)
    for found, known in ((of_classes, boosters._OF_CLASSES), (beside_inputs, boosters._BESIDE_INPUTS)):
        words = {word for word in found - own if word.islower() and not word.startswith("_")}
        assert words - set(known.split()) == set()


@pytest.mark.parametrize("name", ["floor", "curvature", "data", "metric", "n_estimators", "start"])
def test_a_parameter_with_a_name_of_the_objectives_is_refused(name):
    """In NumPy it is as good as any; boosters say what to do, and nothing broken is written."""
    symbol = Symbol(name, positive=True)
    parameters = [Parameter(symbol, 1.0, positive, "a factor")]
    mine = Loss("mine", symbol * (y_pred - y_true) ** 2, "A factor with an unlucky name.", parameters=parameters)
    assert load(mine).compile("numpy").loss([0.0], [2.0]) == 4.0
    for library in LIBRARIES:
        with pytest.raises(UnsupportedError, match=f"need the name {name} themselves: rename it"):
            load(mine).generate(library)
        assert not load(mine).report().training.libraries[0].can_train


def test_a_file_that_makes_and_refuses_is_fresh_until_either_changes(tmp_path):
    """A refusal names the modules beside it, so that those are looked at without scanning the folder."""
    file = tmp_path / "two.py"
    file.write_text(
        "from symloss import Interval, Loss, y_pred, y_true\n"
        "one = Loss('one', (y_pred - y_true) ** 2, 'Trained.')\n"
        "two = Loss('two', (y_pred - y_true) ** 2, 'Refused.', y_pred=Interval(0, 1))\n"
    )
    arguments = [str(file)], ("xgboost",), tmp_path / "out"
    assert len(pipeline.generate(*arguments)[0].written) == 1
    assert pipeline.generate(*arguments)[0].written == ()
    assert pipeline.check(*arguments)[0].problems == ()
    made = tmp_path / "out" / "xgboost" / "one.py"
    made.write_text(made.read_text() + "# mine\n")
    assert "edited by hand" in pipeline.check(*arguments)[0].problems[0]
    made.unlink()
    assert "missing" in pipeline.check(*arguments)[0].problems[0]


def test_what_a_library_cannot_train_is_said():
    with pytest.raises(UnsupportedError, match="not scores of the rows of a table"):
        load("ntxent").generate("xgboost")
    with pytest.raises(UnsupportedError, match="declare a link"):
        load("gamma_deviance").generate("lightgbm")
    assert "class BinaryCrossentropyLogitsObjective" in load("binary_crossentropy").generate("catboost")
