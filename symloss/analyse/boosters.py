"""Whether gradient boosting can train a loss, in which library, and with which curvature."""

from __future__ import annotations

from dataclasses import dataclass

from symloss.analyse.curvature import Curvature, curvatures, safe_default
from symloss.analyse.structure import Layout, layout_of
from symloss.declare import ClassLabel, Loss, Simplex
from symloss.declare.domain import Interval, entries_of
from symloss.modules import Mathematics

LIBRARIES = ("xgboost", "lightgbm", "catboost")


@dataclass(frozen=True)
class Trainable:
    """What a library makes of a loss: whether it can train it, and why, or why not."""

    library: str
    can_train: bool
    why: str


@dataclass(frozen=True)
class Training:
    """How boosters train a loss: through which form, in which layout, with which curvatures and default."""

    form: Loss
    layout: Layout
    curvatures: dict[str, Curvature]
    default: str
    libraries: tuple[Trainable, ...]


def training_of(mathematics: Mathematics) -> Training:
    """For the form that takes raw scores."""
    loss, layout = mathematics.loss, layout_of(mathematics.loss)
    refusal = why_not(loss)
    found = {} if refusal or layout is Layout.LIST else curvatures(mathematics)
    libraries = tuple(Trainable(name, *_verdict(loss, layout, refusal, name)) for name in LIBRARIES)
    return Training(loss, layout, found, safe_default(found) if found else "", libraries)


def why_not(loss: Loss) -> str:
    """Why no booster trains a loss of these scores; empty where one does."""
    if layout_of(loss) is Layout.OTHER:
        return "its predictions are not scores of the rows of a table"
    if entries_of(loss.y_pred) != Interval():
        return f"raw scores are any real numbers, y_pred is {loss.y_pred}: declare a link"
    if layout_of(loss) is Layout.LIST:
        return "the loss of one row depends on other rows"
    return ""


def _verdict(loss: Loss, layout: Layout, refusal: str, library: str) -> tuple[bool, str]:
    if refusal:
        return False, refusal
    if layout is Layout.SCORE:
        return True, "one score per row"
    if not isinstance(loss.y_true, ClassLabel | Simplex):
        is_able = library == "xgboost"
        return is_able, "targets of several columns" if is_able else "its labels are one number per row"
    if library == "catboost":
        return True, "one score per class; Python is called for every row"
    return True, "one score per class"
