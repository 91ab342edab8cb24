"""From a derivation to the files of a compiled target: declarations, source, and the Python module that calls it."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from symloss.arithmetic import FLOATS
from symloss.compiled_arguments import Arguments, spelled
from symloss.declare import ClassLabel, Interval, Rising, Signs, Simplex, Vectors
from symloss.declare.domain import Domain, entries_of
from symloss.emit import emit
from symloss.emit_loops import Loops, emit_loops, name_in
from symloss.errors import UnsupportedError
from symloss.modules import TITLES, Mathematics, Provenance, inner_end, template_values, used_operations
from symloss.single_precision import in_single_precision
from symloss.targets import Target, find
from symloss.templating import render
from symloss.wide_functions import ShownInTarget
from symloss.wide_numbers import Widening, WideNumbers

_KERNELS = {
    "value": ("value",),
    "gradient": ("gradient",),
    "hessian": ("hessian",),
    "value_and_gradient": ("value", "gradient"),
    "gradient_and_hessian": ("gradient", "hessian"),
    "hessian_vector_product": ("hessian_vector_product",),
}
_IN_NUMPY = ("prediction", "start_statistic")
# What a mathematical library computes, whose digits differ from one to another.
_OF_LIBRARIES = frozenset({"sin", "cos", "tan", "arcsin", "arccos", "arctan", "erf", "erfc", "lgamma"})
_SUM_TOLERANCE = 1e-3
_BARE: Mapping[str, Any] = {"origin": "", "command": "", "source_hash": "", "forms": (), "code_hash": ""}


def why_not_compiled(mathematics: Mathematics, target: Target) -> str:
    """Why a loss is not made for the target; empty where it is."""
    try:
        _loops(mathematics, target)
    except UnsupportedError as error:
        return str(error)
    return ""


@lru_cache(maxsize=16)
def _loops(mathematics: Mathematics, target: Target) -> dict[str, Loops]:
    """The loops of every kernel; raises UnsupportedError with the reason why there are none."""
    loss, outputs = mathematics.loss, mathematics.kernel.outputs
    if loss.is_coupled:
        raise UnsupportedError("it compares predictions with each other, or has inputs over axes of their own")
    if isinstance(loss.y_true, Rising) or isinstance(loss.y_pred, Rising):
        raise UnsupportedError("its entries must rise")
    known = {name: parts for name, parts in _KERNELS.items() if all(part in outputs for part in parts)}
    return {name: emit_loops(mathematics.kernel, target, *parts) for name, parts in known.items()}


def compiled_texts(mathematics: Mathematics, target: Target, provenance: Provenance) -> dict[str, str]:
    """The texts of the files of one loss, by their endings.

    Raises UnsupportedError where ``why_not_compiled`` has a reason.
    """
    in_python = values = compiled_values(mathematics, target, provenance)
    if target.is_built:
        source = render(f"{target.name}/{target.files['.c']}.jinja", **{**values, **_BARE})
        values["code_hash"] = hashlib.sha256(source.encode()).hexdigest()[:16]
        in_python = {**values, "operations": values["plain_operations"], "extended": (), "paired": ()}
    return {
        ending: render(f"{target.name}/{name}.jinja", **(in_python if ending == ".py" else values))
        for ending, name in target.files.items()
    }


def compiled_values(mathematics: Mathematics, target: Target, provenance: Provenance) -> dict[str, Any]:
    """All names that the templates of a compiled target may use.

    Raises UnsupportedError where ``why_not_compiled`` has a reason.
    """
    try:
        loops = _loops(mathematics, target)
    except UnsupportedError as error:
        raise UnsupportedError(f"{mathematics.loss.name} is not made for {target.name}: {error}") from error
    used = used_operations(mathematics.kernel, _plain(mathematics))
    return {**_values(mathematics, target, provenance, loops), "plain_operations": used}


def _plain(mathematics: Mathematics) -> list[str]:
    """What the Python module computes itself, with NumPy."""
    return [name for name in _IN_NUMPY if name in mathematics.kernel.outputs]


def _values(
    mathematics: Mathematics, target: Target, provenance: Provenance, loops: Mapping[str, Loops]
) -> dict[str, Any]:
    kernel, loss = mathematics.kernel, mathematics.loss
    values = template_values(mathematics, find("numpy"), replace(provenance, arithmetic=FLOATS))
    for item in (*values["parameters"], *values["extras"]):
        item["argument"] = name_in(target, item["name"])
    for item, parameter in zip(values["parameters"], loss.parameters, strict=True):
        item["code"] = f"BAD_{item['name']}"
        item["test"] = _inside(f"job->{item['argument']}", parameter.domain)
    plain = _plain(mathematics)
    arguments = Arguments(values)
    wide, shown = WideNumbers(kernel, target, provenance.arithmetic, arguments), ShownInTarget(arguments, target)
    functions = [_function(name, loops[name], wide.of(_KERNELS[name], loops), values, shown) for name in loops]
    by_name = {function["name"]: function for function in functions}
    checks = _checks(mathematics, values)
    checked = list(dict.fromkeys(check["array"] for check in checks))
    in_doubles = [name for name in kernel.outputs if (name,) in _KERNELS.values() and name not in wide.whole]
    compiled = used_operations(kernel, in_doubles) | wide.operations_beneath
    single = None
    if provenance.arithmetic.single and target.single is not None:
        single = in_single_precision(kernel, target.single, arguments, {name: _KERNELS[name] for name in loops}, checks)
        of_single = {item["name"]: item for item in single["functions"]}
        single |= _called(of_single)
        compiled |= single["operations"]
    values |= {
        "target": target.name,
        "raw": None,
        "helpers": frozenset(),
        "extended": wide.operations("extended"),
        "paired": wide.operations("pair"),
        "wide": list(map(shown.sample, wide.samples)),
        "mendings": list(map(shown.mending, wide.mendings.values())),
        "kept_kinds": {item.kind for item in wide.samples if item.keeps},
        "doubts_inputs": any(test.is_input for item in wide.mendings.values() for test in item.of_entries),
        "doubled": False,
        "doubtful": False,
        "uses_scratch": False,
        "operations": compiled,
        "plain_kernels": [
            {"name": name, "title": TITLES[name], "program": emit(kernel, find("numpy"), name)} for name in plain
        ],
        "loops": functions,
        "own_names": {item["name"]: item["own_names" if target.is_built else "names"] for item in functions},
        "single": single,
        "precisions": [arguments.of(suffix, kind) for suffix, kind in (("f64", "double"), ("f32", "float"))],
        "ctypes": arguments.ctypes(3),
        "product_ctypes": arguments.ctypes(2),
        "job_fields": arguments.fields(),
        "codes": _codes(values),
        "block_checks_in_loops": [
            {**check, "ends": [spelled(end, is_c=target.is_built) for end in check["ends"]]} for check in checks
        ],
        "tests": {check["test"] for check in checks},
        "argument_names": [*(f"{array}_block" for array in checked), *arguments.sizes],
        "argument_blocks": arguments.of_checks(checked),
        **_called(by_name),
        "most_kept_entries": max(
            *(len(item["kept_entries"]) for item in functions), *(item.doubles_kept for item in wide.samples)
        ),
        "most_kept_rows": max(len(item["kept_rows"]) for item in functions),
        "is_ours": _OF_LIBRARIES.isdisjoint({*compiled, *wide.operations("pair"), *wide.operations("extended")}),
    }
    return values


def _function(
    name: str, loops: Loops, widening: Widening, values: Mapping[str, Any], shown: ShownInTarget
) -> dict[str, Any]:
    """A kernel as the templates show it: its parameters in C, and the arguments that it is called with."""
    arguments = shown.arguments
    has_axis, sizes, outputs = values["has_axis"], arguments.sizes, _KERNELS[name]
    arrays = arguments.arrays_in(widening.inputs)
    if not has_axis:  # kernels check all
        arrays = ["y_true", "y_pred", *arguments.extras]
    numbers = arguments.numbers_in(widening.inputs)
    kept = ["kept"] if widening.keeps else []
    formulas = ["stable" if output == "value" else output for output in outputs]
    blocks = [f"{item}_block" for item in outputs]
    names = [*sizes, *(f"{item}_block" for item in arrays), *numbers, *blocks]
    is_looped = not widening.parts and widening.whole is None
    return {
        "name": name,
        "title": TITLES[name],
        "latex": [values["latex"][output] for output in formulas if output in values["latex"]],
        "outputs": list(outputs),
        "arrays": arrays,
        "names": names if has_axis else names[1:],
        "run_names": [
            *("y_true", "y_pred", *arguments.extras),
            *(["vector"] if "vector" in loops.inputs else []),
            *(*arguments.parameters, "weight", "factor", *outputs, "sums", "first", "last"),
        ],
        "parts": widening.parts,
        "whole": None if widening.whole is None else shown.sample(widening.whole),
        "mendings": list(map(shown.mending, widening.mendings)),
        "passes": loops.passes,
        "kept_entries": loops.kept_entries if is_looped else (),
        "kept_rows": loops.kept_rows if is_looped else (),
        "own_names": [*names, *kept],
        **arguments.of_kernel(arrays, numbers, outputs, kept),
    }


def _called(functions: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """How a block calls its kernels."""
    return {
        "branches": _branches(functions),
        "hessian_arguments": functions["hessian"]["arguments"],
        "product_arguments": functions.get("hessian_vector_product", {}).get("arguments"),
    }


def _branches(functions: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Which kernel computes value and gradient, and with them the Hessian."""
    conditions = {
        "value_and_gradient": "job->value != NULL && job->gradient != NULL",
        "value": "job->value != NULL",
        "gradient_and_hessian": "job->gradient != NULL && job->hessian != NULL",
        "gradient": "job->gradient != NULL",
    }
    return [
        {"kernel": name, "condition": condition, "arguments": functions[name]["arguments"]}
        for name, condition in conditions.items()
    ]


def _codes(values: Mapping[str, Any]) -> list[dict[str, str]]:
    """What may be wrong, in the order of the numbers that are returned."""
    arguments = ["y_true", "y_pred", *(item["name"] for item in (*values["extras"], *values["parameters"]))]
    outside = [(f"BAD_{name}", "") for name in (*arguments, "sample_weight")]
    others = [
        ("NO_WEIGHT", "a mean needs a positive, finite sum of weights"),
        ("MISUSED", "a size or the number of workers is below 1, or there is no such reduction"),
        ("NO_MEMORY", ""),
    ]
    return [{"name": name, "meaning": meaning} for name, meaning in (*outside, *others)]


def _checks(mathematics: Mathematics, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The tests of the numbers of a block: which function tells that some are outside, and of which ends."""
    loss = mathematics.loss
    found = [_outside(name, name, getattr(loss, name)) for name in ("y_true", "y_pred")]
    if isinstance(loss.y_true, ClassLabel):
        del found[0]  # labels are checked where they are loaded
    if isinstance(loss.y_true, Signs):
        found.insert(1, {"name": "y_true", "array": "y_true", "test": "is_no_sign", "ends": ()})
    if isinstance(loss.y_true, Simplex):
        found.append(_sum_outside("y_true", 1 - _SUM_TOLERANCE, 1 + _SUM_TOLERANCE))
    if isinstance(loss.y_pred, Vectors) and loss.y_pred.entries == Interval(0.0):
        found.append(_sum_outside("y_pred", math.nextafter(0.0, 1.0), math.inf))
    for item, extra in zip(values["extras"], loss.extra_inputs, strict=True):
        found.append({**_outside(item["name"], item["argument"], extra.domain), "is_per_row": values["has_axis"]})
    return [{"is_per_row": False, **item} for item in found]


def _sum_outside(name: str, lower: float, upper: float) -> dict[str, Any]:
    return {"name": name, "array": name, "test": "is_sum_outside", "ends": (lower, upper)}


def _outside(name: str, array: str, domain: Domain) -> dict[str, Any]:
    """The test that numbers of an array are outside a domain; the ends belong to the inside."""
    entries = entries_of(domain)
    if entries == Interval():
        return {"name": name, "array": array, "test": "is_not_finite", "ends": ()}
    ends = inner_end(entries.lower, entries.lower_open), inner_end(entries.upper, entries.upper_open, -1)
    return {"name": name, "array": array, "test": "is_outside", "ends": tuple(map(_finite, ends))}


def _finite(number: float) -> float:
    return math.copysign(sys.float_info.max, number) if math.isinf(number) else float(number)


def _inside(name: str, domain: Interval) -> str:
    """The test in C that a number is finite and in an interval."""
    above = ">" if _excludes(domain.lower, is_open=domain.lower_open) else ">="
    below = "<" if _excludes(domain.upper, is_open=domain.upper_open) else "<="
    lower, upper = (spelled(_finite(end), is_c=True) for end in (domain.lower, domain.upper))
    return f"{name} {above} {lower} && {name} {below} {upper}"


def _excludes(end: float, *, is_open: bool) -> bool:
    return is_open and math.isfinite(end)
