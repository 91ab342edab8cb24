"""How the entries of a batch are tied together: which of them are samples, and which share one loss."""

from __future__ import annotations

from enum import StrEnum

import sympy

from symloss.analyse.findings import Finding, proved, refuted
from symloss.declare import ClassLabel, Delta, Element, Lists, Loss, Simplex, Vectors
from symloss.differentiate import along_entry, differentiate
from symloss.modules import Mathematics
from symloss.simplify import tidy
from symloss.stages import entry_indices


class Layout(StrEnum):
    """What the predictions of one table are to a loss."""

    SCORE = "one score per row"
    OUTPUTS = "several scores per row"
    PARAMETERS = "one score per parameter of a distribution"
    LIST = "one score per row, rows in lists"
    OTHER = "arrays that rows of a table do not have"


def layout_of(loss: Loss) -> Layout:
    """How the predictions of a table of rows are arguments of the loss."""
    if loss.is_elementwise:
        return Layout.SCORE
    if isinstance(loss.y_pred, Lists) and len(loss.axes_of_data("y_pred")) == 1:
        return Layout.LIST
    is_of_rows = isinstance(loss.y_true, ClassLabel | Simplex | Vectors) and loss.has_one_axis and not loss.is_coupled
    return Layout.OUTPUTS if is_of_rows else Layout.OTHER


def is_additive_over_rows(mathematics: Mathematics) -> Finding:
    """Whether the loss of a table is the sum of one term per row."""
    claim = "additive_over_rows"
    loss = mathematics.loss
    layout = layout_of(loss)
    if layout is Layout.SCORE:
        return proved(claim, "the expression has no sum over samples: every element is one")
    if layout is Layout.OUTPUTS or (loss.rows is None and layout is Layout.OTHER):
        return proved(claim, f"the axes {_axes(loss)} lie within one sample")
    tied = "of a list" if layout is Layout.LIST else f"of the axis {loss.rows.axis}"  # type: ignore[union-attr]
    return refuted(claim, f"the loss of one row depends on the other rows {tied}", {})


def _axes(loss: Loss) -> str:
    return ", ".join(map(str, loss.axes))


def is_coupled_over_outputs(mathematics: Mathematics) -> Finding:
    """Whether the derivative by one score of a sample depends on its other scores."""
    claim = "coupled_over_outputs"
    loss, derivation = mathematics.loss, mathematics.derivation
    if loss.is_elementwise:
        return refuted(claim, "there is one score per sample", {})
    if not loss.has_one_axis:
        return proved(claim, f"the expression sums over pairs of entries, or over {_axes(loss)} at once")
    (at,), (other,) = entry_indices(loss)
    gradient = derivation.steps["gradient"][1]
    beside = tidy(differentiate(gradient, along_entry(loss.pred_symbol, (other,))), loss)
    if beside.xreplace({Delta(at, other): sympy.Integer(0)}) != 0:
        return proved(claim, "the second derivative by two different scores is not 0")
    entries = [node for node in gradient.atoms(Element) if node.data == loss.pred_symbol]
    if any(node.indices != (at,) for node in entries):
        return proved(claim, "which branch the derivative by one score is on depends on other scores")
    return refuted(claim, "the derivative by one score has no other score in it", {})
