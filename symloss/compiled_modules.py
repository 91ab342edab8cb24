"""From a derivation to the files of a compiled target: declarations, source, and the Python module that calls it."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from symloss.declare import ClassLabel, Interval, Rising, Signs, Simplex, Vectors
from symloss.declare.domain import Domain, entries_of
from symloss.emit import emit
from symloss.emit_loops import Loops, emit_loops, name_in
from symloss.errors import UnsupportedError
from symloss.modules import TITLES, Mathematics, Provenance, inner_end, template_values, used_operations
from symloss.targets import Target, find
from symloss.templating import render

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
_OF_LIBRARIES = frozenset({"power", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "erf", "erfc", "lgamma"})
_SUM_TOLERANCE = 1e-3
_ENDS_IN_C, _ENDS_IN_PYTHON = ("DBL_MAX", "INFINITY"), ("_LARGEST", "np.inf")  # the largest float, and infinity
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
        in_python = {**values, "operations": values["plain_operations"]}
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
    values = template_values(mathematics, find("numpy"), provenance)
    for item in (*values["parameters"], *values["extras"]):
        item["argument"] = name_in(target, item["name"])
    for item, parameter in zip(values["parameters"], loss.parameters, strict=True):
        item["code"] = f"BAD_{item['name']}"
        item["test"] = _inside(f"job->{item['argument']}", parameter.domain)
    plain = _plain(mathematics)
    ends = _ENDS_IN_C if target.is_built else _ENDS_IN_PYTHON
    arguments = _Arguments(values)
    functions = [_function(name, loops[name], values, arguments) for name in loops]
    by_name = {function["name"]: function for function in functions}
    checks = _checks(mathematics, values)
    checked = list(dict.fromkeys(check["array"] for check in checks))
    sizes = ["rows", "entries"] if values["has_axis"] else ["count"]
    compiled = used_operations(kernel, [name for name in kernel.outputs if (name,) in _KERNELS.values()])
    values |= {
        "target": target.name,
        "raw": None,
        "helpers": frozenset(),
        "extended": frozenset(),
        "paired": frozenset(),
        "doubled": False,
        "doubtful": False,
        "uses_scratch": False,
        "operations": compiled,
        "plain_kernels": [
            {"name": name, "title": TITLES[name], "program": emit(kernel, find("numpy"), name)} for name in plain
        ],
        "loops": functions,
        "precisions": [arguments.of(suffix, kind) for suffix, kind in (("f64", "double"), ("f32", "float"))],
        "ctypes": arguments.ctypes(3),
        "product_ctypes": arguments.ctypes(2),
        "job_fields": arguments.fields(),
        "codes": _codes(values),
        "block_checks_in_loops": [
            {**check, "ends": [_spelled(end, *ends) for end in check["ends"]]} for check in checks
        ],
        "tests": {check["test"] for check in checks},
        "argument_names": [*(f"{array}_block" for array in checked), *sizes],
        "argument_blocks": [
            *(f"const double *{array}_block" for array in checked),
            *(f"ptrdiff_t {size}" for size in sizes),
        ],
        "branches": _branches(by_name),
        "hessian_arguments": by_name["hessian"]["arguments"],
        "product_arguments": by_name.get("hessian_vector_product", {}).get("arguments"),
        "most_kept_entries": max(len(item["kept_entries"]) for item in functions),
        "most_kept_rows": max(len(item["kept_rows"]) for item in functions),
        "is_ours": compiled.isdisjoint(_OF_LIBRARIES),
    }
    return values


class _Arguments:
    """The arguments of the public functions, in order."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.has_axis, self.label = values["has_axis"], values["label"]
        self.extras = [item["argument"] for item in values["extras"]]
        self.parameters = [item["argument"] for item in values["parameters"]]

    def of(self, suffix: str, kind: str) -> dict[str, Any]:
        """Both functions' arguments in C for a type of numbers."""
        given = ["ptrdiff_t samples", *(["ptrdiff_t entries"] if self.has_axis else [])]
        given += ["const int64_t *y_true" if self.label else f"const {kind} *y_true", f"const {kind} *y_pred"]
        for name in self.extras:
            given += [f"const {kind} *{name}", f"ptrdiff_t {name}_count"]
        given += [f"double {name}" for name in self.parameters]
        given += [f"const {kind} *sample_weight", "int reduction"]
        results = [f"{kind} *value", f"{kind} *gradient", f"{kind} *hessian", "int workers"]
        product = [f"const {kind} *vector", f"{kind} *product", "int workers"]
        return {
            "suffix": suffix,
            "type": kind,
            "arguments": [*given, *results],
            "product_arguments": [*given, *product],
        }

    def fields(self) -> list[str]:
        """The arguments that are kept as they are given."""
        extras = [name for item in self.extras for name in (item, f"{item}_count")]
        entries = ["entries"] if self.has_axis else []
        return ["samples", *entries, "y_true", "y_pred", *extras, *self.parameters, "sample_weight"]

    def ctypes(self, results: int) -> list[str]:
        """The types of the arguments for Python."""
        given = ["_SIZE"] * (2 if self.has_axis else 1) + ["_ARRAY"] * 2 + ["_ARRAY", "_SIZE"] * len(self.extras)
        given += ["_NUMBER"] * len(self.parameters) + ["_ARRAY", "_CHOICE"]
        return [*given, *["_ARRAY"] * results, "_CHOICE"]


def _function(name: str, loops: Loops, values: Mapping[str, Any], arguments: _Arguments) -> dict[str, Any]:
    """A kernel as the templates show it: its parameters in C, and the arguments that it is called with."""
    has_axis = values["has_axis"]
    every = ("y_true", "y_pred", *(["vector"] if has_axis else []), *arguments.extras)
    arrays = [item for item in every if item in loops.inputs or not has_axis]  # without an axis, kernels check all
    numbers = [item for item in arguments.parameters if item in loops.inputs]
    outputs = _KERNELS[name]
    sizes = ["rows", "entries"] if has_axis else ["count"]
    places = {"hessian_vector_product": "gradient_block"}
    kept = ["kept"] if loops.kept_entries or loops.kept_rows else []
    shown = ["stable" if output == "value" else output for output in outputs]
    blocks = [f"{item}_block" for item in outputs]
    return {
        "name": name,
        "title": TITLES[name],
        "latex": [values["latex"][output] for output in shown if output in values["latex"]],
        "outputs": list(outputs),
        "arrays": arrays,
        "names": [*(sizes if has_axis else []), *(f"{item}_block" for item in arrays), *numbers, *blocks],
        "run_names": [
            *("y_true", "y_pred", *arguments.extras),
            *(["vector"] if "vector" in loops.inputs else []),
            *(*arguments.parameters, "weight", "factor", *outputs, "sums", "first", "last"),
        ],
        "passes": loops.passes,
        "kept_entries": loops.kept_entries,
        "kept_rows": loops.kept_rows,
        "parameters": [
            *(f"ptrdiff_t {item}" for item in sizes),
            *(f"const double *restrict {item}_block" for item in arrays),
            *(f"double {item}" for item in numbers),
            *(f"double *restrict {item}_block" for item in outputs),
            *(f"double *restrict {item}" for item in kept),
        ],
        "arguments": [
            *sizes,
            *(f"{item}_block" for item in arrays),
            *(f"job->{item}" for item in numbers),
            *(places.get(item, f"{item}_block") for item in outputs),
            *kept,
        ],
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


def _spelled(number: float, largest: str, infinity: str) -> str:
    """A number of a check, with the target's names for the ends of the floats."""
    if abs(number) == sys.float_info.max:
        return largest if number > 0 else f"-{largest}"
    return infinity if math.isinf(number) else repr(number)


def _inside(name: str, domain: Interval) -> str:
    """The test in C that a number is finite and in an interval."""
    above = ">" if _excludes(domain.lower, is_open=domain.lower_open) else ">="
    below = "<" if _excludes(domain.upper, is_open=domain.upper_open) else "<="
    lower, upper = (_spelled(_finite(end), *_ENDS_IN_C) for end in (domain.lower, domain.upper))
    return f"{name} {above} {lower} && {name} {below} {upper}"


def _excludes(end: float, *, is_open: bool) -> bool:
    return is_open and math.isfinite(end)
