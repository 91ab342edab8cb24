"""The arguments of compiled functions, in order: of those that users call, and of those that compute a block."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any


class Arguments:
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

    @property
    def sizes(self) -> list[str]:
        """The sizes of a block."""
        return ["rows", "entries"] if self.has_axis else ["count"]

    @property
    def per_row(self) -> frozenset[str]:
        """The arrays with one number for all entries of a sample."""
        return frozenset([*self.extras, *(["y_true"] if self.label else [])] if self.has_axis else ())

    def arrays_in(self, names: frozenset[str]) -> list[str]:
        """Those of some names that are arrays, in the order of a kernel's arguments."""
        every = ("y_true", "y_pred", *(["vector"] if self.has_axis else []), *self.extras)
        return [item for item in every if item in names]

    def numbers_in(self, names: frozenset[str]) -> list[str]:
        """Those of some names that are parameters, in order."""
        return [item for item in self.parameters if item in names]

    def of_kernel(
        self, arrays: list[str], numbers: list[str], outputs: tuple[str, ...], kept: list[str], kind: str = "double"
    ) -> dict[str, list[str]]:
        """What a kernel takes in C, and what a block hands it; ``kind`` is the type of what it reads and keeps."""
        places = {"hessian_vector_product": "gradient_block"}  # no block has both
        return {
            "parameters": [
                *(f"ptrdiff_t {item}" for item in self.sizes),
                *(f"const {kind} *restrict {item}_block" for item in arrays),
                *(f"double {item}" for item in numbers),
                *(f"double *restrict {item}_block" for item in outputs),
                *(f"{kind} *restrict {item}" for item in kept),
            ],
            "arguments": [
                *self.sizes,
                *(f"{item}_block" for item in arrays),
                *(f"job->{item}" for item in numbers),
                *(places.get(item, f"{item}_block") for item in outputs),
                *kept,
            ],
        }

    def of_checks(self, checked: Iterable[str], kind: str = "double") -> list[str]:
        """What the tests of a block's arrays take in C."""
        blocks = (f"const {kind} *{array}_block" for array in checked)
        return [*blocks, *(f"ptrdiff_t {size}" for size in self.sizes)]


def spelled(number: float, *, is_c: bool) -> str:
    """A number of a check, with the names that C or Python has for the ends of the floats."""
    largest, infinity = ("DBL_MAX", "INFINITY") if is_c else ("_LARGEST", "np.inf")
    if abs(number) == sys.float_info.max:
        return largest if number > 0 else f"-{largest}"
    return infinity if math.isinf(number) else repr(number)
