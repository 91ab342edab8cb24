"""The admissibility report: every claim about one form of a loss, graded, and what boosters make of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from symloss.analyse import convexity, differentiability, minimiser, over_axes, steepness, structure, symmetry
from symloss.analyse.boosters import Training, training_of
from symloss.analyse.findings import Finding, unknown
from symloss.analyse.landscape import Landscape
from symloss.errors import stage
from symloss.modules import Mathematics, start_sentence


@dataclass(frozen=True)
class Report:
    """What was found out about one form."""

    loss: str
    formula: str
    findings: tuple[Finding, ...]
    regions: tuple[convexity.Region, ...]
    start_value: str
    training: Training

    def finding(self, claim: str) -> Finding:
        """The finding of one claim."""
        return next(item for item in self.findings if item.claim == claim)

    def as_data(self) -> dict[str, Any]:
        """For a script."""
        return {
            "loss": self.loss,
            "formula": self.formula,
            "findings": [item.as_data() for item in self.findings],
            "hessian_regions": [str(region) for region in self.regions],
            "start_value": self.start_value,
            "trained_as": self.training.form.name,
            "layout": str(self.training.layout),
            "curvatures": {name: item.finding.as_data() for name, item in self.training.curvatures.items()},
            "default_curvature": self.training.default,
            "libraries": [
                {"library": item.library, "can_train": item.can_train, "why": item.why}
                for item in self.training.libraries
            ],
        }


def report_on(mathematics: Mathematics, raw: Mathematics) -> Report:
    """The report on a form; ``raw`` is the form that takes raw scores, which is what boosters train."""
    loss = mathematics.loss
    with stage("analyse", loss.name):
        found = [
            structure.is_additive_over_rows(mathematics),
            structure.is_coupled_over_outputs(mathematics),
            differentiability.is_twice_differentiable(mathematics),
        ]
        landscape = Landscape(mathematics)
        found += _of_scores(landscape) if loss.is_elementwise else _over_axes(mathematics)
        regions = tuple(convexity.regions(landscape)) if loss.is_elementwise else ()
        formula = str(loss.full_expression)
        return Report(loss.name, formula, tuple(found), regions, start_sentence(mathematics), training_of(raw))


def _of_scores(landscape: Landscape) -> list[Finding]:
    return [
        convexity.is_convex(landscape),
        convexity.is_strongly_convex(landscape),
        convexity.hessian_is_positive(landscape),
        steepness.is_lipschitz(landscape),
        steepness.is_smooth(landscape),
        symmetry.is_symmetric(landscape),
        minimiser.minimiser(landscape),
    ]


def _over_axes(mathematics: Mathematics) -> list[Finding]:
    named = mathematics.derivation.start_statistic
    best = unknown("minimiser", "no functional that is known by name; solved numerically, or not at all")
    return [
        over_axes.is_convex(mathematics),
        over_axes.largest_entry(mathematics, "gradient", "lipschitz"),
        over_axes.largest_entry(mathematics, "hessian", "smooth"),
        best if named is None else over_axes.minimiser(mathematics),
    ]
