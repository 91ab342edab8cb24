"""In which numbers a function is computed: floats, float32 by way of float64, pairs of floats, or extended numbers.

A target that computes in float64 whatever it is given may compute float32 as it is, where that is good enough.

Measurement chooses: a function goes to dearer numbers only where floats miss the limit of its certificate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from symloss.kernel import Apply, Constant, Input, Kernel, Value, result_kind

FUNCTIONS = ("value", "gradient", "hessian")
_HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Doubt:
    """A test that tells where floats are not trusted: the size of an input, a parameter or the result, out of bounds.

    An input that is 0 is never in doubt.
    """

    name: str
    lower: float
    upper: float

    def holds(self, number: float) -> bool:
        """Whether floats are not trusted there; they are not at NaN."""
        return not self.lower <= abs(number) <= self.upper


@dataclass(frozen=True)
class Arithmetic:
    """Which functions are computed in pairs of floats, which in extended numbers, and which float32 takes to float64.

    ``extended`` gives every such function the tests of which one must hold; no tests mean everywhere. ``single`` tells
    that a target of float64 computes all functions of float32 in float32.
    """

    extended: Mapping[str, tuple[Doubt, ...]] = field(default_factory=dict)
    paired: frozenset[str] = frozenset()
    doubled: frozenset[str] = frozenset()
    single: bool = False

    def __hash__(self) -> int:
        return hash((frozenset(self.extended.items()), self.paired, self.doubled, self.single))

    @property
    def is_plain(self) -> bool:
        """Whether every function is computed in the floats that the target knows."""
        return not (self.extended or self.paired or self.doubled or self.single)

    def changes(self, functions: tuple[str, ...]) -> bool:
        """Whether any of the functions is computed in other numbers than the floats it is given."""
        return not (set(self.extended) | self.paired | self.doubled).isdisjoint(functions)

    def as_data(self) -> dict[str, Any]:
        """For a record on disk."""
        extended = {
            name: [[doubt.name, doubt.lower, doubt.upper] for doubt in doubts] for name, doubts in self.extended.items()
        }
        kinds = {"extended": extended, "paired": sorted(self.paired), "doubled": sorted(self.doubled)}
        return {**kinds, "single": True} if self.single else kinds

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Arithmetic:
        """From a record on disk."""
        extended = {name: tuple(Doubt(*doubt) for doubt in doubts) for name, doubts in data.get("extended", {}).items()}
        paired, doubled = (frozenset(data.get(kind, ())) for kind in ("paired", "doubled"))
        return cls(extended, paired, doubled, data.get("single", False))


FLOATS = Arithmetic()


def keeps_float32_digits(kernel: Kernel) -> frozenset[str]:
    """The functions whose float32 results are, digit for digit, those that Keras prints: values at most."""
    definitions = (kernel.values[place].definition for place in kernel.needed_for("value"))
    asks = any(isinstance(item, Apply) and item.operation == "closeness" for item in definitions)
    return frozenset({"value"} if asks else ())


def single_kernel(kernel: Kernel) -> Kernel:
    """The kernel for numbers of fewer digits than its parameters have: what is computed of these alone is narrowed."""
    values: list[Value] = []
    moved: list[int] = []
    narrowed: dict[int, int] = {}

    def narrow(position: int) -> int:
        value = values[moved[position]]
        if value.kind != "parameter":
            return moved[position]
        if position not in narrowed:  # constants are written anew, with as many digits as are needed there
            is_constant = isinstance(value.definition, Constant)
            values.append(value if is_constant else Value(Apply("narrow", (moved[position],)), "parameter"))
            narrowed[position] = len(values) - 1
        return narrowed[position]

    for value in kernel.values:
        definition = value.definition
        if isinstance(definition, Apply):
            place = moved.__getitem__ if value.kind == "parameter" else narrow
            definition = replace(definition, operands=tuple(map(place, definition.operands)))
        values.append(replace(value, definition=definition))
        moved.append(len(values) - 1)
    return replace(kernel, values=tuple(values), outputs={name: moved[place] for name, place in kernel.outputs.items()})


def pair_kernel(kernel: Kernel, output: str) -> Kernel:
    """One output of the kernel for pairs of floats: what made up for rounding falls away."""
    return _widened(kernel, output, any_size=False)


def extended_kernel(kernel: Kernel, output: str) -> Kernel:
    """One output of the kernel for numbers of twice the digits and any size: what served only floats falls away."""
    return _widened(kernel, output, any_size=True)


def _widened(kernel: Kernel, output: str, *, any_size: bool) -> Kernel:
    widening = _Widening(kernel, kernel.needed_for(output), any_size=any_size)
    for position in kernel.needed_for(output):
        widening.move(position)
    outputs = {output: widening.moved[kernel.outputs[output]]}
    return Kernel(kernel.loss, kernel.has_axis, tuple(widening.values), outputs)


class _Widening:
    """Values are recorded anew; products are exact, the smallest normal number is 0, and both are folded.

    A sum whose rounding error is asked for stays the nearest float, and what it lacks the error: beside a root of the
    loss even 106 bits of ``1 + 1e-60`` are too few, but the slope times the error is not.
    """

    def __init__(self, kernel: Kernel, needed: tuple[int, ...], *, any_size: bool) -> None:
        self.kernel = kernel
        self.any_size = any_size
        self.values: list[Value] = []
        self.moved: dict[int, int] = {}
        self.numbers: dict[Any, int] = {}
        definitions = (kernel.values[position].definition for position in needed)
        errors = (item for item in definitions if isinstance(item, Apply) and item.operation == "sum_error")
        self.split = {item.operands for item in errors}
        self.flags: dict[int, bool] = {}  # flags known to hold or not
        self.smallest = self._constant(Fraction(0), 1.0)  # told from other zeros by its rest
        self.largest = self._constant(float("inf"))

    def move(self, position: int) -> None:
        """Record what a value of the kernel becomes."""
        value = self.kernel.values[position]
        moved = self.moved[position] = self._become(value.definition, value.name)
        if value.note and not self.any_size and isinstance(self.values[moved].definition, Apply):
            self.values[moved] = replace(self.values[moved], note=value.note)

    def _become(self, definition: Apply | Constant | Input, name: str) -> int:
        if not isinstance(definition, Apply):
            return self._record(definition, name)
        operands = [self.moved[operand] for operand in definition.operands]
        if definition.operation == "sum_error":
            return self._record(Apply("missing_part", (self._sum(operands),)), name)
        if self._is_split(definition):
            if definition.operation == "subtract":
                operands[1] = self._record(Apply("negate", (operands[1],)))
            return self._record(Apply("nearest_part", (self._sum(operands),)), name)
        folded = self._folded(definition.operation, operands)
        return self._record(Apply(definition.operation, tuple(operands)), name) if folded is None else folded

    def _sum(self, operands: list[int]) -> int:
        return self._record(Apply("add", tuple(operands)))

    def _is_split(self, definition: Apply) -> bool:
        """Whether the rounding error of this very sum or difference is asked for."""
        if definition.operation == "add":
            return definition.operands in self.split
        if definition.operation != "subtract":
            return False
        first, second = definition.operands
        return any(
            left == first and self.kernel.values[right].definition == Apply("negate", (second,))
            for left, right in self.split
        )

    def _record(self, definition: Apply | Constant | Input, name: str = "") -> int:
        if definition not in self.numbers:
            kind = "parameter"
            if isinstance(definition, Input):
                kind = definition.kind
            elif isinstance(definition, Apply):
                kind = result_kind(definition.operation, [self.values[operand].kind for operand in definition.operands])
            self.values.append(Value(definition, kind, name))
            self.numbers[definition] = len(self.values) - 1
        return self.numbers[definition]

    def _constant(self, number: Fraction | float, rest: float = 0.0) -> int:
        return self._record(Constant(number, rest))

    def _is(self, position: int, number: int) -> bool:
        return self.values[position].definition == Constant(Fraction(number))

    def _flag(self, *, known: bool) -> int:
        """A flag whose truth is known."""
        zero = self._constant(Fraction(0))
        found = self._record(Apply("equal" if known else "not_equal", (zero, zero)))
        self.flags[found] = known
        return found

    def _folded(self, operation: str, operands: list[int]) -> int | None:
        match operation:
            case "product_error" | "missing_part":
                return self._constant(Fraction(0))
            case "nearest_part":
                return operands[0]
            case "dot":
                return self._record(Apply("sum_over_axis", (self._record(Apply("multiply", tuple(operands))),)))
            case "binade" if self.any_size:
                return self._constant(Fraction(1))
            case "closeness":
                return self._constant(_HALF)
            case "smallest_normal" if self.any_size:
                return self.smallest
            case "sqrt" if operands[0] == self.smallest:
                return self.smallest
            case "less" | "not_equal" | "logical_and" | "logical_or" | "logical_not" | "select":
                return self._folded_choice(operation, operands)
        return self._folded_arithmetic(operation, operands)

    def _folded_choice(self, operation: str, operands: list[int]) -> int | None:
        if operation == "less" and operands[0] == self.smallest:
            return self._flag(known=True)
        if operation == "not_equal" and operands[0] == operands[1]:
            return self._flag(known=False)
        if operation == "select":
            known = self.flags.get(operands[0])
            if known is not None:
                return operands[1] if known else operands[2]
            return operands[1] if operands[1] == operands[2] else None
        if operation == "logical_not" and operands[0] in self.flags:
            return self._flag(known=not self.flags[operands[0]])
        if operation in ("logical_and", "logical_or"):
            decisive = operation == "logical_or"
            for flag, other in (operands, operands[::-1]):
                if flag in self.flags:
                    return flag if self.flags[flag] == decisive else other
        return None

    def _folded_arithmetic(self, operation: str, operands: list[int]) -> int | None:
        first, *rest = operands
        second = rest[0] if rest else first
        if operation == "divide" and second == self.smallest:
            return self.largest
        match operation:
            case "add" if self._is(second, 0):
                return first
            case "add" if self._is(first, 0):
                return second
            case "subtract" if self._is(second, 0):
                return first
            case "subtract" if self._is(first, 0):
                return self._record(Apply("negate", (second,)))
            case "multiply" if self._is(first, 0) or self._is(second, 0):
                return self._constant(Fraction(0))
            case "multiply" if self._is(first, 1):
                return second
            case "multiply" | "divide" if self._is(second, 1):
                return first
            case "negate" | "divide" if self._is(first, 0):
                return first
        return None
