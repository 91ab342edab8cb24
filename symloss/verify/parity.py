"""How far the modules of one loss in several targets are from each other, eagerly and compiled.

A difference is counted in ulps of the true result. Every target's certificate allows ``limit (1 + S)`` of them from the
truth, so two may be apart by the sum of theirs. Where S is below 1 the result is well determined, and then none may be
no number, zero for what is not, or of the wrong sign.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symloss.declare import Loss
from symloss.verify.certificate import DTYPES, limit_of, place_of
from symloss.verify.frameworks import DifferentiatedModule
from symloss.verify.grid import Array, Batch, batches
from symloss.verify.measure import FLUSHED, FUNCTIONS, Error, Evaluate, Examiner, spacing
from symloss.verify.modules import NumpyModule
from symloss.verify.oracle import Oracle

# Modes that run the same operations one by one as others do, and take long to start.
_LEFT_OUT = (("tensorflow", "graph"), ("jax", "eager"))
_TRIED = 400  # numbers whose S is worked out, at most, per function


@dataclass(frozen=True)
class Parity:
    """One function in one dtype: the largest difference between any two targets."""

    loss: str
    function: str
    dtype: str
    points: int
    modes: tuple[str, ...]
    worst: Error | None
    between: tuple[str, str]
    bound: float
    spoiled: Mapping[str, int]  # by mode, numbers that are none, zero or of the wrong sign where S < 1

    @property
    def difference(self) -> float:
        """In ulps over 1 + S."""
        return self.worst.conditioned if self.worst is not None else 0.0

    @property
    def passed(self) -> bool:
        """Whether every two targets are within the sum of their certificates."""
        is_within = self.worst is None or self.worst.is_good(self.bound)
        return is_within and not self.spoiled and self.points > 0

    def failures(self) -> Iterator[str]:
        """What does not hold, in sentences."""
        name = f"{self.loss}, {self.function}, {self.dtype}"
        if not self.points:
            yield f"{name}: the truth is known at no point"
        if self.worst is not None and not self.worst.is_good(self.bound):
            one, other = self.between
            apart = f"{one} has {self.worst.got!r}, {other} {self.worst.expected!r}"
            yield f"{name}: {apart} at {place_of(self.worst)}"
        for mode, count in self.spoiled.items():
            yield f"{name}: {mode} has {count} numbers that are none, zero or of the wrong sign, though S < 1"

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "loss": self.loss,
            "function": self.function,
            "dtype": self.dtype,
            "points": self.points,
            "modes": list(self.modes),
            "difference": self.difference if np.isfinite(self.difference) else None,
            "between": list(self.between),
            "at": place_of(self.worst) if self.worst is not None else "",
            "bound": self.bound,
            "spoiled": dict(self.spoiled),
            "passed": self.passed,
        }


@dataclass(frozen=True)
class _Run:
    """A mode of a target: how it computes some functions, and how far they may be from the truth."""

    label: str
    evaluate: Evaluate
    limit: float
    functions: tuple[str, ...]


@dataclass
class _Differences:
    """What was found of one function: every known number of a batch, per mode."""

    batches: list[tuple[Batch, Array, Array]]  # rows and entries of what is known
    truths: list[Array]
    results: list[list[Array]]


def compare(
    loss: Loss, modules: Sequence[NumpyModule | DifferentiatedModule], dtype: str, count: int, oracle: Oracle
) -> Iterator[Parity]:
    """Every function of all modules on about ``count`` samples in one dtype."""
    fixed = {name: value for module in modules for name, value in module.fixed.items()}
    flushes = any(module.flushes for module in modules)
    examiner = Examiner(loss, DTYPES[dtype], oracle, fixed, flushes=flushes)
    runs = [
        _Run(
            f"{module.target} {mode}".strip(),
            module.evaluator(mode),
            limit_of(module.target, mode, dtype),
            module.functions(mode),
        )
        for module in modules
        for mode in (*module.modes, *module.compiled_modes)
        if (module.target, mode) not in _LEFT_OUT
    ]
    found = {name: _Differences([], [], []) for name in FUNCTIONS}
    for batch in batches(loss, DTYPES[dtype], count, fixed):
        results = [run.evaluate(batch, run.functions) for run in runs]
        for name, kept in found.items():
            number, _, known = examiner.known(batch, name)
            rows, entries = np.nonzero(known)
            kept.batches.append((batch, rows, entries))
            kept.truths.append(number[known])
            kept.results.append([item[name].reshape(number.shape)[known] for item in results if name in item])
    for name in FUNCTIONS:
        limits = {run.label: run.limit for run in runs if name in run.functions}
        yield _parity(examiner, name, dtype, found[name], limits)


def _parity(examiner: Examiner, function: str, dtype: str, found: _Differences, limits: Mapping[str, float]) -> Parity:
    labels = list(limits)
    truth = np.concatenate(found.truths)
    numbers = [np.concatenate(parts) for parts in zip(*found.results, strict=True)]
    owners = np.concatenate([np.full(len(part), place) for place, part in enumerate(found.truths)])
    inner = np.concatenate([np.arange(len(part)) for part in found.truths])
    pairs = list(itertools.combinations(range(len(labels)), 2))
    bounds = [limits[labels[one]] + limits[labels[other]] for one, other in pairs]
    apart = np.array([_apart(numbers[one], numbers[other], truth, examiner) for one, other in pairs])
    shares = apart / np.array(bounds)[:, None]
    widest = shares.argmax(axis=0)

    def error(place: int, pair: int) -> Error:
        batch, rows, entries = found.batches[owners[place]]
        row, entry = int(rows[inner[place]]), int(entries[inner[place]])
        point = batch.point(row)
        sensitivity = examiner.sensitivity(point, function, entry)
        one, other = (float(numbers[index][place]) for index in pairs[pair])
        return Error(float(apart[pair, place]), sensitivity, point, entry, one, other)

    worst, between, bound, largest = None, ("", ""), bounds[0], -1.0
    for place in np.argsort(-shares.max(axis=0), kind="stable")[:_TRIED]:
        pair = int(widest[place])
        if shares[pair, place] <= largest:
            break
        candidate = error(int(place), pair)
        if candidate.conditioned / bounds[pair] > largest:
            largest, worst, bound = candidate.conditioned / bounds[pair], candidate, bounds[pair]
            between = (labels[pairs[pair][0]], labels[pairs[pair][1]])
    spoiled = {}
    for index, label in enumerate(labels):
        places = np.nonzero(_is_spoiled(numbers[index], truth, examiner))[0][:_TRIED]
        if count := sum(error(int(place), 0).sensitivity < 1 for place in places):
            spoiled[label] = count
    return Parity(examiner.loss.name, function, dtype, len(truth), tuple(labels), worst, between, bound, spoiled)


def _apart(one: Array, other: Array, truth: Array, examiner: Examiner) -> Array:
    """The distance of two results in ulps of the truth; numbers that are none are infinitely far."""
    with np.errstate(all="ignore"):
        one, other = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
        distance = np.where(one == other, 0.0, np.abs(one - other))
        if examiner.flushes:
            distance = np.where(distance <= FLUSHED * float(np.finfo(examiner.dtype).tiny), 0.0, distance)
        found = distance / spacing(truth, examiner.dtype)
    return np.where(np.isnan(found), np.inf, found)


def _is_spoiled(got: Array, truth: Array, examiner: Examiner) -> Array:
    """No number, zero though the truth is a normal number, or of another sign."""
    is_normal = np.abs(truth) >= FLUSHED * float(np.finfo(examiner.dtype).tiny)
    return np.isnan(got) | (is_normal & (np.sign(got) != np.sign(truth)))
