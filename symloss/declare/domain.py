"""Where an argument or a parameter may live. Domains are data: targets turn them into checks, documents into text."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from symloss.errors import DeclarationError

_INTERVAL = re.compile(r"\s*([\[(])\s*([^,\s]+)\s*,\s*([^,\s]+)\s*([\])])\s*")


def spelled(number: float) -> str:
    """All digits of a number for people: 1 rather than 1.0."""
    return str(float(number)).removesuffix(".0")


@dataclass(frozen=True)
class Interval:
    """Real numbers between two ends; an infinite end is always open."""

    lower: float = -math.inf
    upper: float = math.inf
    lower_open: bool = False
    upper_open: bool = False

    def __post_init__(self) -> None:
        if not self.lower < self.upper:
            raise DeclarationError(f"the interval from {self.lower} to {self.upper} is empty; give lower < upper")

    @classmethod
    def parse(cls, text: str) -> Interval:
        """Read ``"(0, oo)"``, ``"[0, 1]"``, … ; ``oo`` or ``inf`` stands for infinity.

        Raises DeclarationError when the text is not an interval.
        """
        match = _INTERVAL.fullmatch(text)
        if match is None:
            raise DeclarationError(f"{text!r} is not an interval; write it like '(0, oo)' or '[0, 1]'")
        left, lower, upper, right = match.groups()
        try:
            ends = [float(end.replace("oo", "inf")) for end in (lower, upper)]
        except ValueError:
            raise DeclarationError(f"{text!r} has an end that is not a number; write it like '(0, oo)'") from None
        return cls(ends[0], ends[1], left == "(" and math.isfinite(ends[0]), right == ")" and math.isfinite(ends[1]))

    def contains(self, number: float) -> bool:
        """Whether a finite number lies inside; NaN and infinities never do."""
        if not math.isfinite(number):
            return False
        above = number > self.lower if self.lower_open else number >= self.lower
        below = number < self.upper if self.upper_open else number <= self.upper
        return above and below

    def __str__(self) -> str:
        if self == real:
            return "real"
        left = "(" if self.lower_open or math.isinf(self.lower) else "["
        right = ")" if self.upper_open or math.isinf(self.upper) else "]"
        ends = [spelled(end).replace("inf", "oo") for end in (self.lower, self.upper)]
        return f"{left}{ends[0]}, {ends[1]}{right}"


@dataclass(frozen=True)
class Signs:
    """Labels -1 and +1."""

    def __str__(self) -> str:
        return "{-1, 1}"


@dataclass(frozen=True)
class Simplex:
    """Non-negative entries that sum to one along the axis (one-hot labels or probabilities)."""

    axis: str

    def __str__(self) -> str:
        return f"probabilities over {self.axis}"


@dataclass(frozen=True)
class Vectors:
    """Vectors along the axis whose entries lie in an interval."""

    axis: str
    entries: Interval

    def __str__(self) -> str:
        return f"vectors over {self.axis}, entries {self.entries}"


@dataclass(frozen=True)
class Lists(Vectors):
    """Vectors whose length differs from sample to sample: what is ranked for a query, who is at risk.

    Functions take them with ``offsets`` too, one list behind the other in one array.
    """

    def __str__(self) -> str:
        return f"lists over {self.axis}, entries {self.entries}"


@dataclass(frozen=True)
class Rising(Vectors):
    """Vectors whose entries never fall along the axis, such as cumulative logits."""

    def __str__(self) -> str:
        return f"rising vectors over {self.axis}, entries {self.entries}"


@dataclass(frozen=True)
class Arrays:
    """Arrays over several axes, such as a batch of embeddings, whose entries lie in an interval."""

    axes: tuple[str, ...]
    entries: Interval

    def __str__(self) -> str:
        return f"arrays over {' x '.join(self.axes)}, entries {self.entries}"


@dataclass(frozen=True)
class ClassLabel:
    """Integer class labels 0 … size of the axis - 1; the array lacks the axis and has those of ``over``."""

    axis: str
    over: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"integers 0..{self.axis}-1" + (f" over {' x '.join(self.over)}" if self.over else "")


@dataclass(frozen=True)
class Identifiers:
    """Integers over some axes that are only told apart, such as the person that an embedding is of."""

    axes: tuple[str, ...]

    def __str__(self) -> str:
        return f"integer identifiers over {' x '.join(self.axes)}"


Domain = Interval | Signs | Simplex | Vectors | Arrays | ClassLabel | Identifiers

real = Interval()
positive = Interval(0.0, math.inf, lower_open=True)
nonnegative = Interval(0.0, math.inf)
unit = Interval(0.0, 1.0)
open_unit = Interval(0.0, 1.0, lower_open=True, upper_open=True)


def entries_of(domain: Domain) -> Interval:
    """The interval that every single entry of the domain lies in."""
    match domain:
        case Interval():
            return domain
        case Vectors() | Arrays():
            return domain.entries
        case Simplex():
            return unit
        case Signs():
            return Interval(-1.0, 1.0)
        case ClassLabel():
            return nonnegative
        case Identifiers():
            return real


def contains_all(domain: Domain, entries: Sequence[float]) -> bool:
    """Whether the entries of one sample lie in the domain, in order where they must rise."""
    falls = isinstance(domain, Rising) and any(after < before for before, after in pairwise(entries))
    return not falls and all(entries_of(domain).contains(entry) for entry in entries)


def axes_of(domain: Domain) -> tuple[str, ...]:
    """The names of the axes that an array of the domain has within one sample."""
    match domain:
        case Simplex() | Vectors():
            return (domain.axis,)
        case Arrays() | Identifiers():
            return domain.axes
        case ClassLabel():
            return domain.over
    return ()
