"""A program whose arrays are written into memory that is there already: one step a line, in as few arrays as will do.

Memory for new arrays is what simple steps cost most; a step that writes over what no later step reads costs none.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import chain, count
from string import ascii_lowercase

from symloss.emit import Emitter, Line, Program
from symloss.kernel import Apply, Constant, Input, Kernel, Value, result_kind
from symloss.rare import FLAGS, Rare, Reading, find_rare, in_front
from symloss.targets import Step, Target
from symloss.targets.target import CALL

_LETTERS = ascii_lowercase.replace("l", "")  # which is easily taken for 1
# What makes no array of the size of the arguments, though it has no step.
_OTHERWISE = FLAGS | frozenset(
    {
        "is_label",
        "fill",
        "is_first_maximum",
        "sum_over_axis",
        "max_over_axis",
        "take_label",
        "closeness",
        "smallest_normal",
        "axis_size",
    }
    | {"dot", "nearest_part", "missing_part", "binade", "product_error", "relabel"}
)


def goes_by_steps(kernel: Kernel, target: Target, *outputs: str) -> bool:
    """Whether every array of a program has the shape of the arguments, so that one may hold another's successor."""
    definitions = (kernel.values[position].definition for position in kernel.needed_for(*outputs))
    operations = {item.operation for item in definitions if isinstance(item, Apply)}
    return bool(target.steps) and operations <= target.steps.keys() | _OTHERWISE


def emit_steps(kernel: Kernel, target: Target, *outputs: str) -> Program:
    """The program for the named outputs, whose first line asks for the arrays that it writes into."""
    return _StepEmitter(kernel, target, outputs).program()


def _without_unread(lines: tuple[Line, ...], results: tuple[str, ...]) -> tuple[Line, ...]:
    """The lines whose names are read: a rare side knows its flag, and what chose by it may read less."""
    read = set(_words(" ".join(results)))
    kept: list[Line] = []
    for line in reversed(lines):
        if line.name and line.name.isidentifier() and line.name not in read:
            continue
        kept.append(line if line.rows is None else replace(line, rows=_without_unread_rows(line.rows)))
        inner = () if kept[-1].rows is None else kept[-1].rows.lines
        read |= {word for item in (line, *inner) for word in _words(item.code)}
        read |= {word for item in inner for word in _words(item.name)}
    return tuple(reversed(kept))


def _without_unread_rows(rows: Program) -> Program:
    """The same below a condition, where the results are entries of arrays."""
    written = tuple(line.name for line in rows.lines if not line.name.isidentifier())
    return replace(rows, lines=_without_unread(rows.lines, written))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


class _StepEmitter(Emitter):
    """Arrays have letters. A letter is free again after the last step that reads what it holds."""

    def __init__(self, kernel: Kernel, target: Target, outputs: tuple[str, ...]) -> None:
        super().__init__(kernel, target, outputs)
        positions = tuple(position for position in self.order if isinstance(position, int))
        self.whole: dict[int, bool] = {}
        operands = {position: self._operands(position) for position in positions}
        made = frozenset(self.output_names)
        self.reading = Reading(kernel, positions, operands, made, lambda position: self._step(position) is not None)
        self.rare = find_rare(self.reading, frozenset(target.steps))
        apart = {position for item in self.rare.values() for position in item.positions}
        order = [position for position in positions if position not in apart]
        self.order = list(order)
        self.places = {position: place for place, position in enumerate(in_front(order, self.rare))}
        self.last = self._last_reads()
        names = chain(_LETTERS, map("scratch_{}".format, count(1)))
        self.unused = (name for name in names if name not in self.taken)
        self.at = self._argument("places")  # of the entries that take a rare side
        self.letters: list[str] = []  # all there are
        self.free: list[str] = []  # the one that was freed last comes last: it is still in the cache
        self.holder: dict[int, str] = {}  # the letters of values that are still read
        self.shared_names: set[str] = set()  # names that tell no more than an operation, which may hold its successor

    def program(self) -> Program:
        made = super().program()
        made = replace(made, lines=_without_unread(made.lines, made.results))
        if not self.letters:
            return made
        letters = sorted(self.letters)
        named = letters[0] if len(letters) == 1 else ", ".join(letters)
        head = Line(f"[{named}]" if len(letters) == 1 else named, f"_scratch(y_pred, {len(letters)})")
        return replace(made, lines=(head, *made.lines), scratch=len(letters))

    def _operands(self, position: int) -> tuple[int, ...]:
        definition = self.kernel.values[position].definition
        return tuple(self.bases[item] for item in definition.operands) if isinstance(definition, Apply) else ()

    def _step(self, position: int) -> Step | None:
        """How a value is written into memory; None for numbers, flags, rows and what can only be a new array."""
        value = self.kernel.values[position]
        if not isinstance(value.definition, Apply) or value.kind != "element" or not self._is_whole(position):
            return None
        return self.target.steps.get(value.definition.operation)

    def _is_nested(self, position: int) -> bool:
        """Whether a step is written within the only one that reads it."""
        definition = self.kernel.values[position].definition
        readers = self.reading.readers[position]
        return (
            isinstance(definition, Apply)
            and definition.operation == "negate"
            and len(readers) == 1
            and self._operands(readers[0]).count(position) == 1
            and self._step(readers[0]) is not None
            and not self._is_nested(readers[0])
            and position not in self.output_names
            and readers[0] not in self.rare
        )

    def _last_reads(self) -> dict[int, int]:
        """The place of the last line that reads a value, itself or within what is written where it is used."""
        last: dict[int, int] = {}
        for position in reversed(list(self.places)):
            reads = [len(self.places)] if position in self.output_names else []
            for reader in self.reading.readers[position]:
                is_line = self._step(reader) is not None and not self._is_nested(reader)
                reads.append(self.places[reader] if is_line else max(self.places[reader], last[reader]))
            last[position] = max(reads, default=self.places[position])
        return last

    def _text(self, value: Value) -> tuple[str, int]:
        definition = value.definition
        if isinstance(definition, Apply) and definition.operation == "fill" and not self.kernel.has_axis:
            return self.texts[self.bases[definition.operands[0]]]  # one number stands for all
        return super()._text(value)

    def _write(self, position: int) -> None:
        step = self._step(position)
        if position in self.rare:
            self._write_rare(position, self.rare[position])
        elif step is None:
            super()._write(position)
        else:
            self._write_step(position, step)
        self._release(self.places[position])

    def _write_rare(self, position: int, rare: Rare) -> None:
        """Write over the usual side, in the places where there are any, the rare one."""
        value = self.kernel.values[position]
        flag, usual = self._named(rare.flag), self._named(rare.usual)
        condition, holds = (f"{flag}.any()", flag) if rare.is_chosen else (f"not {flag}.all()", f"~{flag}")
        if not self._is_whole(rare.flag):
            holds = f"np.broadcast_to({holds}, y_pred.shape)"
        inner = self._inner(rare)
        written = Line(f"{usual}[{self.at}]", inner.results[0], inner.notes)
        lines = (Line(self.at, f"_places({holds})"), *inner.lines, written)
        self.lines.append(Line("", condition, rows=Program(lines, (), frozenset())))
        self._release(self.places[position], kept={rare.usual})
        self.holder[position] = self.holder.pop(rare.usual)
        self.pending[position] = (value.note,) if value.note else ()
        self.texts[position] = self.texts[rare.usual]
        name = self._name_of_output(position) or value.name
        if not self._is_returned(position) and (name or usual not in self.shared_names):
            fresh = self._free_name(name or self._fallback_name(value))
            self.shared_names |= set() if name else {fresh}
            self._assign(fresh, usual, position)
            self.texts[position] = (fresh, CALL)

    def _inner(self, rare: Rare) -> Program:
        """The program of a rare side for the entries at its places, where the flag is known."""
        values: list[Value] = []
        moved: dict[int, int] = {}
        lines: list[Line] = []

        def move(position: int) -> int:
            if position not in moved:
                value = self.kernel.values[position]
                definition = value.definition
                operation = self.reading.operation(position)
                if operation == "select" and self._operands(position)[0] == rare.flag:
                    moved[position] = move(self._operands(position)[1 if rare.is_chosen else 2])
                    return moved[position]
                kind = "element" if value.kind == "row" else value.kind
                if position in rare.positions:
                    definition = Apply(operation, tuple(map(move, self._operands(position))))
                    kind = result_kind(operation, [values[operand].kind for operand in definition.operands])
                elif not isinstance(definition, Constant):
                    definition = Input(self._picked(position, rare, lines), value.kind)
                values.append(replace(value, definition=definition, kind=kind))
                moved[position] = len(values) - 1
            return moved[position]

        outputs = {"side": move(rare.side)}
        kernel = Kernel(self.kernel.loss, self.kernel.has_axis, tuple(values), outputs)
        emitter = Emitter(kernel, replace(self.target, joins_rows=False), ("side",))
        emitter.taken, emitter.noted, emitter.output_names = self.taken, self.noted, {}
        program = emitter.program()
        return replace(program, lines=(*lines, *program.lines))

    def _picked(self, position: int, rare: Rare, lines: list[Line]) -> str:
        """What a rare side reads of a value: its entries at the places."""
        text, binds = self.texts[position]
        if self.kernel.values[position].kind == "parameter":
            return text if binds == CALL else f"({text})"
        name = self._named(position)
        picked = f"{name}[{self.at}]" if self._is_whole(position) else f"_at({name}, {self.at})"
        uses = sum(self._operands(item).count(position) for item in rare.positions)
        if uses == 1:
            return picked
        lines.append(Line(self._free_name(f"{name}_there"), picked))
        return lines[-1].name

    def _is_whole(self, position: int) -> bool:
        """Whether a value has an entry for each of the prediction, whatever memory it is in."""
        if position not in self.whole:
            value = self.kernel.values[position]
            if isinstance(value.definition, Input):
                is_whole = value.definition.name in ("y_true", "y_pred", "vector") and value.kind == "element"
            else:
                is_whole = value.kind in ("element", "flag") and any(map(self._is_whole, self._operands(position)))
            self.whole[position] = is_whole
        return self.whole[position]

    def _named(self, position: int) -> str:
        """The name of a value, on a line of its own if it has none."""
        text = self.texts[position][0]
        if not text.isidentifier():
            value = self.kernel.values[position]
            name = self._free_name(value.name or self._fallback_name(value))
            self._assign(name, text, position)
            self.texts[position] = (name, CALL)
        return self.texts[position][0]

    def _write_step(self, position: int, step: Step) -> None:
        value = self.kernel.values[position]
        operands = self._operands(position)
        inside = [note for operand in operands for note in self.pending.get(operand, ())]
        self.pending[position] = (*inside, value.note) if value.note else tuple(inside)
        if self._continues(position, step):
            return
        further = [self._letter() for _ in range(step.further)]
        self._release(self.places[position], kept={operands[place] for place in step.kept})
        out = self._letter()
        self.free += reversed(further)
        self.holder[position] = out
        code = self._step_text(step, operands, out, further)
        if self._is_returned(position) or self._is_nested(position):
            self.texts[position] = (code, step.binds)
            return
        name = self._name_of_output(position) or value.name
        if not name:
            name = self._fallback_name(value)
            self.shared_names.add(name := self._free_name(name))
        else:
            name = self._free_name(name)
        self._assign(name, code, position)
        self.texts[position] = (name, step.binds)

    def _is_returned(self, position: int) -> bool:
        """Whether a value is all that the function returns, and needs no name."""
        return position in self.output_names and not self.reading.readers[position] and len(self.outputs) == 1

    def _continues(self, position: int, step: Step) -> bool:
        """Write ``name += other`` where the step overwrites an operand whose name tells nothing that is then wrong."""
        value = self.kernel.values[position]
        operands = self._operands(position)
        if not step.augmented or value.name or position in self.output_names or len(set(operands)) < 2:
            return False
        ways = [operands, operands[::-1]] if step.commutes else [operands]
        for first, second in ways:
            name = self.texts[first][0]
            is_over = self.last[first] == self.places[position]
            if first in self.holder and is_over and name in self.shared_names and self._is_whole(first):
                self.holder[position] = self.holder.pop(first)
                notes = self._said_once(self.pending.pop(position, ()))
                self.lines.append(Line(name, self.texts[second][0], notes, operator=step.augmented))
                self.texts[position] = self.texts[first]
                return True
        return False

    def _step_text(self, step: Step, operands: tuple[int, ...], out: str, further: list[str]) -> str:
        texts = [self.texts[operand][0] for operand in operands]
        if step.indicator and [self._number(operand) for operand in operands[1:]] == [1, 0]:
            return step.indicator.format(texts[0], out=out)
        if step.indicator and all(self._number(operand) is not None for operand in operands[1:]):
            texts[1] = f"y_pred.dtype.type({texts[1]})"  # no operand tells the dtype
        return step.text.format(*texts, out=out, further=", ".join(further))

    def _letter(self) -> str:
        if self.free:
            return self.free.pop()
        self.letters.append(next(self.unused))
        self.taken.add(self.letters[-1])
        return self.letters[-1]

    def _release(self, place: int, kept: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        """Free the letters of what is not read after a place."""
        for position in [item for item in self.holder if self.last[item] <= place and item not in kept]:
            self.free.append(self.holder.pop(position))
