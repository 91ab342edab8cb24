"""Arrays in chunks: those of the predictions, which all others take."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from symloss.errors import MissingFrameworkError

try:
    dask: Any = import_module("dask")
    dask_array: Any = import_module("dask.array")
except ModuleNotFoundError as error:
    raise MissingFrameworkError(f"dask is not installed ({error.name}); pip install 'symloss[dask]'") from error

Arrays = dict[str, Any]


def as_dask(values: Any) -> Any:
    """A Dask array of what may be one already."""
    return values if isinstance(values, dask_array.Array) else dask_array.asarray(values)


def aligned(scores: Any, keywords: Arrays, labels: Any, axis: int | None = None) -> tuple[Any, Arrays]:
    """Labels and all further arrays in the chunks of the predictions; numbers stay numbers."""
    samples = tuple(chunks for place, chunks in enumerate(scores.chunks) if place != axis)

    def chunked(name: str, values: Any) -> Any:
        if values is None or np.ndim(values) == 0:
            return values
        array = as_dask(values)
        wanted = scores.chunks if array.ndim == scores.ndim else samples
        if array.ndim not in (scores.ndim, len(samples)) or array.shape != tuple(map(sum, wanted)):
            raise ValueError(f"{name} has shape {array.shape}, y_pred {scores.shape}; they do not fit")
        return array.rechunk(wanted)

    return chunked("y_true", labels), {name: chunked(name, values) for name, values in keywords.items()}


def apart(given: Arrays) -> tuple[Arrays, Arrays]:
    """Dask arrays, and what is the same for every chunk."""
    arrays = {name: values for name, values in given.items() if isinstance(values, dask_array.Array)}
    return arrays, {name: values for name, values in given.items() if name not in arrays and values is not None}


def beside(array: Any, shape: tuple[int, ...], axis: int | None) -> np.ndarray:
    """The chunks of an array beside those of the predictions, which have one along the axis of a sample."""
    blocks = array.to_delayed()
    return blocks if blocks.ndim == len(shape) else np.expand_dims(blocks, axis if axis is not None else -1)


def total_weight(weight: Any, scores: Any, axis: int | None) -> Any:
    """What a mean is divided by: the number of samples, or the sum of their weights, which must be positive."""
    if weight is None:
        return scores.size // (scores.shape[axis] if axis is not None else 1)
    total = weight.sum(dtype=np.float64)
    return total.map_blocks(_positive, dtype=np.float64)


def _positive(total: Any) -> Any:
    if not 0 < total < np.inf:
        raise ValueError(f"the sample weights sum to {total}; a mean needs a positive, finite sum")
    return total
