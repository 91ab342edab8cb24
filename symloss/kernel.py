"""The closed vocabulary between mathematics and text, and its checker. Standard library only.

A kernel is a list of values in the order they are computed. Each value is an input, a constant or one operation on
earlier values, and has a kind: a ``parameter`` is one number, a ``row`` has one number per sample, an ``element`` one
per entry, a ``flag`` is an element that is true or false. For an elementwise loss every sample is one element and
there are no rows. Over axes, an element has an array dimension for each of its ``dims`` (the axis, and a number that
tells two indices of one axis apart), behind those of the samples and in the kernel's order; a row has one of size 1.
There are no loops, no branches, no calls and no shapes beyond these; what a target must know is how to spell each
operation of ``OPERATIONS`` and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from symloss.errors import KernelError

KINDS = ("parameter", "row", "element")


@dataclass(frozen=True)
class Operation:
    """How many operands an operation takes and what it means."""

    arity: int
    meaning: str
    result: str = "widest"  # or "row", "element", "flag", "parameter", "same" as the operand


_FAMILIES = (
    ("sum", 2, "sum of a"),
    ("log_sum_exp", 2, "logarithm of the sum of exp(a)"),
    ("exp_sum", 4, "sum of b exp(c + a)"),
)
_RELATIONS = (("at_most", "at most"), ("below", "below"), ("equal", "equal to"))

OPERATIONS: Mapping[str, Operation] = {
    "add": Operation(2, "a + b"),
    "subtract": Operation(2, "a - b"),
    "multiply": Operation(2, "a b"),
    "divide": Operation(2, "a / b"),
    "negate": Operation(1, "-a"),
    "power": Operation(2, "a to the b, a >= 0"),
    "absolute": Operation(1, "|a|"),
    "sign": Operation(1, "-1, 0 or 1"),
    "maximum": Operation(2, "the larger"),
    "minimum": Operation(2, "the smaller"),
    "clip": Operation(3, "a, or b where it is smaller, or c where it is larger"),
    "sqrt": Operation(1, "square root"),
    "exp": Operation(1, "exponential"),
    "expm1": Operation(1, "exp(a) - 1"),
    "log": Operation(1, "natural logarithm"),
    "log1p": Operation(1, "log(1 + a)"),
    "sin": Operation(1, "sine"),
    "cos": Operation(1, "cosine"),
    "tan": Operation(1, "tangent"),
    "arcsin": Operation(1, "inverse sine"),
    "arccos": Operation(1, "inverse cosine"),
    "arctan": Operation(1, "inverse tangent"),
    "sinh": Operation(1, "hyperbolic sine"),
    "cosh": Operation(1, "hyperbolic cosine"),
    "tanh": Operation(1, "hyperbolic tangent"),
    "erf": Operation(1, "error function"),
    "erfc": Operation(1, "one minus the error function"),
    "lgamma": Operation(1, "logarithm of the gamma function"),
    "digamma": Operation(1, "derivative of lgamma"),
    "trigamma": Operation(1, "second derivative of lgamma"),
    "tetragamma": Operation(1, "third derivative of lgamma"),
    "less": Operation(2, "a < b", "flag"),
    "less_equal": Operation(2, "a <= b", "flag"),
    "equal": Operation(2, "a = b", "flag"),
    "not_equal": Operation(2, "a != b", "flag"),
    "logical_and": Operation(2, "both", "flag"),
    "logical_or": Operation(2, "either", "flag"),
    "logical_not": Operation(1, "not", "flag"),
    "select": Operation(3, "b where a holds, else c"),
    "sum_over_axis": Operation(1, "sum over the axis", "row"),
    "max_over_axis": Operation(1, "maximum over the axis", "row"),
    "is_first_maximum": Operation(1, "whether the entry is the first that equals the maximum over the axis", "flag"),
    "is_label": Operation(2, "whether the index of an entry of a along the axis equals the integer label b", "flag"),
    "take_label": Operation(2, "the entry of a at the integer label b", "row"),
    "sum_error": Operation(2, "what rounding takes from a + b"),
    "product_error": Operation(2, "what rounding takes from a b"),
    "binade": Operation(1, "the power of two up to |a|"),
    "dot": Operation(2, "sum of a b over the axis, as two numbers: the nearest, and what it lacks", "row"),
    "nearest_part": Operation(1, "the nearest number of a pair"),
    "missing_part": Operation(1, "what the nearest number of a pair lacks"),
    "closeness": Operation(1, "relative distance up to which numbers of the dtype of a count as close", "parameter"),
    "smallest_normal": Operation(1, "smallest normal number of the dtype of a", "parameter"),
    "axis_size": Operation(1, "number of entries along the axis of a", "parameter"),
    "narrow": Operation(1, "a parameter in the digits of the data"),
    "fill": Operation(2, "the number a in the shape of b", "element"),
    "expand": Operation(1, "a with new dimensions of size 1", "same"),
    "relabel": Operation(1, "a, read at other indices of the same axes", "same"),
    "transpose": Operation(1, "a with its dimensions in another order", "same"),
    "rows": Operation(1, "the rows of a block of a", "same"),
    "diagonal": Operation(1, "entries of a at equal places of its last two dimensions", "same"),
    "positions": Operation(1, "0, 1, 2, … along an axis of a", "element"),
    "ones": Operation(1, "1 along an axis of a", "element"),
    "in_floats": Operation(1, "integers as numbers of the working dtype"),
    "is_same": Operation(1, "whether two indices of one axis of a are equal", "flag"),
    "take": Operation(2, "entries of a along its last dimension at the integers b", "element"),
    "contract": Operation(2, "sum of products over a shared dimension", "element"),
    "matrix_product": Operation(2, "matrix product of the last two dimensions", "element"),
    "cumulative_sum": Operation(1, "sum of an entry and all before it", "element"),
    "cumulative_sum_from": Operation(1, "sum of an entry and all behind it", "element"),
    **{
        f"{family}_{relation}": Operation(arity, f"{meaning} over entries whose key is {words} each key", "element")
        for family, arity, meaning in _FAMILIES
        for relation, words in _RELATIONS
    },
    "exp_sum_of_others_at_most": Operation(4, "exp_sum_at_most without the entry itself", "element"),
    "exp_sum_of_others_equal": Operation(4, "exp_sum_equal without the entry itself", "element"),
    "log_softmax_at_most": Operation(2, "a minus its log_sum_exp_at_most", "element"),
    "log_softmax_equal": Operation(2, "a minus its log_sum_exp_equal", "element"),
    "sum_equal_before": Operation(2, "sum of a over entries of the same key in front of each", "element"),
    "distance_below": Operation(2, "sum of a times the distance over entries whose key is below each key", "element"),
}

# The sums over entries by their keys, which targets spell as functions of the module.
KEYED = (
    *(f"{family}_{relation}" for family, *_ in _FAMILIES for relation, _ in _RELATIONS),
    "exp_sum_of_others_at_most",
    "exp_sum_of_others_equal",
    "log_softmax_at_most",
    "log_softmax_equal",
)


@dataclass(frozen=True)
class Input:
    """A data argument (element), an integer label (row) or a parameter."""

    name: str
    kind: str


@dataclass(frozen=True)
class Constant:
    """An exact rational, or a float where the number is irrational, and what the float lacks."""

    number: Fraction | float
    rest: float = 0.0


@dataclass(frozen=True)
class Apply:
    """An operation on earlier values, given by their positions.

    ``layout`` says which dimensions are meant: the one reduced or counted (from the end), the new ones of ``expand``
    (``:+`` adds one behind), the letters of ``contract``, the order of ``transpose``.
    """

    operation: str
    operands: tuple[int, ...]
    layout: str = ""


@dataclass(frozen=True)
class Value:
    """What is computed, its kind, and the name and the comment it should carry in code (empty where it has none)."""

    definition: Input | Constant | Apply
    kind: str
    name: str = ""
    note: str = ""
    dims: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kernel:
    """Values in order, and the position of every output."""

    loss: str
    has_axis: bool
    values: tuple[Value, ...]
    outputs: Mapping[str, int]

    def __post_init__(self) -> None:
        check(self)

    def needed_for(self, *outputs: str) -> tuple[int, ...]:
        """The positions that the named outputs depend on, in order."""
        open_positions = [self.outputs[output] for output in outputs]
        found: set[int] = set()
        while open_positions:
            position = open_positions.pop()
            if position not in found:
                found.add(position)
                definition = self.values[position].definition
                open_positions.extend(definition.operands if isinstance(definition, Apply) else ())
        return tuple(sorted(found))

    def inputs(self, *outputs: str) -> frozenset[str]:
        """Names of the inputs that the outputs depend on."""
        chosen = (self.values[position].definition for position in self.needed_for(*outputs))
        return frozenset(item.name for item in chosen if isinstance(item, Input))


def widest(kinds: list[str]) -> str:
    """The kind of a result that broadcasts its operands."""
    ranks = [KINDS.index("element" if kind == "flag" else kind) for kind in kinds]
    return KINDS[max(ranks, default=0)]


def result_kind(operation: str, kinds: list[str], dims: tuple[str, ...] = ()) -> str:
    """The kind of an operation's result."""
    declared = OPERATIONS[operation].result
    if declared == "same":
        return kinds[0] if kinds[0] == "flag" else "element"
    kind = widest(kinds) if declared == "widest" else declared
    return "element" if kind == "row" and dims else kind


def check(kernel: Kernel) -> None:
    """Raise KernelError unless every value is in the vocabulary, well-formed and of the kind it claims."""
    for position, value in enumerate(kernel.values):
        if isinstance(value.definition, Apply):
            _check_application(kernel, position, value)
        elif isinstance(value.definition, Constant) and value.kind != "parameter":
            raise KernelError(f"value {position} is a constant of kind {value.kind}")
    for output, position in kernel.outputs.items():
        if not 0 <= position < len(kernel.values):
            raise KernelError(f"output {output} names value {position}, which does not exist")
        if kernel.values[position].kind == "flag":
            raise KernelError(f"output {output} is a flag, not a number")


def _check_application(kernel: Kernel, position: int, value: Value) -> None:
    definition = value.definition
    assert isinstance(definition, Apply)
    known = OPERATIONS.get(definition.operation)
    if known is None:
        raise KernelError(f"value {position} uses {definition.operation!r}, which is not in the vocabulary")
    if len(definition.operands) != known.arity:
        raise KernelError(f"{definition.operation} takes {known.arity} operands, got {len(definition.operands)}")
    if any(not 0 <= operand < position for operand in definition.operands):
        raise KernelError(f"value {position} uses a value that is not computed before it")
    kinds = [kernel.values[operand].kind for operand in definition.operands]
    if value.kind != result_kind(definition.operation, kinds, value.dims):
        raise KernelError(f"value {position} ({definition.operation}) claims to be a {value.kind}")
    if known.result in ("row", "flag") and "axis" in known.meaning and not kernel.has_axis:
        raise KernelError(f"{definition.operation} needs an axis, and {kernel.loss} is elementwise")
