"""Where a certificate looks: floats of every size and kind inside the domains, and the places where formulas break.

Samples come in batches that share their parameters, because emitted functions take a batch at a time. Everything is
drawn from one seed, so a certificate can be repeated.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from symloss.declare import ClassLabel, Identifiers, Interval, Loss, Rising, Signs, Simplex
from symloss.declare.domain import Domain, entries_of
from symloss.verify.oracle import Point, compares_entries

Array = np.ndarray[Any, np.dtype[Any]]

# Where exp leaves float64 or float32 at either end, where its square root does, and where it vanishes beside 1.
_THRESHOLDS = (
    709.782712893384,
    745.1332191019411,
    708.3964185322641,
    354.891356446692,
    88.72283,
    103.97207,
    37.0,
    17.3,
)
_STEPS = 2 ** np.arange(0, 47, 2)
_SIZES = (2, 4, 4, 4, 10)  # numbers of entries along an axis


_LENGTHS = ((2, 3), (3, 2), (4, 2), (5, 3))  # numbers of entries along the first axis, and along further ones


@dataclass(frozen=True)
class Batch:
    """Samples with one set of parameters: y_true, y_pred and extra inputs as the emitted function takes them.

    ``sizes`` are those of the axes where arguments differ in theirs.
    """

    y_true: Array
    y_pred: Array
    parameters: dict[str, float]
    extras: dict[str, Array] = field(default_factory=dict)
    sizes: tuple[tuple[str, int], ...] = ()

    def __len__(self) -> int:
        return len(self.y_pred)

    def point(self, row: int) -> Point:
        """One sample as the oracle takes it."""
        extras = {name: _sample(values, row) for name, values in self.extras.items()}
        true, pred = (_sample(part, row) for part in self.data)
        return Point(true, pred, {**self.parameters, **extras}, self.sizes)

    def content(self) -> bytes:
        """A key: equal for equal samples."""
        settings = (list(self.parameters.values()), [size for _, size in self.sizes])
        parts = (*self.data, *self.extras.values(), *map(np.array, settings))
        return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).digest()

    @property
    def data(self) -> tuple[Array, Array]:
        """Both arrays."""
        return self.y_true, self.y_pred

    def rows(self, chosen: Array) -> Batch:
        """Some of the samples."""
        extras = {name: values[chosen] for name, values in self.extras.items()}
        return Batch(self.y_true[chosen], self.y_pred[chosen], self.parameters, extras, self.sizes)

    def filled(self) -> Batch:
        """The samples, and the last of them again up to a power of two: what compiles anew for every size meets few."""
        return self.rows(np.minimum(np.arange(2 ** (len(self) - 1).bit_length()), len(self) - 1))

    def moved(self, y_pred: Array) -> Batch:
        """The same samples with other predictions."""
        return Batch(self.y_true, y_pred, self.parameters, self.extras, self.sizes)


def _sample(values: Array, row: int) -> Any:
    """One sample of an argument: a number, or its entries over all axes, the last one fastest."""
    return tuple(map(float, values[row].ravel())) if values.ndim > 1 else float(values[row])


def batches(
    loss: Loss,
    dtype: type[np.floating[Any]],
    count: int,
    fixed: Mapping[str, float] = MappingProxyType({}),
    seed: int = 20_261_125,
) -> Iterator[Batch]:
    """About ``count`` samples (entries, over an axis), more of them at the default parameters.

    Parameters in ``fixed`` have those values throughout, because the target gives no choice.
    """
    dice = np.random.default_rng([seed, *loss.name.encode(), np.dtype(dtype).itemsize])
    settings = [setting | dict(fixed) for setting in _settings(loss, dtype, dice, set(fixed))]
    share = count / (len(settings) + 2)
    for place, parameters in enumerate(settings):
        drawn = int(share * (3 if place == 0 else 1)) + 1
        if loss.is_elementwise:
            yield _elementwise(loss, parameters, drawn, _Floats(dtype, dice))
        elif loss.is_coupled or compares_entries(loss):
            for lengths in _LENGTHS:
                yield _over_axes(loss, parameters, drawn, lengths, _Floats(dtype, dice))
        else:
            for size in _SIZES:
                yield _over_axis(loss, parameters, math.ceil(drawn / len(_SIZES) / size), size, _Floats(dtype, dice))


# -- parameters --------------------------------------------------------------------------------------------------


def _settings(
    loss: Loss, dtype: type[np.floating[Any]], dice: np.random.Generator, fixed: set[str]
) -> Iterator[dict[str, float]]:
    """The defaults, every parameter near its limits in turn, and some of all parameters at once."""
    defaults = {item.name: float(item.default) for item in loss.parameters}
    yield _representable(loss, defaults, dtype)
    for item in (item for item in loss.parameters if item.name not in fixed):
        for value in _near_limits(item.domain, dtype):
            yield _representable(loss, {**defaults, item.name: value}, dtype)
    for _ in range(4 if loss.parameters else 0):
        drawn = {item.name: _ordinary(item.domain, dice) for item in loss.parameters}
        yield _representable(loss, drawn, dtype)


def _representable(loss: Loss, parameters: dict[str, float], dtype: type[np.floating[Any]]) -> dict[str, float]:
    """Rounded to the dtype, and still inside."""
    rounded = {name: float(dtype(value)) for name, value in parameters.items()}
    domains = {item.name: item.domain for item in loss.parameters}
    return {
        name: value
        if domains[name].contains(value)
        else float(np.nextafter(dtype(value), dtype(_inside(domains[name]))))
        for name, value in rounded.items()
    }


def _inside(domain: Interval) -> float:
    lower = domain.lower if math.isfinite(domain.lower) else min(domain.upper, 0.0) - 2.0
    upper = domain.upper if math.isfinite(domain.upper) else max(domain.lower, 0.0) + 2.0
    return (lower + upper) / 2


def _near_limits(domain: Interval, dtype: type[np.floating[Any]]) -> list[float]:
    found = []
    for end, is_open, towards in (
        (domain.lower, domain.lower_open, math.inf),
        (domain.upper, domain.upper_open, -math.inf),
    ):
        if math.isinf(end):
            sign = -1.0 if end < 0 else 1.0
            found += [sign * 2.0**power for power in (7, 40 if dtype is np.float32 else 300)]
            continue
        direction = 1.0 if towards > 0 else -1.0
        if not is_open:
            found.append(end)
        scale = 1.0 if math.isinf(domain.upper - domain.lower) else domain.upper - domain.lower
        found += [end + direction * scale * 2.0**-power for power in ((6, 20) if end else (6, 60))]
        if end:
            found.append(float(np.nextafter(dtype(end), dtype(towards))))
    return found


def _ordinary(domain: Interval, dice: np.random.Generator) -> float:
    lower, upper = domain.lower, domain.upper
    if math.isfinite(lower) and math.isfinite(upper):
        return lower + dice.uniform(0.05, 0.95) * (upper - lower)
    if math.isfinite(lower):
        return lower + math.exp(dice.uniform(-3, 3))
    return float(dice.normal(0, 3))


# -- floats ------------------------------------------------------------------------------------------------------


class _Floats:
    """Draws floats of one dtype."""

    def __init__(self, dtype: type[np.floating[Any]], dice: np.random.Generator) -> None:
        self.dtype = dtype
        self.dice = dice
        info = np.finfo(dtype)
        self.exponents = (info.minexp - info.nmant, info.maxexp)

    def any_size(self, count: int, domain: Interval) -> Array:
        """Every exponent alike, both signs, counted from the finite end where there is one."""
        low, high = self.exponents
        powers = self.dice.uniform(low, high, count)
        size = np.ldexp(1 + powers % 1, np.floor(powers).astype(int))
        if math.isfinite(domain.lower) and math.isfinite(domain.upper):
            width = domain.upper - domain.lower
            near = np.ldexp(self.dice.uniform(1, 2, count), self.dice.integers(low, 0, count)) * width
            far = np.ldexp(
                self.dice.uniform(1, 2, count), self.dice.integers(-np.finfo(self.dtype).nmant - 2, 0, count)
            )
            drawn = np.where(self.dice.random(count) < 0.5, domain.lower + near, domain.upper - far * width)
        elif math.isfinite(domain.lower):
            drawn = domain.lower + size
        elif math.isfinite(domain.upper):
            drawn = domain.upper - size
        else:
            drawn = size * self.dice.choice((-1.0, 1.0), count)
        return self.inside(drawn, domain)

    def human(self, count: int, domain: Interval) -> Array:
        """What people's data look like."""
        lower, upper = domain.lower, domain.upper
        if math.isfinite(lower) and math.isfinite(upper):
            drawn = lower + self.dice.random(count) * (upper - lower)
        elif math.isfinite(lower):
            drawn = lower + np.exp(self.dice.normal(0, 2, count))
        elif math.isfinite(upper):
            drawn = upper - np.exp(self.dice.normal(0, 2, count))
        else:
            drawn = self.dice.normal(0, 1, count) * self.dice.choice((1.0, 10.0, 100.0), count)
        return self.inside(drawn, domain)

    def inside(self, drawn: Array, domain: Interval) -> Array:
        """Rounded to the dtype and moved into the domain."""
        with np.errstate(over="ignore", under="ignore"):
            values = np.asarray(drawn).astype(self.dtype)
        ends = []
        for end, is_open, towards in (
            (domain.lower, domain.lower_open, np.inf),
            (domain.upper, domain.upper_open, -np.inf),
        ):
            bound = self.dtype(np.clip(end, -np.finfo(self.dtype).max, np.finfo(self.dtype).max))
            ends.append(np.nextafter(bound, self.dtype(towards)) if is_open and math.isfinite(end) else bound)
        return np.minimum(np.maximum(values, ends[0]), ends[1])

    def near(self, values: Array, domain: Interval) -> Array:
        """Floats at 0 to 2^46 floats from the given ones."""
        kind = np.int64 if self.dtype is np.float64 else np.int32
        largest = 46 if self.dtype is np.float64 else 20
        steps = np.floor(2 ** self.dice.uniform(-1, largest, len(values))).astype(kind)
        moved = from_ordinals(
            ordinals(values) + steps * self.dice.choice((-1, 1), len(values)).astype(kind), self.dtype
        )
        return self.inside(np.where(np.isfinite(moved), moved, values), domain)


def ordinals(values: Array) -> Array:
    """Floats as consecutive integers, 0 for 0."""
    kind = np.int64 if values.dtype == np.float64 else np.int32
    bits: Array = values.view(kind)
    return np.where(np.less(bits, 0), np.iinfo(kind).min - bits, bits)


def from_ordinals(numbers: Array, dtype: type[np.floating[Any]]) -> Array:
    """The inverse of :func:`ordinals`."""
    kind = np.int64 if dtype is np.float64 else np.int32
    bits = np.where(numbers < 0, np.iinfo(kind).min - numbers, numbers).astype(kind)
    return bits.view(dtype)


# -- samples without an axis -------------------------------------------------------------------------------------


def _elementwise(loss: Loss, parameters: dict[str, float], count: int, floats: _Floats) -> Batch:
    pred_domain = entries_of(loss.y_pred)
    y_true = _targets(loss.y_true, count, floats)
    extras = _extras(loss, count, floats)
    groups = [
        lambda part: floats.any_size(len(part), pred_domain),
        lambda part: floats.human(len(part), pred_domain),
        lambda part: floats.near(part, pred_domain),
        lambda part: _relative(part, pred_domain, floats),
        lambda part: _at_landmarks(part, pred_domain, parameters, floats),
    ]
    pieces = np.array_split(np.arange(count), 8)
    takes = (0, 0, 1, 1, 2, 3, 4, 4)
    y_pred = np.concatenate([groups[take](y_true[piece]) for piece, take in zip(pieces, takes, strict=True)])
    return Batch(y_true, y_pred, parameters, extras)


def _targets(domain: Domain, count: int, floats: _Floats) -> Array:
    dice = floats.dice
    if isinstance(domain, Signs):
        return dice.choice((-1.0, 1.0), count).astype(floats.dtype)
    entries = entries_of(domain)
    specials = [value for value in (0.0, 1.0, 2.0, 7.0, 100.0) if entries.contains(value)] or [_inside(entries)]
    chosen = dice.choice(specials, count)
    mixed = _mixed(count, entries, floats)
    return np.where(dice.random(count) < 0.4, chosen, mixed).astype(floats.dtype)


def _extras(loss: Loss, count: int, floats: _Floats) -> dict[str, Array]:
    """One number per sample for every extra input."""
    domains = {item.name: entries_of(item.domain) for item in loss.extra_inputs}
    return {name: _mixed(count, domain, floats).astype(floats.dtype) for name, domain in domains.items()}


def _mixed(count: int, domain: Interval, floats: _Floats) -> Array:
    either = floats.dice.random(count) < 0.5
    return np.where(either, floats.human(count, domain), floats.any_size(count, domain))


def _relative(values: Array, domain: Interval, floats: _Floats) -> Array:
    """At a distance of every size from the target, small and large beside it."""
    size = np.ldexp(floats.dice.uniform(1, 2, len(values)), floats.dice.integers(-60, 12, len(values)))
    with np.errstate(over="ignore"):
        away = np.where(floats.dice.random(len(values)) < 0.5, size, size * np.abs(values.astype(np.float64)))
        away = np.minimum(away, np.finfo(np.float64).max)
        drawn = values + away * floats.dice.choice((-1, 1), len(values))
    return floats.inside(drawn, domain)


def _at_landmarks(values: Array, domain: Interval, parameters: dict[str, float], floats: _Floats) -> Array:
    """Where formulas turn: a parameter's distance from the target, thresholds of exp, logarithms and logits."""
    with np.errstate(all="ignore"):
        wide = values.astype(np.float64)
        logit, logarithm, reciprocal = np.log(wide) - np.log1p(-wide), np.log(wide), 1 / wide
    marks = [
        *(wide + sign * number for number in parameters.values() for sign in (-1, 1)),
        *(np.full(len(values), sign * number) for number in (*parameters.values(), 1.0) for sign in (-1, 1)),
        *(np.full(len(values), sign * number) for number in _THRESHOLDS for sign in (-1, 1)),
        *(wide + sign * number for number in _THRESHOLDS[:4] for sign in (-1, 1)),
        *([logit, logarithm, reciprocal] if np.isfinite(logarithm).any() else []),
    ]
    chosen = np.stack(marks)[floats.dice.integers(0, len(marks), len(values)), np.arange(len(values))]
    fallback = floats.human(len(values), domain)
    marked = np.where(np.isfinite(chosen) & (np.abs(chosen) < np.finfo(floats.dtype).max), chosen, fallback)
    return floats.near(floats.inside(marked, domain), domain)


# -- samples over an axis ----------------------------------------------------------------------------------------


def _over_axis(loss: Loss, parameters: dict[str, float], count: int, size: int, floats: _Floats) -> Batch:
    y_true = _labels(loss.y_true, count, size, floats)
    y_pred = _vectors(loss, y_true, count, size, floats)
    extras = _extras(loss, count, floats)
    return Batch(y_true, y_pred, parameters, extras)


def _labels(domain: Domain, count: int, size: int, floats: _Floats) -> Array:
    dice = floats.dice
    if isinstance(domain, ClassLabel):
        return dice.integers(0, size, count)
    if isinstance(domain, Simplex):
        hard = np.eye(size)[dice.integers(0, size, count)]
        cuts = np.sort(dice.integers(0, 65, (count, size - 1)), axis=1)
        soft = np.diff(np.concatenate([np.zeros((count, 1)), cuts, np.full((count, 1), 64)], axis=1)) / 64
        return np.where(dice.random((count, 1)) < 0.5, hard, soft).astype(floats.dtype)
    return _entries(entries_of(domain), count, size, floats)


def _entries(domain: Interval, count: int, size: int, floats: _Floats) -> Array:
    """Ordinary entries, or entries of one common scale, or entries of all scales."""
    dice = floats.dice
    human = floats.human(count * size, domain).reshape(count, size)
    wild = floats.any_size(count * size, domain).reshape(count, size)
    if math.isfinite(domain.upper):
        return np.where(dice.random((count, 1)) < 0.6, human, wild)
    low, high = (end // 3 for end in floats.exponents)
    scale = np.ldexp(1.0, dice.integers(low, high, (count, 1)))
    scaled = floats.inside(human.astype(np.float64) * scale, domain)
    return np.where(dice.random((count, 1)) < 0.5, human, scaled)


def _vectors(loss: Loss, y_true: Array, count: int, size: int, floats: _Floats) -> Array:
    if isinstance(loss.y_pred, Rising):
        return np.sort(_entries(loss.y_pred.entries, count, size, floats), axis=1)
    domain, dice = entries_of(loss.y_pred), floats.dice
    free = _entries(domain, count, size, floats)
    if loss.composed is not None or isinstance(loss.y_true, ClassLabel | Simplex):
        spread = dice.choice((0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0), (count, 1))
        scores = floats.inside(dice.normal(0, 1, (count, size)) * spread, domain)
        bounded = math.isfinite(domain.lower)
        free = np.where(dice.random((count, 1)) < (0.0 if bounded else 0.9), scores, free)
    if y_true.ndim == 1:
        return free
    near = floats.near(y_true.astype(floats.dtype).ravel(), domain).reshape(count, size)
    return np.where(dice.random((count, 1)) < 0.2, near, free)


# -- samples over axes that arguments differ in ------------------------------------------------------------------


def _over_axes(
    loss: Loss, parameters: dict[str, float], drawn: int, lengths: tuple[int, int], floats: _Floats
) -> Batch:
    """Every argument in the shape of its axes; about as many entries of y_pred for all lengths together as drawn."""
    sizes = {axis.name: lengths[min(place, 1)] for place, axis in enumerate(loss.axes)}
    entries = math.prod(sizes[axis.name] for axis in loss.axes_of_data("y_pred"))
    count = math.ceil(drawn / len(_LENGTHS) / entries)

    def shaped(name: str, domain: Domain) -> Array:
        shape = tuple(sizes[axis.name] for axis in loss.axes_of_data(name))
        flat = _argument(domain, count, max(1, math.prod(shape)), sizes, floats)
        return flat.reshape(count, *shape)

    extras = {item.name: shaped(item.name, item.domain) for item in loss.extra_inputs}
    return Batch(shaped("y_true", loss.y_true), shaped("y_pred", loss.y_pred), parameters, extras, tuple(sizes.items()))


def _argument(domain: Domain, count: int, size: int, sizes: Mapping[str, int], floats: _Floats) -> Array:
    """Entries of one argument, one sample a row; half of the samples have repeated entries, as ranks and times do."""
    dice = floats.dice
    if isinstance(domain, Identifiers):
        return dice.integers(0, max(1, size // 2) + 1, (count, size))
    if isinstance(domain, ClassLabel):
        return dice.integers(0, sizes[domain.axis], (count, size))
    if isinstance(domain, Simplex):
        return _labels(domain, count, size, floats)
    interval = entries_of(domain)
    spread = dice.choice((0.1, 1.0, 10.0, 1000.0), (count, 1))
    scores = floats.inside(dice.normal(0, 1, (count, size)) * spread, interval)
    entries = np.where(dice.random((count, 1)) < 0.6, scores, _entries(interval, count, size, floats))
    if isinstance(domain, Rising):
        return np.sort(entries, axis=1)
    repeated = np.take_along_axis(entries, dice.integers(0, size, (count, size)), axis=1)
    return np.where(dice.random((count, 1)) < 0.3, repeated, entries)
