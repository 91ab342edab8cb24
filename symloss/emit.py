"""From a kernel and a target's table to lines of Python: named steps, written once, in order.

A value gets a line of its own when it has a name, is used more than once, or would make a line too long; everything
else is written where it is used, so that the code reads like the formula above it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, count

from symloss.blocks import Block, base, blocks_of, body, in_order
from symloss.errors import UnsupportedError
from symloss.kernel import KEYED, Apply, Constant, Input, Kernel, Value
from symloss.targets import Spelling, Target
from symloss.targets.target import CALL, COMPARISON, MIRRORED, PRODUCT, UNARY

SMALLEST_SINGLE, LARGEST_SINGLE = 2.0**-126, (2 - 2.0**-23) * 2.0**127  # among normal numbers
_LONGEST_INLINE = 64
_LONGEST_LINE = 80
_CHEAP = frozenset({"negate", "narrow", "axis_size", "expand", "positions", "ones", "in_floats"})
_FALLBACK_NAMES = {
    "add": "total",
    "subtract": "difference",
    "multiply": "product",
    "divide": "quotient",
    "absolute": "size",
    "exp": "exponential",
    "log": "logarithm",
    "log1p": "logarithm",
    "select": "selected",
    "power": "raised",
    "sqrt": "root",
    "equal": "is_equal",
    "less": "is_less",
    "less_equal": "is_at_most",
    "sum_over_axis": "whole",
    "maximum": "larger",
    "minimum": "smaller",
    "matrix_product": "product",
    "contract": "contracted",
    "take": "taken",
    "transpose": "transposed",
    "expand": "column",
    "rows": "rows",
    "cumulative_sum": "cumulated",
    "cumulative_sum_from": "cumulated",
    "negate": "opposite",
    "narrow": "narrowed",
}
_RESERVED = frozenset(
    {"y_true", "y_pred", "vector", "np", "tf", "keras", "loss", "gradient_", "sum", "range"}
    | {"dtype", "in_floats", "doubtful", "rows", "places"}
)


@dataclass(frozen=True)
class Line:
    """One assignment of generated code, or another ``operator`` such as ``+=``, and what its form avoids.

    ``function`` is the head of the function of rows that it calls, and ``rows`` the body of that. Without a name it is
    the condition under which ``rows`` are run. ``kind`` is a number or a flag, where a target declares it.
    """

    name: str
    code: str
    notes: tuple[str, ...] = ()
    function: str = ""
    rows: Program | None = None
    operator: str = "="
    kind: str = ""


@dataclass(frozen=True)
class Program:
    """The lines that compute some outputs, the expressions of the results, and the inputs they use, in order.

    ``notes`` say what the forms within the results avoid; ``scratch`` counts the arrays that the steps write into.
    """

    lines: tuple[Line, ...]
    results: tuple[str, ...]
    inputs: frozenset[str]
    notes: tuple[str, ...] = ()
    scratch: int = 0


def emit(kernel: Kernel, target: Target, *outputs: str) -> Program:
    """The program for the named outputs."""
    return Emitter(kernel, target, outputs).program()


def _around(definition: Apply, spelling: Spelling) -> int:
    """How long a spelling is without its operands, where that leaves them little room."""
    return (
        len(spelling.text) + len(definition.layout) if definition.operation in (*KEYED, "contract", "transpose") else 0
    )


_METHOD = Spelling("", CALL, (CALL,))


class Emitter:
    """Writes the values of a kernel in order, each where it is used or on a line of its own."""

    def __init__(self, kernel: Kernel, target: Target, outputs: tuple[str, ...], rows: str = "") -> None:
        self.rows = rows  # the argument of a part that computes some rows for another program, which names the outputs
        self.kernel = kernel
        self.target = target
        self.outputs = outputs
        self.needed = kernel.needed_for(*outputs)
        self.bases = {place: base(kernel, place) for place in self.needed}
        blocks = blocks_of(kernel, self.needed) if target.joins_rows else []
        self.order = in_order(kernel, self.needed, blocks)
        self.read_by_rows = {position for block in blocks for position, _ in block.outside}
        self.uses = Counter(
            self.bases[operand]
            for position in self.order
            if isinstance(position, int) and isinstance(kernel.values[position].definition, Apply)
            for operand in kernel.values[position].definition.operands  # type: ignore[union-attr]
        )
        self.texts: dict[int, tuple[str, int]] = {}
        self.taken = {value.definition.name for value in kernel.values if isinstance(value.definition, Input)}
        self.lines: list[Line] = []
        self.noted: set[str] = set()
        self.pending: dict[int, tuple[str, ...]] = {}  # notes of values that are written where they are used
        self.output_names = {self.bases[kernel.outputs[output]]: output for output in reversed(outputs)}

    def program(self) -> Program:
        for item in self.order:
            if isinstance(item, Block):
                self._write_rows(item)
            else:
                self._write(item)
        positions = [self.bases[self.kernel.outputs[output]] for output in self.outputs]
        results = tuple(self.texts[position][0] for position in positions)
        notes = self._said_once(note for position in positions for note in self.pending.get(position, ()))
        return Program(tuple(self.lines), results, self.kernel.inputs(*self.outputs), notes)

    def _write(self, position: int) -> None:
        value = self.kernel.values[position]
        text, binds = self._text(value)
        if isinstance(value.definition, Apply):
            operands = [self.bases[operand] for operand in value.definition.operands]
            inside = [note for operand in operands for note in self.pending.get(operand, ())]
            self.pending[position] = (*inside, value.note) if value.note else tuple(inside)
        if isinstance(value.definition, Apply) and self._deserves_a_line(position, value, text):
            name = self._free_name(self._name_of_output(position) or value.name or self._fallback_name(value))
            self._assign(name, text, position)
            text, binds = name, CALL
        self.texts[position] = (text, binds)

    def _write_rows(self, block: Block) -> None:
        """A function that computes some rows of a block, and its call for all of them."""
        names = {position: self.texts[position][0] for position, _ in block.outside}
        outputs = tuple(map(str, range(len(block.exits))))
        argument = self._argument("rows")
        rows = Emitter(body(self.kernel, block, names), replace(self.target, joins_rows=False), outputs, argument)
        rows.taken, rows.noted = self.taken, self.noted
        program = rows.program()
        self.taken -= {line.name for line in program.lines if line.name.endswith("_rows")}  # the same in every block
        results = []
        for position in block.exits:
            value = self.kernel.values[position]
            results.append(self._free_name(self._name_of_output(position) or value.name or self._fallback_name(value)))
            self.texts[position] = (results[-1], CALL)
        function = self._free_name("of_rows")
        arrays = [self._array_with(dim) for dim in block.dims]
        first = block.dims.index(block.rows)
        sizes = ", ".join(
            f"({name}, {place})" for name, place in [arrays[first], *arrays[:first], *arrays[first + 1 :]]
        )
        code = f"_row_by_row({function}, {block.join}, {sizes})"
        self.lines.append(Line(", ".join(results), code, function=f"{function}({argument})", rows=program))

    def _argument(self, name: str) -> str:
        """The name of an argument, the same in every function; numbered where an input of the loss has it."""
        inputs = self.kernel.inputs(*self.kernel.outputs)
        return next(item for item in chain([name], (f"{name}_{number}" for number in count(2))) if item not in inputs)

    def _array_with(self, dim: str) -> tuple[str, int]:
        """An input that has the axis of a dimension, and the place of that, from the end."""
        axis = dim.partition(":")[0]
        for position in self.needed:
            value = self.kernel.values[position]
            axes = [own.partition(":")[0] for own in value.dims]
            if isinstance(value.definition, Input) and axis in axes:
                return value.definition.name, axes.index(axis) - len(axes)
        raise UnsupportedError(f"{self.kernel.loss} has no array over {axis} to count the rows of")

    def _assign(self, name: str, text: str, position: int) -> None:
        self.lines.append(Line(name, text, self._said_once(self.pending.pop(position, ()))))

    def _said_once(self, notes: Iterable[str]) -> tuple[str, ...]:
        """The notes that no earlier line has."""
        fresh = tuple(note for note in dict.fromkeys(notes) if note not in self.noted)
        self.noted |= set(fresh)
        return fresh

    def _deserves_a_line(self, position: int, value: Value, text: str) -> bool:
        if position in self.output_names:
            is_long = len(text) > _LONGEST_INLINE // 2 or not self.rows
            return self.uses[position] > 0 or (len(self.outputs) > 1 and is_long)
        if value.name or len(text) > _LONGEST_INLINE or position in self.read_by_rows:
            return True
        assert isinstance(value.definition, Apply)
        return self.uses[position] > 1 and value.definition.operation not in _CHEAP

    def _name_of_output(self, position: int) -> str:
        return "" if self.rows else self.output_names.get(position, "")

    @staticmethod
    def _fallback_name(value: Value) -> str:
        assert isinstance(value.definition, Apply)
        return _FALLBACK_NAMES.get(value.definition.operation, value.definition.operation)

    def _free_name(self, base: str) -> str:
        names = chain([base], (f"{base}_{number}" for number in count(2)))
        name = next(item for item in names if item not in self.taken and item not in _RESERVED)
        self.taken.add(name)
        return name

    def _text(self, value: Value) -> tuple[str, int]:
        definition = value.definition
        if isinstance(definition, Input):
            return definition.name, CALL
        if isinstance(definition, Constant):
            return self._constant(definition)
        spelling = self.target.operations.get(definition.operation)
        if spelling is None:
            raise UnsupportedError(
                f"{self.target.name} has no {definition.operation}, which {self.kernel.loss} needs; "
                "choose another target or rewrite the formula"
            )
        operands = tuple(self.bases[operand] for operand in definition.operands)
        definition = Apply(definition.operation, operands, definition.layout)
        if spelling.binds == COMPARISON and definition.operation in MIRRORED and self._is_literal(operands[0]):
            spelling, operands = MIRRORED[definition.operation], operands[::-1]
        if definition.operation == "select":
            constants = sum(self._number(operand) is not None for operand in operands)
            self._shorten(operands, constants * len(self.target.selected_constant.format("")))
            return self._select(definition, spelling)
        self._shorten(operands, _around(definition, spelling))
        if definition.operation == "divide" and self.target.reciprocal and self._was_divided(operands[0]):
            spelling = Spelling(self.target.reciprocal, PRODUCT, (PRODUCT, PRODUCT + 1))
        texts = [self._operand(operand, spelling, place) for place, operand in enumerate(operands)]
        if definition.operation == "power" and self._number(operands[0]) is not None:
            texts[0] = self.target.selected_constant.format(texts[0])  # no other operand tells its dtype in time
        return spelling.text.format(*texts, **self._layout(definition, value)), spelling.binds

    def _layout(self, definition: Apply, value: Value) -> dict[str, str]:
        """What a spelling may say of dimensions."""
        layout = definition.layout
        places = [":" if place == ":" else self.target.new_dimension for place in layout]
        while len(places) > 1 and places[0] == ":":
            places.pop(0)
        sides = ",".join("..." + side for side in layout.split("->")[0].split(","))
        order = [int(place) - len(layout) for place in layout] if layout.isdigit() else []
        return {
            "axis": layout or "-1",
            "rows": self.rows,
            "places_of_rows": ", ".join(["...", self.rows, *[":"] * (-1 - int(layout))])
            if definition.operation == "rows"
            else "",
            "keep": "" if value.dims else ", keepdims=True",
            "places": ", ".join(["...", *places]),
            "subscripts": f"{sides}->...{layout.rpartition('->')[2]}",
            "order": ", ".join(map(str, order)),
        }

    def _shorten(self, operands: tuple[int, ...], around: int = 0) -> None:
        """Give the longest operands lines of their own until the rest, and what is around them, fits on one."""
        while sum(len(self.texts[operand][0]) for operand in operands) + around > _LONGEST_LINE:
            longest = max(operands, key=lambda operand: len(self.texts[operand][0]))
            value = self.kernel.values[longest]
            if not isinstance(value.definition, Apply) or len(self.texts[longest][0]) < 20:
                return
            name = self._free_name(value.name or self._fallback_name(value))
            self._assign(name, self.texts[longest][0], longest)
            self.texts[longest] = (name, CALL)

    def _operand(self, position: int, spelling: Spelling, place: int) -> str:
        text, binds = self.texts[position]
        return text if binds >= spelling.operand_binding(place) else f"({text})"

    def _select(self, definition: Apply, spelling: Spelling) -> tuple[str, int]:
        flag, *choices = definition.operands
        numbers = [self._number(position) for position in choices]
        if numbers == [1, 0] and self.target.indicator:
            return self.target.indicator.format(self._operand(flag, _METHOD, 0)), CALL
        texts = [
            self.texts[position][0] if number is None else self.target.selected_constant.format(self.texts[position][0])
            for position, number in zip(choices, numbers, strict=True)
        ]
        return spelling.text.format(self.texts[flag][0], *texts), spelling.binds

    def _was_divided(self, position: int) -> bool:
        """Whether a value is a quotient, or is chosen from one."""
        definition = self.kernel.values[position].definition
        if not isinstance(definition, Apply):
            return False
        if definition.operation in ("select", "negate"):
            return any(map(self._was_divided, definition.operands[-2:]))
        return definition.operation == "divide" and self._number(definition.operands[1]) is None

    def _is_literal(self, position: int) -> bool:
        """Whether a value is spelled in numbers alone."""
        definition = self.kernel.values[position].definition
        if not isinstance(definition, Apply):
            return isinstance(definition, Constant)
        spelling = self.target.operations.get(definition.operation)
        is_number = spelling is not None and "{" not in spelling.text
        return is_number or all(map(self._is_literal, definition.operands))

    def _number(self, position: int) -> Fraction | float | None:
        definition = self.kernel.values[position].definition
        return definition.number if isinstance(definition, Constant) else None

    def _constant(self, constant: Constant) -> tuple[str, int]:
        if self.target.inexact_constant and (rest := _rest_of(constant)) is not None:
            return self.target.inexact_constant.format(repr(float(constant.number)), repr(rest)), CALL
        text, binds = self._digits(constant.number)
        spelled = self.target.exact_constant.format(text)
        return spelled, binds if spelled == text else CALL

    def _digits(self, number: Fraction | float) -> tuple[str, int]:
        if self.target.is_single and math.isfinite(number):
            return self._single_digits(number)
        if isinstance(number, float):
            text = self.target.infinity if math.isinf(number) else repr(abs(number))
            return (f"-{text}", UNARY) if number < 0 else (text, CALL)
        if number.denominator == 1:
            text = f"{float(number)!r}" if self.target.integers_as_floats else str(number.numerator)
            return text, UNARY if number < 0 else CALL
        if _is_short(number):
            return repr(float(number)), UNARY if number < 0 else CALL
        if self.target.integers_as_floats:
            return f"{float(number.numerator)!r} / {float(number.denominator)!r}", PRODUCT
        return f"{number.numerator} / {number.denominator}", PRODUCT

    def _single_digits(self, number: Fraction | float) -> tuple[str, int]:
        size = abs(float(number))
        if size and not SMALLEST_SINGLE <= size <= LARGEST_SINGLE:
            raise UnsupportedError(f"{self.kernel.loss} has the constant {float(number)!r}, which is no float")
        if isinstance(number, Fraction) and not _is_short(number) and max(map(abs, number.as_integer_ratio())) < 2**24:
            return f"{float(number.numerator)!r}f / {float(number.denominator)!r}f", PRODUCT
        return f"{float(number)!r}f", UNARY if number < 0 else CALL


def _is_short(number: Fraction) -> bool:
    """Whether a number is a float that few digits tell."""
    return float(number) == number and (number.denominator == 1 or len(repr(float(number))) < 8)


def _rest_of(constant: Constant) -> float | None:
    """What the nearest float lacks of a constant; None of a fraction that a float is, and of infinity."""
    if isinstance(constant.number, float):
        return None if math.isinf(constant.number) else constant.rest
    rest = constant.number - Fraction(float(constant.number))
    return float(rest) if rest else None
