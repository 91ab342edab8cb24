"""Objectives as careful people write them, in all call styles and with many curvatures: none has a fault."""

import functools

import numpy as np
from scipy.special import digamma, expit, polygamma


def of(data):
    """Labels and weights of a DMatrix or a Dataset."""
    weight = data.get_weight()
    y = data.get_label()
    return y, np.ones(len(y)) if weight is None or not len(weight) else weight


def native(derivatives):
    """An objective from derivatives of (y, score)."""

    @functools.wraps(derivatives)
    def objective(preds, dtrain):
        y, weight = of(dtrain)
        gradient, hessian = derivatives(y, preds)
        return gradient * weight, hessian * weight

    del objective.__wrapped__
    return objective


@native
def squared(y, s):
    return s - y, np.ones_like(s)


@native
def twice_squared(y, s):
    return 2 * (s - y), np.full_like(s, 2.0)


@native
def logistic(y, s):
    p = 1 / (1 + np.exp(-s))
    return p - y, p * (1 - p)


@native
def logistic_clipped(y, s):
    p = expit(s)
    return p - y, np.maximum(p * (1 - p), 1e-16)


@native
def logistic_quarter(y, s):
    return expit(s) - y, np.full_like(s, 0.25)


@native
def logistic_tangent(y, s):
    safe = np.where(np.abs(s) < 1e-6, 1.0, s)
    return expit(s) - y, np.where(np.abs(s) < 1e-6, 0.25, np.tanh(safe / 2) / (2 * safe))


@native
def more_weight_on_positives(y, s):
    p, factor = expit(s), np.where(y == 1, 7.0, 1.0)
    return factor * (p - y), factor * p * (1 - p)


@native
def smoothed_labels(y, s):
    p = expit(s)
    return p - (0.9 * y + 0.05), p * (1 - p)


@native
def poisson(y, s):
    return np.exp(s) - y, np.exp(s)


@native
def poisson_capped(y, s):
    return np.exp(s) - y, np.exp(s + 0.7)


@native
def gamma(y, s):
    return 1 - y * np.exp(-s), y * np.exp(-s)


@native
def gamma_expected(y, s):
    return 1 - y * np.exp(-s), np.ones_like(s)


@native
def tweedie(y, s):
    rho = 1.4
    a, b = y * np.exp((1 - rho) * s), np.exp((2 - rho) * s)
    return b - a, (2 - rho) * b - (1 - rho) * a


@native
def negative_binomial(y, s):
    mean, size = np.exp(s), 3.0
    return (mean - y) * size / (size + mean), size * mean * (size + y) / (size + mean) ** 2


@native
def quantile(y, s):
    return np.where(s > y, 0.1, -0.9), np.ones_like(s)


@native
def absolute(y, s):
    return np.sign(s - y), np.ones_like(s)


@native
def absolute_reweighted(y, s):
    return np.sign(s - y), 1 / np.maximum(np.abs(s - y), 1e-2)


@native
def percentage(y, s):
    return np.sign(s - y) / np.maximum(np.abs(y), 1.0), np.ones_like(s)


@native
def huber_ones(y, s):
    return np.clip(s - y, -1.5, 1.5), np.ones_like(s)


@native
def huber_reweighted(y, s):
    r = s - y
    return np.clip(r, -1.5, 1.5), np.minimum(1.0, 1.5 / np.maximum(np.abs(r), 1e-9))


@native
def pseudo_huber(y, s):
    r = s - y
    scale = 1 + (r / 2) ** 2
    return r / np.sqrt(scale), scale**-1.5


@native
def fair(y, s):
    r = s - y
    return 2 * r / (np.abs(r) + 2), 4 / (np.abs(r) + 2) ** 2


@native
def log_cosh(y, s):
    t = np.tanh(s - y)
    return t, np.maximum(1 - t**2, 1e-6)


@native
def cauchy_reweighted(y, s):
    r = s - y
    return r / (1 + r**2), 1 / (1 + r**2)


@native
def welsch_floored(y, s):
    r = s - y
    e = np.exp(-((r / 3) ** 2) / 2)
    return r * e, np.maximum((1 - (r / 3) ** 2) * e, 1e-3)


@native
def cauchy_size(y, s):
    r = s - y
    return r / (1 + r**2), np.maximum(np.abs((1 - r**2) / (1 + r**2) ** 2), 1e-6)


@native
def expectile(y, s):
    factor = np.where(s > y, 0.2, 0.8)
    return factor * (s - y), factor


@native
def linex(y, s):
    r = np.clip(s - y, -30, 30)
    return np.exp(0.3 * r) - 1, 0.3 * np.exp(0.3 * r)


@native
def squared_log(y, s):
    safe = np.maximum(s, -1 + 1e-6)
    gap = np.log1p(safe) - np.log1p(y)
    return gap / (safe + 1), np.maximum((1 - gap) / (safe + 1) ** 2, 1e-4)


@native
def smooth_quantile(y, s):
    z = (s - y) / 0.5
    p = expit(z)
    return p - 0.9, np.maximum(p * (1 - p) / 0.5, 1e-3)


@native
def squared_hinge(y, s):
    sign = np.where(y > 0, 1.0, -1.0)
    gap = np.maximum(0, 1 - sign * s)
    return -2 * sign * gap, np.full_like(s, 2.0)


@native
def exponential(y, s):
    sign = np.where(y > 0, 1.0, -1.0)
    e = np.exp(np.clip(-sign * s, -50, 50))
    return -sign * e, e


@native
def brier(y, s):
    p = expit(s)
    slope = p * (1 - p)
    return 2 * (p - y) * slope, 2 * slope**2


@native
def focal_floored(y, s):
    sign = np.where(y == 1, 1.0, -1.0)
    p = expit(sign * s)
    log_p = -np.logaddexp(0, -sign * s)
    gradient = sign * (1 - p) ** 2 * (2 * p * log_p + p - 1)
    hessian = p * (1 - p) ** 2 * ((2 - 6 * p) * log_p + 5 * (1 - p))
    return gradient, np.maximum(hessian, 1e-2)


def squared_error(y_true, y_pred, sample_weight=None):
    weight = np.ones_like(y_true) if sample_weight is None else sample_weight
    return weight * (y_pred - y_true), weight * np.ones_like(y_pred)


def log_loss(y_true, y_pred, weight):
    p = expit(y_pred)
    weight = np.ones_like(p) if weight is None else weight
    return weight * (p - y_true), weight * p * (1 - p)


def _softmax(scores):
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def _cross_entropy(preds, data, factor):
    y, weight = of(data)
    p = _softmax(preds)
    gradient = p.copy()
    gradient[np.arange(len(y)), y.astype(int)] -= 1
    return gradient * weight[:, None], np.maximum(factor * p * (1 - p), 1e-6) * weight[:, None]


def softmax_diagonal(preds, dtrain):
    return _cross_entropy(preds, dtrain, 1.0)


def softmax_doubled(preds, dtrain):
    return _cross_entropy(preds, dtrain, 2.0)


def softmax_of_lightgbm(preds, train_data):
    return _cross_entropy(preds, train_data, 3 / 2)


def one_against_all(preds, dtrain):
    y, weight = of(dtrain)
    p = expit(preds)
    return (p - np.eye(preds.shape[1])[y.astype(int)]) * weight[:, None], p * (1 - p) * weight[:, None]


def gaussian(preds, dtrain):
    y, weight = of(dtrain)
    mean, precision = preds[:, 0], np.exp(-2 * preds[:, 1])
    gradient = np.stack([(mean - y) * precision, 1 - (mean - y) ** 2 * precision], axis=1)
    hessian = np.stack([precision, np.maximum(2 * (mean - y) ** 2 * precision, 1e-3)], axis=1)
    return gradient * weight[:, None], hessian * weight[:, None]


class Shape:
    """Gamma with its shape: an object with parameters."""

    def __init__(self, shape=2.0):
        self.shape = shape

    def __call__(self, preds, dtrain):
        y, weight = of(dtrain)
        return self.shape * (1 - y * np.exp(-preds)) * weight, self.shape * y * np.exp(-preds) * weight


def log_of_shape(preds, dtrain):
    """Gamma's shape, at the mean 2, by its logarithm; the expected curvature."""
    y, weight = of(dtrain)
    k = np.exp(preds)
    gradient = k * (digamma(k) - np.log(k * np.maximum(y, 1e-9) / 2) - 1 + y / 2)
    return gradient * weight, np.maximum(k * (k * polygamma(1, k) - 1), 1e-6) * weight


class CatLogistic:
    def calc_ders_range(self, approxes, targets, weights):
        return [
            (
                (target - expit(approx)) * (1 if weights is None else weights[place]),
                -expit(approx) * (1 - expit(approx)) * (1 if weights is None else weights[place]),
            )
            for place, (approx, target) in enumerate(zip(approxes, targets, strict=True))
        ]


class CatPoisson:
    def calc_ders_range(self, approxes, targets, weights):
        mean = np.exp(np.array(approxes))
        weights = np.ones(len(mean)) if weights is None else np.array(weights)
        return list(zip((np.array(targets) - mean) * weights, -mean * weights, strict=True))


class CatSoftmax:
    def calc_ders_multi(self, approx, target, weight):
        p = _softmax(np.array(approx)[None])[0]
        own = np.eye(len(p))[int(target)]
        return (own - p) * weight, (np.outer(p, p) - np.diag(p)) * weight


class CatDiagonal(CatSoftmax):
    """Zeros beside the diagonal."""

    def calc_ders_multi(self, approx, target, weight):
        first, second = super().calc_ders_multi(approx, target, weight)
        return list(first), [list(row) for row in np.diag(np.diag(second))]


def in_one_array(preds, dtrain):
    y, weight = of(dtrain)
    return np.stack([(preds - y) * weight, weight])


def _plain(*names):
    return {f"{library} {name}": (globals()[name], library, loss, {}) for name, library, loss in names}


RIGHT = _plain(
    ("squared", "xgboost", "half_squared_error"),
    ("squared", "lightgbm", "half_squared_error"),
    ("twice_squared", "xgboost", "squared_error"),
    ("logistic", "xgboost", "binary_crossentropy_logits"),
    ("logistic_clipped", "lightgbm", "binary_crossentropy_logits"),
    ("logistic_quarter", "xgboost", "binary_crossentropy_logits"),
    ("logistic_tangent", "lightgbm", "binary_crossentropy_logits"),
    ("more_weight_on_positives", "xgboost", None),
    ("smoothed_labels", "xgboost", None),
    ("poisson", "xgboost", "poisson_nll"),
    ("poisson_capped", "xgboost", "poisson_nll"),
    ("gamma", "lightgbm", "gamma_nll"),
    ("gamma_expected", "lightgbm", "gamma_nll"),
    ("tweedie", "xgboost", None),
    ("negative_binomial", "lightgbm", None),
    ("quantile", "lightgbm", None),
    ("absolute", "xgboost", "absolute_error"),
    ("absolute_reweighted", "xgboost", "absolute_error"),
    ("percentage", "lightgbm", None),
    ("huber_ones", "xgboost", None),
    ("huber_reweighted", "xgboost", None),
    ("pseudo_huber", "xgboost", None),
    ("fair", "lightgbm", None),
    ("log_cosh", "xgboost", "log_cosh"),
    ("cauchy_reweighted", "xgboost", None),
    ("welsch_floored", "lightgbm", None),
    ("cauchy_size", "xgboost", None),
    ("expectile", "xgboost", None),
    ("linex", "xgboost", None),
    ("squared_log", "xgboost", None),
    ("smooth_quantile", "lightgbm", None),
    ("squared_hinge", "xgboost", "squared_hinge"),
    ("exponential", "xgboost", "exponential"),
    ("brier", "xgboost", None),
    ("focal_floored", "xgboost", None),
    ("squared_error", "xgboost", "half_squared_error"),
    ("log_loss", "lightgbm", "binary_crossentropy_logits"),
    ("softmax_diagonal", "xgboost", "sparse_categorical_crossentropy_logits"),
    ("softmax_doubled", "xgboost", "sparse_categorical_crossentropy_logits"),
    ("softmax_of_lightgbm", "lightgbm", "sparse_categorical_crossentropy_logits"),
    ("one_against_all", "xgboost", None),
    ("log_of_shape", "xgboost", None),
) | {
    "xgboost gaussian": (gaussian, "xgboost", None, {"outputs": 2}),
    "lightgbm shape": (Shape(2.0), "lightgbm", None, {}),
    "catboost logistic": (CatLogistic(), "catboost", "binary_crossentropy_logits", {}),
    "catboost poisson": (CatPoisson(), "catboost", "poisson_nll", {}),
    "catboost diagonal": (CatDiagonal(), "catboost", "sparse_categorical_crossentropy_logits", {}),
    "xgboost in one array": (in_one_array, "xgboost", "half_squared_error", {}),
    "catboost softmax": (CatSoftmax(), "catboost", "sparse_categorical_crossentropy_logits", {}),
}
