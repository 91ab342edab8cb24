"""Intermediates of more dimensions than any input, computed for a few rows at a time.

Differences of all pairs of N embeddings are N x N x D numbers, while what is summed from them is N x N or N x D. A
block holds the values of more dimensions and the *exits*, which have fewer again, along a dimension that all keep.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from symloss.kernel import OPERATIONS, Apply, Constant, Input, Kernel, Value

Place = tuple[int, int | None]  # a value, and which of its dimensions the rows of the block are

_LAST_ALONE = frozenset({"is_first_maximum", "cumulative_sum", "cumulative_sum_from"})
_ARE_OF_SHAPES = frozenset(
    {"is_same", "is_label", "take", "take_label", "dot", "fill", "positions", "ones", "axis_size"}
)


@dataclass
class Block:
    """What is computed together, row by row: ``exits`` leave it, ``inside`` is all of it, ``outside`` is read by it.

    ``join`` is the dimension of the exits, from the end, that the rows are; ``dims`` are those of its largest value.
    """

    join: int
    dims: tuple[str, ...]
    rows: str
    exits: list[int] = field(default_factory=list)
    inside: set[tuple[int, int]] = field(default_factory=set)
    outside: set[Place] = field(default_factory=set)


def blocks_of(kernel: Kernel, needed: Iterable[int]) -> list[Block]:
    """The blocks of some values of a kernel, none where no intermediate has more dimensions than an input."""
    bases = {place: base(kernel, place) for place in needed}
    most = max((len(value.dims) for value in kernel.values if isinstance(value.definition, Input)), default=0)
    large = {place for place in bases.values() if len(kernel.values[place].dims) > most}
    blocks: list[Block] = []
    for place in sorted(set(bases.values()) - large):
        definition = kernel.values[place].definition
        if isinstance(definition, Apply) and any(bases[operand] in large for operand in definition.operands):
            found = _block(kernel, place, large)
            if found is not None and not any(_joined(kernel, block, found) for block in blocks):
                blocks.append(found)
    return blocks


def base(kernel: Kernel, position: int) -> int:
    """The value that a position stands for: relabelling an array is nothing to compute."""
    definition = kernel.values[position].definition
    while isinstance(definition, Apply) and definition.operation == "relabel":
        position = definition.operands[0]
        definition = kernel.values[position].definition
    return position


def in_order(kernel: Kernel, needed: Iterable[int], blocks: list[Block]) -> list[int | Block]:
    """Values and blocks, each after what it reads; of values inside of blocks only those that are read elsewhere."""
    home = {place: block for block in blocks for place in block.exits}
    inside = {place for block in blocks for place, _ in block.inside} - set(home)
    done: set[int] = set()
    ordered: list[int | Block] = []

    def add(place: int) -> None:
        if place in done:
            return
        block = home.get(place)
        for read in sorted({outer for outer, _ in block.outside} if block else _operands(kernel, place)):
            add(read)
        done.update(block.exits if block else (place,))
        ordered.append(block or place)

    for place in sorted({base(kernel, place) for place in needed} - inside):
        add(place)
    return ordered


def _block(kernel: Kernel, position: int, large: set[int]) -> Block | None:
    """The block of one exit, along the first of its dimensions that can be followed back."""
    value = kernel.values[position]
    for axis in range(len(value.dims)):
        block = Block(axis - len(value.dims), (), "", [position])
        if _follow(kernel, position, axis, large, block):
            return block
    return None


def _follow(kernel: Kernel, position: int, axis: int, large: set[int], block: Block) -> bool:
    """Add a value and all large values that it reads; whether the rows could be followed."""
    block.inside.add((position, axis))
    value = kernel.values[position]
    if len(value.dims) > len(block.dims):
        block.dims, block.rows = value.dims, value.dims[axis]
    operands = operand_places(kernel, position, axis)
    if operands is None:
        return False
    for operand, along in operands:
        if operand not in large:
            block.outside.add((operand, along))
        elif (operand, along) not in block.inside and (
            along is None or not _follow(kernel, operand, along, large, block)
        ):
            return False
    return True


def operand_places(kernel: Kernel, position: int, axis: int) -> list[Place] | None:
    """Which dimension of every operand a dimension of a value is; None where an operation does not go row by row."""
    definition = kernel.values[position].definition
    assert isinstance(definition, Apply)
    operation, layout = definition.operation, definition.layout
    operands = [base(kernel, operand) for operand in definition.operands]
    own = [kernel.values[operand].dims for operand in operands]
    if operation == "expand":
        is_new = layout[axis] == "+" or not own[0]
        return [(operands[0], None if is_new else layout[:axis].count(":"))]
    if operation == "transpose":
        return [(operands[0], int(layout[axis]))]
    if "->" in layout:
        sides, _, result = layout.partition("->")
        found = [side.find(result[axis]) for side in sides.split(",")]
        return [(operand, None if at < 0 else at) for operand, at in zip(operands, found, strict=True)]
    if operation in ("sum_over_axis", "max_over_axis"):
        reduced = len(own[0]) + int(layout or -1)
        return [(operands[0], axis if axis < reduced else axis + 1)]
    if operation == "diagonal":
        return [(operands[0], axis)] if axis < len(own[0]) - 2 else None
    is_by_entry = operation not in _ARE_OF_SHAPES and OPERATIONS[operation].result in ("widest", "flag")
    if is_by_entry and (operation not in _LAST_ALONE or axis < len(own[0]) - 1):
        return [(operand, axis if dims else None) for operand, dims in zip(operands, own, strict=True)]
    return None


def _joined(kernel: Kernel, block: Block, other: Block) -> bool:
    """Add to a block one that shares a large value with it, unless one then had to be computed before itself."""
    if (block.join, block.dims, block.rows) != (other.join, other.dims, other.rows):
        return False
    if not block.inside & other.inside:
        return False
    open_, seen = [place for place, _ in block.outside | other.outside], set[int]()
    exits = {*block.exits, *other.exits}
    while open_:
        position = open_.pop()
        if position in exits:
            return False
        if position not in seen:
            seen.add(position)
            open_.extend(_operands(kernel, position))
    block.exits += other.exits
    block.inside |= other.inside
    block.outside |= other.outside
    return True


def _operands(kernel: Kernel, position: int) -> list[int]:
    definition = kernel.values[position].definition
    return [base(kernel, operand) for operand in definition.operands] if isinstance(definition, Apply) else []


def body(kernel: Kernel, block: Block, names: dict[int, str]) -> Kernel:
    """What a block computes for some rows, as a kernel over the values outside, which are given their names."""
    values: list[Value] = []
    places: dict[Place, int] = {}

    def add(value: Value) -> int:
        values.append(value)
        return len(values) - 1

    for position, axis in sorted(block.outside, key=lambda place: (place[0], place[1] is not None, place[1] or 0)):
        value = kernel.values[position]
        if isinstance(value.definition, Constant):
            places[position, axis] = add(value)
            continue
        name = names[position]
        found = add(Value(Input(name, value.kind), value.kind, name, dims=value.dims))
        if axis is not None:
            at = str(axis - len(value.dims))
            kind = value.kind if value.kind == "flag" else "element"
            found = add(Value(Apply("rows", (found,), at), kind, f"{name}_rows", dims=value.dims))
        places[position, axis] = found
    for position, axis in sorted(block.inside):
        value = kernel.values[position]
        definition = value.definition
        assert isinstance(definition, Apply)
        operands = operand_places(kernel, position, axis)
        assert operands is not None
        inner = Apply(definition.operation, tuple(places[place] for place in operands), definition.layout)
        places[position, axis] = add(Value(inner, value.kind, value.name, value.note, value.dims))
    outputs = {
        str(number): places[position, len(kernel.values[position].dims) + block.join]
        for number, position in enumerate(block.exits)
    }
    return Kernel(kernel.loss, kernel.has_axis, tuple(values), outputs)
