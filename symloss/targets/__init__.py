"""One table per target; a target sees kernels and nothing else."""

from __future__ import annotations

from symloss.errors import UnsupportedError
from symloss.targets.boosters import CATBOOST, LIGHTGBM, XGBOOST
from symloss.targets.c import C
from symloss.targets.jax import JAX
from symloss.targets.keras import KERAS
from symloss.targets.numba import NUMBA
from symloss.targets.numpy import NUMPY
from symloss.targets.target import Library, Spelling, Step, Target
from symloss.targets.tensorflow import TENSORFLOW
from symloss.targets.torch import TORCH

_ALL = (NUMPY, TENSORFLOW, TORCH, JAX, KERAS, NUMBA, C, XGBOOST, LIGHTGBM, CATBOOST)
TARGETS: dict[str, Target] = {target.name: target for target in _ALL}

__all__ = ["TARGETS", "Library", "Spelling", "Step", "Target", "find"]


def find(name: str) -> Target:
    """The target of a name; raises UnsupportedError that lists the known ones."""
    if name not in TARGETS:
        raise UnsupportedError(f"there is no target {name!r}; choose from {', '.join(sorted(TARGETS))}")
    return TARGETS[name]
