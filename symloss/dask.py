"""Generated NumPy modules over Dask arrays, which may be larger than the memory of one machine.

    import symloss.dask
    from generated.numpy import huber

    loss = symloss.dask.over(huber)
    value, gradient = loss.loss_and_gradient(y_true, y_pred, delta=0.7)
    value.compute()

Every function has the arguments of the module's. Chunks are computed apart from each other by the module itself; values
are summed chunk by chunk, in one order whatever the number of workers. Nothing is computed before ``compute``, but for
``start_value``, which takes a few passes over the data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from inspect import signature
from types import ModuleType
from typing import Any

import numpy as np

from symloss.errors import MissingFrameworkError, UnsupportedError

try:
    dask: Any = import_module("dask")
    dask_array: Any = import_module("dask.array")
except ModuleNotFoundError as error:
    raise MissingFrameworkError(f"dask is not installed ({error.name}); pip install 'symloss[dask]'") from error

Arrays = dict[str, Any]
_CANDIDATES = 64  # constants that one pass over the data tries
_PASSES = 40


def over(module: ModuleType) -> Functions:
    """The functions of a generated NumPy module for Dask arrays.

    Raises UnsupportedError for a loss that compares samples with each other, whose chunks depend on one another.
    """
    if not hasattr(module, "_BLOCK"):
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
        score = _as_dask(raw_score)
        whole = score if not self._has_axis else score.rechunk({score.ndim - 1: -1})
        return whole.map_blocks(self.module.inverse_link, dtype=_float_dtype(score.dtype))

    def start_value(self, y_true: Any, *, sample_weight: Any = None, **keywords: Any) -> Any:
        """The constant y_pred that minimises the weighted loss; computed at once, in a few passes over the data.

        The best constant of all data lies between the lowest and the highest best constant of a chunk; every pass
        takes the slope at many constants, and keeps those between which it changes its sign. To a few units in the last
        place that of the module. Class labels are counted in one pass, which is all that a constant sees of them.

        Raises UnsupportedError for vectors of targets, ValueError where no finite constant is best.
        """
        has_classes = "classes" in signature(self.module.start_value).parameters
        if self._has_axis and not has_classes:
            raise UnsupportedError(
                f"{self.module.METADATA['name']} is over an axis, whose best constant is a vector; take the "
                "start_value of the module on a sample of the rows"
            )
        labels = _as_dask(y_true)
        labels, given = _aligned(labels, {"sample_weight": sample_weight, **keywords}, labels)
        return (_best_of_classes if has_classes else _best_constant)(self.module, labels, given)

    @property
    def _has_axis(self) -> bool:
        """Whether samples run over an axis."""
        return hasattr(self.module, "hessian_vector_product")

    def _results(self, names: tuple[str, ...], y_true: Any, y_pred: Any, reduction: str, keywords: Arrays) -> Any:
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f'reduction={reduction!r}; choose "mean", "sum" or "none"')
        scores = _as_dask(y_pred)
        axis = self._axis_of(scores, keywords)
        if axis is not None:
            scores = scores.rechunk({axis: -1})
        y_true, given = _aligned(scores, keywords, _as_dask(y_true), axis)
        parts = _by_chunk(self.module, names, y_true, scores, given, reduction, axis)
        if reduction != "mean":
            return parts
        total = _total_weight(given.get("sample_weight"), scores, axis)
        return tuple(_divided(part, total) for part in parts)

    def _axis_of(self, scores: Any, keywords: Arrays) -> int | None:
        if not self._has_axis:
            return None
        axis = keywords.get("axis", -1)
        if not -scores.ndim <= axis < scores.ndim:
            raise ValueError(f"axis={axis!r} does not exist in y_pred, shape {scores.shape}")
        return axis % scores.ndim


def _as_dask(values: Any) -> Any:
    return values if isinstance(values, dask_array.Array) else dask_array.asarray(values)


def _float_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def _aligned(scores: Any, keywords: Arrays, labels: Any, axis: int | None = None) -> tuple[Any, Arrays]:
    """Labels and all further arrays in the chunks of the predictions; numbers stay numbers."""
    samples = tuple(chunks for place, chunks in enumerate(scores.chunks) if place != axis)

    def chunked(name: str, values: Any) -> Any:
        if values is None or np.ndim(values) == 0:
            return values
        array = _as_dask(values)
        wanted = scores.chunks if array.ndim == scores.ndim else samples
        if array.ndim not in (scores.ndim, len(samples)) or array.shape != tuple(map(sum, wanted)):
            raise ValueError(f"{name} has shape {array.shape}, y_pred {scores.shape}; they do not fit")
        return array.rechunk(wanted)

    return chunked("y_true", labels), {name: chunked(name, values) for name, values in keywords.items()}


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
    arrays, numbers = _apart(given)
    wanted = "none" if reduction == "none" else "sum"
    function = partial(_computed, getattr(module, "_and_".join(names)), tuple(arrays), wanted, numbers)
    blocks = scores.to_delayed()
    further = [_beside(labels, blocks.shape, axis), *(_beside(array, blocks.shape, axis) for array in arrays.values())]
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


def _apart(given: Arrays) -> tuple[Arrays, Arrays]:
    """Dask arrays, and what is the same for every chunk."""
    arrays = {name: values for name, values in given.items() if isinstance(values, dask_array.Array)}
    return arrays, {name: values for name, values in given.items() if name not in arrays and values is not None}


def _beside(array: Any, shape: tuple[int, ...], axis: int | None) -> np.ndarray:
    """The chunks of an array beside those of the predictions, which have one along the axis of a sample."""
    blocks = array.to_delayed()
    return blocks if blocks.ndim == len(shape) else np.expand_dims(blocks, axis if axis is not None else -1)


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


def _total_weight(weight: Any, scores: Any, axis: int | None) -> Any:
    """What a mean is divided by: the number of samples, or the sum of their weights, which must be positive."""
    if weight is None:
        return scores.size // (scores.shape[axis] if axis is not None else 1)
    total = weight.sum(dtype=np.float64)
    return total.map_blocks(_positive, dtype=np.float64)


def _positive(total: Any) -> Any:
    if not 0 < total < np.inf:
        raise ValueError(f"the sample weights sum to {total}; a mean needs a positive, finite sum")
    return total


def _divided(part: Any, total: Any) -> Any:
    return (part / total).astype(part.dtype)


# -- the best constant -------------------------------------------------------------------------------------------------


def _best_of_classes(module: ModuleType, labels: Any, given: Arrays) -> np.ndarray:
    """That of one sample of every class, weighted by how often the class occurs."""
    arrays, numbers = _apart(given)
    name = module.METADATA["name"]
    further = set(arrays) - {"sample_weight"}
    if further:
        raise UnsupportedError(f"{name}: {', '.join(sorted(further))} has an entry for every sample; give one number")
    chunks = zip(*(array.to_delayed().ravel() for array in (labels, *arrays.values())), strict=True)
    counts = dask.compute(*(dask.delayed(_class_counts)(name, *chunk) for chunk in chunks))
    total = np.zeros(max(count.size for count in counts))
    for count in counts:
        total[: count.size] += count
    numbers.setdefault("classes", total.size)
    return module.start_value(np.arange(total.size), sample_weight=total, **numbers)


def _class_counts(name: str, labels: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """How often every class occurs in a chunk, or the sum of its weights."""
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{name}: y_true has dtype {labels.dtype}; integer class labels are needed")
    if labels.min() < 0:
        raise ValueError(f"{name}: y_true has the label {labels.min()}; a class label from 0 on is needed")
    if weight is not None and not (weight >= 0).all():
        raise ValueError(f"{name}: sample_weight has {weight[~(weight >= 0)][0]}; it must be non-negative")
    return np.bincount(labels.ravel(), None if weight is None else weight.ravel()).astype(np.float64)


def _best_constant(module: ModuleType, labels: Any, given: Arrays) -> float:
    """Bracketed by the best constants of chunks, then halved many times in every pass."""
    arrays, numbers = _apart(given)
    chunks = list(zip(*(array.to_delayed().ravel() for array in (labels, *arrays.values())), strict=True))
    bests = dask.compute(*(dask.delayed(_chunk_start)(module, tuple(arrays), numbers, *chunk) for chunk in chunks))
    known = sorted(best for best in bests if best is not None)
    if not known:
        raise ValueError(f"{module.METADATA['name']}: no finite constant is best in any chunk (are all labels equal?)")
    lower, upper = known[0], known[-1]
    if len(known) < len(bests):  # a chunk whose loss falls for ever, of equal labels say, pulls beyond the others
        lower, upper = _widened(lower, upper)
    place, slopes = 0, np.zeros(1)
    for _ in range(_PASSES):
        candidates = np.unique(np.linspace(lower, upper, _CANDIDATES))
        calls = (dask.delayed(_slopes)(module, candidates, tuple(arrays), numbers, *chunk) for chunk in chunks)
        slopes = np.add.reduce(dask.compute(*calls))
        if (slopes < 0).all() or (slopes > 0).all():
            if upper > lower and abs(lower) + abs(upper) > 1e9:
                raise ValueError(f"{module.METADATA['name']}: no finite constant is best: the loss keeps falling")
            lower, upper = _widened(lower, upper)
            continue
        place = int(np.argmax(slopes >= 0))
        lower, upper = candidates[max(place - 1, 0)], candidates[place]
        if place == 0 or np.nextafter(lower, upper) >= upper:
            break
    return float(upper if abs(slopes[place]) <= abs(slopes[max(place - 1, 0)]) else lower)


def _widened(lower: float, upper: float) -> tuple[float, float]:
    width = max(upper - lower, 1.0)
    return lower - width, upper + width


def _chunk_start(
    module: ModuleType, names: tuple[str, ...], numbers: Arrays, labels: np.ndarray, *arrays: np.ndarray
) -> float | None:
    """The best constant of one chunk; None where none is finite."""
    try:
        return module.start_value(labels, **numbers, **dict(zip(names, arrays, strict=True)))
    except ValueError as error:
        if "no finite constant" in str(error) or "sample weights sum to 0" in str(error):
            return None
        raise


def _slopes(
    module: ModuleType,
    candidates: np.ndarray,
    names: tuple[str, ...],
    numbers: Arrays,
    labels: np.ndarray,
    *arrays: np.ndarray,
) -> np.ndarray:
    """The slope of the loss of one chunk at some constants; outside of the domain it is not a number."""
    given = {**numbers, **dict(zip(names, arrays, strict=True))}
    found = []
    for constant in candidates:
        predictions = np.broadcast_to(np.float64(constant), labels.shape)
        try:
            found.append(module.gradient(labels, predictions, reduction="sum", **given).sum())
        except ValueError:
            found.append(np.nan)
    return np.array(found)
