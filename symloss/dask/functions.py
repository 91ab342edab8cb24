"""The functions of a generated NumPy module, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from inspect import signature
from types import ModuleType
from typing import Any

import numpy as np

from symloss.dask.best_constant import best_constant, best_of_classes, best_vector
from symloss.dask.chunks import Arrays, aligned, apart, as_dask, beside, dask, dask_array, total_weight
from symloss.errors import UnsupportedError


def over(module: ModuleType) -> Functions:
    """The functions of a generated NumPy module for Dask arrays.

    Raises UnsupportedError for a loss that compares samples with each other, whose chunks depend on one another.
    """
    if not hasattr(module, "_JOINED"):
        name = getattr(module, "__name__", "this")
        raise UnsupportedError(f"{name} compares entries of a batch with each other; chunks of it can't be apart")
    return Functions(module)


@dataclass(frozen=True)
class Functions:
    """What a generated module has, for Dask arrays of any number of chunks.

    Labels, weights and further inputs take the chunks of the predictions; an axis that a sample runs over becomes one
    chunk. Arguments that are no Dask arrays are made into some.
    """

    module: ModuleType

    def loss(self, y_true: Any, y_pred: Any, *, reduction: str = "mean", **keywords: Any) -> Any:
        """The reduced loss, a Dask scalar; one value per sample for "none"."""
        return self._results(("loss",), y_true, y_pred, reduction, keywords)[0]

    def gradient(self, y_true: Any, y_pred: Any, *, reduction: str = "mean", **keywords: Any) -> Any:
        """The derivative of the reduced loss, in the shape, dtype and chunks of y_pred."""
        return self._results(("gradient",), y_true, y_pred, reduction, keywords)[0]

    def hessian(self, y_true: Any, y_pred: Any, *, reduction: str = "mean", **keywords: Any) -> Any:
        """The diagonal of the second derivative, in the shape, dtype and chunks of y_pred."""
        return self._results(("hessian",), y_true, y_pred, reduction, keywords)[0]

    def loss_and_gradient(self, y_true: Any, y_pred: Any, *, reduction: str = "mean", **keywords: Any) -> Any:
        """Both, sharing all work: compute them together with ``dask.compute(value, gradient)``."""
        return self._results(("loss", "gradient"), y_true, y_pred, reduction, keywords)

    def gradient_and_hessian(self, y_true: Any, y_pred: Any, *, reduction: str = "mean", **keywords: Any) -> Any:
        """Both, sharing all work."""
        return self._results(("gradient", "hessian"), y_true, y_pred, reduction, keywords)

    def inverse_link(self, raw_score: Any) -> Any:
        """The prediction that a raw score stands for."""
        score = as_dask(raw_score)
        whole = score if not self._has_axis else score.rechunk({score.ndim - 1: -1})
        return whole.map_blocks(self.module.inverse_link, dtype=_float_dtype(score.dtype))

    def start_value(self, y_true: Any, *, sample_weight: Any = None, **keywords: Any) -> Any:
        """The constant y_pred that minimises the weighted loss; computed at once, in a few passes over the data.

        The best constant of all data lies between the lowest and the highest best constant of a chunk; every pass
        takes the slope at many constants, and keeps those between which it changes its sign. To a few units in the last
        place that of the module. Class labels are counted in one pass, which is all that a constant sees of them.
        Over an axis the best constant is a vector: that at the mean of a statistic, or found by the module's own steps.

        Raises ValueError where no finite constant is best or known.
        """
        has_classes = "classes" in signature(self.module.start_value).parameters
        given = {"sample_weight": sample_weight, **keywords}
        labels = as_dask(y_true)
        if not self._has_axis or has_classes:
            labels, given = aligned(labels, given, labels)
            return (best_of_classes if has_classes else best_constant)(self.module, labels, given)
        axis = self._axis_of(labels, keywords, "y_true")
        assert axis is not None
        whole = labels.rechunk({axis: -1})
        labels, given = aligned(whole, given, whole, axis)
        return best_vector(self.module, labels, given, axis)

    @property
    def _has_axis(self) -> bool:
        """Whether samples run over an axis."""
        return hasattr(self.module, "hessian_vector_product")

    def _results(self, names: tuple[str, ...], y_true: Any, y_pred: Any, reduction: str, keywords: Arrays) -> Any:
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f'reduction={reduction!r}; choose "mean", "sum" or "none"')
        scores = as_dask(y_pred)
        axis = self._axis_of(scores, keywords, "y_pred")
        if axis is not None:
            scores = scores.rechunk({axis: -1})
        y_true, given = aligned(scores, keywords, as_dask(y_true), axis)
        parts = _by_chunk(self.module, names, y_true, scores, given, reduction, axis)
        if reduction != "mean":
            return parts
        total = total_weight(given.get("sample_weight"), scores, axis)
        return tuple(_divided(part, total) for part in parts)

    def _axis_of(self, scores: Any, keywords: Arrays, name: str) -> int | None:
        if not self._has_axis:
            return None
        axis = keywords.get("axis", -1)
        if not -scores.ndim <= axis < scores.ndim:
            raise ValueError(f"axis={axis!r} does not exist in {name}, shape {scores.shape}")
        return axis % scores.ndim


def _float_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def _by_chunk(
    module: ModuleType,
    names: tuple[str, ...],
    labels: Any,
    scores: Any,
    given: Arrays,
    reduction: str,
    axis: int | None,
) -> tuple[Any, ...]:
    """The results of every chunk: arrays in the chunks of the predictions, values summed unless they are kept."""
    arrays, numbers = apart(given)
    wanted = "none" if reduction == "none" else "sum"
    function = partial(_computed, getattr(module, "_and_".join(names)), tuple(arrays), wanted, numbers)
    blocks = scores.to_delayed()
    further = [beside(labels, blocks.shape, axis), *(beside(array, blocks.shape, axis) for array in arrays.values())]
    starts = [np.concatenate([[0], np.cumsum(chunks)[:-1]]) for chunks in scores.chunks]
    calls = np.empty(blocks.shape, dtype=object)
    for place in np.ndindex(blocks.shape):
        start = tuple(int(start[index]) for start, index in zip(starts, place, strict=True))
        calls[place] = dask.delayed(function, nout=len(names))(
            start, blocks[place], *(blocks_of[place] for blocks_of in further)
        )
    dtype = _float_dtype(scores.dtype)
    parts = []
    for number, name in enumerate(names):
        pieces = np.empty(calls.shape, dtype=object)
        for place in np.ndindex(calls.shape):
            pieces[place] = calls[place][number]
        if name != "loss":
            parts.append(_assembled(pieces, scores.chunks, dtype))
        elif reduction == "none":
            samples = tuple(chunks for index, chunks in enumerate(scores.chunks) if index != axis)
            parts.append(_assembled(pieces if axis is None else pieces.take(0, axis), samples, dtype))
        else:
            parts.append(_summed(pieces, dtype))
    return tuple(parts)


def _computed(
    function: Callable[..., Any],
    names: tuple[str, ...],
    reduction: str,
    numbers: Arrays,
    start: tuple[int, ...],
    scores: np.ndarray,
    labels: np.ndarray,
    *arrays: np.ndarray,
) -> tuple[Any, ...]:
    """One chunk, by the module; an error says where in the whole the chunk begins."""
    given = {**numbers, **dict(zip(names, arrays, strict=True))}
    try:
        found = function(labels, scores, reduction=reduction, **given)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{error} (in the chunk that begins at {start})") from None
    return found if isinstance(found, tuple) else (found,)


def _assembled(pieces: np.ndarray, chunks: tuple[tuple[int, ...], ...], dtype: np.dtype[Any]) -> Any:
    """One array of the delayed results of all chunks."""

    def nested(place: tuple[int, ...]) -> Any:
        if len(place) == pieces.ndim:
            shape = tuple(sizes[index] for sizes, index in zip(chunks, place, strict=True))
            return dask_array.from_delayed(pieces[place], shape, dtype=dtype)
        return [nested((*place, index)) for index in range(pieces.shape[len(place)])]

    return dask_array.block(nested(()))


def _summed(pieces: np.ndarray, dtype: np.dtype[Any]) -> Any:
    """The sum of delayed numbers, by pairs: in one order, and exact to a few digits more than each."""
    level = [dask.delayed(np.float64)(piece) for piece in pieces.ravel()]
    while len(level) > 1:
        pairs = [dask.delayed(np.add)(*level[at : at + 2]) for at in range(0, len(level) - 1, 2)]
        level = pairs + level[2 * len(pairs) :]
    return dask_array.from_delayed(level[0], (), dtype=np.float64).astype(dtype)


def _divided(part: Any, total: Any) -> Any:
    return (part / total).astype(part.dtype)
