"""Three rounds of training with the library itself: does it take the objective, and does anything come of it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np

from symloss.doctor.callback import Callback
from symloss.doctor.data_sets import is_installed
from symloss.doctor.samples import Sample
from symloss.doctor.symptoms import Array, Symptom, fault, note

_ROUNDS = 3
_ROWS = 240


def trial(callback: Callback, sample: Sample) -> Iterator[Symptom]:
    """Symptoms of a short training on rows whose one feature tells the label."""
    library = callback.library
    if not is_installed(library):
        yield note("not-tried", f"{library} is not installed, so that no training was tried: pip install {library}")
        return
    y_true = sample.y_true if sample.is_bound else np.resize(sample.y_true, _ROWS)
    X = y_true[:, None] + 1e-3 * np.random.default_rng(5).standard_normal((len(y_true), 1))
    several = sample.scores.shape[2] if sample.scores.ndim == 3 else 0
    name = f"{library} {import_module(library).__version__}"
    try:
        with callback.clock.running(), np.errstate(all="ignore"):
            predictions = _TRAINERS[library](callback, X, y_true, several)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - of the library, or of the objective
        first = str(error).strip().splitlines() or [""]
        yield fault("library-refuses", f"{name} can't train it: {type(error).__name__}: {first[0][:300]}")
        return
    if not np.isfinite(predictions).all():
        yield fault("does-not-train", f"{name} predicts NaN after {_ROUNDS} rounds, without an error")
    elif np.ptp(y_true) > 0 and np.ptp(predictions, axis=0).max() == 0:
        yield fault(
            "does-not-train",
            f"{name} finds no split in {_ROUNDS} rounds of {len(y_true)} rows whose feature is the label, silently",
        )


def _xgboost(callback: Callback, X: Array, y_true: Array, several: int) -> Array:
    import xgboost

    options: dict[str, Any] = {"max_depth": 2, "nthread": 1, "verbosity": 0, "disable_default_eval_metric": True}
    if callback.style == "native":
        options |= {"num_class": several} if several else {}
        data = xgboost.DMatrix(X, label=y_true)
        booster = xgboost.train(options, data, _ROUNDS, obj=callback.function)
        return np.asarray(booster.predict(data, output_margin=True))
    kind = xgboost.XGBClassifier if several else xgboost.XGBRegressor
    model = kind(n_estimators=_ROUNDS, max_depth=2, n_jobs=1, verbosity=0, objective=callback.function)
    model.set_params(disable_default_eval_metric=True)
    return np.asarray(model.fit(X, y_true).predict(X, output_margin=True))


def _lightgbm(callback: Callback, X: Array, y_true: Array, several: int) -> Array:
    import lightgbm

    options: dict[str, Any] = {"num_leaves": 4, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5}
    options |= {"num_class": several} if several else {}
    if callback.style == "native":
        data = lightgbm.Dataset(X, y_true, free_raw_data=False)
        booster = lightgbm.train(options | {"objective": callback.function}, data, _ROUNDS)
        return np.asarray(booster.predict(X, raw_score=True))
    options = {"num_leaves": 4, "verbosity": -1, "n_jobs": 1, "min_child_samples": 5}
    kind = lightgbm.LGBMClassifier if several else lightgbm.LGBMRegressor
    model = kind(n_estimators=_ROUNDS, objective=callback.function, **options)
    return np.asarray(model.fit(X, y_true).booster_.predict(X, raw_score=True))


def _catboost(callback: Callback, X: Array, y_true: Array, several: int) -> Array:
    import catboost

    metric = "MultiClass" if several else "RMSE"
    model = catboost.CatBoost(
        {
            "loss_function": callback.function,
            "eval_metric": metric,
            "iterations": _ROUNDS,
            "depth": 2,
            "thread_count": 1,
            "allow_writing_files": False,
            "logging_level": "Silent",
        }
    )
    model.fit(catboost.Pool(X, y_true))
    return np.asarray(model.predict(X, prediction_type="RawFormulaVal"))


_TRAINERS = {"xgboost": _xgboost, "lightgbm": _lightgbm, "catboost": _catboost}
