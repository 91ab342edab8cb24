"""Whether gradient boosting can train a loss, in which library, and with which curvature."""

from __future__ import annotations

from dataclasses import dataclass

from symloss.analyse.curvature import Curvature, curvatures, output_curvatures, safe_default
from symloss.analyse.findings import Grade
from symloss.analyse.structure import Layout, layout_of
from symloss.declare import ClassLabel, Loss, Simplex
from symloss.declare.domain import Interval, entries_of
from symloss.declare.outputs import Output, outputs_of
from symloss.mathematics import study
from symloss.modules import Mathematics
from symloss.targets import TARGETS

LIBRARIES = {name: target.library for name, target in TARGETS.items() if target.library is not None}

# What classes of objectives call their attributes, methods and constructor arguments: no parameter may be called so.
_OF_CLASSES = """
add_start arguments beside_diagonal calc_ders_multi calc_ders_range changed check classes_ curvature data
decision_function derivatives derivatives_of_row early_stopping_rounds evaluate fit floor get_final_error get_params
grid is_max_optimal iterations looked_up loss loss_at metric model_ n_estimators n_features_in_ no_jit objective
objective_ parameters params predict predict_parameters predict_proba rows score set_params settled smoothing start
start_value start_value_ started_at step_at train
"""
# What their functions compute with that take further inputs: no such input may be called so.
_BESIDE_INPUTS = """
arguments batch bend block curvature data eval_set gradient group item lists offsets options own place raw_score rows
slope smallest smoothing start train_set value watched y
"""


@dataclass(frozen=True)
class Trainable:
    """What a library makes of a loss: whether it can train it, and why, or why not."""

    library: str
    can_train: bool
    why: str


@dataclass(frozen=True)
class TrainedOutput:
    """One of several parameters that are predicted: its loss in its raw score, and the curvatures of that."""

    output: Output
    mathematics: Mathematics
    curvatures: dict[str, Curvature]


@dataclass(frozen=True)
class Training:
    """How boosters train a loss: through which form, in which layout, with which curvatures and default."""

    form: Loss
    layout: Layout
    curvatures: dict[str, Curvature]
    default: str
    libraries: tuple[Trainable, ...]
    outputs: tuple[TrainedOutput, ...] = ()


def training_of(mathematics: Mathematics) -> Training:
    """For the form that takes raw scores."""
    loss = mathematics.loss
    reasons = {name: why_not(loss, name) for name in LIBRARIES}
    libraries = tuple(Trainable(name, not why, why or _how(loss, name)) for name, why in reasons.items())
    if outputs := outputs_of(loss):
        return _of_parameters(loss, outputs, libraries)
    found = {} if all(reasons.values()) else curvatures(mathematics)
    return Training(loss, layout_of(loss), found, safe_default(mathematics, found) if found else "", libraries)


def _of_parameters(loss: Loss, outputs: tuple[Output, ...], libraries: tuple[Trainable, ...]) -> Training:
    """For a distribution: one curvature policy for all of its parameters, which has to be safe for each."""
    studied = [study(output.loss) for output in outputs]
    found = output_curvatures(outputs, studied)
    trained = tuple(map(TrainedOutput, outputs, studied, found))
    shared = {
        policy: _weakest([item[policy] for item in found]) for policy in found[0] if all(policy in x for x in found)
    }
    default = next(
        policy for policy in ("fisher", "exact", "absolute", "ones") if policy in shared and shared[policy].is_safe
    )
    return Training(loss, Layout.PARAMETERS, shared, default, libraries, trained)


def _weakest(items: list[Curvature]) -> Curvature:
    """The curvature that holds least of all."""
    order = (Grade.PROVED, Grade.SUPPORTED, Grade.UNKNOWN, Grade.REFUTED)
    return max(items, key=lambda item: order.index(item.finding.grade))


def why_not(loss: Loss, library: str) -> str:
    """Why a library can't train a loss of these scores; empty where it can."""
    layout = layout_of(loss)
    if clashes := sorted(_clashing(loss)):
        return f"objectives need the name {', '.join(clashes)} themselves: rename it in the declaration"
    if outputs_of(loss):
        return "" if LIBRARIES[library].several_scores else "it trains several scores per row for classes only"
    if layout is Layout.OTHER:
        return "its predictions are not scores of the rows of a table"
    if entries_of(loss.y_pred) != Interval():
        return f"raw scores are any real numbers, y_pred is {loss.y_pred}: declare a link"
    if layout is Layout.LIST and not LIBRARIES[library].whole_tables:
        return "the loss of one row depends on other rows, and it hands over blocks of rows"
    if layout is Layout.OUTPUTS and not isinstance(loss.y_true, ClassLabel | Simplex):
        return f"{library} passes one label per row, and y_true is {loss.y_true}"
    return ""


def _clashing(loss: Loss) -> set[str]:
    """Parameters and further inputs with names that objectives have for something else."""
    parameters, inputs = ({item.name for item in items} for items in (loss.parameters, loss.extra_inputs))
    return parameters & set(_OF_CLASSES.split()) | inputs & set(_BESIDE_INPUTS.split())


def _how(loss: Loss, library: str) -> str:
    if outputs := outputs_of(loss):
        return f"one score per parameter: {', '.join(output.name for output in outputs)}"
    if layout_of(loss) is Layout.LIST:
        return "one score per row; the rows of a group, or all of a data set without groups, are one list"
    if loss.is_elementwise:
        return "one score per row"
    return f"one score per class{LIBRARIES[library].remark}"
