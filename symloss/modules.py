"""From a derivation and a target to the text of one generated module: gathers what the templates show."""

from __future__ import annotations

import linecache
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, count
from pathlib import Path
from types import ModuleType
from typing import Any

import sympy
from sympy import Expr

from symloss.arithmetic import FLOATS, Arithmetic, Doubt, extended_kernel, pair_kernel
from symloss.declare import ClassLabel, Data, Identifiers, Index, Interval, Lists, Loss, Rising, Signs, Simplex, Vectors
from symloss.declare.binders import Largest
from symloss.declare.domain import Domain, axes_of, entries_of
from symloss.derive import Derivation
from symloss.display import Notation
from symloss.emit import Program, emit
from symloss.emit_steps import emit_steps, goes_by_steps
from symloss.keras_signature import domain_entry, function_values
from symloss.kernel import KEYED, Apply, Kernel
from symloss.kinks import Kink
from symloss.targets import Target
from symloss.templating import render
from symloss.torch_signature import torch_values

_KERNELS = {
    "value": ("value",),
    "gradient": ("gradient",),
    "hessian": ("hessian",),
    "value_and_gradient": ("value", "gradient"),
    "gradient_and_hessian": ("gradient", "hessian"),
    "hessian_vector_product": ("hessian_vector_product",),
    "directional": ("directional",),
    "prediction": ("prediction",),
    "start_statistic": ("start_statistic",),
}
TITLES = {
    "value": "Loss per sample",
    "gradient": "First derivative",
    "hessian": "Second derivative",
    "value_and_gradient": "Loss per sample and first derivative",
    "gradient_and_hessian": "First and second derivative",
    "hessian_vector_product": "Second derivative times a vector",
    "directional": "First derivative of every row along a vector",
    "prediction": "Inverse link",
    "start_statistic": "What the best constant prediction is the mean of",
}
_SUMMARY = (
    "certified",
    "limit",
    "points",
    "worst_ulps",
    "worst_conditioned",
    "ulps_999",
    "conditioned_999",
    "worst_at",
    "not_certified_in",
)
_LONGEST_FORMULA = 600  # operations
_SCRATCH = 2**17  # entries of all arrays that the steps of a block write into: a mebibyte
_BLOCK_OF_WIDE_NUMBERS = 12  # pairs of floats take some thirty arrays at a time
_HELPERS = ("_where", "_places", "_at")  # of a module that are written only where they are called
_JOINED, _SHARE, _FEW = 4, 8, 1024
_FORWARD = {
    "identity": ("mean", "the weighted mean of the target"),
    "log": ("np.log(mean)", "the logarithm of the weighted mean of the target"),
    "logit": ("np.log(mean) - np.log1p(-mean)", "the logit of the weighted mean of the target"),
}


@dataclass(frozen=True)
class Provenance:
    """What a generated file says about where it comes from."""

    origin: str
    command: str
    source_hash: str
    forms: tuple[str, ...]
    certificate: Mapping[str, Any] | None = None
    arithmetic: Arithmetic = FLOATS


@dataclass(frozen=True, eq=False)
class Mathematics:
    """Everything known about one form of a loss. Compared by identity, so that what is made of it can be remembered."""

    derivation: Derivation
    kernel: Kernel
    kinks: tuple[Kink, ...]
    curvature: str

    @property
    def loss(self) -> Loss:
        """The form's own declaration."""
        return self.derivation.loss

    @cached_property
    def latex(self) -> dict[str, str]:
        """The formulas, of which every target shows some."""
        return formulas(self.derivation)

    @cached_property
    def lines(self) -> tuple[list[str], list[str]]:
        """The LaTeX of the names that the declaration defines, and of those that its derivatives added."""
        declared, derived = equations(self.derivation)
        return [item.latex for item in declared], [item.latex for item in derived]


def module_text(mathematics: Mathematics, target: Target, provenance: Provenance, siblings: list[Mathematics]) -> str:
    """The text of ``generated/<target>/<loss>.py``; siblings are the other forms of the same declaration."""
    return render(f"{target.name}/module.jinja", **module_values(mathematics, target, provenance, siblings))


def module_values(
    mathematics: Mathematics, target: Target, provenance: Provenance, siblings: list[Mathematics]
) -> dict[str, Any]:
    """All names that the template of a module may use, with those of the form that takes raw scores."""
    values = template_values(mathematics, target, provenance)
    raw = next((item for item in siblings if item.loss.composed is not None), None)
    values["raw"] = None
    keras = mathematics.loss.keras
    if raw is not None and mathematics.loss.composed is None and keras is not None and "from_logits" in keras.arguments:
        values["raw"] = template_values(raw, target, provenance)
    values["torch"] = torch_values(mathematics.loss)
    values["raw_torch"] = torch_values(raw.loss) if values["raw"] and raw is not None else None
    values["function"] = function_values(mathematics.loss, raw.loss if values["raw"] and raw is not None else None)
    return values


def imported(text: str, name: str, path: Path | None = None) -> ModuleType:
    """A generated module from its text; a debugger shows its source. ``path`` is what it takes itself to be.

    Raises ModuleNotFoundError where the framework of its target is not installed.
    """
    file_name = f"<{name}>"
    linecache.cache[file_name] = (len(text), None, text.splitlines(keepends=True), file_name)
    module = ModuleType(name)
    module.__file__ = file_name if path is None else str(path)
    exec(compile(text, file_name, "exec"), vars(module))  # noqa: S102 - text made from checked names only
    return module


def template_values(mathematics: Mathematics, target: Target, provenance: Provenance) -> dict[str, Any]:
    """All names a module template may use."""
    loss, derivation, kernel = mathematics.loss, mathematics.derivation, mathematics.kernel
    latex = mathematics.latex
    chosen = provenance.arithmetic
    arithmetic = chosen if target.extended is not None else Arithmetic(doubled=chosen.doubled)
    kernels = _kernels(mathematics, target, arithmetic)
    definitions, intermediates = mathematics.lines
    parameters = [_parameter(item) for item in loss.parameters]
    extras = [_extra(item) for item in loss.extra_inputs]
    return {
        "name": loss.name,
        "title": loss.name.replace("_", " ").capitalize(),
        "summary": loss.summary,
        "target": target.name,
        "origin": provenance.origin,
        "command": provenance.command,
        "source_hash": provenance.source_hash,
        "forms": provenance.forms,
        "latex": latex,
        "definitions": definitions,
        "intermediates": intermediates,
        "parameters": parameters,
        "extras": extras,
        "link": loss.link.name if loss.composed is not None and loss.link is not None else None,
        "inverse_link": derivation.prediction is not None,
        "has_axis": kernel.has_axis,
        "axis": str(loss.axis) if loss.axis is not None else None,
        "label": isinstance(loss.y_true, ClassLabel),
        "signs": isinstance(loss.y_true, Signs),
        "domains": {"y_true": _spelled(loss.y_true), "y_pred": _spelled(loss.y_pred)},
        "checks": {"y_true": _check("y_true", loss.y_true), "y_pred": _check("y_pred", loss.y_pred)},
        "block_checks": _block_checks(loss),
        "in_blocks": bool(target.steps),
        "uses_scratch": any(item["program"].scratch for item in kernels),
        "helpers": {
            name for name in ("_where", "_places", "_at") if any(_calls(item["program"], name) for item in kernels)
        },
        "block": _block(kernels),
        "joined": _JOINED,
        "share": _SHARE,
        "few": _FEW,
        "sums_to_one": isinstance(loss.y_true, Simplex),
        "rises": any(isinstance(domain, Rising) for domain in (loss.y_true, loss.y_pred)),
        "sum_tolerance": "1e-3",
        "positive_sum": isinstance(loss.y_pred, Vectors) and loss.y_pred.entries == Interval(0.0),
        "kinks": [_kink_sentence(kink, Notation(loss)) for kink in mathematics.kinks],
        "metadata": _metadata(mathematics, latex, provenance),
        "kernels": kernels,
        "uses": {item["name"]: item["arguments"] for item in kernels},
        "arguments": _kernel_arguments(loss),
        "keras": loss.keras,
        "class_name": "".join(part.capitalize() for part in loss.name.split("_")),
        "start": _start(mathematics),
        "no_start": _no_start(mathematics),
        **_shapes(loss),
        "operations": _operations(kernel, arithmetic),
        "by_rows": any(line.rows for item in kernels for line in item["program"].lines),
        "keyed_operations": KEYED,
        "extended": _extended_operations(kernel, arithmetic),
        "paired": _paired_operations(kernel, arithmetic),
        "doubled": bool(arithmetic.doubled),
        "doubtful": any(arithmetic.extended.values()),
        "references": loss.references,
        "accuracy": certificate_lines(provenance.certificate),
    }


def _shapes(loss: Loss) -> dict[str, Any]:
    """What templates must know of the axes of the arguments."""
    arrays = [_array("y_pred", loss.y_pred, loss), _array("y_true", loss.y_true, loss)]
    arrays += [_array(item.name, item.domain, loss) for item in loss.extra_inputs]
    rank = len(arrays[0]["axes"])
    return {
        "coupled": loss.is_coupled,
        "rank": rank,
        "rows": loss.rows.axis.name if loss.rows is not None else None,
        "ragged": isinstance(loss.y_pred, Lists),
        "takes_axis": rank == 1,
        "arrays": arrays,
        "parameter_names": [item.name for item in loss.parameters],
        "parameter_domains": [domain_entry(item) for item in loss.parameters],
        "extra_names": [item.name for item in loss.extra_inputs],
        "axes_text": _axes_text,
    }


def _no_start(mathematics: Mathematics) -> str:
    """Why no best constant is computed; empty where one is."""
    loss = mathematics.loss
    if loss.is_coupled:
        return "the loss compares predictions with each other, or has inputs that a constant cannot match"
    bends = loss.full_expression.has(Largest, sympy.Max, sympy.Min, sympy.Abs)
    if not loss.is_elementwise and bends and mathematics.derivation.start_statistic is None:
        return "the loss over an axis has kinks, where Newton steps do not find the minimum"
    return ""


def _array(name: str, domain: Domain, loss: Loss) -> dict[str, Any]:
    axes = [axis.name for axis in loss.axes_of_data(name)]
    checks = []
    if isinstance(domain, ClassLabel):
        top = f'self.sizes["{domain.axis}"] - 1'
        checks.append(f'_in_domain("{name}", self.{name}, 0, {top}, "a class label")')
    elif not isinstance(domain, Identifiers):
        checks.append(_check(name, domain))
    kind = "integers" if isinstance(domain, ClassLabel | Identifiers) else "numbers"
    return {"name": name, "axes": axes, "kind": kind, "checks": checks}


def _axes_text(axes: list[str]) -> str:
    """A tuple of names in Python."""
    return "(" + ", ".join(f'"{axis}"' for axis in axes) + ("," if len(axes) == 1 else "") + ")"


def certificate_lines(certificate: Mapping[str, Any] | None) -> list[str]:
    """A certificate in sentences: the worst errors of every dtype, and what is not certified."""
    if certificate is None:
        return []
    lines = []
    for dtype, modes in sorted(certificate["measured"].items(), reverse=True):  # float64 before float32
        for mode, functions in (("", modes),) if "value" in modes else modes.items():
            lines += _sentences(f"{dtype}, {mode}" if mode else dtype, _in_order(functions))
    environment = certificate["environment"]
    known = {
        "numpy": "NumPy",
        "tensorflow": "TensorFlow",
        "torch": "PyTorch",
        "jax": "JAX",
        "numba": "numba",
        "libc": "libc",
    }
    libraries = [f"{name} {environment[key]}" for key, name in known.items() if key in environment]
    where = f"Measured with {', '.join(libraries)} on {environment['machine']} ({environment['simd']})"
    return [*lines, f"{where}, against {environment['oracle']} on the declaration."]


def _sentences(heading: str, functions: Mapping[str, Any]) -> list[str]:
    limit, points = functions["value"]["limit"], min(found["points"] for found in functions.values())
    worst = ", ".join(f"{name} {_shown_error(found['worst_conditioned'])}" for name, found in functions.items())
    lines = [f"{heading}: worst error in ulp/(1 + S), limit {limit:g}: {worst}; {points} points or more each."]
    for name, found in functions.items():
        if not found["certified"]:
            places = found["not_certified_in"] or ["no point could be decided"]
            lines.append(f"{heading}, {name}: not certified, {found['bad_points']} points; {places[0]}.")
    return lines


def _shown_error(error: float | None) -> str:
    return "infinite" if error is None else f"{error:g}"


def _in_order(functions: Mapping[str, Any]) -> dict[str, Any]:
    return {name: functions[name] for name in ("value", "gradient", "hessian") if name in functions}


def _plain(certificate: Mapping[str, Any]) -> dict[str, Any]:
    """The summary that a module carries: of every dtype and function the worst errors and where they are."""
    measured = sorted(certificate["measured"].items(), reverse=True)
    summary: dict[str, Any] = {
        dtype: {name: _summary(found) for name, found in _in_order(_of_worst_mode(modes)).items()}
        for dtype, modes in measured
    }
    return {**summary, "environment": dict(certificate["environment"])}


def _summary(found: Mapping[str, Any]) -> dict[str, Any]:
    return {key: found[key] for key in (*_SUMMARY, "mode") if key in found}


def _of_worst_mode(modes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Every function in the mode that it is worst in, where a target has several."""
    if "value" in modes:
        return modes

    def size(found: Mapping[str, Any]) -> tuple[int, float]:
        error = found["worst_conditioned"]
        return found["bad_points"], math.inf if error is None else error / found["limit"]

    last_first = list(modes.items())[::-1]
    of_modes = [{**found, "mode": mode, "name": name} for mode, each in last_first for name, found in each.items()]
    return {found["name"]: found for found in sorted(of_modes, key=size)}  # the worst comes last, and stays


def formulas(derivation: Derivation) -> dict[str, str]:
    """LaTeX of the declared value and the derived parts."""
    notation = Notation(derivation.loss)
    shown = {
        "value": notation.latex(derivation.loss.expression),
        "stable": notation.latex(derivation.value),
        "gradient": notation.latex(derivation.gradient),
    }
    if is_readable(derivation.hessian):
        shown["hessian"] = notation.latex(derivation.hessian)
    if derivation.hessian_vector_product is not None:
        shown["hessian_vector_product"] = notation.latex(derivation.hessian_vector_product)
    if derivation.directional is not None:
        shown["directional"] = notation.latex(derivation.directional)
    if derivation.prediction is not None:
        shown["prediction"] = notation.latex(derivation.prediction)
    return shown


def is_readable(expression: Expr) -> bool:
    """Whether a formula is short enough to be shown; diagonals of losses over batches are not."""
    return sympy.count_ops(expression, visual=False) <= _LONGEST_FORMULA


@dataclass(frozen=True)
class Equation:
    """A name and what it stands for."""

    left: Expr
    right: Expr
    notation: Notation

    @property
    def latex(self) -> str:
        """One line of LaTeX."""
        return f"{self.notation.latex(self.left)} = {self.notation.latex(self.right)}"

    @property
    def unicode(self) -> str:
        """Text for a terminal."""
        return self.notation.unicode(sympy.Eq(self.left, self.right, evaluate=False))


def equations(derivation: Derivation) -> tuple[list[Equation], list[Equation]]:
    """The names that the declaration defines, and those that its derivatives added, in order of use."""
    notation = Notation(derivation.loss)
    names = {str(getattr(symbol, "data", symbol)) for symbol in derivation.loss.where}
    declared: list[Equation] = []
    derived: list[Equation] = []
    for item in derivation.definitions:
        left = item.entry
        (declared if item.symbol.name in names else derived).append(Equation(left, item.expression, notation))
    for part, name in derivation.names:
        letters = [index for index in part.atoms(Index) if not index.letter.startswith("_")]
        left = Data(name)[letters[0]] if letters else sympy.Symbol(name)
        declared.append(Equation(left, part, notation))
    return declared, derived


def _parameter(item: Any) -> dict[str, Any]:
    domain: Interval = item.domain
    ends = [_number(end) for end in (domain.lower, domain.upper)]
    return {
        "name": item.name,
        "default": repr(float(item.default)),
        "meaning": item.meaning,
        "domain": str(domain),
        "interval": f'{ends[0]}, {ends[1]}, {domain.lower_open}, {domain.upper_open}, "{domain}"',
    }


def _extra(item: Any) -> dict[str, Any]:
    return {
        "name": item.name,
        "meaning": item.meaning,
        "domain": _spelled(item.domain),
        "axes": list(axes_of(item.domain)),
        "integers": isinstance(item.domain, ClassLabel | Identifiers),
        "interval": _limits(item.domain),
    }


def _number(end: float) -> str:
    if math.isinf(end):
        return "np.inf" if end > 0 else "-np.inf"
    return str(int(end)) if end == int(end) else repr(end)


def _check(name: str, domain: Domain) -> str:
    """The lines of a method that check the attribute of a name against its domain."""
    return "\n        ".join(_check_lines(name, domain, f"self.{name}"))


def _check_lines(name: str, domain: Domain, array: str) -> list[str]:
    """The lines that check an array against its domain."""
    further = {Signs: [f"_are_signs({array})"], Rising: [f'_are_rising("{name}", {array})']}.get(type(domain), [])
    return [f'_in_domain("{name}", {array}, {_limits(domain)})', *further]


def _block_checks(loss: Loss) -> list[str]:
    """The lines that check targets and predictions of one shape: real numbers of both by one sum."""
    of_targets, of_predictions = (_check_lines(name, getattr(loss, name), name) for name in ("y_true", "y_pred"))
    if isinstance(loss.y_true, ClassLabel):
        return of_predictions
    lines = [*of_targets, *of_predictions]
    if all(
        type(domain) in (Interval, Vectors) and entries_of(domain) == Interval()
        for domain in (loss.y_true, loss.y_pred)
    ):
        return ["if not _are_finite(y_true, y_pred):", *(f"    {line}" for line in lines)]
    return lines


def _limits(domain: Domain) -> str:
    """The arguments of a check against a domain: ends, what to say, which ends are open."""
    interval = entries_of(domain)
    open_ends = (interval.lower_open or math.isinf(interval.lower), interval.upper_open or math.isinf(interval.upper))
    text = "finite" if interval == Interval() else f"in {interval}"
    return f'{_number(interval.lower)}, {_number(interval.upper)}, "{text}", {open_ends}'


def _spelled(domain: Domain) -> str:
    return "real numbers" if str(domain) == "real" else str(domain).replace("entries real", "real entries")


def _kink_sentence(kink: Kink, notation: Notation) -> str:
    place = f":math:`{notation.latex(notation.loss.pred_symbol)} = {notation.latex(kink.at)}`"
    return f"The {kink.jumps} jumps where {place}; there it is {taken(kink)}."


def taken(kink: Kink) -> str:
    """What is returned at a kink, in words; the same in every target."""
    return "0" if kink.takes == "zero" else f"that of {'smaller' if kink.takes == 'below' else 'larger'} predictions"


def _metadata(mathematics: Mathematics, latex: dict[str, str], provenance: Provenance) -> dict[str, Any]:
    loss = mathematics.loss
    notation = Notation(loss)
    return {
        "name": loss.name,
        "family": loss.family,
        "formula": latex["value"],
        "gradient": latex["gradient"],
        "hessian": latex.get("hessian"),
        "y_true": str(loss.y_true),
        "y_pred": str(loss.y_pred),
        "parameters": {
            item.name: {"default": float(item.default), "domain": str(item.domain), "meaning": item.meaning}
            for item in loss.parameters
        },
        "extra_inputs": {
            item.name: {"domain": str(item.domain), "meaning": item.meaning} for item in loss.extra_inputs
        },
        "link": loss.link.name if loss.composed is not None and loss.link is not None else "identity",
        "kinks": [
            {"at": notation.latex(kink.at), "jumps": kink.jumps, "takes": kink.takes} for kink in mathematics.kinks
        ],
        "curvature": mathematics.curvature,
        "certificate": None if provenance.certificate is None else _plain(provenance.certificate),
        "references": list(loss.references),
        "source_hash": provenance.source_hash,
    }


def _kernel_arguments(loss: Loss) -> list[str]:
    return ["y_true", "y_pred", *(item.name for item in loss.extra_inputs), *(item.name for item in loss.parameters)]


@lru_cache(maxsize=32)
def _kernels(mathematics: Mathematics, target: Target, arithmetic: Arithmetic) -> list[dict[str, Any]]:
    kernel, latex, loss = mathematics.kernel, mathematics.latex, mathematics.loss
    made = []
    for name, outputs in _KERNELS.items():
        if all(output in kernel.outputs for output in outputs):
            program = _program(kernel, target, outputs, arithmetic, in_steps=not loss.is_coupled)
            shown = ["stable" if output == "value" else output for output in outputs]
            function = name.removesuffix("_vector_product")
            results = _free_names(outputs, loss)
            made.append(
                {
                    "name": name,
                    "title": TITLES[name],
                    "arguments": _read_by(program, loss),
                    "program": program,
                    "latex": [latex[output] for output in shown if output in latex],
                    "is_extended": arithmetic.extended.get(name) == (),
                    "is_paired": name in arithmetic.paired,
                    "is_doubled": not arithmetic.doubled.isdisjoint((*outputs, function)),
                    "parts": outputs if _is_of_parts(target, outputs, arithmetic) else (),
                    "widened": _widened(program, loss),
                    "results": results,
                    "names": dict(zip(outputs, results, strict=True)),
                    "exactly": None,
                    "doubts": {
                        output: [_doubt(doubt, kernel, output, result) for doubt in arithmetic.extended[output]]
                        for output, result in zip(outputs, results, strict=True)
                        if arithmetic.extended.get(output)
                    },
                }
            )
            if len(outputs) == 1 and arithmetic.extended.get(name):
                program = _extended(kernel, target, name)
                widened = _widened(program, loss)
                made[-1]["exactly"] = {"program": program, "widened": widened, "arguments": _read_by(program, loss)}
    return made


def _free_names(outputs: tuple[str, ...], loss: Loss) -> tuple[str, ...]:
    """The names of results, numbered where an argument of the loss has them."""
    arguments = _kernel_arguments(loss)
    return tuple(
        next(name for name in chain([output], (f"{output}_{number}" for number in count(2))) if name not in arguments)
        for output in outputs
    )


def _block(kernels: list[dict[str, Any]]) -> int:
    """The power of two of the entries of a block: few enough for a core's cache, enough to be worth the calls."""
    if any(item["is_paired"] or item["is_extended"] for item in kernels):
        return _BLOCK_OF_WIDE_NUMBERS
    most = max(item["program"].scratch for item in kernels)
    return max(14 if most < 12 else 13, min(16, (_SCRATCH // (most or 8)).bit_length() - 1))


def _calls(program: Program, name: str) -> bool:
    """Whether a program calls a function of the module."""
    texts = [*(line.code for line in program.lines), *program.results]
    inner = [line.rows for line in program.lines if line.rows is not None]
    return any(f"{name}(" in text for text in texts) or any(_calls(rows, name) for rows in inner)


def _read_by(program: Program, loss: Loss) -> list[str]:
    return [item for item in (*_kernel_arguments(loss), "vector", "row_weight") if item in program.inputs]


def _is_of_parts(target: Target, outputs: tuple[str, ...], arithmetic: Arithmetic) -> bool:
    """Whether several outputs are computed one by one: their numbers differ too much for common steps."""
    if len(outputs) == 1:
        return False
    if not target.steps:
        return arithmetic.changes(outputs)
    return any(output in arithmetic.paired or arithmetic.extended.get(output) == () for output in outputs)


def _program(
    kernel: Kernel, target: Target, outputs: tuple[str, ...], arithmetic: Arithmetic, *, in_steps: bool
) -> Program:
    """The program in the numbers that these outputs are computed in, as long as none is in doubt."""
    if arithmetic.extended.get(outputs[0]) == ():
        return _extended(kernel, target, outputs[0])
    if len(outputs) == 1 and outputs[0] in arithmetic.paired and target.pairs is not None:
        return emit(pair_kernel(kernel, outputs[0]), target.pairs, *outputs)
    if in_steps and goes_by_steps(kernel, target, *outputs):
        return emit_steps(kernel, target, *outputs)
    return emit(kernel, target, *outputs)


def _extended(kernel: Kernel, target: Target, function: str) -> Program:
    assert target.extended is not None
    return emit(extended_kernel(kernel, function), target.extended, function)


def _widened(program: Program, loss: Loss) -> list[str]:
    """The arguments of a program that are no integer labels."""
    return [item for item in _read_by(program, loss) if item != "y_true" or not isinstance(loss.y_true, ClassLabel)]


def _doubt(doubt: Doubt, kernel: Kernel, function: str, result_name: str) -> str:
    """The test in Python, one for each result: an entry in doubt puts the sum over it in doubt."""
    test = _test(doubt, result_name)
    per_entry = {value.name for value in kernel.values if value.kind in ("element", "flag")}
    result = kernel.outputs.get(function)
    per_row = result is not None and kernel.has_axis and kernel.values[result].kind == "row"
    return f"({test}).any(axis=-1, keepdims=True)" if per_row and doubt.name in per_entry else test


def _test(doubt: Doubt, result_name: str) -> str:
    """Whether a value is outside its limits; an input that is 0 passes."""
    name = result_name if doubt.name == "result" else doubt.name
    test = f"_is_outside({name}, {_power_of_two(doubt.lower)}, {_power_of_two(doubt.upper)})"
    return f"{test} & ({name} != 0)" if name in ("y_true", "y_pred") else test


def _power_of_two(number: float) -> str:
    mantissa, exponent = math.frexp(number)
    return f"2.0**{exponent - 1}" if mantissa == 0.5 and abs(exponent) > 20 else repr(number)


def _operations(kernel: Kernel, arithmetic: Arithmetic) -> set[str]:
    """The operations that are computed in floats, or whose float form others use."""
    special = {"erf", "erfc", "lgamma", "digamma", "trigamma", "tetragamma"}
    wide = _extended_operations(kernel, arithmetic) | _paired_operations(kernel, arithmetic)
    names = [name for name in kernel.outputs if name not in arithmetic.paired and arithmetic.extended.get(name) != ()]
    return used_operations(kernel, names) | (wide & special)


def _extended_operations(kernel: Kernel, arithmetic: Arithmetic) -> set[str]:
    """The operations that are computed in extended numbers."""
    return {item for name in arithmetic.extended for item in used_operations(extended_kernel(kernel, name), [name])}


def _paired_operations(kernel: Kernel, arithmetic: Arithmetic) -> set[str]:
    """The operations that are computed in pairs of floats."""
    return {item for name in arithmetic.paired for item in used_operations(pair_kernel(kernel, name), [name])}


def used_operations(kernel: Kernel, outputs: list[str]) -> set[str]:
    """The operations that some outputs are computed by."""
    definitions = (kernel.values[position].definition for position in kernel.needed_for(*outputs))
    return {item.operation for item in definitions if isinstance(item, Apply)}


def start_sentence(mathematics: Mathematics) -> str:
    """What the best constant prediction is, or why none is computed."""
    reason = _no_start(mathematics)
    if reason:
        return f"none: {reason}"
    if mathematics.derivation.start_statistic is not None:
        return f"in closed form: {_start(mathematics)['meaning']}"
    is_elementwise = mathematics.loss.is_elementwise
    return f"by {'bisection on the derivative of' if is_elementwise else 'damped Newton steps on'} the weighted loss"


def _start(mathematics: Mathematics) -> dict[str, Any]:
    loss, derivation = mathematics.loss, mathematics.derivation
    forward = loss.link.forward if loss.composed is not None and loss.link is not None else "identity"
    transform, meaning = _FORWARD[forward]
    entries = entries_of(loss.y_pred)
    inside, width, bracket = _bracket(entries)
    return {
        "statistic": derivation.start_statistic is not None,
        "transform": transform,
        "meaning": meaning,
        "lowest": repr(entries.lower) if math.isfinite(entries.lower) and not entries.lower_open else None,
        "inside": inside,
        "width": width,
        "bracket": bracket,
        "ends": ", ".join(
            (
                _number(inner_end(entries.lower, entries.lower_open)),
                _number(inner_end(entries.upper, entries.upper_open, -1)),
            )
        ),
    }


def inner_end(end: float, is_open: bool, towards: int = 1) -> float:
    """An end of a domain, or the next number inside where the end does not belong to it."""
    return math.nextafter(end, towards * math.inf) if is_open and math.isfinite(end) else end


def _bracket(domain: Interval) -> tuple[str, str, str]:
    """A start inside the domain, a first width, and the two ends of the bracket for a width."""
    if math.isinf(domain.lower) and math.isinf(domain.upper):
        return "0.0", "1.0", "start - width, start + width"
    if math.isinf(domain.upper):
        start = domain.lower + 1
        return repr(start), "2.0", f"{domain.lower!r} + 1 / width, start + width"
    if math.isinf(domain.lower):
        start = domain.upper - 1
        return repr(start), "2.0", f"start - width, {domain.upper!r} - 1 / width"
    middle, size = (domain.lower + domain.upper) / 2, domain.upper - domain.lower
    return repr(middle), "4.0", f"{domain.lower!r} + {size!r} / width, {domain.upper!r} - {size!r} / width"
