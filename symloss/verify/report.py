"""What a verification found: the worst error of every function, and every failure with its likely cause."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from symloss.verify.oracle import Point


@dataclass(frozen=True)
class Failure:
    """One function that is wrong: the worst point, both numbers and, where it is plain, the cause."""

    loss: str
    target: str
    function: str
    group: str
    point: Point | None
    got: float
    expected: float
    cause: str = ""

    def __str__(self) -> str:
        cause = f" ({self.cause})" if self.cause else ""
        where = f" at {_shown(self.point)}" if self.point is not None else ""
        return (
            f"{self.loss} [{self.target}] {self.function}{cause}: got {self.got!r}, expected {self.expected!r}"
            f"{where} [{self.group}]"
        )


@dataclass
class Report:
    """The outcome for one loss and target; at undecided points no affordable precision tells the truth."""

    loss: str
    target: str
    points: int = 0
    undecided: int = 0
    worst: dict[str, float] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    def record(self, function: str, error: float) -> None:
        """Keep the largest error of a function, in ulps of the result, divided by 1 + S."""
        self.worst[function] = max(self.worst.get(function, 0.0), error)

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "passed": self.passed}


def _shown(point: Point | None) -> str:
    if point is None:
        return ""
    constants = ", ".join(f"{name}={value!r}" for name, value in point.constants.items())
    return f"y_true={point.y_true!r}, y_pred={point.y_pred!r}" + (f", {constants}" if constants else "")


def cause_of(pairs: list[tuple[float, float]]) -> str:
    """Name the cause when every wrong number is the right one times the same factor."""
    ratios = [got / expected for got, expected in pairs if expected and abs(expected) > 1e-290 and abs(got) < 1e290]
    if len(ratios) < 2:
        return ""
    middle = sorted(ratios)[len(ratios) // 2]
    if middle == 0 or abs(middle - 1) < 1e-6 or any(abs(ratio - middle) > 1e-6 * abs(middle) for ratio in ratios):
        return ""
    if abs(middle + 1) < 1e-6:
        return "opposite sign"
    return f"constant factor {middle:.6g}"
