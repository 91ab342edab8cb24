"""What an examination found, for people, scripts and tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from symloss.doctor.symptoms import Severity, Symptom, percent, shown
from symloss.errors import SymlossError


class FaultyObjectiveError(SymlossError):
    """An objective has faults; the message lists them."""


@dataclass(frozen=True)
class Diagnosis:
    """The symptoms of one objective in one library, the worst first.

    ``style`` is how it was called, ``labels`` with which labels; ``corrected`` are lines of Python and a command that
    make an objective of the declared loss, where there is one.
    """

    objective: str
    library: str
    style: str
    labels: str
    loss: str | None
    symptoms: tuple[Symptom, ...]
    corrected: str | None = None

    @property
    def faults(self) -> tuple[Symptom, ...]:
        """Symptoms with which a trained model is wrong, or missing."""
        return tuple(item for item in self.symptoms if item.severity is Severity.FAULT)

    @property
    def advice(self) -> tuple[Symptom, ...]:
        """Symptoms that matter in some uses."""
        return tuple(item for item in self.symptoms if item.severity is Severity.ADVICE)

    @property
    def passed(self) -> bool:
        """Whether there is no fault."""
        return not self.faults

    def codes(self) -> set[str]:
        """The codes of faults and advice."""
        return {item.code for item in (*self.faults, *self.advice)}

    def raise_if_failed(self, *, strict: bool = False) -> None:
        """Raise FaultyObjectiveError where there is a fault; where ``strict``, for advice too."""
        if self.faults or (strict and self.advice):
            raise FaultyObjectiveError(str(self))

    def as_data(self) -> dict[str, Any]:
        """For a script."""
        return {
            "objective": self.objective,
            "library": self.library,
            "style": self.style,
            "labels": self.labels,
            "loss": self.loss,
            "passed": self.passed,
            "symptoms": [item.as_data() for item in self.symptoms],
            "corrected": self.corrected,
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Diagnosis:
        """What ``as_data`` wrote."""
        symptoms = tuple(
            Symptom(item["code"], Severity(item["severity"]), item["message"], item["share"], item["at"])
            for item in data["symptoms"]
        )
        names = ("objective", "library", "style", "labels", "loss", "corrected")
        return cls(**{name: data[name] for name in names}, symptoms=symptoms)

    def __str__(self) -> str:
        lines = [f"{self.objective} for {self.library}, {self.style} style, {self.labels}: {self.verdict}"]
        lines += [f"  {item.severity} {item.code}: {described(item)}" for item in self.symptoms]
        return "\n".join(lines)

    @property
    def verdict(self) -> str:
        """How many faults and how much advice, in words."""
        counts = (len(self.faults), len(self.advice))
        if not any(counts):
            return "no faults"
        faults = f"{counts[0]} fault{'s' * (counts[0] != 1)}" if counts[0] else "no faults"
        return faults + (f", {counts[1]} piece{'s' * (counts[1] != 1)} of advice" if counts[1] else "")


def described(item: Symptom) -> str:
    """The message, the share of points, and the worst of them."""
    share = "" if item.share is None else f" (at {percent(item.share)} of the points)"
    at = ", ".join(f"{name}={shown(value)}" for name, value in item.at.items())
    return f"{item.message}{share}" + (f" [{at}]" if at else "")
