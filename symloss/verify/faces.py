"""The face of every target's modules, by the name of the target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

from symloss.declare import Loss
from symloss.verify.frameworks import DifferentiatedModule, JaxModule, TensorflowModule, TorchModule
from symloss.verify.modules import CompiledModule, NumbaModule, NumpyModule, load

FACES: Mapping[str, Callable[[Loss, ModuleType], NumpyModule | DifferentiatedModule]] = {
    "numpy": NumpyModule,
    "tensorflow": TensorflowModule,
    "torch": TorchModule,
    "jax": JaxModule,
    "numba": NumbaModule,
    "c": CompiledModule,
}


def open_module(loss: Loss, target: str, path: Path) -> NumpyModule | DifferentiatedModule:
    """The face of the emitted module at a path."""
    return FACES[target](loss, load(path))
