"""The admissibility report for a terminal or a pipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symloss.analyse.findings import Finding
from symloss.analyse.report import Report

_QUESTIONS = {
    "additive_over_rows": "additive over rows",
    "coupled_over_outputs": "coupled over outputs",
    "twice_differentiable": "twice differentiable",
    "convex": "convex",
    "strongly_convex": "strongly convex",
    "hessian_positive": "Hessian positive",
    "lipschitz": "Lipschitz",
    "smooth": "gradient Lipschitz",
    "symmetric": "symmetric",
    "minimiser": "minimised by",
}
_MOST_REGIONS = 6


def finding_rows(report: Report) -> list[list[str]]:
    """Claim, grade, what was found, and why, one row per claim."""
    return [[_QUESTIONS[item.claim], str(item.grade), item.answer, reason(item)] for item in report.findings]


def curvature_rows(report: Report) -> list[list[str]]:
    """Policy, whether it is positive where the loss is steep, and why; the default is marked."""
    return [
        [
            f"{name} (default)" if name == report.training.default else name,
            str(item.finding.grade),
            reason(item.finding),
        ]
        for name, item in report.training.curvatures.items()
    ]


def library_rows(report: Report) -> list[list[str]]:
    """Library, whether it can train the loss, and why."""
    return [[item.library, "yes" if item.can_train else "no", item.why] for item in report.training.libraries]


def closing_lines(report: Report) -> list[str]:
    """Regions of bad curvature, and the start value."""
    shown = [f"Hessian {region}" for region in report.regions[:_MOST_REGIONS]]
    left = len(report.regions) - len(shown)
    return [*shown, *([f"and {left} regions more"] if left > 0 else []), f"best constant: {report.start_value}"]


def reason(finding: Finding) -> str:
    """Why, with the counter-example where there is one."""
    return f"{finding.why} [{_point(finding.at)}]" if finding.at else finding.why


def _point(at: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_number(value)}" for name, value in at.items())


def _number(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_number, value)) + "]"
    return f"{value:.6g}"
