"""How other libraries spell the losses of the catalogue: the bridge from a recorded call to a generated module.

Each entry says which form a library's function is, where its arguments go, and what stands between its number and
ours: a factor, a constant, a change of variable, other labels. The conventions it uses are keys of the README's table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

Record = Mapping[str, Any]
Inputs = Mapping[str, np.ndarray]

LOG_TWO_PI = float(np.log(2 * np.pi))
EPS = float(np.finfo(np.float64).eps)


def signs(labels: np.ndarray) -> np.ndarray:
    """Labels 0 and 1 as -1 and 1."""
    return 2 * labels - 1


def log_factorial(counts: np.ndarray) -> np.ndarray:
    """``log(y!)``, which likelihoods of counts may include."""
    from math import lgamma

    return np.vectorize(lgamma)(counts + 1.0)


@dataclass(frozen=True)
class Bridge:
    """One library function in terms of one generated form.

    theirs = ``metric(mean of (scale · ours + constant))``; their gradient is ``slope · chain`` times ours, where
    ``slope`` defaults to ``scale`` and ``chain`` is the derivative of our y_pred with respect to their input.
    """

    form: str
    y_true: str | Callable[[Inputs], np.ndarray] = "y_true"
    y_pred: str | Callable[[Inputs], np.ndarray] = "y_pred"
    parameters: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, float] = field(default_factory=dict)
    extra: Mapping[str, Callable[[Inputs], np.ndarray]] = field(default_factory=dict)
    scale: float = 1.0
    slope: float | None = None
    constant: Callable[[Inputs], np.ndarray | float] = lambda inputs: 0.0
    chain: Callable[[Inputs], np.ndarray | float] = lambda inputs: 1.0
    metric: Callable[[float], float] | None = lambda mean: mean
    conventions: tuple[str, ...] = ()

    def with_(self, **changes: Any) -> Bridge:
        """The same bridge but for some fields."""
        return replace(self, **changes)


def _keys(y_true: str, y_pred: str) -> Callable[..., Bridge]:
    return lambda form, **rest: Bridge(form, y_true, y_pred, **rest)


torch = _keys("target", "input")
optax = _keys("targets", "predictions")
optax_logits = _keys("labels", "logits")
sklearn_raw = _keys("y_true", "raw_prediction")
xgboost = _keys("label", "margin")
lightgbm = _keys("label", "score")
catboost = _keys("label", "approx")


def _zero(name: str) -> Callable[[Inputs], np.ndarray]:
    return lambda inputs: np.zeros_like(inputs[name])


def _of(function: Callable[[np.ndarray], np.ndarray], name: str) -> Callable[[Inputs], np.ndarray]:
    return lambda inputs: function(inputs[name])


_kl_of_logs = Bridge("kl_divergence", "targets", _of(np.exp, "log_predictions"), chain=_of(np.exp, "log_predictions"))
_normal = Bridge(
    "gaussian_nll",
    "value",
    "loc",
    extra={"variance": _of(np.square, "scale")},
    constant=lambda inputs: LOG_TWO_PI / 2,
    conventions=("constant",),
)

BRIDGES: dict[tuple[str, str], Bridge] = {
    # -- torch
    ("torch", "torch.nn.functional.mse_loss"): torch("squared_error"),
    ("torch", "torch.nn.functional.l1_loss"): torch("absolute_error"),
    ("torch", "torch.nn.functional.huber_loss"): torch("huber", parameters={"delta": "delta"}),
    ("torch", "torch.nn.functional.binary_cross_entropy"): torch("binary_crossentropy"),
    ("torch", "torch.nn.functional.binary_cross_entropy_with_logits"): torch("binary_crossentropy_logits"),
    ("torch", "torch.nn.functional.cross_entropy"): torch(
        "categorical_crossentropy_logits", parameters={"label_smoothing": "label_smoothing"}
    ),
    ("torch", "torch.nn.functional.poisson_nll_loss"): torch("poisson_nll"),
    ("torch", "torch.nn.functional.gaussian_nll_loss"): torch(
        "gaussian_nll", extra={"variance": lambda inputs: inputs["var"]}
    ),
    ("torch", "torch.nn.functional.kl_div"): Bridge(
        "kl_divergence", "target", _of(np.exp, "input"), chain=_of(np.exp, "input"), conventions=("reduction",)
    ),
    ("torch", "torch.nn.functional.soft_margin_loss"): torch("logistic_margin"),
    ("torch.distributions", "-torch.distributions.Normal.log_prob"): _normal,
    ("torch.distributions", "-torch.distributions.Poisson.log_prob"): Bridge(
        "poisson_nll_mean", "value", "rate", constant=_of(log_factorial, "value"), conventions=("constant",)
    ),
    ("torch.distributions", "-torch.distributions.Bernoulli.log_prob"): Bridge(
        "binary_crossentropy_logits", "value", "logits"
    ),
    ("torch.distributions", "-torch.distributions.Categorical.log_prob"): Bridge(
        "sparse_categorical_crossentropy_logits", "value", "logits"
    ),
    ("torchvision", "torchvision.ops.sigmoid_focal_loss"): Bridge(
        "focal_binary", "targets", "input", {"alpha": "alpha", "gamma": "gamma"}
    ),
    ("kornia", "kornia.losses.charbonnier_loss"): Bridge("pseudo_huber", "img2", "input"),
    ("kornia", "kornia.losses.binary_focal_loss_with_logits"): torch(
        "focal_binary", parameters={"alpha": "alpha", "gamma": "gamma"}
    ),
    ("kornia", "kornia.losses.kl_div_loss_2d"): Bridge(
        "kl_divergence",
        lambda inputs: inputs["target"].reshape(1, -1),
        lambda inputs: inputs["input"].reshape(1, -1),
        conventions=("reduction",),
    ),
    # -- optax
    ("optax", "optax.losses.squared_error"): optax("squared_error"),
    ("optax", "optax.losses.l2_loss"): optax("half_squared_error"),
    ("optax", "optax.losses.log_cosh"): optax("log_cosh"),
    ("optax", "optax.losses.huber_loss"): optax("huber", parameters={"delta": "delta"}),
    ("optax", "optax.losses.cosine_similarity"): optax("cosine_similarity", scale=-1.0, conventions=("scale",)),
    ("optax", "optax.losses.cosine_distance"): optax(
        "cosine_similarity", constant=lambda inputs: 1.0, conventions=("constant",)
    ),
    ("optax", "optax.losses.sigmoid_binary_cross_entropy"): optax_logits("binary_crossentropy_logits"),
    ("optax", "optax.losses.hinge_loss"): Bridge("hinge", "targets", "predictor_outputs"),
    ("optax", "optax.losses.softmax_cross_entropy"): optax_logits("categorical_crossentropy_logits"),
    ("optax", "optax.losses.safe_softmax_cross_entropy"): optax_logits("categorical_crossentropy_logits"),
    ("optax", "optax.losses.softmax_cross_entropy_with_integer_labels"): optax_logits(
        "sparse_categorical_crossentropy_logits"
    ),
    ("optax", "optax.losses.kl_divergence"): _kl_of_logs,
    ("optax", "optax.losses.kl_divergence_with_log_targets"): _kl_of_logs.with_(y_true=_of(np.exp, "log_targets")),
    ("optax", "optax.losses.sigmoid_focal_loss"): optax_logits(
        "focal_binary", parameters={"alpha": "alpha", "gamma": "gamma"}, fixed={"alpha": 0.5}, scale=2.0
    ),
    # -- TensorFlow without Keras
    ("tensorflow", "tf.nn.sigmoid_cross_entropy_with_logits"): optax_logits("binary_crossentropy_logits"),
    ("tensorflow", "tf.nn.softmax_cross_entropy_with_logits"): optax_logits("categorical_crossentropy_logits"),
    ("tensorflow", "tf.nn.log_poisson_loss"): Bridge("poisson_nll", "targets", "log_input"),
    ("tensorflow-ranking", "tfr.keras.losses.MeanSquaredLoss"): Bridge("squared_error"),
    # -- scikit-learn, SciPy, statsmodels
    ("sklearn", "sklearn._loss.loss.HalfSquaredError"): sklearn_raw("half_squared_error"),
    ("sklearn", "sklearn._loss.loss.AbsoluteError"): sklearn_raw("absolute_error"),
    ("sklearn", "sklearn._loss.loss.PinballLoss"): sklearn_raw("pinball", parameters={"quantile": "tau"}),
    ("sklearn", "sklearn._loss.loss.HuberLoss"): sklearn_raw(
        "huber", parameters={"delta": "delta"}, fixed={"delta": 0.5}
    ),
    ("sklearn", "sklearn._loss.loss.HalfPoissonLoss"): sklearn_raw("poisson_nll"),
    ("sklearn", "sklearn._loss.loss.HalfGammaLoss"): sklearn_raw("gamma_nll"),
    ("sklearn", "sklearn._loss.loss.HalfTweedieLoss"): sklearn_raw("tweedie", parameters={"power": "power"}),
    ("sklearn", "sklearn._loss.loss.HalfBinomialLoss"): sklearn_raw("binary_crossentropy_logits"),
    ("sklearn", "sklearn._loss.loss.ExponentialLoss"): Bridge(
        "exponential", _of(signs, "y_true"), "raw_prediction", conventions=("labels",)
    ),
    ("sklearn", "sklearn._loss.loss.HalfMultinomialLoss"): sklearn_raw("sparse_categorical_crossentropy_logits"),
    ("sklearn", "sklearn.linear_model._sgd_fast.Hinge"): Bridge("hinge"),
    ("sklearn", "sklearn.linear_model._sgd_fast.SquaredHinge"): Bridge("squared_hinge"),
    ("sklearn", "sklearn.metrics.log_loss"): Bridge(
        "binary_crossentropy", fixed={"epsilon": EPS}, conventions=("clip",)
    ),
    ("sklearn", "sklearn.metrics.mean_absolute_percentage_error"): Bridge(
        "absolute_percentage_error", fixed={"epsilon": EPS}, conventions=("guard",)
    ),
    ("sklearn", "sklearn.metrics.mean_gamma_deviance"): Bridge("gamma_deviance"),
    ("sklearn", "sklearn.metrics.mean_squared_log_error"): Bridge("squared_log_error"),
    ("sklearn", "sklearn.metrics.mean_pinball_loss"): Bridge("pinball", parameters={"alpha": "tau"}),
    ("sklearn", "sklearn.metrics.hinge_loss"): Bridge("hinge"),
    ("scipy", "scipy.special.huber"): Bridge("huber", _zero("r"), "r", {"delta": "delta"}),
    ("scipy", "scipy.special.pseudo_huber"): Bridge("pseudo_huber", _zero("r"), "r", {"delta": "delta"}),
    ("scipy", "scipy.optimize.least_squares(loss='soft_l1')"): Bridge(
        "pseudo_huber", _zero("f"), "f", {"f_scale": "delta"}, scale=2.0, conventions=("scale",)
    ),
    ("statsmodels", "statsmodels.robust.norms.LeastSquares"): Bridge("half_squared_error", _zero("z"), "z"),
    ("statsmodels", "statsmodels.robust.norms.HuberT"): Bridge("huber", _zero("z"), "z", {"t": "delta"}),
    # -- boosters: gradients as the trees see them, values as the metric that is printed
    ("xgboost", "reg:squarederror"): xgboost(
        "squared_error", slope=0.5, metric=lambda mean: mean**0.5, conventions=("scale",)
    ),
    ("xgboost", "reg:squaredlogerror"): xgboost(
        "squared_log_error", slope=0.5, metric=lambda mean: mean**0.5, conventions=("scale",)
    ),
    ("xgboost", "binary:logistic"): xgboost("binary_crossentropy_logits"),
    ("xgboost", "binary:logitraw"): xgboost("binary_crossentropy_logits", metric=None, conventions=("metric",)),
    ("xgboost", "reg:logistic"): xgboost("binary_crossentropy_logits", metric=None, conventions=("metric",)),
    ("xgboost", "binary:hinge"): Bridge(
        "hinge", _of(signs, "label"), "margin", metric=None, conventions=("labels", "metric")
    ),
    ("xgboost", "count:poisson"): xgboost(
        "poisson_nll", constant=_of(log_factorial, "label"), conventions=("constant",)
    ),
    ("xgboost", "reg:gamma"): xgboost("gamma_nll"),
    ("xgboost", "reg:tweedie"): xgboost("tweedie", parameters={"tweedie_variance_power": "power"}),
    ("xgboost", "reg:pseudohubererror"): xgboost("pseudo_huber", parameters={"huber_slope": "delta"}),
    ("xgboost", "reg:absoluteerror"): xgboost("absolute_error"),
    ("xgboost", "reg:quantileerror"): xgboost("pinball", parameters={"quantile_alpha": "tau"}),
    ("xgboost", "multi:softprob"): xgboost("sparse_categorical_crossentropy_logits"),
    ("lightgbm", "regression"): lightgbm("squared_error", slope=0.5, conventions=("scale",)),
    ("lightgbm", "regression_l1"): lightgbm("absolute_error"),
    ("lightgbm", "huber"): lightgbm("huber", parameters={"alpha": "delta"}, fixed={"delta": 0.9}),
    ("lightgbm", "poisson"): lightgbm("poisson_nll"),
    ("lightgbm", "quantile"): lightgbm("pinball", parameters={"alpha": "tau"}, fixed={"tau": 0.9}),
    ("lightgbm", "mape"): lightgbm("absolute_percentage_error", fixed={"epsilon": 1.0}, conventions=("guard",)),
    ("lightgbm", "gamma"): lightgbm("gamma_nll"),
    ("lightgbm", "tweedie"): lightgbm("tweedie", parameters={"tweedie_variance_power": "power"}),
    ("lightgbm", "binary"): lightgbm("binary_crossentropy_logits"),
    ("lightgbm", "cross_entropy"): lightgbm("binary_crossentropy_logits"),
    ("lightgbm", "multiclass"): lightgbm("sparse_categorical_crossentropy_logits"),
    ("catboost", "MAE"): catboost("absolute_error"),
    ("catboost", "LogCosh"): catboost("log_cosh"),
    ("catboost", "Quantile"): catboost("pinball", parameters={"alpha": "tau"}),
    ("catboost", "Huber"): catboost("huber", parameters={"delta": "delta"}),
    ("catboost", "Expectile"): catboost("expectile", parameters={"alpha": "tau"}),
    ("catboost", "MAPE"): catboost("absolute_percentage_error", fixed={"epsilon": 1.0}, conventions=("guard",)),
    ("catboost", "Poisson"): catboost("poisson_nll"),
    ("catboost", "Tweedie"): catboost("tweedie", parameters={"variance_power": "power"}),
    ("catboost", "MSLE"): catboost("squared_log_error"),
    ("catboost", "Logloss"): catboost("binary_crossentropy_logits"),
    ("catboost", "CrossEntropy"): catboost("binary_crossentropy_logits"),
    ("catboost", "Focal"): catboost("focal_binary", parameters={"focal_alpha": "alpha", "focal_gamma": "gamma"}),
    ("catboost", "HingeLoss"): Bridge("hinge", _of(signs, "label"), "approx", conventions=("labels",)),
    ("catboost", "MultiClass"): catboost("sparse_categorical_crossentropy_logits"),
    ("catboost", "RMSEWithUncertainty"): Bridge(
        "gaussian_nll",
        "label",
        lambda inputs: inputs["approx"][:, 0],
        extra={"variance": lambda inputs: np.exp(2 * inputs["approx"][:, 1])},
        constant=lambda inputs: LOG_TWO_PI / 2,
        conventions=("constant",),
    ),
}


def bridge_for(record: Record) -> Bridge:
    """The bridge for one recorded call: that of its function, as its options and the shapes of its inputs change it."""
    peer, api, options = record["peer"], record["api"], record["params"]
    if peer == "catboost":  # parameters are written into the name
        api, _, _ = api.partition(":")
    bridge = BRIDGES[peer, api]
    if bridge.form == "categorical_crossentropy_logits" and np.ndim(record["inputs"].get("target")) == 1:
        return bridge.with_(form="sparse_categorical_crossentropy_logits", parameters={})
    if api == "sklearn.metrics.log_loss" and np.ndim(record["inputs"]["y_pred"]) == 2:
        return bridge.with_(form="sparse_categorical_crossentropy")
    if peer == "optax" and "predictions" in record["inputs"] and "targets" not in record["inputs"]:
        return bridge.with_(y_true=_zero("predictions"))
    if api == "torch.nn.functional.kl_div" and record["reduction"] == "mean":  # divides by elements, not by samples
        return bridge.with_(scale=1 / np.shape(record["inputs"]["input"])[-1])
    for (option, value), change in _CHANGES.get((peer, api), {}).items():
        given = options.get(option, _ABSENT)
        if (tuple(given) if isinstance(given, list) else given) == value:
            return bridge.with_(**change)
    return bridge


def parameters_of(record: Record, bridge: Bridge) -> dict[str, float]:
    """Our parameters, from the record's options and scalar inputs or from the name of CatBoost's function."""
    options = {**record["inputs"], **record["params"]}
    if record["peer"] == "catboost":
        _, _, written = record["api"].partition(":")
        options |= {key: float(value) for key, value in (part.split("=") for part in written.split(";") if part)}
    given = {ours: options[theirs] for theirs, ours in bridge.parameters.items() if theirs in options}
    return {**bridge.fixed, **given}


def _stirling(inputs: Inputs) -> np.ndarray:
    """Torch's approximation of ``log(y!)``, added where y > 1."""
    y = inputs["target"]
    safe = np.maximum(y, 1.0)
    return np.where(y > 1, safe * np.log(safe) - safe + np.log(2 * np.pi * safe) / 2, 0.0)


_ABSENT = object()
_UNBALANCED = {"fixed": {"alpha": 0.5}, "parameters": {"gamma": "gamma"}, "scale": 2.0}

# What an option of a library's function changes in its bridge.
_CHANGES: dict[tuple[str, str], dict[tuple[str, Any], dict[str, Any]]] = {
    ("torch", "torch.nn.functional.poisson_nll_loss"): {
        ("log_input", False): {"form": "poisson_nll_mean", "fixed": {"epsilon": 1e-8}, "conventions": ("guard",)},
        ("full", True): {"constant": _stirling, "conventions": ("constant",)},
    },
    ("torch", "torch.nn.functional.kl_div"): {("log_target", True): {"y_true": _of(np.exp, "target")}},
    ("sklearn", "sklearn._loss.loss.HalfTweedieLoss"): {
        ("power", 0.0): {
            "form": "half_squared_error",
            "parameters": {},
            "y_pred": _of(np.exp, "raw_prediction"),
            "chain": _of(np.exp, "raw_prediction"),
        },
        ("power", 1.0): {"form": "poisson_nll", "parameters": {}},
        ("power", 2.0): {"form": "gamma_nll", "parameters": {}},
    },
    ("xgboost", "reg:gamma"): {
        ("eval_metric", "gamma-deviance"): {
            "form": "gamma_deviance",
            "y_pred": _of(np.exp, "margin"),
            "chain": _of(np.exp, "margin"),
            "slope": 0.5,
            "conventions": ("scale",),
        },
    },
    ("lightgbm", "gamma"): {
        ("metric", "gamma_deviance"): {
            "form": "gamma_deviance",
            "y_pred": _of(np.exp, "score"),
            "metric": lambda mean: 4 * mean,
            "conventions": ("reduction",),
        },
    },
    ("optax", "optax.losses.sigmoid_focal_loss"): {("alpha", 0.3): {"fixed": {}, "scale": 1.0}},
    ("torchvision", "torchvision.ops.sigmoid_focal_loss"): {("alpha", -1): _UNBALANCED},
    ("kornia", "kornia.losses.binary_focal_loss_with_logits"): {("alpha", None): _UNBALANCED},
    ("sklearn", "sklearn.linear_model._sgd_fast.Hinge"): {
        ("args", (2.0,)): {
            "y_pred": lambda inputs: inputs["y_pred"] / 2,
            "scale": 2.0,
            "slope": 1.0,
            "conventions": ("scale",),
        },
    },
    ("sklearn", "sklearn.linear_model._sgd_fast.SquaredHinge"): {
        ("args", (2.0,)): {
            "y_pred": lambda inputs: inputs["y_pred"] / 2,
            "scale": 4.0,
            "slope": 2.0,
            "conventions": ("scale",),
        },
    },
}
