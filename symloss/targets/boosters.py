"""The spelling of the kernel in objectives for gradient boosting, whose arrays are NumPy's."""

from dataclasses import replace

from symloss.targets.numpy import NUMPY

XGBOOST, LIGHTGBM, CATBOOST = (
    replace(NUMPY, name=name, extended=None, pairs=None, is_objective=True)
    for name in ("xgboost", "lightgbm", "catboost")
)
