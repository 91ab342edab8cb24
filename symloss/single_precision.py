"""What C computes in float where a loss is good enough in it: kernels beside those in double precision."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from symloss.arithmetic import single_kernel
from symloss.compiled_arguments import Arguments
from symloss.emit import LARGEST_SINGLE
from symloss.emit_loops import Loops, emit_loops
from symloss.kernel import Kernel
from symloss.modules import TITLES, used_operations
from symloss.targets import Target

_MOST_DIGITS = 9


def in_single_precision(
    kernel: Kernel,
    spelling: Target,
    arguments: Arguments,
    parts: Mapping[str, tuple[str, ...]],
    checks: list[dict[str, Any]],
) -> dict[str, Any]:
    """The kernels that compute float as float; their results are doubles, as those of all kernels.

    Raises UnsupportedError where a constant is no float.
    """
    narrow = single_kernel(kernel)
    functions = [
        _function(name, emit_loops(narrow, spelling, *outputs), outputs, arguments) for name, outputs in parts.items()
    ]
    tests = [{**check, "test": f"single_{check['test']}", "ends": _ends(check["ends"])} for check in checks]
    return {
        "functions": functions,
        "operations": used_operations(narrow, list(narrow.outputs)),
        "checks": tests,
        "tests": {check["test"] for check in tests},
        "parameters": arguments.parameters,
        "argument_blocks": arguments.of_checks(dict.fromkeys(check["array"] for check in tests), "float"),
    }


def _function(name: str, loops: Loops, outputs: tuple[str, ...], arguments: Arguments) -> dict[str, Any]:
    """A kernel as the templates show it: what it keeps is float too."""
    every = ["y_true", "y_pred", *arguments.extras]  # kernels of one number each check all
    arrays = arguments.arrays_in(loops.inputs) if arguments.has_axis else every
    kept = ["kept"] if loops.kept_entries or loops.kept_rows else []
    return {
        "name": name,
        "title": TITLES[name],
        "arrays": arrays,
        "passes": loops.passes,
        "kept_entries": loops.kept_entries,
        "kept_rows": loops.kept_rows,
        **arguments.of_kernel(arrays, arguments.numbers_in(loops.inputs), outputs, kept, "float"),
    }


def _ends(ends: tuple[float, ...]) -> list[str]:
    """The ends of what is inside, as the floats next to them that are inside too."""
    if not ends:
        return []
    lower, upper = ends
    return [_spelled(_rounded_up(lower)), _spelled(-_rounded_up(-upper))]


def _rounded_up(number: float) -> float:
    """The smallest float that is not below a number, or the least of all."""
    if number <= -LARGEST_SINGLE:
        return -LARGEST_SINGLE
    nearest = _nearest(number)
    if nearest >= number:
        return nearest
    (bits,) = struct.unpack("=i", struct.pack("=f", nearest))
    above = bits + 1 if nearest >= 0 else bits - 1
    return float(struct.unpack("=f", struct.pack("=i", above))[0])


def _nearest(number: float) -> float:
    return float(struct.unpack("=f", struct.pack("=f", number))[0])


def _spelled(number: float) -> str:
    if abs(number) == LARGEST_SINGLE:
        return "FLT_MAX" if number > 0 else "-FLT_MAX"
    texts = (f"{number:.{digits}g}" for digits in range(1, _MOST_DIGITS + 1))
    return f"{float(next(text for text in texts if _nearest(float(text)) == number))!r}f"
