"""Losses over the weights of a linear predictor, against scikit-learn, statsmodels, dense loops and differences."""

import inspect
from functools import cache

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import sparse
from scipy.optimize import minimize
from sklearn import datasets, linear_model
from sklearn.preprocessing import StandardScaler
from statsmodels.duration.hazard_regression import PHReg

import symloss

SEED = np.random.default_rng(20260101)


@cache
def load(name):
    return symloss.load(name)


def standardised(name):
    bunch = getattr(datasets, f"load_{name}")()
    return StandardScaler().fit_transform(bunch.data), bunch.target.astype(float)


def solved(model, y_true, size, method):
    """From a cold start, all weights 0, as far as the digits of the value lead (SciPy may end there with status 2)."""
    start = np.zeros(size)
    second = {"hess": model.hessian} if method == "trust-exact" else {"hessp": model.hessian_vector_product}
    steepest = np.linalg.norm(model.gradient(start, y_true))
    options = {"gtol": 1e-11 * steepest} if method == "trust-exact" else {"xtol": 1e-9}
    found = minimize(
        model.value_and_gradient, start, args=(y_true,), jac=True, method=method, options=options, **second
    )
    assert found.status in (0, 2), found.message
    return found.x


def close(got, wanted, tolerance=1e-8):
    return np.abs(got - np.ravel(wanted)).max() <= tolerance * np.abs(wanted).max()


METHODS = pytest.mark.parametrize("method", ["Newton-CG", "trust-exact"])


@METHODS
def test_logistic_regression_is_that_of_scikit_learn(method):
    """Breast cancer, 30 columns, C = 0.5: the penalty is ½ w² / C, and the intercept has none."""
    X, y = standardised("breast_cancer")
    peer = linear_model.LogisticRegression(C=0.5, solver="newton-cholesky", tol=1e-14, max_iter=1000).fit(X, y)
    model = load("binary_crossentropy").with_linear_predictor(X, intercept=True, l2=2.0)
    w = solved(model, y, 31, method)
    assert close(w, np.append(peer.coef_, peer.intercept_))
    assert np.allclose(model.predict(w), peer.predict_proba(X)[:, 1], rtol=1e-7)


FAMILIES = {
    "binary_crossentropy_logits": (sm.families.Binomial(), {}),
    "poisson_nll": (sm.families.Poisson(), {}),
    "gamma_nll": (sm.families.Gamma(sm.families.links.Log()), {}),
    "tweedie": (sm.families.Tweedie(sm.families.links.Log(), var_power=1.5), {"power": 1.5}),
    "half_squared_error": (sm.families.Gaussian(), {}),
}

# The value is 2600 here and the Hessian flat: a step of 3e-8 changes it by less than its last digit.
ENDS_EARLY = {("gamma_nll", "trust-exact")}


@METHODS
@pytest.mark.parametrize("name", FAMILIES)
def test_generalised_linear_models_are_those_of_statsmodels(name, method):
    """Coefficients, and standard errors by the observed information, plain and in the sandwich."""
    family, parameters = FAMILIES[name]
    X, y = standardised("diabetes")
    y = (y > 140).astype(float) if name.startswith("binary") else y
    peer = sm.GLM(y, sm.add_constant(X, prepend=False), family).fit(tol=1e-14, maxiter=500, tol_criterion="params")
    model = load(name).with_linear_predictor(X, intercept=True, **parameters)
    w = solved(model, y, 11, method)
    assert close(w, peer.params, 1e-7)
    assert close(w, peer.params) or (name, method) in ENDS_EARLY
    w = model.refined(w, y)
    assert close(w, peer.params, 1e-11)
    information = -peer.model.hessian(peer.params, scale=1, observed=True)
    assert np.allclose(model.covariance(w, y), np.linalg.inv(information), rtol=1e-8, atol=1e-14)
    scores = peer.model.score_obs(peer.params, scale=1)
    sandwich = np.linalg.solve(information, np.linalg.solve(information, scores.T @ scores).T)
    assert np.allclose(model.standard_errors(w, y, robust=True), np.sqrt(np.diag(sandwich)), rtol=1e-8)


@METHODS
def test_penalised_counts_are_those_of_scikit_learn(method):
    """PoissonRegressor, GammaRegressor, TweedieRegressor: half the mean deviance and ½ alpha w²."""
    X, y = standardised("diabetes")
    peers = {
        "poisson_nll": linear_model.PoissonRegressor,
        "gamma_nll": linear_model.GammaRegressor,
        "tweedie": lambda **kw: linear_model.TweedieRegressor(power=1.5, **kw),
    }
    for name, peer in peers.items():
        fitted = peer(alpha=0.1, solver="newton-cholesky", tol=1e-14, max_iter=1000).fit(X, y)
        extra = {"power": 1.5} if name == "tweedie" else {}
        model = load(name).with_linear_predictor(X, intercept=True, l2=0.1, reduction="mean", **extra)
        assert close(solved(model, y, 11, method), np.append(fitted.coef_, fitted.intercept_))


@METHODS
def test_huber_regression_is_that_of_statsmodels(method):
    """RLM iterates reweighted least squares; delta is its constant times the scale it arrives at."""
    X, y = standardised("diabetes")
    peer = sm.RLM(y, sm.add_constant(X, prepend=False), sm.robust.norms.HuberT(1.345))
    peer = peer.fit(tol=1e-14, maxiter=2000, conv="coefs")
    model = load("huber").with_linear_predictor(X, intercept=True, delta=1.345 * peer.scale)
    assert close(solved(model, y, 11, method), peer.params)


@METHODS
def test_softmax_regression_is_that_of_scikit_learn(method):
    """Iris, by labels and one-hot; scikit-learn has classes in rows."""
    X, y = standardised("iris")
    peer = linear_model.LogisticRegression(C=2.0, solver="newton-cholesky", tol=1e-14, max_iter=1000).fit(X, y)
    model = load("sparse_categorical_crossentropy").with_linear_predictor(X, intercept=True, l2=0.5)
    w = solved(model, y.astype(int), 15, method).reshape(5, 3)
    assert close(w[:4].ravel(), peer.coef_.T)
    assert close(w[4] - w[4].mean(), peer.intercept_)
    one_hot = load("categorical_crossentropy").with_linear_predictor(X, intercept=True, l2=0.5)
    assert np.allclose(one_hot.gradient(w.ravel(), np.eye(3)[y.astype(int)]), 0, atol=1e-6)
    assert np.allclose(model.predict(w.ravel()), peer.predict_proba(X), rtol=1e-7, atol=1e-10)


def test_standard_errors_of_softmax_regression_are_those_of_statsmodels():
    """MNLogit takes the first class as the reference; here it is a contrast."""
    X, y = standardised("wine")
    X = X[:, 5:6]
    peer = sm.MNLogit(y, sm.add_constant(X, prepend=False)).fit(disp=0, method="newton")
    model = load("sparse_categorical_crossentropy").with_linear_predictor(X, intercept=True)
    w = solved(model, y.astype(int), 6, "trust-exact")
    w = model.refined(w, y.astype(int))
    contrast = np.kron(np.eye(2), np.array([[-1.0, 1, 0], [-1, 0, 1]]))
    assert close(contrast @ w, np.asarray(peer.params))
    covariance = contrast @ model.covariance(w, y.astype(int)) @ contrast.T
    assert np.allclose(np.sqrt(np.diag(covariance)), np.ravel(peer.bse), rtol=1e-6)


def test_cox_regression_is_that_of_statsmodels():
    """One sample of all rows, tied times and censored ones: Breslow and Efron."""
    X, y = standardised("diabetes")
    X, time = X[:200, :4], np.ceil(y[:200] / 20)
    observed = (SEED.random(200) < 0.7).astype(float)
    for name, ties in (("cox_partial_likelihood", "breslow"), ("cox_efron", "efron")):
        peer = PHReg(time, X, status=observed, ties=ties).fit(tol=1e-14)
        loss = load(name)
        model = loss.with_linear_predictor(X, event=observed)
        w = solved(model, time, 4, "trust-exact")
        assert close(w, peer.params, 1e-8)
        assert np.allclose(model.standard_errors(w, time), peer.bse, rtol=1e-6)


CASES = {
    "huber": ((12, 3), (12,), lambda shape: SEED.normal(size=shape)),
    "poisson_nll": ((4, 3, 2), (4, 3), lambda shape: SEED.poisson(2, shape).astype(float)),
    "binary_crossentropy": ((9, 4), (9, 3), lambda shape: (SEED.random(shape) > 0.5).astype(float)),
    "categorical_crossentropy": ((7, 3), (7, 4), lambda shape: SEED.dirichlet(np.ones(shape[1]), shape[0])),
    "sparse_categorical_crossentropy": ((7, 3), (7, 4), lambda shape: SEED.integers(0, shape[1], shape[0])),
    "listnet_softmax": ((5, 6, 3), (5, 6), SEED.random),
    "infonce": ((6, 4), (6, 3), lambda shape: SEED.normal(size=shape)),
}


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("name", CASES)
def test_derivatives_are_those_of_the_value(name, reduction, intercept):
    """Central differences, the product with every unit vector, an offset, a penalty for each column."""
    of_x, of_scores, draw = CASES[name]
    X, y, offset = SEED.normal(size=of_x), draw(of_scores), SEED.normal(size=of_scores)
    l2 = SEED.random(of_x[-1])
    model = load(name).with_linear_predictor(X, offset=offset, intercept=intercept, l2=l2, reduction=reduction)
    outputs = of_scores[-1] if len(of_scores) == len(of_x) else 1
    w = SEED.normal(size=(of_x[-1] + intercept) * outputs)
    value, gradient = model.value_and_gradient(w, y)
    assert value == pytest.approx(model.value(w, y), rel=1e-14)
    assert np.allclose(gradient, model.gradient(w, y), rtol=1e-13, atol=1e-15)
    steps = 1e-5 * np.eye(w.size)
    slopes = [(model.value(w + step, y) - model.value(w - step, y)) / 2e-5 for step in steps]
    assert np.allclose(gradient, slopes, rtol=1e-6, atol=1e-7)
    hessian = model.hessian(w, y)
    curvatures = [(model.gradient(w + step, y) - model.gradient(w - step, y)) / 2e-5 for step in steps]
    assert np.allclose(hessian, curvatures, rtol=1e-6, atol=1e-6)
    products = [model.hessian_vector_product(w, unit, y) for unit in np.eye(w.size)]
    assert np.allclose(hessian, products, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
@pytest.mark.parametrize("name", ["poisson_nll", "binary_crossentropy", "sparse_categorical_crossentropy"])
def test_a_sparse_matrix_gives_what_the_dense_one_does(name, form):
    X = SEED.normal(size=(40, 6)) * (SEED.random((40, 6)) < 0.3)
    y = SEED.integers(0, 2, 40) if name.startswith("sparse") else SEED.integers(0, 2, 40).astype(float)
    dense = load(name).with_linear_predictor(X, intercept=True, l2=0.1)
    thin = load(name).with_linear_predictor(form(X), intercept=True, l2=0.1)
    w, weight = SEED.normal(size=7 * (2 if name.startswith("sparse") else 1)), SEED.random(40)
    for function in ("value", "gradient", "hessian", "covariance", "standard_errors"):
        got, wanted = (getattr(model, function)(w, y, weight) for model in (thin, dense))
        assert type(got) is type(wanted)
        assert np.allclose(got, wanted, rtol=1e-12, atol=1e-14)
    assert np.allclose(thin.covariance(w, y, robust=True), dense.covariance(w, y, robust=True), rtol=1e-10)
    assert np.allclose(thin.hessian_vector_product(w, w, y), dense.hessian(w, y) @ w, rtol=1e-12)


def test_a_weight_of_two_is_the_row_twice():
    X, y = SEED.normal(size=(10, 3)), SEED.poisson(2, 10).astype(float)
    w, count = SEED.normal(size=3), np.array([1, 2, 1, 1, 3, 1, 1, 1, 2, 1])
    for reduction in ("sum", "mean"):
        once, often = (
            load("poisson_nll").with_linear_predictor(rows, reduction=reduction)
            for rows in (X, np.repeat(X, count, axis=0))
        )
        for function in ("value", "gradient", "hessian", "standard_errors"):
            got = getattr(once, function)(w, y, count.astype(float))
            assert np.allclose(got, getattr(often, function)(w, np.repeat(y, count)), rtol=1e-12)


def test_the_mean_and_the_sum_have_one_covariance():
    X, y = standardised("diabetes")
    total, mean = (load("gamma_nll").with_linear_predictor(X, intercept=True, reduction=r) for r in ("sum", "mean"))
    w = solved(total, y, 11, "Newton-CG")
    for robust in (False, True):
        assert np.allclose(total.covariance(w, y, robust=robust), mean.covariance(w, y, robust=robust), rtol=1e-10)
    assert np.allclose(total.covariance(w, y, dispersion=0.25), total.covariance(w, y) / 4)


def test_what_does_not_fit_is_named():
    X, y = SEED.normal(size=(8, 3)), SEED.normal(size=8)
    huber = load("huber")
    for wrong, message in (
        ({"offset": [np.nan] * 8}, "offset has entries that are not finite"),
        ({"l2": -1.0}, "at least 0"),
        ({"l2": [1.0, 2.0]}, "one for each of 3 columns"),
        ({"reduction": "none"}, "'mean' or a 'sum'"),
    ):
        with pytest.raises(ValueError, match=message):
            huber.with_linear_predictor(X, **wrong)
    for wrong in (X[0], np.zeros((0, 3)), np.array(1.0)):
        with pytest.raises(ValueError, match="rows and columns"):
            huber.with_linear_predictor(wrong)
    with pytest.raises(ValueError, match="X has entries that are not finite"):
        huber.with_linear_predictor(sparse.csr_array(np.array([[np.inf, 1.0]])))
    with pytest.raises(TypeError, match="huber has no argument 'detla'; it has delta"):
        huber.with_linear_predictor(X, detla=2.0)
    model = huber.with_linear_predictor(X, intercept=True)
    with pytest.raises(ValueError, match=r"w has shape \(3,\); X has 3 columns and an intercept"):
        model.value(np.zeros(3), y)
    with pytest.raises(ValueError, match=r"vector has shape \(4, 1\)"):
        model.hessian_vector_product(np.zeros(4), np.zeros((4, 1)), y)
    with pytest.raises(ValueError, match="shape"):
        model.value(np.zeros(4), y[:, None])
    with pytest.raises(ValueError, match=r"offset has shape \(3,\), but the scores have shape \(8,\)"):
        huber.with_linear_predictor(X, offset=np.zeros(3)).value(np.zeros(3), y)
    with pytest.raises(ValueError, match="delta"):
        huber.with_linear_predictor(X, delta=-1.0).value(np.zeros(3), y)


def test_no_covariance_where_there_is_no_minimum():
    """A column twice, rows that a loss couples."""
    X, y = SEED.normal(size=(30, 2)), SEED.normal(size=30)
    twice = load("squared_error").with_linear_predictor(np.hstack([X, X[:, :1]]))
    with pytest.raises(ValueError, match="not positive definite"):
        twice.standard_errors(np.zeros(3), y)
    lists = load("listnet_softmax").with_linear_predictor(X[None])
    with pytest.raises(ValueError, match="does not couple"):
        lists.covariance(np.zeros(2), np.abs(y)[None], robust=True)


def test_w_is_not_changed_and_results_are_float64():
    X, y = SEED.normal(size=(5, 2)).astype(np.float32), SEED.normal(size=5)
    model = load("huber").with_linear_predictor(X, l2=1.0)
    w = np.ones(2)
    assert isinstance(model.value(w, y), float)
    assert model.gradient(w, y).dtype == model.hessian(w, y).dtype == np.float64
    assert (w == 1).all()
    assert list(inspect.signature(model.hessian_vector_product).parameters)[:3] == ["w", "vector", "y_true"]
