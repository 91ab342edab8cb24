"""What the checks of one loss share: points and truths, computed once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import mpmath
from mpmath import mpf

from symloss.declare import ClassLabel, Identifiers, Loss
from symloss.verify.balls import UndecidedError
from symloss.verify.oracle import Oracle, Point, Truth, compares_entries
from symloss.verify.probes import probes

LIMIT = 16.0  # ulps of the result, times 1 + S
LIMIT_COMPARED = 32.0  # where entries are compared with each other, and roundings of all pairs add up


class Examination:
    """Everything about one loss that does not depend on the target: points and truths, computed once."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        self.oracle = Oracle(loss)
        self.probes = probes(loss)
        self.compares_entries = compares_entries(loss)
        self.limit = LIMIT_COMPARED if self.compares_entries else LIMIT
        self._truths: dict[str, Truth] = {}

    def truth(self, point: Point) -> Truth:
        """What the declaration says, remembered."""
        key = repr((point.y_true, point.y_pred, sorted(point.constants.items())))
        if key not in self._truths:
            self._truths[key] = self.oracle.truth(point)
        return self._truths[key]

    def sensitivity(self, point: Point, pick: Callable[[Truth], mpf], size: mpf) -> float:
        """S: by how many ulps the truth moves when every inexact input moves by half an ulp; integers are exact."""
        here, moved = pick(self.truth(point)), mpf(0)
        for changed in _half_ulp_away(point, self.loss):
            try:
                there = pick(self.oracle.truth(changed))
            except UndecidedError:
                continue
            if mpmath.isfinite(there):
                moved += abs(there - here)
        return float(moved / size)


def _half_ulp_away(point: Point, loss: Loss) -> Iterable[Point]:
    def nudged(number: float) -> float | None:
        return None if number == int(number) and abs(number) < 2**53 else math.nextafter(number, math.inf)

    for name in ("y_true", "y_pred"):
        entries = getattr(point, name)
        if name == "y_true" and isinstance(loss.y_true, ClassLabel | Identifiers):
            continue
        for place, number in enumerate(entries if isinstance(entries, tuple) else (entries,)):
            other = nudged(number)
            if other is not None:
                moved = (*entries[:place], other, *entries[place + 1 :]) if isinstance(entries, tuple) else other
                yield replace(point, **{name: moved})  # type: ignore[arg-type]
    for name, number in point.constants.items():
        if isinstance(number, tuple):
            continue
        other = nudged(number)
        if other is not None:
            yield replace(point, constants={**point.constants, name: other})
