"""From one form of a loss and a boosting library to the text of an objective module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sympy import Expr, Symbol

from symloss.analyse.boosters import TrainedOutput, Training
from symloss.analyse.brief import objective_kernel
from symloss.analyse.curvature import Curvature
from symloss.analyse.structure import Layout
from symloss.arithmetic import FLOATS
from symloss.declare import ClassLabel, Loss, Signs, Simplex
from symloss.declare.outputs import Output
from symloss.derive import Derivation
from symloss.display import Notation
from symloss.emit import emit
from symloss.errors import UnsupportedError
from symloss.kernel import Apply, Input, Kernel
from symloss.lower import GRADIENT, HESSIAN, SMOOTHING
from symloss.modules import Mathematics, Provenance, template_values
from symloss.targets import Target
from symloss.templating import render

_SMALLEST, _LARGEST = "1e-16", "1e30"  # curvature in double precision; what sums of float32 still hold
_MOST_ROWS = 2**24  # float32 counts no further
_OF_EVERY_ROW = ("value", "gradient", "prediction", "start_statistic")  # the other outputs are curvatures
_HESSIANS = ("exact", "floor")  # policies whose curvature is the Hessian itself
_MEANINGS = {
    "exact": "the second derivative",
    "floor": "the second derivative, or ``floor`` where it is less",
    "absolute": "the size of the second derivative",
    "gauss_newton": "the curvature in the prediction, without that of the link",
    "fisher": "the second derivative that is expected where the prediction is right",
    "majoriser": "that of a parabola that touches the loss and lies above it",
    "ones": "1, which is gradient descent",
}
_BOUND = "a bound on the whole matrix over the classes, twice its diagonal"
_DIAGONAL = {"exact": "the diagonal of the second derivative", "absolute": "the size of that diagonal"}


def objective_text(mathematics: Mathematics, training: Training, target: Target, provenance: Provenance) -> str:
    """The text of ``generated/<library>/<loss>.py`` for the form that takes raw scores.

    Raises UnsupportedError where the library can't train the loss.
    """
    verdict = next(item for item in training.libraries if item.library == target.name)
    if not verdict.can_train:
        raise UnsupportedError(f"{mathematics.loss.name} is no objective for {target.name}: {verdict.why}")
    if training.outputs:
        return _distribution_text(training, target, provenance)
    derived = {policy: item.expression for policy, item in _safe(training).items() if policy not in _HESSIANS}
    kernel = objective_kernel(mathematics, derived)
    studied = replace(mathematics, kernel=_constants_once(kernel) if mathematics.loss.is_elementwise else kernel)
    values = template_values(studied, target, replace(provenance, arithmetic=FLOATS, certificate=None))
    values |= _objective_values(studied, training, target, values)
    return render(f"{target.name}/module.jinja", **values)


def _constants_once(kernel: Kernel) -> Kernel:
    """The kernel with a constant curvature as one number: it is spread over the rows where it is kept."""

    def once(name: str, position: int) -> int:
        match kernel.values[position].definition:
            case Apply("fill", (number, _)) if name not in _OF_EVERY_ROW:
                return number
        return position

    return replace(kernel, outputs={name: once(name, position) for name, position in kernel.outputs.items()})


def _distribution_text(training: Training, target: Target, provenance: Provenance) -> str:
    """The text for a loss of several predicted parameters: kernels of the first output's loss, and of each other's."""
    first = training.outputs[0]
    plain = replace(provenance, arithmetic=FLOATS, certificate=None)
    values = template_values(first.mathematics, target, plain)
    loss = first.mathematics.loss
    raws = [item.output.raw_name for item in training.outputs[1:]]
    studied = _with_curvatures(training)
    columns = _in_columns(training, studied, target)
    values |= _objective_values(first.mathematics, training, target, values)
    kept = [item.name for item in loss.extra_inputs if item.name not in raws]
    scores = {raw: f"raw_score[:, {place}]" for place, raw in enumerate(raws, start=1)}
    values |= {
        "name": training.form.name,
        "title": training.form.name.replace("_", " ").capitalize(),
        "class_name": "".join(part.capitalize() for part in training.form.name.split("_")),
        "summary": training.form.summary,
        "metric_name": f"loss_{training.form.name}",
        "metadata": values["metadata"]
        | {"name": training.form.name, "outputs": [item.output.name for item in training.outputs]},
        "columns": columns,
        "column_values": [item["inverse"].format(f"raw_score[:, {place}]") for place, item in enumerate(columns)],
        "outputs": True,
        "estimator": "Regressor",
        **_bindings(kept, scores, loss),
        "policies": [_shared_policy(item) for item in _safe(training).values()],
        "kernels": [item for item in values["kernels"] if item["name"] == "value"],
        "operations": set().union(*map(_operations, studied)),
        "label_domain": values["domains"]["y_true"],
        "smoothing": False,
    }
    return render(f"{target.name}/module.jinja", **values)


def _with_curvatures(training: Training) -> list[Mathematics]:
    """The mathematics of every output, with a kernel that computes its safe curvatures too."""
    policies = [policy for policy in _safe(training) if policy not in _HESSIANS]
    return [
        replace(
            item.mathematics,
            kernel=_renamed(
                objective_kernel(item.mathematics, {name: item.curvatures[name].expression for name in policies}),
                item.output,
                training.outputs[0].output,
            ),
        )
        for item in training.outputs
    ]


def _renamed(kernel: Kernel, output: Output, first: Output) -> Kernel:
    """The kernel of one output with the names that the first output's loss has for all scores."""
    names = {"y_pred": output.raw_name, first.raw_name: "y_pred"} if output.name != first.name else {}
    values = tuple(
        replace(
            value, definition=replace(value.definition, name=names.get(value.definition.name, value.definition.name))
        )
        if isinstance(value.definition, Input)
        else value
        for value in kernel.values
    )
    return replace(kernel, values=values)


def _in_columns(training: Training, studied: list[Mathematics], target: Target) -> list[dict[str, Any]]:
    """What a template shows of every output: its name, its link, and its derivatives under every policy."""
    in_float64 = replace(target, indicator="{0}.astype(np.float64)")
    found = []
    for item, mathematics in zip(training.outputs, studied, strict=True):
        shown = _as_first_calls_them(item, training.outputs[0])
        functions = []
        for policy in _safe(training):
            second = "hessian" if policy in _HESSIANS else policy
            curvature = item.curvatures[policy].expression
            functions.append(
                {
                    "policy": policy,
                    "name": f"_gradient_and_{second}_of_{item.output.name}",
                    "program": emit(mathematics.kernel, in_float64, "gradient", second),
                    "latex": shown(_in_letters(curvature)),
                }
            )
        unique = {function["name"]: function for function in functions}
        found.append(
            {
                "name": item.output.name,
                "link": "identity" if item.output.link is None else item.output.link.name,
                "inverse": _INVERSES["identity" if item.output.link is None else item.output.link.name],
                "gradient": shown(mathematics.derivation.spelled_out(mathematics.derivation.gradient)),
                "functions": list(unique.values()),
                "by_policy": {function["policy"]: function["name"] for function in functions},
            }
        )
    return found


def _as_first_calls_them(item: TrainedOutput, first: TrainedOutput) -> Callable[[Expr], str]:
    """LaTeX of an expression in the raw score of one output, with the names of the first output's loss."""
    own, other = item.mathematics.loss, first.mathematics.loss
    names: dict[Expr, Expr] = {}
    if item is not first:
        names = {symbol: Symbol(symbol.name, real=True) for symbol in own.symbols}
        names |= {own.pred_symbol: Symbol(item.output.raw_name, real=True)}
        names |= {symbol: other.pred_symbol for symbol in own.symbols if symbol.name == first.output.raw_name}
    notation = Notation(other)
    return lambda expression: notation.latex(expression.xreplace(names))


_INVERSES = {"identity": "{0}", "log": "np.exp({0})", "logit": "1 / (1 + np.exp(-{0}))"}


def _shared_policy(item: Curvature) -> dict[str, Any]:
    """A policy of all outputs, for the module's docstring."""
    return {
        "name": item.policy,
        "meaning": _MEANINGS[item.policy],
        "grade": f"{item.finding.grade} to be positive wherever the gradient is not 0",
        "program": None,
        "function": "",
    }


def _safe(training: Training) -> dict[str, Curvature]:
    """The curvatures that give a Newton step wherever the loss is not flat."""
    return {policy: item for policy, item in training.curvatures.items() if item.is_safe}


def _objective_values(
    mathematics: Mathematics, training: Training, target: Target, values: Mapping[str, Any]
) -> dict[str, Any]:
    loss = mathematics.loss
    is_of_lists = training.layout is Layout.LIST
    extras = [item.name for item in loss.extra_inputs]
    parameters = [item.name for item in loss.parameters]
    has_smoothing = any(item.expression.has(SMOOTHING) for item in _safe(training).values())
    is_floored = "floor" in training.curvatures
    options = [*(["smoothing"] if has_smoothing else []), *(["floor"] if is_floored else [])]
    own = [*parameters, "curvature", *options]
    return {
        "library": target.library,
        "outputs": not loss.is_elementwise and not is_of_lists,
        "lists": is_of_lists,
        "several_labels": _may_have_several_labels(loss, target),
        "one_hot": isinstance(loss.y_true, Simplex),
        "by_class": isinstance(loss.y_true, ClassLabel | Simplex),
        "label_domain": "class numbers 0, 1, …"
        if not loss.is_elementwise and not is_of_lists
        else values["domains"]["y_true"],
        "estimator": "Classifier" if _tells_classes(loss) else "Regressor",
        "metric_name": f"loss_{loss.name}",
        "policies": []
        if training.outputs
        else [_policy(item, mathematics, target) for item in _safe(training).values()],
        "default": training.default,
        "smoothing": has_smoothing,
        "floored": is_floored,
        "smallest": _SMALLEST,
        "largest": _LARGEST,
        "most_rows": _MOST_ROWS,
        "own_parameters": own,
        **_bindings(extras, {}, loss, in_groups=is_of_lists),
        "columns": [],
        "column_values": [],
        "kernels": _wanted(values["kernels"], training),
        "operations": _operations(mathematics),
        "metadata": {**values["metadata"], "certificate": None, "default_curvature": training.default},
        "no_start": "scores of a list are compared with each other" if is_of_lists else values["no_start"],
        "accuracy": (),
    }


def _bindings(extras: list[str], scores: Mapping[str, str], loss: Loss, *, in_groups: bool = False) -> dict[str, Any]:
    """How further inputs, further raw scores and parameters are handed on in calls."""
    given = (
        {name: name for name in extras} | dict(scores) | {item.name: f"self.{item.name}" for item in loss.parameters}
    )
    bound = [*extras, *(["group"] if in_groups else [])]
    return {
        "extras_kept": extras,
        "extra_arguments": [f"|{name}" for name in extras],
        "batch_arguments": "".join(f"|{name}={value}" for name, value in given.items()),
        "batch_extras": "|{" + ", ".join(f'"{name}": {name}' for name in bound) + "}" if bound else "",
        "extras_passed": [f"|{name}={name}" for name in extras],
    }


def _may_have_several_labels(loss: Loss, target: Target) -> bool:
    """Whether rows may have several labels, each with a score of its own."""
    library = target.library
    is_of_numbers = loss.is_elementwise and not loss.extra_inputs and not _tells_classes(loss)
    return library is not None and library.several_labels and is_of_numbers


def _tells_classes(loss: Loss) -> bool:
    """Whether the labels are classes, rather than numbers."""
    is_probability = loss.composed is not None and loss.link is not None and loss.link.name == "logit"
    return isinstance(loss.y_true, Signs | ClassLabel | Simplex) or is_probability


def _wanted(kernels: list[dict[str, Any]], training: Training) -> list[dict[str, Any]]:
    """The kernels that an objective calls."""
    names = {"value", "gradient", "prediction", "start_statistic", "gradient_and_hessian"}
    if training.layout is Layout.OUTPUTS:
        names |= {"hessian_vector_product"}
    return [item for item in kernels if item["name"] in names]


def _operations(mathematics: Mathematics) -> set[str]:
    """Every operation of the kernel: helpers are written for those alone."""
    return {item.definition.operation for item in mathematics.kernel.values if isinstance(item.definition, Apply)}


def _policy(item: Curvature, mathematics: Mathematics, target: Target) -> dict[str, Any]:
    policy, is_one_score = item.policy, mathematics.loss.is_elementwise
    program = None if policy in _HESSIANS else emit(mathematics.kernel, target, "gradient", policy)
    meaning = _MEANINGS[policy]
    if not is_one_score:
        meaning = _BOUND if policy == "majoriser" else _DIAGONAL.get(policy, meaning)
    return {
        "name": policy,
        "meaning": meaning,
        "grade": f"{item.finding.grade} to be positive wherever the gradient is not 0",
        "program": program,
        "function": f"_gradient_and_{'hessian' if policy in _HESSIANS else policy}",
        "latex": _latex(item, mathematics.derivation),
    }


def _latex(item: Curvature, derivation: Derivation) -> str:
    return Notation(derivation.loss).latex(_in_letters(item.expression))


def _in_letters(curvature: Expr) -> Expr:
    """In terms of the gradient g and the Hessian h."""
    return curvature.xreplace({GRADIENT: Symbol("g", real=True), HESSIAN: Symbol("h", real=True)})  # type: ignore[no-any-return]
