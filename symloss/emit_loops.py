"""A program for one number at a time: the loops around it are the compiler's to turn into vectors.

An elementwise loss is one loop. Over an axis, every sum or maximum ends a pass over the entries: the next one reads it.
A pass computes again what is cheap, and keeps what is costly for the passes behind it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, count

from symloss.emit import Emitter, Program
from symloss.errors import UnsupportedError
from symloss.kernel import Apply, Constant, Input, Kernel, Value, result_kind
from symloss.targets import Target

_PARAMETER, _ROW, _ENTRY = 0, 1, 2
_REDUCTIONS = {
    "sum_over_axis": "whole",
    "max_over_axis": "largest",
    "is_first_maximum": "place",
    "take_label": "chosen",
    "dot": "dot",
    "cumulative_sum": "cumulated",
    "cumulative_sum_from": "cumulated",
}
_CUMULATIVE = ("cumulative_sum", "cumulative_sum_from")  # an array per entry, summed up in place behind its pass
_OF_ONE = ("max_over_axis", "take_label", *_CUMULATIVE)
_PER_ENTRY = frozenset({"is_label", "is_first_maximum", "fill"})
_OF_ONE_OPERAND = {"is_label": 1, "fill": 0}  # the other one tells an array's shape
_CHEAP = frozenset(
    {"add", "subtract", "multiply", "negate", "absolute", "sign", "maximum", "minimum", "clip", "select", "fill"}
    | {"narrow", "less", "less_equal", "equal", "not_equal", "logical_and", "logical_or", "logical_not", "is_label"}
)
_NUMBERS = frozenset({"axis_size", "closeness", "smallest_normal"})


@dataclass(frozen=True)
class Write:
    """What a pass writes under a name: an array of one number per entry or row, or a ``reduction`` over entries."""

    name: str
    code: str
    reduction: str = ""
    label: str = ""

    @property
    def arrays(self) -> tuple[str, ...]:
        """The arrays that gather it: sums keep what rounding took, the place of the largest entry the entry itself."""
        return (self.name,) if self.reduction in ("", *_OF_ONE) else (self.name, f"{self.name}_rest")


@dataclass(frozen=True)
class Pass:
    """One loop: what it reads per entry and per row, its steps, and what it writes; ``fixed`` stands in front of it."""

    over_entries: bool
    entries: tuple[str, ...]
    rows: tuple[str, ...]
    fixed: Program
    program: Program
    writes: tuple[Write, ...]

    @property
    def kept(self) -> tuple[str, ...]:
        """What it writes per entry."""
        return tuple(item.name for item in self.writes if item.reduction in ("", *_CUMULATIVE))

    @property
    def reductions(self) -> tuple[Write, ...]:
        """What is gathered over the entries."""
        return tuple(item for item in self.writes if item.reduction not in ("", *_CUMULATIVE))

    @property
    def cumulated(self) -> tuple[Write, ...]:
        """What is summed up along the entries behind the pass."""
        return tuple(item for item in self.writes if item.reduction in _CUMULATIVE)


@dataclass(frozen=True)
class Loops:
    """The passes of some outputs, and the arrays that these keep: one number per entry or per row."""

    passes: tuple[Pass, ...]
    kept_entries: tuple[str, ...]
    kept_rows: tuple[str, ...]
    inputs: frozenset[str]


def emit_loops(kernel: Kernel, target: Target, *outputs: str, of_one_sample: bool = False) -> Loops:
    """The loops for the named outputs, which are written under their own names.

    ``of_one_sample`` is for code in which what is kept per row has a name rather than an array.
    """
    return _Scheduler(_renamed(kernel, target), target, outputs, of_one_sample=of_one_sample).loops()


def name_in(target: Target, name: str) -> str:
    """An argument's name in a target, whose own words it must not be."""
    is_free = name not in target.reserved | target.beside_arguments and not name.endswith(("_", "_block", "_filled"))
    return name if is_free else f"{name}_"


def _renamed(kernel: Kernel, target: Target) -> Kernel:
    """The kernel with inputs named as the target allows."""

    def renamed(value: Value) -> Value:
        definition = value.definition
        if isinstance(definition, Input):
            definition = replace(definition, name=name_in(target, definition.name))
        return replace(value, definition=definition)

    return replace(kernel, values=tuple(map(renamed, kernel.values)))


def _free(base: str, taken: Collection[str], *endings: str) -> str:
    """A name that is not taken, nor with the endings, and none of an array's."""
    names = chain([base], (f"{base}_{number}" for number in count(2)))
    return next(
        name
        for name in names
        if not name.endswith("_block") and all(f"{name}{ending}" not in taken for ending in ("", *endings))
    )


def _beneath(kernel: Kernel, operation: str) -> frozenset[int]:
    """What the operands of an operation are computed of, with these."""
    found: set[int] = set()
    for position in reversed(range(len(kernel.values))):
        definition = kernel.values[position].definition
        if isinstance(definition, Apply) and (definition.operation == operation or position in found):
            found.update(definition.operands)
    return frozenset(found)


class _Typed(Emitter):
    """An emitter that tells of every line whether it is a number or a flag, and which lines need no array."""

    def __init__(self, kernel: Kernel, target: Target, outputs: tuple[str, ...]) -> None:
        super().__init__(kernel, target, outputs)
        self.fixed_lines: set[str] = set()
        self.fixed: set[int] = set()
        for position, value in enumerate(kernel.values):
            definition = value.definition
            operands = definition.operands if isinstance(definition, Apply) else ()
            is_given = isinstance(definition, Input) and value.kind != "parameter"
            if not is_given and self.fixed.issuperset(operands):
                self.fixed.add(position)
        self.of_data = target
        self.of_parameters = _beneath(kernel, "narrow") if target.of_parameters is not None else frozenset()

    def _write(self, position: int) -> None:
        of_parameters = self.of_data.of_parameters
        self.target = of_parameters if of_parameters and position in self.of_parameters else self.of_data
        super()._write(position)

    def _deserves_a_line(self, position: int, value: Value, text: str) -> bool:
        is_dear = isinstance(value.definition, Apply) and value.definition.operation not in _CHEAP
        return super()._deserves_a_line(position, value, text) or (position in self.fixed and is_dear)

    def _free_name(self, base: str) -> str:
        name = _free(base, self.taken | self.target.reserved)
        self.taken.add(name)
        return name

    def _assign(self, name: str, text: str, position: int) -> None:
        super()._assign(name, text, position)
        value = self.kernel.values[position]
        self.lines[-1] = replace(self.lines[-1], kind="flag" if value.kind == "flag" else "number")
        is_narrow = isinstance(value.definition, Apply) and value.definition.operation == "narrow"
        if position in self.fixed and not is_narrow:
            self.fixed_lines.add(name)

    def programs(self) -> tuple[Program, Program]:
        """What needs no array, and the rest."""
        program = self.program()
        fixed = tuple(line for line in program.lines if line.name in self.fixed_lines)
        rest = tuple(line for line in program.lines if line.name not in self.fixed_lines)
        return Program(fixed, (), frozenset()), replace(program, lines=rest)


class _Scheduler:
    """Places every value in a pass, then writes the passes, the last one first."""

    def __init__(self, kernel: Kernel, target: Target, outputs: tuple[str, ...], *, of_one_sample: bool) -> None:
        self.kernel = kernel
        self.target = target
        self.outputs = outputs
        self.of_one_sample = of_one_sample
        self.needed = kernel.needed_for(*outputs)
        self.known = self.target.operations.keys() | _REDUCTIONS.keys() | {"nearest_part", "missing_part"}
        self.ranks: dict[int, int] = {}
        self.stages: dict[int, int] = {}  # the pass over entries that computes an entry, or the first that reads a row
        for position in self.needed:
            self._place(position)
        inputs = {value.definition.name for value in kernel.values if isinstance(value.definition, Input)}
        self.taken = inputs | set(outputs)
        self.names: dict[int, str] = {}  # of what is kept

    # -- where everything is computed ------------------------------------------------------------------------------

    def _place(self, position: int) -> None:
        value = self.kernel.values[position]
        definition = value.definition
        if not isinstance(definition, Apply):
            self.ranks[position] = {"parameter": _PARAMETER, "row": _ROW}.get(value.kind, _ENTRY)
            self.stages[position] = 0
            return
        operation, operands = definition.operation, definition.operands
        if definition.layout not in ("", "-1") or len(value.dims) > 1 or operation not in self.known:
            raise UnsupportedError(
                f"{self.target.name} has no {operation}, which {self.kernel.loss} needs; choose another target"
            )
        stage = max(self.stages[item] for item in operands)
        is_reduction = operation in _REDUCTIONS
        if is_reduction and operation not in ("is_first_maximum", *_CUMULATIVE):
            rank = _ROW
        elif operation in _PER_ENTRY:
            rank = _ENTRY if self.kernel.has_axis else max(self.ranks[item] for item in operands)
        elif operation in _NUMBERS:
            rank, stage = _PARAMETER, 0
        else:
            rank = max(self.ranks[item] for item in operands)
        self.ranks[position] = rank
        self.stages[position] = stage + 1 if is_reduction else stage

    def operation(self, position: int) -> str:
        """What makes a value; empty for inputs and constants."""
        definition = self.kernel.values[position].definition
        return definition.operation if isinstance(definition, Apply) else ""

    def _operands(self, position: int) -> tuple[int, ...]:
        definition = self.kernel.values[position].definition
        return definition.operands if isinstance(definition, Apply) else ()

    # -- the passes: each asks for what earlier ones must keep --------------------------------------------------------

    def loops(self) -> Loops:
        """All passes, in order."""
        results = {output: self.kernel.outputs[output] for output in self.outputs}
        if not self.kernel.has_axis:
            only = self._pass(_ENTRY, 0, results, {})
            return Loops((only,), (), (), self._inputs([only]))
        self.rows: dict[int, set[int]] = {}  # by the stage that they are computed in front of
        self.entries: dict[int, set[int]] = {}
        self.gathered: dict[int, set[int]] = {}  # by the pass that gathers them
        self.names |= {place: name for name, place in results.items() if self.operation(place) not in _REDUCTIONS}
        passes: list[Pass] = []
        for stage in range(max(self.stages.values()), -1, -1):
            passes += self._entry_pass(stage, results)
            passes += self._row_pass(stage, results)
        passes.reverse()
        kept = {name for item in passes for write in item.writes for name in write.arrays} - set(self.outputs)
        entries = {name for item in passes if item.over_entries for name in item.kept}
        return Loops(tuple(passes), tuple(sorted(kept & entries)), tuple(sorted(kept - entries)), self._inputs(passes))

    def _inputs(self, passes: Iterable[Pass]) -> frozenset[str]:
        own = {value.definition.name for value in self.kernel.values if isinstance(value.definition, Input)}
        return frozenset(
            name for item in passes for name in (*item.program.inputs, *item.entries, *item.rows) if name in own
        )

    def ask(self, position: int) -> None:
        """Have a value of an earlier pass kept."""
        rank, stage = self.ranks[position], self.stages[position]
        operation = self.operation(position)
        if operation in _REDUCTIONS:
            self.gathered.setdefault(stage - 1, set()).add(position)
        elif operation and position not in self.names.keys() & self.kernel.outputs.values():
            (self.rows if rank == _ROW else self.entries).setdefault(stage, set()).add(position)
        if position not in self.names:
            value = self.kernel.values[position]
            base = _REDUCTIONS[operation] if operation == "is_first_maximum" else value.name
            base = base or _REDUCTIONS.get(operation, operation)
            name = _free(base, self.taken | self.target.reserved, "_rest")
            self.names[position] = name
            self.taken |= {name, f"{name}_rest"}

    def _entry_pass(self, stage: int, results: dict[str, int]) -> list[Pass]:
        writes = self._of_stage(results, stage, _ENTRY)
        gathered = {self.names[item]: item for item in sorted(self.gathered.get(stage, ()))}
        kept = {self.names[item]: item for item in sorted(self.entries.get(stage, ()))}
        every = {**gathered, **kept, **writes}
        return [self._pass(_ENTRY, stage, every, gathered)] if every else []

    def _row_pass(self, stage: int, results: dict[str, int]) -> list[Pass]:
        kept = {self.names[item]: item for item in sorted(self.rows.get(stage, ()))}
        every = {**kept, **self._of_stage(results, stage, _ROW)}
        return [self._pass(_ROW, stage, every, {})] if every else []

    def _of_stage(self, results: dict[str, int], stage: int, rank: int) -> dict[str, int]:
        return {name: item for name, item in results.items() if (self.ranks[item], self.stages[item]) == (rank, stage)}

    def _pass(self, rank: int, stage: int, writes: dict[str, int], gathered: dict[str, int]) -> Pass:
        part = _Part(self, rank, stage)
        codes: dict[str, tuple[int, ...]] = {}
        for name, position in writes.items():
            operands = self._operands(position) if name in gathered else (position,)
            codes[name] = tuple(part.move(item, is_result=True) for item in operands)
        outputs = {
            name if len(items) == 1 else f"{name}:{place}": item
            for name, items in codes.items()
            for place, item in enumerate(items)
        }
        kernel = replace(self.kernel, has_axis=True, values=tuple(part.values), outputs=outputs)
        emitter = _Typed(kernel, self.target, tuple(outputs))
        summed = set(gathered) if self.of_one_sample else set()  # names that lines may not have
        emitter.taken |= self.taken - (set(writes) - summed)
        emitter.output_names = {
            place: name for place, name in emitter.output_names.items() if ":" not in name and name not in summed
        }
        fixed, program = emitter.programs()
        self.taken |= emitter.fixed_lines  # in front of all loops of a function
        if self.of_one_sample and rank == _ROW:
            self.taken |= {line.name for line in program.lines}
        results = dict(zip(outputs, program.results, strict=True))
        made = []
        for name, position in writes.items():
            operation = self.operation(position) if name in gathered else ""
            if len(codes[name]) == 2:
                made.append(Write(name, results[f"{name}:0"], operation, results[f"{name}:1"]))
            else:
                made.append(Write(name, results[name], operation))
        entries, rows = (tuple(sorted(part.read[kind])) for kind in (_ENTRY, _ROW))
        return Pass(rank == _ENTRY, entries, rows, fixed, program, tuple(made))


class _Part:
    """The kernel of one pass: what other passes made is an input of it."""

    def __init__(self, whole: _Scheduler, rank: int, stage: int) -> None:
        self.whole = whole
        self.rank = rank
        self.stage = stage
        self.values: list[Value] = []
        self.moved: dict[int, int] = {}
        self.read: dict[int, set[str]] = {_ROW: set(), _ENTRY: set(), _PARAMETER: set()}

    def move(self, position: int, *, is_result: bool = False) -> int:
        """The place in this part of a value of the whole."""
        if position not in self.moved:
            self.moved[position] = self._move(position, is_result=is_result)
        return self.moved[position]

    def _move(self, position: int, *, is_result: bool) -> int:
        whole = self.whole
        value, rank = whole.kernel.values[position], whole.ranks[position]
        definition = value.definition
        if isinstance(definition, Input):
            self.read[rank].add(definition.name)
            return self._add(value)
        if isinstance(definition, Constant):
            return self._add(value)
        operation = definition.operation
        if operation in ("nearest_part", "missing_part") and whole.operation(definition.operands[0]) == "dot":
            return self._kept(definition.operands[0], "" if operation == "nearest_part" else "_rest")
        if operation == "is_first_maximum":
            place = self._kept(position)
            return self._add(replace(value, definition=Apply("is_label", (place, place)), name=value.name, note=""))
        if operation in _REDUCTIONS or (not is_result and self._is_made_elsewhere(position)):
            return self._kept(position)
        if operation in _OF_ONE_OPERAND:
            operand = self.move(definition.operands[_OF_ONE_OPERAND[operation]])
            return self._add(replace(value, definition=Apply(operation, (operand, operand))))
        if operation in _NUMBERS:
            return self._add(replace(value, definition=Apply(operation, (self._any_number(),))))
        operands = tuple(self.move(item) for item in definition.operands)
        kinds = [self.values[item].kind for item in operands]
        return self._add(
            replace(value, definition=Apply(operation, operands), kind=result_kind(operation, kinds, value.dims))
        )

    def _is_made_elsewhere(self, position: int) -> bool:
        whole = self.whole
        if not whole.kernel.has_axis or whole.kernel.values[position].kind == "flag":
            return False
        rank, stage = whole.ranks[position], whole.stages[position]
        if rank == _ROW:
            return self.rank == _ENTRY or stage < self.stage
        return rank == _ENTRY and stage < self.stage and whole.operation(position) not in _CHEAP

    def _kept(self, position: int, suffix: str = "") -> int:
        whole = self.whole
        whole.ask(position)
        operation = whole.operation(position)
        rank = _ROW if operation == "is_first_maximum" else whole.ranks[position]
        name = whole.names[position] + suffix
        self.read[rank].add(name)
        return self._add(Value(Input(name, "row" if rank == _ROW else "element"), "row" if rank == _ROW else "element"))

    def _any_number(self) -> int:
        return self._add(Value(Constant(Fraction(1)), "parameter"))

    def _add(self, value: Value) -> int:
        self.values.append(value)
        return len(self.values) - 1
