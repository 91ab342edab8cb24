"""Measures how far every number of an emitted function is from the correctly rounded truth of the declaration.

An error is counted in ulps of the result's dtype. S is the number of ulps by which the truth itself moves when every
inexact input moves by half an ulp; labels and parameters that hold integers are exact. A number is good when its error
is at most ``limit`` ulps or ``limit (1 + S)``.

A target that flushes subnormals to zero is held to the normal numbers: an input that is subnormal is left out, S moves
every inexact input by at least the smallest normal number, and a result may be off by four of those.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from types import MappingProxyType
from typing import Any, Protocol

import mpmath
import numpy as np

from symloss.declare import ClassLabel, Identifiers, Loss
from symloss.declare.domain import Domain, contains_all
from symloss.verify.balls import UndecidedError
from symloss.verify.grid import Array, Batch, batches, from_ordinals, ordinals
from symloss.verify.oracle import Oracle, Point

FUNCTIONS = ("value", "gradient", "hessian")


class Evaluate(Protocol):
    """Emitted functions over a batch: rows by entries, for at least the functions that are named."""

    def __call__(self, batch: Batch, functions: tuple[str, ...] = FUNCTIONS) -> dict[str, Array]:
        """Their results."""


_REFINED = 10  # worst points at most whose neighbourhood is searched, per function and round
_REFINED_OF = 60  # one in so many samples; a short look searches fewer
_ROUNDS = 3
_HALVINGS = 4  # of a bisection that one call of the code serves: a call costs more than its numbers
FLUSHED = 4  # smallest normal numbers that a result may be off where subnormals are flushed to zero
_ENOUGH = 200  # bad points that are counted; more make nothing worse


@dataclass(frozen=True)
class Error:
    """One number that is off: by how many ulps, and by how many the truth moves under half an ulp of its inputs."""

    ulps: float
    sensitivity: float
    point: Point
    entry: int
    got: float
    expected: float

    @property
    def conditioned(self) -> float:
        """Ulps divided by 1 + S."""
        return self.ulps / (1 + self.sensitivity) if math.isfinite(self.ulps) else self.ulps

    def is_good(self, limit: float) -> bool:
        """Within the limit, in ulps or conditioned."""
        return self.ulps <= limit or self.conditioned <= limit


@dataclass(frozen=True)
class Measurement:
    """One function in one dtype."""

    function: str
    points: int
    undecided: int
    undefined: int
    worst: Error | None
    worst_conditioned: Error | None
    most: float  # 99.9 % of the errors are at most this, in ulps
    most_conditioned: float
    bad: tuple[Error, ...] = ()
    bad_count: int = 0

    @property
    def is_certified(self) -> bool:
        """Whether every number measured is good."""
        return self.bad_count == 0 and self.points > 0


@dataclass
class _Samples:
    """What was measured so far for one function: errors, and where each belongs."""

    errors: list[Array] = field(default_factory=list)
    places: list[tuple[Batch, Array, Array, Array, Array]] = field(default_factory=list)
    undecided: int = 0
    undefined: int = 0


class Examiner:
    """Measures one loss in one dtype; truths are computed once and may serve several variants of its code."""

    def __init__(
        self,
        loss: Loss,
        dtype: type[np.floating[Any]],
        oracle: Oracle | None = None,
        fixed: Mapping[str, float] = MappingProxyType({}),
        *,
        flushes: bool = False,
    ) -> None:
        self.loss = loss
        self.fixed = fixed
        self.dtype = dtype
        self.oracle = Oracle(loss) if oracle is None else oracle
        self.flushes = flushes
        self._places_of_zeros: dict[tuple[bytes, str], list[Batch]] = {}
        self._sensitivities: dict[tuple[Any, ...], _Moves] = {}
        self._truths: dict[bytes, tuple[dict[str, Array], int]] = {}

    # -- truth ---------------------------------------------------------------------------------------------------

    def truths(self, batch: Batch) -> tuple[dict[str, Array], int]:
        """Nearest float64 and remainder in its ulps, for every entry of every function: shape (rows, entries, 2)."""
        key = batch.content()
        known = self._truths.get(key)
        if known is None:
            size = math.prod(batch.y_pred.shape[1:])
            found = {name: np.full((len(batch), 1 if name == "value" else size, 2), np.nan) for name in FUNCTIONS}
            undecided = 0
            for row in range(len(batch)):
                try:
                    for name, entries in zip(FUNCTIONS, self.oracle.nearest(batch.point(row)), strict=True):
                        found[name][row] = entries
                    if np.isinf(found["value"][row, 0, 0]):  # the logarithm of a constant 0 has no slope to speak of
                        for name in FUNCTIONS[1:]:
                            found[name][row][np.isfinite(found[name][row, :, 0])] = np.nan
                except UndecidedError:
                    undecided += 1
                    for name in FUNCTIONS:
                        found[name][row, :, 1] = np.inf
            known = self._truths[key] = (found, undecided)
        return known

    def known(self, batch: Batch, function: str) -> tuple[Array, Array, Array]:
        """Nearest number and remainder of one function, and where they are known; rows by entries."""
        found = self.truths(batch)[0][function]
        number, rest = found[..., 0], found[..., 1]
        is_known = np.isfinite(rest) & ~np.isnan(number)
        if self.flushes:
            is_known &= ~holds_subnormals(batch, self.dtype)[:, None]
        return number, rest, is_known

    def sensitivity(self, point: Point, function: str, entry: int, enough: float = math.inf) -> float:
        """S, from the truth at inputs one float away; once it is ``enough``, what was added up so far."""
        key = (point.y_true, point.y_pred, tuple(point.constants.values()), point.sizes, entry)
        if key not in self._sensitivities:
            neighbours = _one_float_away(point, self.loss, self.dtype, flushes=self.flushes)
            truths = (self._entries(neighbour, entry) for neighbour in neighbours)
            self._sensitivities[key] = _Moves(self._entries(point, entry), truths, self.dtype)
        return self._sensitivities[key].of(FUNCTIONS.index(function), enough)

    def _entries(self, point: Point, entry: int) -> list[Any]:
        """One entry of every function; None where it is undefined or can't be decided."""
        direction = None
        if isinstance(point.y_pred, tuple):
            direction = [float(place == entry) for place in range(len(point.y_pred))]
        try:
            numbers = self.oracle.along(point, direction)
        except UndecidedError:
            return [None] * len(FUNCTIONS)
        return [None if mpmath.isnan(number) else number for number in numbers]

    # -- measuring -----------------------------------------------------------------------------------------------

    def measure(
        self,
        evaluate: Evaluate,
        *,
        limit: float,
        count: int = 5000,
        functions: tuple[str, ...] = FUNCTIONS,
    ) -> list[Measurement]:
        """The functions on ``count`` samples, on the zeros found between them, and around the worst.

        ``evaluate`` gives the results of these functions; of others it need not.
        """
        samples = {name: _Samples() for name in functions}
        for batch in self.samples(evaluate, count, functions):
            self._record(samples, batch, evaluate)
        for _ in range(_ROUNDS):
            for batch in self._around_the_worst(samples, max(1, min(_REFINED, count // _REFINED_OF))):
                self._record(samples, batch, evaluate)
        return [self._summary(name, samples[name], limit) for name in functions]

    def scatter(self, evaluate: Evaluate, count: int, limit: float) -> dict[str, tuple[Array, Array]]:
        """Predictions and errors of every function for a picture, divided by 1 + S where they exceed the limit."""
        samples = {name: _Samples() for name in FUNCTIONS}
        for batch in self.samples(evaluate, count):
            self._record(samples, batch, evaluate)
        return {name: self._scattered(name, samples[name], limit) for name in FUNCTIONS}

    def _scattered(self, function: str, samples: _Samples, limit: float) -> tuple[Array, Array]:
        predictions, sizes = [], []
        for owner, (batch, rows, entries, _, _) in enumerate(samples.places):
            errors = samples.errors[owner].copy()
            for inner in np.nonzero(~(errors <= limit))[0]:
                errors[inner] = self._error(function, samples, owner, int(inner), float(errors[inner])).conditioned
            pred = batch.y_pred.reshape(len(batch), -1)[rows, entries if batch.y_pred.ndim > 1 else 0]
            predictions.append(pred.astype(self.dtype))
            sizes.append(errors)
        return np.concatenate(predictions), np.concatenate(sizes)

    def samples(self, evaluate: Evaluate, count: int, functions: tuple[str, ...] = FUNCTIONS) -> Iterator[Batch]:
        """The grid, and the neighbours of every zero that lies between two of its points."""
        for batch in batches(self.loss, self.dtype, count, self.fixed):
            yield batch
            if self.loss.is_elementwise:
                yield from self._zeros(batch, evaluate, functions)

    def _zeros(self, batch: Batch, evaluate: Evaluate, functions: tuple[str, ...]) -> Iterator[Batch]:
        """The neighbours of zeros, looked for once: another variant of the code has its zeros there too."""
        for name in functions:
            key = (batch.content(), name)
            if key not in self._places_of_zeros:
                self._places_of_zeros[key] = self._bisected(batch, evaluate, name)
            yield from self._places_of_zeros[key]

    def _bisected(self, batch: Batch, evaluate: Evaluate, name: str) -> list[Batch]:
        """Bisection on the emitted function, between predictions where it changes sign."""

        def sign(rows: Batch, y_pred: Array) -> Array:
            return np.sign(evaluate(rows.moved(y_pred), (name,))[name][:, 0])

        chosen = batch.rows(np.arange(len(batch))[:: max(1, len(batch) // 24)])
        ends = [np.full(len(chosen), end) for end in np.sort(batch.y_pred)[[0, -1]]]
        at_lower, at_upper = (sign(chosen, end) for end in ends)
        changes = at_lower * at_upper < 0
        if not changes.any():
            return []
        rows, at_lower = chosen.rows(changes), at_lower[changes]
        a, b = (ordinals(end[changes]) for end in ends)
        for _ in range(64 // _HALVINGS):
            grid = _halved(a, b)
            between = from_ordinals(grid[1:-1].ravel(), self.dtype)
            signs = sign(rows.rows(np.tile(np.arange(len(rows)), len(grid) - 2)), between).reshape(-1, len(rows))
            low, high, columns = np.zeros(len(rows), int), np.full(len(rows), len(grid) - 1), np.arange(len(rows))
            for _ in range(_HALVINGS):
                middle = (low + high) // 2
                is_low = signs[middle - 1, columns] == at_lower
                low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
            a, b = grid[low, columns], grid[high, columns]
        return [rows.moved(from_ordinals(end, self.dtype)) for end in (a, b)]

    def _record(self, samples: dict[str, _Samples], batch: Batch, evaluate: Evaluate) -> None:
        _, undecided = self.truths(batch)
        results = evaluate(batch, tuple(samples))
        for name, kept in samples.items():
            number, rest, known = self.known(batch, name)
            errors = ulps(results[name], number, rest, self.dtype, flushes=self.flushes)
            kept.undecided += undecided
            kept.undefined += int((np.isnan(number) & np.isnan(rest)).sum())
            rows, entries = np.nonzero(known)
            kept.errors.append(errors[known])
            kept.places.append((batch, rows, entries, results[name][known], number[known]))

    def _around_the_worst(self, samples: dict[str, _Samples], refined: int) -> Iterator[Batch]:
        """Predictions at 1 to 2^46 floats from those with the largest errors."""
        dice = np.random.default_rng(len(next(iter(samples.values())).errors))
        largest = 46 if self.dtype is np.float64 else 20
        for name, found in samples.items():
            for error in self._largest(name, found, refined):
                steps = np.floor(2 ** dice.uniform(0, largest, 16)).astype(np.int64) * dice.choice((-1, 1), 16)
                batch = self._neighbours(error.point, steps)
                if batch is not None:
                    yield batch

    def _neighbours(self, point: Point, steps: Array) -> Batch | None:
        pred = np.atleast_1d(np.array(point.y_pred, dtype=self.dtype))
        moved = np.tile(pred, (len(steps), 1))
        column = np.arange(len(steps)) % moved.shape[1]
        kind = np.int64 if self.dtype is np.float64 else np.int32
        rows = np.arange(len(steps))
        shifted = from_ordinals(ordinals(moved[rows, column]) + steps.astype(kind), self.dtype)
        moved[rows, column] = shifted
        keep = np.array([contains_all(self.loss.y_pred, entries) for entries in moved.tolist()])
        if not keep.any():
            return None
        given = {item.name: item.domain for item in self.loss.extra_inputs}
        parameters = {name: number for name, number in point.constants.items() if name not in given}

        def repeated(name: str, domain: Domain, entries: Any) -> Array:
            is_whole = isinstance(domain, ClassLabel | Identifiers)
            found = np.array([entries] * len(steps), dtype=np.int64 if is_whole else self.dtype)
            return self._shaped(name, found, point)

        y_pred = moved[:, 0] if self.loss.is_elementwise else self._shaped("y_pred", moved, point)
        extras = {name: repeated(name, given[name], point.constants[name]) for name in sorted(given)}
        y_true = repeated("y_true", self.loss.y_true, point.y_true)
        return Batch(y_true, y_pred, parameters, extras, point.sizes).rows(np.nonzero(keep)[0])

    def _shaped(self, name: str, samples: Array, point: Point) -> Array:
        """Samples of an argument in the shape of its axes."""
        if not point.sizes:
            return samples
        sizes = dict(point.sizes)
        return samples.reshape(len(samples), *(sizes[axis.name] for axis in self.loss.axes_of_data(name)))

    # -- summaries -----------------------------------------------------------------------------------------------

    def _largest(self, function: str, samples: _Samples, count: int, tried: int = 0) -> list[Error]:
        """The samples with the largest conditioned errors; S is computed only while it can matter.

        Of those with the largest errors, at least ``tried`` are looked at.
        """
        errors = np.concatenate(samples.errors)
        owners = np.concatenate([np.full(len(part), place) for place, part in enumerate(samples.errors)])
        inner = np.concatenate([np.arange(len(part)) for part in samples.errors])
        best: list[tuple[float, int, Error]] = []
        for order, place in enumerate(np.argsort(-errors, kind="stable")[: max(tried, 40 * count)]):
            if len(best) == count and errors[place] <= best[0][0]:
                break
            least = best[0][0] if len(best) == count else 0.0
            error = self._error(function, samples, int(owners[place]), int(inner[place]), float(errors[place]), least)
            item = (error.conditioned, -order, error)
            (heapq.heappush if len(best) < count else heapq.heappushpop)(best, item)
        return [error for _, _, error in sorted(best, reverse=True)]

    def _error(
        self, function: str, samples: _Samples, owner: int, inner: int, size: float, least: float = 0.0
    ) -> Error:
        """The error at a place; S is added up no further than tells that it is below the ``least`` that matters."""
        batch, rows, entries, got, expected = samples.places[owner]
        point, entry = batch.point(int(rows[inner])), int(entries[inner])
        enough = size / least if least else math.inf
        sensitivity = self.sensitivity(point, function, entry, enough)
        return Error(size, sensitivity, point, entry, float(got[inner]), float(expected[inner]))

    def _summary(self, function: str, samples: _Samples, limit: float) -> Measurement:
        errors = np.concatenate(samples.errors) if samples.errors else np.zeros(0)
        if not len(errors):
            return Measurement(function, 0, samples.undecided, samples.undefined, None, None, 0.0, 0.0)
        rank = max(1, len(errors) // 1000 + 1)
        over = (error for error in self._over(function, samples, limit) if not error.is_good(limit))
        bad = sorted(islice(over, _ENOUGH), key=lambda error: -error.conditioned)
        is_counted = len(bad) < _ENOUGH  # so S is known of every number over the limit
        largest = self._largest(function, samples, rank, int((~(errors <= limit)).sum()) if is_counted else 0)
        first = int(np.argmax(errors))
        bounds = np.cumsum([len(part) for part in samples.errors])
        owner = int(np.searchsorted(bounds, first, side="right"))
        worst = self._error(
            function, samples, owner, first - int(bounds[owner] - len(samples.errors[owner])), float(errors[first])
        )
        return Measurement(
            function=function,
            points=len(errors),
            undecided=samples.undecided,
            undefined=samples.undefined,
            worst=worst,
            worst_conditioned=max([largest[0], *bad[:1]], key=lambda error: error.conditioned),
            most=float(np.quantile(errors, 0.999, method="higher")),
            most_conditioned=largest[-1].conditioned,
            bad=tuple(bad),
            bad_count=len(bad),
        )

    def _over(self, function: str, samples: _Samples, limit: float) -> Iterator[Error]:
        """Everything beyond the limit in ulps, from all batches in turn."""
        places = [
            (int(inner), owner)
            for owner, part in enumerate(samples.errors)
            for inner in np.nonzero(~(part <= limit))[0]
        ]
        for inner, owner in sorted(places):
            yield self._error(function, samples, owner, inner, float(samples.errors[owner][inner]), limit)


class _Moves:
    """S of every function at a point, added up as far as is asked; the truths beside it may take long.

    An infinite truth does not move, so that nothing excuses another answer.
    """

    def __init__(self, here: list[Any], beside: Iterator[list[Any]], dtype: type[np.floating[Any]]) -> None:
        self.here = here
        self.beside = beside
        self.moved = [mpmath.mpf(0)] * len(here)
        numbers = np.array([0.0 if number is None else float(number) for number in here])
        self.ulps = [mpmath.mpf(float(ulp)) for ulp in spacing(numbers, dtype)]

    def of(self, place: int, enough: float) -> float:
        """S of one function, or at least ``enough`` of it."""
        while self._sum(place) < enough and (there := next(self.beside, None)) is not None:
            for function, (old, new) in enumerate(zip(self.here, there, strict=True)):
                if old is not None and new is not None and not mpmath.isinf(old):
                    self.moved[function] += abs(new - old)
        return self._sum(place)

    def _sum(self, place: int) -> float:
        return float(self.moved[place] / 2 / self.ulps[place])


def _halved(a: Array, b: Array) -> Array:
    """Ordinals from a to b: the middle of both, the middles of the halves, and so on; one row for each."""
    grid = np.stack([a, b])
    for _ in range(_HALVINGS):
        left, right = grid[:-1], grid[1:]
        finer = np.empty((2 * len(grid) - 1, len(a)), dtype=a.dtype)
        finer[::2], finer[1::2] = grid, (left >> 1) + (right >> 1) + (left & right & 1)
        grid = finer
    return grid


def _one_float_away(point: Point, loss: Loss, dtype: type[np.floating[Any]], *, flushes: bool) -> Iterator[Point]:
    """Every inexact input moved by one float; labels and parameters that hold integers are exact."""
    flushed = 2 * float(np.finfo(dtype).tiny) if flushes else 0.0

    def moved(number: float) -> float:
        with np.errstate(over="ignore"):
            after = float(np.nextafter(dtype(number), dtype(np.inf)))
        if not math.isfinite(after):
            return float(np.nextafter(dtype(number), dtype(-np.inf)))
        return after if after - number >= flushed else number + math.copysign(flushed, number)

    def is_whole(number: float) -> bool:
        return abs(number) < 2**53 and number == int(number)

    extras = {item.name for item in loss.extra_inputs}
    for name, number in point.constants.items():
        if isinstance(number, tuple):
            for place, entry in enumerate(number):
                if not is_whole(entry):
                    neighbours = (*number[:place], moved(entry), *number[place + 1 :])
                    yield replace(point, constants={**point.constants, name: neighbours})
        elif name in extras or not is_whole(number):
            yield replace(point, constants={**point.constants, name: moved(number)})
    for name in ("y_true", "y_pred"):
        entries = getattr(point, name)
        single = not isinstance(entries, tuple)
        for place, number in enumerate((entries,) if single else entries):
            if name == "y_true" and is_whole(number):
                continue
            other = moved(number)
            changed = other if single else (*entries[:place], other, *entries[place + 1 :])
            yield replace(point, y_true=changed) if name == "y_true" else replace(point, y_pred=changed)


def holds_subnormals(batch: Batch, dtype: type[np.floating[Any]]) -> Array:
    """The samples with an input that a target may take for zero."""
    found = np.zeros(len(batch), dtype=bool)
    for values in (*batch.data, *batch.extras.values()):
        subnormal = (values != 0) & (np.abs(values) < np.finfo(dtype).tiny)
        found |= subnormal.reshape(len(batch), -1).any(axis=1)
    return found


def spacing(numbers: Array, dtype: type[np.floating[Any]]) -> Array:
    """The ulp of every number in the dtype."""
    info = np.finfo(dtype)
    _, exponents = np.frexp(np.minimum(np.abs(numbers), float(info.max)))
    exponents = np.where(numbers == 0, info.minexp, exponents)
    return np.ldexp(1.0, np.maximum(exponents - info.nmant - 1, info.minexp - info.nmant))


def ulps(got: Array, number: Array, rest: Array, dtype: type[np.floating[Any]], *, flushes: bool = False) -> Array:
    """Errors in ulps of the dtype; the truth is ``number`` plus ``rest`` float64 ulps, infinity counts as 2^max."""
    info = np.finfo(dtype)
    ulp = spacing(number, dtype)
    beyond = 2.0 ** (info.maxexp - 8)
    with np.errstate(all="ignore"):
        scaled = [np.clip(np.asarray(part, dtype=np.float64) / 256, -beyond, beyond) for part in (got, number)]
        missing = np.where(np.abs(scaled[1]) == beyond, 0.0, rest * (spacing(number, np.float64) / ulp))
        errors = np.abs((scaled[0] - scaled[1]) / (ulp / 256) - missing)
        if np.dtype(dtype) == np.float64:  # ulp / 256 underflows among the subnormals, where differences are exact
            small = np.abs(number) < 2.0**-900
            errors = np.where(small, np.abs((np.asarray(got, dtype=np.float64) - number) / ulp - rest), errors)
    errors = np.where(np.isnan(got), np.inf, errors)
    if flushes:
        with np.errstate(all="ignore"):
            off = np.abs(np.asarray(got, dtype=np.float64) - number)
        errors = np.where(off <= FLUSHED * float(info.tiny), 0.0, errors)
    return np.where(np.isnan(number), 0.0, errors)
