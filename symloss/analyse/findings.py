"""What was found out about a loss, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Grade(StrEnum):
    """How far a claim holds."""

    PROVED = "proved"
    SUPPORTED = "supported"
    REFUTED = "refuted"
    UNKNOWN = "unknown"

    @property
    def holds(self) -> bool:
        """Whether one may rely on the claim."""
        return self in (Grade.PROVED, Grade.SUPPORTED)


@dataclass(frozen=True)
class Finding:
    """A claim about a loss, its grade, what is found (a constant, a formula), and why.

    ``at`` is the counter-example of a refuted claim: the arguments of the loss, by name.
    """

    claim: str
    grade: Grade
    why: str
    answer: str = ""
    at: Mapping[str, float] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        """For a script."""
        found: dict[str, Any] = {"claim": self.claim, "grade": str(self.grade), "answer": self.answer, "why": self.why}
        return found | ({"counter_example": dict(self.at)} if self.at else {})


def proved(claim: str, why: str, answer: str = "") -> Finding:
    """The claim follows from the expression."""
    return Finding(claim, Grade.PROVED, why, answer)


def supported(claim: str, why: str, answer: str = "") -> Finding:
    """No number tried contradicts the claim."""
    return Finding(claim, Grade.SUPPORTED, why, answer)


def refuted(claim: str, why: str, at: Mapping[str, float], answer: str = "") -> Finding:
    """The claim fails, at a point that anybody can check."""
    return Finding(claim, Grade.REFUTED, why, answer, at)


def unknown(claim: str, why: str) -> Finding:
    """Neither a proof nor numbers."""
    return Finding(claim, Grade.UNKNOWN, why)
