"""Where emitted functions are examined: seeded random, extreme, kink-adjacent and parameter-edge points.

Parameters are drawn away from degenerate values (a smoothing of 0 would hide that it is ignored), and once each at
their default and near the ends of their domains.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import sympy

from symloss.declare import (
    ClassLabel,
    Identifiers,
    Interval,
    Loss,
    Norm,
    Rising,
    Signs,
    Simplex,
    Vectors,
    nonnegative,
    real,
    unit,
)
from symloss.declare.domain import Domain, entries_of
from symloss.verify.oracle import Point, compares_entries

CLASSES = 4
Draw = Callable[[Interval, random.Random], float]
Entries = float | tuple[float, ...]


@dataclass(frozen=True)
class Probe:
    """A point and the group it was drawn for."""

    group: str
    point: Point


def probes(loss: Loss, seed: int = 20_240_601, count: int = 24) -> list[Probe]:
    """All points for one loss, the same for every target."""
    dice = random.Random(f"{seed} {loss.name}")  # noqa: S311 - reproducible, not secret
    drawn = [Probe("random", _draw(loss, dice, _human)) for _ in range(count)]
    drawn += [Probe("extreme", _draw(loss, dice, _extreme(loss))) for _ in range(count)]
    drawn += [Probe("kink", point) for point in _near_kinks(loss, dice)]
    drawn += [Probe("parameter edge", point) for point in _parameter_edges(loss, dice)]
    return drawn


def _draw(loss: Loss, dice: random.Random, number: Draw, constants: dict[str, float] | None = None) -> Point:
    if loss.is_coupled:
        return _coupled(loss, dice, number, constants)
    size = None if loss.is_elementwise else CLASSES
    return Point(
        _true(loss.y_true, dice, number, size),
        _argument(loss.y_pred, dice, number, size),
        _constants(loss, dice) if constants is None else constants,
    )


def _coupled(loss: Loss, dice: random.Random, number: Draw, constants: dict[str, float] | None) -> Point:
    """A sample whose arguments have axes of their own."""
    sizes = {axis.name: CLASSES - 2 * place for place, axis in enumerate(loss.axes)}  # every identity twice, and planes
    scales = _scales(loss, dice) if number is not _human else {}

    def entries(name: str, domain: Domain, draw: Draw) -> Entries:
        count = math.prod(sizes[axis.name] for axis in loss.axes_of_data(name))
        if not loss.axes_of_data(name):
            return draw(entries_of(domain), dice)
        if isinstance(domain, Identifiers):
            return tuple(float(place % 2) for place in dice.sample(range(count), count))
        if isinstance(domain, ClassLabel):
            return tuple(float(dice.randrange(sizes[domain.axis])) for _ in range(count))
        scale = scales.get(name) if _is_unbounded(domain) else None
        drawn = tuple(
            draw(entries_of(domain), dice) if scale is None else scale * dice.gauss(0, 1) for _ in range(count)
        )
        if isinstance(domain, Rising):
            return tuple(sorted(drawn))
        has_ties = name == "y_true" and dice.random() < 0.5
        return tuple(map(float, map(round, drawn))) if has_ties or _is_flag(loss, name) else drawn

    extras: dict[str, Any] = {item.name: entries(item.name, item.domain, _human) for item in loss.extra_inputs}
    parameters = {item.name: _inside(item.domain, dice) for item in loss.parameters} if constants is None else constants
    return Point(
        entries("y_true", loss.y_true, _human),
        entries("y_pred", loss.y_pred, number),
        {**parameters, **extras},
        tuple(sizes.items()),
    )


def _is_unbounded(domain: Domain) -> bool:
    """Whether entries may be any numbers."""
    return entries_of(domain) == real


def _scales(loss: Loss, dice: random.Random) -> dict[str, float]:
    """A scale for all entries of an array: that of scores, or one for vectors that are compared with each other."""
    if not loss.full_expression.has(Norm) and _functions(loss):
        return {"y_pred": 10 ** dice.uniform(-12, 4)}
    names = ("y_pred", "y_true", *(item.name for item in loss.extra_inputs))
    return dict.fromkeys(names, 10 ** dice.uniform(-100, 100))


def _is_flag(loss: Loss, name: str) -> bool:
    """Whether an extra input is a flag for each entry, so that 0 and 1 are what matters."""
    return any(item.name == name and entries_of(item.domain) == unit for item in loss.extra_inputs)


def _constants(loss: Loss, dice: random.Random) -> dict[str, float]:
    drawn = {item.name: _inside(item.domain, dice) for item in loss.parameters}
    return {**drawn, **{item.name: _human(entries_of(item.domain), dice) for item in loss.extra_inputs}}


def _inside(domain: Interval, dice: random.Random) -> float:
    """A parameter value away from the ends; guards such as epsilon stay small so that points are rarely limited."""
    if math.isfinite(domain.lower) and math.isfinite(domain.upper):
        if domain.upper - domain.lower < 0.6:
            return 2.0 ** dice.randrange(-14, -9)  # a guard: small, and exact in 1 - epsilon
        return domain.lower + dice.uniform(0.2, 0.8) * (domain.upper - domain.lower)
    if math.isfinite(domain.lower):
        return domain.lower + dice.uniform(0.3, 2.5) * (1e-2 if domain.lower < 0 else 1.0)
    return dice.uniform(-3.0, 3.0)


def _human(domain: Interval, dice: random.Random) -> float:
    lower, upper = domain.lower, domain.upper
    if math.isfinite(lower) and math.isfinite(upper):
        return lower + dice.uniform(0.05, 0.95) * (upper - lower)
    if math.isfinite(lower):
        return lower + math.exp(dice.uniform(-2.5, 2.5))
    return dice.gauss(0.0, 3.0)


def _extreme(loss: Loss) -> Draw:
    """Every scale that a score or residual can have; scores stop at 1e4, where exponentials leave every float."""
    grows = bool({function.__name__ for function in _functions(loss)} & {"exp", "cosh", "sinh", "log"})

    def number(domain: Interval, dice: random.Random) -> float:
        lower, upper = domain.lower, domain.upper
        if math.isfinite(lower) and math.isfinite(upper):
            near = (upper - lower) * 10 ** dice.uniform(-15, -1)
            return min(upper, lower + near) if dice.random() < 0.5 else max(lower, upper - near)
        if math.isfinite(lower):
            drawn = lower + 10 ** dice.uniform(-30, 30)
            return math.nextafter(lower, upper) if drawn == lower and domain.lower_open else drawn
        size = 10 ** (
            dice.uniform(-12, 4)
            if (grows and loss.composed is not None) or _is_score(loss)
            else dice.uniform(-300, 300)
        )
        if not loss.is_elementwise and loss.composed is None:
            size = 10 ** (dice.uniform(-12, 4) if loss.full_expression.has(sympy.exp) else dice.uniform(-100, 100))
        return dice.choice((-1, 1)) * size

    return number


def _is_score(loss: Loss) -> bool:
    return isinstance(loss.y_true, Signs)


def _functions(loss: Loss) -> set[type]:
    return {type(node) for node in loss.full_expression.atoms(*_GROWING)}


def _true(domain: Domain, dice: random.Random, number: Draw, size: int | None) -> Entries:
    match domain:
        case Signs():
            return float(dice.choice((-1, 1)))
        case ClassLabel():
            return float(dice.randrange(CLASSES))
        case Simplex():
            if dice.random() < 0.5:
                label = dice.randrange(CLASSES)
                return tuple(float(place == label) for place in range(CLASSES))
            return _dyadic_shares(dice)
        case Interval() if domain.lower == 0 and domain.upper == 1:
            return float(dice.choice((0, 1))) if dice.random() < 0.5 else dice.uniform(0, 1)
        case Interval() if domain == nonnegative:
            return float(dice.choice((0, 1, 2, 7, 100))) if dice.random() < 0.5 else number(domain, dice)
    return _argument(domain, dice, number, size)


def _dyadic_shares(dice: random.Random) -> tuple[float, ...]:
    """Soft labels whose sum is one exactly."""
    cuts = sorted(dice.sample(range(1, 64), CLASSES - 1))
    ends = [0, *cuts, 64]
    return tuple((right - left) / 64 for left, right in pairwise(ends))


def _argument(domain: Domain, dice: random.Random, number: Draw, size: int | None) -> Entries:
    if isinstance(domain, Rising):
        return tuple(sorted(_argument(Vectors(domain.axis, domain.entries), dice, number, size)))  # type: ignore[arg-type]
    if isinstance(domain, Simplex | Vectors):
        entries = entries_of(domain)
        if number is _human or math.isfinite(entries.upper):
            return tuple(number(entries, dice) for _ in range(size or CLASSES))
        scale = abs(number(entries, dice))  # one scale for a vector, entries apart by their own
        return tuple(
            scale * abs(dice.gauss(0, 1)) if entries.lower == 0 else scale * dice.gauss(0, 1) for _ in range(CLASSES)
        )
    return number(entries_of(domain), dice)


def _near_kinks(loss: Loss, dice: random.Random) -> Iterator[Point]:
    """Predictions close to the target and to where conditions switch, on both sides."""
    if not loss.is_elementwise:
        return
    for offset in (1e-9, -1e-9, 1e-3, -1e-3):
        point = _draw(loss, dice, _human)
        true = point.y_true
        assert isinstance(true, float)
        if entries_of(loss.y_pred).contains(true + offset):
            yield Point(true, true + offset, point.constants)
        for constant in point.constants.values():
            for side in (-1, 1):
                near = true + side * constant * (1 + offset)
                if loss.y_pred == real and not isinstance(loss.y_true, Signs):
                    yield Point(true, near, point.constants)
        if isinstance(loss.y_true, Signs):
            yield Point(true, true * (1 + offset), point.constants)


def _parameter_edges(loss: Loss, dice: random.Random) -> Iterator[Point]:
    defaults = {item.name: float(item.default) for item in loss.parameters}
    extras = {} if loss.is_coupled else {item.name: _human(entries_of(item.domain), dice) for item in loss.extra_inputs}
    yield _draw(loss, dice, _human, {**defaults, **extras})
    for item in () if compares_entries(loss) else loss.parameters:
        for value in _ends(item.domain):
            for _ in range(2):
                yield _draw(loss, dice, _human, {**defaults, **extras, item.name: value})


def _ends(domain: Interval) -> list[float]:
    values = []
    if math.isfinite(domain.lower):
        values.append(domain.lower + (1e-3 if domain.lower_open else 0.0))
    if math.isfinite(domain.upper):
        values.append(domain.upper - (1e-3 if domain.upper_open else 0.0))
    else:
        values.append(max(domain.lower, 0.0) + 50.0)
    return values


_GROWING = (sympy.exp, sympy.cosh, sympy.sinh, sympy.log)
