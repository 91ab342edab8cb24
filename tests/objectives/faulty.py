"""Objectives with faults that people reported, each written anew: the fault kept, code and names not.

XGB is dmlc/xgboost, LGB is lightgbm-org/LightGBM, CAT is catboost/catboost, SK is scikit-learn/scikit-learn; the number
is that of the issue.
"""

import functools

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# The twelve


def fair_with_its_sign_reversed(scores, data):  # XGB 3037
    r = data.get_label() - scores
    return r / (np.abs(r) + 1), 1 / (np.abs(r) + 1) ** 2


def log_cosh_with_its_sign_reversed(scores, data):  # XGB 1743
    r = data.get_label() - scores
    return np.tanh(r), 1 - np.tanh(r) ** 2


def huber_reversed_and_concave(scores, data):  # XGB 2602
    r = data.get_label() - scores
    inside = np.abs(r) <= 1
    return np.where(inside, r, np.sign(r)), np.where(inside, -1.0, 0.0)


def squared_error_divided_by_rows(scores, data):  # XGB 3063
    y = data.get_label()
    return (scores - y) / len(y), np.ones_like(scores) / len(y)


def squared_log_error_with_wrong_precedence(scores, data):  # XGB 4402
    y = data.get_label()
    gap = np.log1p(np.abs(scores)) - np.log1p(y)
    return gap / y + 1, 1 - gap / (y + 1) ** 2


def percentage_error_without_curvature(scores, data):  # XGB 1818
    y = data.get_label()
    return np.sign(scores - y) / np.abs(y), np.zeros_like(scores)


def huber_with_one_tail(scores, data):  # LGB 3532
    r = scores - data.get_label()
    return np.where(r < 1, r, 1.0), np.where(r < 1, 1.0, 1e-3) * np.where(r < -1, 0.01, 1.0)


def symmetric_percentage_error(scores, data):  # LGB 2156
    y = data.get_label()
    total = np.abs(y) + np.abs(scores)
    sign, size = np.sign(scores - y), np.sign(scores)
    gap = np.abs(scores - y)
    return sign / total - gap * size / total**2, -2 * sign * size / total**2 + 2 * gap / total**3


def focal_of_probabilities(scores, data):  # LGB 2052
    y = data.get_label()
    p = np.where(y == 1, scores, 1 - scores)
    by_p = 2 * (1 - p) * np.log(p) - (1 - p) ** 2 / p
    return by_p * np.where(y == 1, 1, -1), np.ones_like(scores)


class PoissonNotNegated:  # CAT 2514
    def calc_ders_range(self, approxes, targets, weights):
        mean = np.exp(np.asarray(approxes))
        return list(zip(mean - np.asarray(targets), mean, strict=True))


class SquaredErrorHalfNegated:  # CAT 1596
    def calc_ders_range(self, approxes, targets, weights):
        r = np.asarray(approxes) - np.asarray(targets)
        return [(item, -1.0) for item in r]


def logistic_by_probability(scores, data):  # stats.stackexchange.com/questions/333695
    y, p = data.get_label(), sigmoid(scores)
    return -y / p + (1 - y) / (1 - p), y / p**2 + (1 - y) / (1 - p) ** 2


TWELVE = {
    "XGB 3037": (fair_with_its_sign_reversed, "xgboost", "fair", {"opposite-sign"}, {"points-away"}),
    "XGB 1743": (log_cosh_with_its_sign_reversed, "xgboost", "log_cosh", {"opposite-sign"}, {"points-away"}),
    "XGB 2602": (
        huber_reversed_and_concave,
        "xgboost",
        "huber",
        {"opposite-sign", "hessian-not-positive"},
        {"points-away", "hessian-not-positive"},
    ),
    "XGB 3063": (
        squared_error_divided_by_rows,
        "xgboost",
        "half_squared_error",
        {"constant-factor", "divided-by-rows"},
        {"divided-by-rows", "does-not-train"},
    ),
    "XGB 4402": (
        squared_log_error_with_wrong_precedence,
        "xgboost",
        "half_squared_log_error",
        {"wrong-gradient", "wrong-hessian"},
        {"inconsistent"},
    ),
    "XGB 1818": (
        percentage_error_without_curvature,
        "xgboost",
        "relative_error",
        {"hessian-not-positive"},
        {"hessian-not-positive", "does-not-train"},
    ),
    "LGB 3532": (huber_with_one_tail, "lightgbm", "huber", {"wrong-gradient"}, {"inconsistent"}),
    "LGB 2156": (
        symmetric_percentage_error,
        "lightgbm",
        "symmetric_percentage_error",
        {"hessian-not-positive"},
        {"hessian-not-positive"},
    ),
    "LGB 2052": (
        focal_of_probabilities,
        "lightgbm",
        "focal_binary",
        {"not-finite", "link-missing", "wrong-gradient"},
        {"not-finite", "link-missing"},
    ),
    "CAT 2514": (
        PoissonNotNegated(),
        "catboost",
        "poisson_nll",
        {"opposite-sign"},
        {"points-away", "hessian-not-positive"},
    ),
    "CAT 1596": (
        SquaredErrorHalfNegated(),
        "catboost",
        "half_squared_error",
        {"opposite-sign"},
        {"points-away", "inconsistent"},
    ),
    "stats 333695": (
        logistic_by_probability,
        "xgboost",
        "binary_crossentropy_logits",
        {"wrong-variable", "wrong-hessian"},
        {"inconsistent"},
    ),
}


# More of what is reported


def softmax_flat(scores, data):  # LGB 1644, LGB 1308: the memory order is another in each library
    y = data.get_label().astype(int)
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return (p - np.eye(scores.shape[1])[y]).ravel(), (2 * p * (1 - p)).ravel()


def softmax_turned(scores, data):  # LGB 4981: rows and classes changed places
    y = data.get_label().astype(int)
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return (p - np.eye(scores.shape[1])[y]).T, (2 * p * (1 - p)).T


def logistic_without_weights(scores, data):  # LGB 5027, LGB 6186
    p = sigmoid(scores)
    return p - data.get_label(), p * (1 - p)


def squared_error_with_half_the_weights(y_true, y_pred, sample_weight=None):  # XGB 3187: the gradient alone is weighted
    weight = 1.0 if sample_weight is None else sample_weight
    return weight * (y_pred - y_true), np.ones_like(y_pred)


class MeanOfBlock:  # CAT 624: rows arrive in blocks, so what is taken over all rows is wrong
    def calc_ders_range(self, approxes, targets, weights):
        approxes, targets = np.asarray(approxes), np.asarray(targets)
        return list(zip((targets - approxes) / targets.std(), -np.ones(len(targets)) / targets.std(), strict=True))


def make_squared_error(scale):  # LGB 2189: a closure can't be pickled
    def squared_error(y_true, y_pred, weight):
        weight = 1.0 if weight is None else weight
        return scale * weight * (y_pred - y_true), scale * weight * np.ones_like(y_pred)

    return squared_error


class Logistic:  # CAT 1283: the class is passed, not an instance
    def calc_ders_range(self, approxes, targets, weights):
        p = sigmoid(np.asarray(approxes))
        weights = np.ones(len(p)) if weights is None else np.asarray(weights)
        return list(zip(weights * (np.asarray(targets) - p), -weights * p * (1 - p), strict=True))


def arguments_exchanged(preds, labels):  # XGB 1376, LGB 6072: scikit-learn style passes the labels first
    return preds - labels, np.ones_like(preds)


def sigmoid_twice(scores, data):  # itakurah/focal-loss-pytorch 5
    p = sigmoid(sigmoid(scores))
    return p - data.get_label(), p * (1 - p)


def scores_taken_for_probabilities(scores, data):  # XGB 4410
    y = data.get_label()
    return -y / scores + (1 - y) / (1 - scores), y / scores**2 + (1 - y) / (1 - scores) ** 2


def exact_focal(scores, data):  # feedzai/fairgbm 11: the second derivative of a focal loss is negative in places
    sign = np.where(data.get_label() == 1, 1.0, -1.0)
    p = sigmoid(sign * scores)

    def slope(s):
        p = sigmoid(s)
        return (1 - p) ** 2 * (2 * p * np.log(p) + p - 1)

    step = 1e-4
    del p
    return sign * slope(sign * scores), (slope(sign * scores + step) - slope(sign * scores - step)) / (2 * step)


def quotient_of_exponentials(y_true, y_pred, weight):  # SK 28046: infinity over infinity
    weight = 1.0 if weight is None else weight
    e = np.exp(y_pred)
    return weight * ((1 - y_true) * e - y_true) / (1 + e), weight * e / (1 + e) ** 2


def absolute_error_of_nothing(scores, data):  # XGB 603, LGB 178
    return np.sign(scores - data.get_label()), np.zeros_like(scores)


def matrix_of_rows(scores, data):  # LGB 5496: autodiff's whole Hessian
    r = scores - data.get_label()
    return r, np.eye(len(r))


def logarithm_that_overflows(scores, data):  # CAT 1889's thread; float32 scores of 17 make 1 - p zero
    y, p = data.get_label(), sigmoid(scores)
    focal = y * (1 - p) * np.log(p) * 0 + p - y
    return focal + 0 * np.log(1 - p), np.maximum(p * (1 - p), 1e-6)


def nan_curvature(scores, data):  # XGB 10105
    p = sigmoid(scores)
    return p - data.get_label(), p * (1 - p) / np.where(np.abs(scores) > 3, np.nan, 1.0)


def of_integers(scores, data):  # the labels' dtype decides
    y = data.get_label()
    return (scores - y).astype(int), np.ones(len(y), dtype=int)


def in_place(scores, data):
    scores -= data.get_label()
    return scores, np.ones_like(scores)


def gradient_alone(scores, data):
    return scores - data.get_label()


def wrong_number(scores, data):
    return np.mean(scores - data.get_label()), 1.0


def one_of_the_past(scores, data):
    one_of_the_past.calls += 1
    return (scores - data.get_label()) * (1 + one_of_the_past.calls % 2), np.ones_like(scores)


one_of_the_past.calls = 0


class SoftmaxWithPositiveProducts:  # CAT 1519: the matrix of a row, its entries beside the diagonal with the wrong sign
    def calc_ders_multi(self, approx, target, weight):
        p = np.exp(np.asarray(approx) - np.max(approx))
        p /= p.sum()
        own = np.eye(len(p))[int(target)]
        return (own - p) * weight, (-np.outer(p, p) - np.diag(p) + 2 * np.diag(p * p)) * weight


MORE = {
    "CAT 1519": (SoftmaxWithPositiveProducts(), "catboost", {"wrong-matrix"}),
    "LGB 1644": (softmax_flat, "lightgbm", {"flat"}),
    "LGB 4981": (softmax_turned, "lightgbm", {"shape"}),
    "LGB 5027": (logistic_without_weights, "lightgbm", {"weights-ignored"}),
    "XGB 3187": (squared_error_with_half_the_weights, "xgboost", {"weights-wrong"}),
    "CAT 624": (MeanOfBlock(), "catboost", {"rows-coupled"}),
    "LGB 2189": (make_squared_error(2.0), "lightgbm", {"not-picklable"}),
    "CAT 1283": (Logistic, "catboost", {"class-not-instance"}),
    "XGB 1376": (arguments_exchanged, "xgboost", {"points-away"}),
    "sigmoid twice": (sigmoid_twice, "xgboost", {"inconsistent"}),
    "XGB 4410": (scores_taken_for_probabilities, "xgboost", {"link-missing"}),
    "fairgbm 11": (exact_focal, "xgboost", {"hessian-not-positive"}),
    "SK 28046": (quotient_of_exponentials, "lightgbm", {"overflow"}),
    "XGB 603": (absolute_error_of_nothing, "xgboost", {"hessian-not-positive", "does-not-train"}),
    "LGB 5496": (matrix_of_rows, "lightgbm", {"shape"}),
    "float32 logarithm": (logarithm_that_overflows, "xgboost", {"overflow"}),
    "XGB 10105": (nan_curvature, "xgboost", {"not-finite"}),
    "integers": (of_integers, "xgboost", {"dtype"}),
    "in place": (in_place, "lightgbm", {"changes-input"}),
    "gradient alone": (gradient_alone, "xgboost", {"not-a-pair"}),
    "scalar": (wrong_number, "xgboost", {"shape"}),
    "memory": (one_of_the_past, "xgboost", {"not-deterministic"}),
    "partial": (
        functools.partial(lambda k, s, d: (k * (d.get_label() - s), k + 0 * s), 2.0),
        "xgboost",
        {"points-away"},
    ),
}
