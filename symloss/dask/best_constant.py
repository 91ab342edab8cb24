"""The constant y_pred that minimises the loss of all chunks, in a few passes over them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import signature
from types import ModuleType
from typing import Any

import numpy as np

from symloss.dask.chunks import Arrays, apart, beside, dask, dask_array, total_weight
from symloss.errors import UnsupportedError

_CANDIDATES = 64  # constants that one pass over the data tries
_PASSES = 40


def best_of_classes(module: ModuleType, labels: Any, given: Arrays) -> np.ndarray:
    """That of one sample of every class, weighted by how often the class occurs."""
    arrays, numbers = apart(given)
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


def best_constant(module: ModuleType, labels: Any, given: Arrays) -> float:
    """Bracketed by the best constants of chunks, then halved many times in every pass."""
    arrays, numbers = apart(given)
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


def best_vector(module: ModuleType, labels: Any, given: Arrays, axis: int) -> np.ndarray:
    """By the module's own rule, of sums over the samples of all chunks."""
    arrays, numbers = apart(given)
    blocks = labels.to_delayed()
    further = (beside(array, blocks.shape, axis).ravel() for array in arrays.values())
    chunks = list(zip(blocks.ravel(), *further, strict=True))
    total = total_weight(given.get("sample_weight"), labels, axis)
    total = float(total.compute()) if isinstance(total, dask_array.Array) else total

    def mean(function: Callable[..., Any], *constant: np.ndarray) -> Any:
        """The weighted mean over all samples of what a function gives as sums of a chunk."""
        sums = dask.compute(
            *(dask.delayed(function)(module, tuple(arrays), numbers, *constant, *chunk) for chunk in chunks)
        )
        return [np.add.reduce(parts) / total for parts in zip(*sums, strict=True)]

    if hasattr(module, "_best_constant"):
        return module._best_constant(*mean(_sum_of_statistic))
    if hasattr(module, "_lowest"):
        return module._lowest(partial(mean, _sums_at), labels.shape[axis])
    return module.start_value(np.zeros((1, labels.shape[axis])))  # says that none is known


def _sum_of_statistic(
    module: ModuleType, names: tuple[str, ...], numbers: Arrays, labels: np.ndarray, *arrays: np.ndarray
) -> tuple[np.ndarray]:
    """Over the samples of one chunk."""
    keywords = signature(module.start_value).parameters.values()
    defaults = {item.name: item.default for item in keywords if item.default is not item.empty}
    given = {**defaults, **numbers, **dict(zip(names, arrays, strict=True))}
    batch = module._Batch(labels, np.broadcast_to(1.0, labels.shape), reduction="sum", **given)
    batch.check_all()
    return (batch.run(module._start_statistic, has_value=True),)


def _sums_at(
    module: ModuleType,
    names: tuple[str, ...],
    numbers: Arrays,
    constant: np.ndarray,
    labels: np.ndarray,
    *arrays: np.ndarray,
) -> tuple[Any, np.ndarray, np.ndarray]:
    """Value, gradient and Hessian by the entries of a constant prediction, summed over the samples of one chunk."""
    given = {"reduction": "sum", **numbers, **dict(zip(names, arrays, strict=True))}
    axis = given.get("axis", -1) % labels.ndim
    others = tuple(place for place in range(labels.ndim) if place != axis)

    def spread(vector: np.ndarray) -> np.ndarray:
        return np.broadcast_to(np.expand_dims(vector, others), labels.shape)

    scores = spread(constant)
    value, gradient = module.loss_and_gradient(labels, scores, **given)
    columns = [module.hessian_vector_product(labels, scores, spread(unit), **given) for unit in np.eye(constant.size)]
    return value, gradient.sum(axis=others), np.stack([column.sum(axis=others) for column in columns], axis=-1)


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
