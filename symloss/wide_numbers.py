"""What compiled targets compute in numbers of twice the digits: functions of one sample, and where they are called.

A function in pairs or extended numbers calls them for every sample; one in doubles calls them for samples in doubt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from symloss.arithmetic import Arithmetic, Doubt, extended_kernel, pair_kernel
from symloss.compiled_arguments import Arguments
from symloss.emit_loops import Loops, emit_loops, name_in
from symloss.kernel import Kernel
from symloss.modules import TITLES, used_operations
from symloss.targets import Target

# What of doubles the functions of wide numbers call.
_BENEATH_ALL = frozenset({"less", "less_equal", "equal", "not_equal", "select", "logical_not", "product_error"})
_LOGARITHMS = ("log", "log1p")
_BENEATH: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "pair": {
        "power": ("power", "log"),
        "sinh": ("sinh", "cosh"),
        "cosh": ("cosh", "sinh"),
        **{name: (name,) for name in ("sign", "binade", "exp", "expm1", "log", "log1p", "tanh")},
        **{name: (name,) for name in ("digamma", "trigamma", "tetragamma")},
    },
    "extended": {
        "sign": ("sign",),
        "erfc": ("scaled_erfc",),
        **dict.fromkeys(("log", "log1p", "power", "lgamma", "digamma"), _LOGARITHMS),
    },
}
_SUFFIXES = {"pair": "in_pairs", "extended": "in_extended_numbers"}
_DOUBLES = {"pair": 2, "extended": 3}  # that a number takes the memory of


@dataclass(frozen=True)
class Sample:
    """A function of one sample in a ``kind`` of numbers: its loops, and what it reads."""

    name: str
    output: str
    kind: str
    kernel: Kernel
    loops: Loops
    arrays: tuple[str, ...]
    numbers: tuple[str, ...]

    @property
    def title(self) -> str:
        """What it computes."""
        return TITLES[self.output]

    @property
    def keeps(self) -> bool:
        """Whether it needs memory of the size of a row."""
        return bool(self.loops.kept_entries)

    @property
    def doubles_kept(self) -> int:
        """How many doubles an entry takes of that memory."""
        return _DOUBLES[self.kind] * len(self.loops.kept_entries)


@dataclass(frozen=True)
class Test:
    """Whether the size of a number is out of bounds; an ``input`` that is 0 is not."""

    array: str
    lower: float
    upper: float
    is_input: bool


@dataclass(frozen=True)
class Mending:
    """Where a function computed in doubles has samples computed anew by another: the tests of which one must hold."""

    sample: Sample
    of_parameters: tuple[Test, ...]
    of_rows: tuple[Test, ...]
    of_entries: tuple[Test, ...]
    arrays: tuple[str, ...]
    numbers: tuple[str, ...]

    @property
    def output(self) -> str:
        """The function that is mended."""
        return self.sample.output


@dataclass(frozen=True)
class Widening:
    """How the kernel of some outputs is computed: part by part, all samples by ``whole``, or in loops and mended."""

    parts: tuple[str, ...]
    whole: Sample | None
    mendings: tuple[Mending, ...]
    inputs: frozenset[str]
    keeps: bool


class WideNumbers:
    """All that a loss computes in wide numbers in a target."""

    def __init__(self, kernel: Kernel, target: Target, arithmetic: Arithmetic, arguments: Arguments) -> None:
        self.kernel = kernel
        self.target = target
        self.arithmetic = arithmetic
        self.arguments = arguments

    @cached_property
    def whole(self) -> dict[str, Sample]:
        """By output the functions that compute every sample."""
        kinds = {name: "pair" for name in self.arithmetic.paired if self.target.pairs is not None}
        if self.target.extended is not None:
            kinds |= {name: "extended" for name, doubts in self.arithmetic.extended.items() if not doubts}
        return {name: self._sample(name, f"{name}_{_SUFFIXES[kind]}", kind) for name, kind in sorted(kinds.items())}

    @cached_property
    def mendings(self) -> dict[str, Mending]:
        """By output what computes samples in doubt."""
        if self.target.extended is None:
            return {}
        return {name: self._mending(name, doubts) for name, doubts in self.arithmetic.extended.items() if doubts}

    @property
    def samples(self) -> list[Sample]:
        """The functions of one sample."""
        return [*self.whole.values(), *(item.sample for item in self.mendings.values())]

    def operations(self, kind: str) -> frozenset[str]:
        """The operations on one kind of numbers."""
        kernels = [item.kernel for item in self.samples if item.kind == kind]
        return frozenset().union(*(used_operations(kernel, list(kernel.outputs)) for kernel in kernels))

    @property
    def operations_beneath(self) -> frozenset[str]:
        """The operations on doubles that all this calls."""
        found = [_BENEATH[kind].get(name, ()) for kind in _BENEATH for name in self.operations(kind)]
        return frozenset(chain.from_iterable(found)) | _BENEATH_ALL if self.samples else frozenset()

    def of(self, outputs: tuple[str, ...], loops: Mapping[str, Loops]) -> Widening:
        """How the kernel of some outputs is computed, given the loops in doubles of every kernel by its name."""
        if len(outputs) > 1 and not self.whole.keys().isdisjoint(outputs):
            made = [self.of((name,), loops) for name in outputs]
            inputs = frozenset[str]().union(*(item.inputs for item in made))
            return Widening(outputs, None, (), inputs, any(item.keeps for item in made))
        own = loops["_and_".join(outputs)]
        whole = self.whole.get(outputs[0])
        mendings = tuple(self.mendings[name] for name in outputs if name in self.mendings)
        inputs = own.inputs if whole is None else frozenset({*whole.arrays, *whole.numbers})
        keeps = bool(own.kept_entries or own.kept_rows) if whole is None else whole.keeps
        return Widening(
            (),
            whole,
            mendings,
            inputs.union(*({*item.arrays, *item.numbers} for item in mendings)),
            keeps or any(item.sample.keeps for item in mendings),
        )

    def _sample(self, output: str, name: str, kind: str) -> Sample:
        kernel = (pair_kernel if kind == "pair" else extended_kernel)(self.kernel, output)
        spelling = self.target.pairs if kind == "pair" else self.target.extended
        assert spelling is not None
        loops = emit_loops(kernel, spelling, output, of_one_sample=True)
        arrays, numbers = (tuple(of(loops.inputs)) for of in (self.arguments.arrays_in, self.arguments.numbers_in))
        return Sample(name, output, kind, kernel, loops, arrays, numbers)

    def _mending(self, output: str, doubts: tuple[Doubt, ...]) -> Mending:
        exact = self._sample(output, f"exact_{output}", "extended")
        tests = [self._test(doubt, output) for doubt in doubts]
        read = frozenset({*exact.arrays, *exact.numbers, *(test.array for test in tests)})
        per_row = set(self.arguments.per_row)
        if self.kernel.has_axis and self.kernel.values[self.kernel.outputs[output]].kind == "row":
            per_row.add(output)
        numbers = tuple(self.arguments.numbers_in(read))
        return Mending(
            exact,
            tuple(test for test in tests if test.array in numbers),
            tuple(test for test in tests if test.array in per_row),
            tuple(test for test in tests if test.array not in {*numbers, *per_row}),
            tuple(self.arguments.arrays_in(read)),
            numbers,
        )

    def _test(self, doubt: Doubt, output: str) -> Test:
        array = output if doubt.name == "result" else name_in(self.target, doubt.name)
        return Test(array, doubt.lower, doubt.upper, doubt.name in ("y_true", "y_pred"))
