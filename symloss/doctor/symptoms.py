"""What can be wrong with a hand-written objective, and how bad that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Severity(StrEnum):
    """Whether a model would be wrong or missing, whether something may bite later, or whether it is only told."""

    FAULT = "fault"
    ADVICE = "advice"
    NOTE = "note"


@dataclass(frozen=True)
class Symptom:
    """One thing that was seen: its code, what it means and what to do, on which share of the points, the worst one."""

    code: str
    severity: Severity
    message: str
    share: float | None = None
    at: Mapping[str, float | list[float]] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        """For a script."""
        return {
            "code": self.code,
            "severity": str(self.severity),
            "message": self.message,
            "share": self.share,
            "at": dict(self.at),
        }


def fault(
    code: str, message: str, share: float | None = None, at: Mapping[str, float | list[float]] | None = None
) -> Symptom:
    """A model trained with this would be wrong, or there would be none."""
    return Symptom(code, Severity.FAULT, message, share, at or {})


def advice(
    code: str, message: str, share: float | None = None, at: Mapping[str, float | list[float]] | None = None
) -> Symptom:
    """Right as it stands, wrong in a use that is common."""
    return Symptom(code, Severity.ADVICE, message, share, at or {})


def note(code: str, message: str) -> Symptom:
    """Nothing is wrong."""
    return Symptom(code, Severity.NOTE, message)


def shown(number: Any) -> str:
    """A number, or a vector, in few digits."""
    if np.ndim(number):
        return "[" + ", ".join(map(shown, np.ravel(number))) + "]"
    return f"{float(number):.6g}"


def worst(gap: Array) -> tuple[int, ...]:
    """The place of the largest number."""
    return tuple(map(int, np.unravel_index(int(np.argmax(gap)), gap.shape)))


def percent(share: float) -> str:
    """A share for people; never 0 % or 100 % where it is neither."""
    text = f"{100 * share:.0f}"
    if text == "0" and share > 0:
        return f"{100 * share:.1g} %"
    return "over 99 %" if text == "100" and share < 1 else f"{text} %"
