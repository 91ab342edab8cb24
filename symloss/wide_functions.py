"""Functions of wide numbers as the templates of C and numba show them: parameters, arguments, tests of doubt."""

from __future__ import annotations

import math
from typing import Any

from symloss.compiled_arguments import Arguments, spelled
from symloss.targets import Target
from symloss.wide_numbers import Mending, Sample, Test


class ShownInTarget:
    """Functions of wide numbers as the templates of a target show them."""

    def __init__(self, arguments: Arguments, target: Target) -> None:
        self.arguments = arguments
        self.has_axis = arguments.has_axis
        self.is_c = target.is_built
        self.private = "" if self.is_c else "_"

    def sample(self, sample: Sample) -> dict[str, Any]:
        """A function of one sample."""
        kind, has_axis = sample.kind, self.has_axis
        sizes = ["rows", "entries", "row"] if has_axis else []
        blocks = [f"{item}_block" if has_axis else item for item in sample.arrays]
        places = [*([f"{sample.output}_block"] if has_axis else []), *self._kept(sample)]
        number, array = kind.capitalize(), "const double *restrict" if has_axis else kind.capitalize()
        return {
            "name": sample.name,
            "title": sample.title,
            "kind": kind,
            "output": sample.output,
            "passes": sample.loops.passes,
            "kept_entries": sample.loops.kept_entries,
            "of_rows": [item for item in sample.arrays if item in self.arguments.per_row],
            "labels": ["y_true"] if self.arguments.label else [],
            "names": [*sizes, *blocks, *sample.numbers, *places],
            "parameters": [
                *(f"ptrdiff_t {item}" for item in sizes),
                *(f"{array} {item}" for item in blocks),
                *(f"{number} {item}" for item in sample.numbers),
                *(f"double *restrict {item}" for item in places),
            ],
            "arguments": [
                *sizes,
                *(item if has_axis else f"{self.private}{kind}({item}_block[i])" for item in blocks),
                *(f"{self.private}{kind}({item})" for item in sample.numbers),
                *places,
            ],
        }

    def _kept(self, sample: Sample) -> list[str]:
        """The memory that a function is given in C."""
        return ["kept"] if self.is_c and sample.keeps else []

    def mending(self, mending: Mending) -> dict[str, Any]:
        """The function that has samples in doubt computed anew."""
        sizes = self.arguments.sizes if self.is_c or self.has_axis else []
        places = [f"{mending.output}_block", *self._kept(mending.sample)]
        of_all = ["always"] if mending.of_parameters else []
        at = "entry * rows + row" if self.has_axis else "i"
        return {
            "name": f"mend_{mending.output}",
            "output": mending.output,
            "sample": self.sample(mending.sample),
            "of_parameters": [self._in_doubt(test, test.array) for test in mending.of_parameters],
            "of_rows": [*of_all, *(self._in_doubt(test, f"{test.array}_block[row]") for test in mending.of_rows)],
            "of_entries": [self._in_doubt(test, f"{test.array}_block[{at}]") for test in mending.of_entries],
            "names": [*sizes, *(f"{item}_block" for item in mending.arrays), *mending.numbers, *places],
            "parameters": [
                *(f"ptrdiff_t {item}" for item in sizes),
                *(f"const double *restrict {item}_block" for item in mending.arrays),
                *(f"double {item}" for item in mending.numbers),
                *(f"double *restrict {item}" for item in places),
            ],
        }

    def _in_doubt(self, test: Test, number: str) -> str:
        """The test that a number is in doubt."""
        name = "is_doubtful_input" if test.is_input else "is_doubtful"
        return f"{self.private}{name}({number}, {self._bound(test.lower)}, {self._bound(test.upper)})"

    def _bound(self, number: float) -> str:
        """A bound as a reader takes it in: large and small powers of two as such."""
        mantissa, exponent = math.frexp(number)
        if mantissa == 0.5 and abs(exponent) > 20:
            return f"0x1p{exponent - 1}" if self.is_c else f"2.0**{exponent - 1}"
        return spelled(number, is_c=self.is_c)
