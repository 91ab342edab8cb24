"""Choices of which one side is costly and taken in places only: it need not be computed where it is not taken.

``where(x is near 0, expm1(x), exp(x) - 1)`` takes ``expm1`` of a few entries. What only that side reads is set apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from symloss.kernel import Apply, Kernel

_COSTLY = frozenset(
    {"exp", "expm1", "log", "log1p", "power", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh"}
)
# What makes flags of entries, one by one.
FLAGS = frozenset({"less", "less_equal", "equal", "not_equal", "logical_and", "logical_or", "logical_not"})


@dataclass(frozen=True)
class Rare:
    """One ``side`` of a choice and all ``positions`` that it alone needs; the ``usual`` side, which it overwrites.

    ``is_chosen`` tells whether the side is taken where the ``flag`` holds, or where it does not.
    """

    flag: int
    side: int
    usual: int
    is_chosen: bool
    positions: tuple[int, ...]


@dataclass(frozen=True)
class Reading:
    """Who reads what: positions in order, the operands of each, and whether it is a step that is given memory."""

    kernel: Kernel
    positions: tuple[int, ...]
    operands: Mapping[int, tuple[int, ...]]
    outputs: frozenset[int]
    is_step: Callable[[int], bool]

    @cached_property
    def readers(self) -> Mapping[int, list[int]]:
        """The positions that read each."""
        readers: dict[int, list[int]] = {position: [] for position in self.positions}
        for position in self.positions:
            for operand in set(self.operands[position]):
                readers[operand].append(position)
        return readers

    @cached_property
    def places(self) -> Mapping[int, int]:
        """Where in the order each is."""
        return {position: place for place, position in enumerate(self.positions)}

    def operation(self, position: int) -> str:
        """What computes a value; empty for inputs and constants."""
        definition = self.kernel.values[position].definition
        return definition.operation if isinstance(definition, Apply) else ""

    def is_read_after(self, position: int, choice: int) -> bool:
        """Whether a value, or what is written where it is used and reads it, is read behind a choice."""
        return any(
            self.places[reader] > self.places[choice]
            or (not self.is_step(reader) and self.is_read_after(reader, choice))
            for reader in self.readers[position]
            if reader != choice
        )


def find_rare(reading: Reading, entrywise: frozenset[str]) -> dict[int, Rare]:
    """The rare side of every choice that has one and is no part of another's; ``entrywise`` has what steps do."""
    found: dict[int, Rare] = {}
    inside: set[int] = set()
    for choice in reversed(reading.positions):
        if reading.operation(choice) == "select" and choice not in inside and reading.is_step(choice):
            sides = (_rare(reading, choice, entrywise, is_chosen=is_chosen) for is_chosen in (True, False))
            rare = next((item for item in sides if item is not None), None)
            if rare is not None:
                found[choice] = rare
                inside |= set(rare.positions)
    return found


def _rare(reading: Reading, choice: int, entrywise: frozenset[str], *, is_chosen: bool) -> Rare | None:
    """One side, where it is costly, entry by entry, and the other can be written over."""
    flag, chosen, other = reading.operands[choice]
    side, usual = (chosen, other) if is_chosen else (other, chosen)
    if not reading.is_step(usual) or usual in reading.outputs or reading.is_read_after(usual, choice):
        return None
    own: set[int] = set()
    for position in reversed(reading.positions[: reading.places[choice]]):
        readers = set(reading.readers[position]) or {position}
        is_own = readers <= own or (position == side != flag and readers == {choice})
        if is_own and position not in reading.outputs and reading.operands[position]:
            own.add(position)
    operations = {reading.operation(position) for position in own}
    if operations.isdisjoint(_COSTLY) or not operations <= entrywise | FLAGS:
        return None
    return Rare(flag, side, usual, is_chosen, tuple(item for item in reading.positions if item in own))


def in_front(order: list[int], rare: Mapping[int, Rare]) -> list[int]:
    """Positions with those of rare sides in front of the choice that takes them."""
    whole: list[int] = []
    for position in order:
        whole += [*rare[position].positions, position] if position in rare else [position]
    return whole
