"""What a target is: a table that spells the kernel's operations, and the folder of its templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from symloss.kernel import KEYED, OPERATIONS

# Python's precedence, for leaving out parentheses: atoms and calls bind tightest.
CALL, UNARY, PRODUCT, SUM, BITWISE, COMPARISON = 6, 5, 4, 3, 2, 1


@dataclass(frozen=True)
class Spelling:
    """A format string over the operands and how tightly the result binds; operands bind at least ``inside``."""

    text: str
    binds: int = CALL
    inside: tuple[int, ...] = ()

    def operand_binding(self, position: int) -> int:
        """How tightly an operand must bind to stand without parentheses."""
        return self.inside[position] if self.inside else 0


def infix(symbol: str, binds: int) -> Spelling:
    """A left-associative infix operator."""
    return Spelling(f"{{0}} {symbol} {{1}}", binds, (binds, binds + 1))


def compare(symbol: str) -> Spelling:
    """A comparison, whose operands are sums at the loosest."""
    return Spelling(f"{{0}} {symbol} {{1}}", COMPARISON, (SUM, SUM))


def method(text: str) -> Spelling:
    """An expression that begins with its first operand, such as ``{0}.sum()``."""
    return Spelling(text, CALL, (CALL,))


@dataclass(frozen=True)
class Step:
    """A call that writes its result into an array: a format string over the operands, ``out`` and ``further`` arrays.

    ``augmented`` is the operator that writes over the first operand, or, where the operation ``commutes``, over either;
    the result must not overwrite the operands that are ``kept``; ``indicator`` is the call where a choice is 1 or 0.
    """

    text: str
    augmented: str = ""
    commutes: bool = False
    kept: tuple[int, ...] = ()
    further: int = 0
    indicator: str = ""
    binds: int = CALL


@dataclass(frozen=True)
class Library:
    """A boosting library: its name, its oldest version, and what it calls things.

    ``dataset`` makes its data set, ``subsets`` says how its cross-validation takes rows of one, ``rounds`` is what it
    calls the number of trees, ``example`` shows some of its parameters, ``fit`` is the call that trains an estimator.
    ``several_scores`` tells whether it trains several scores per row for labels that are numbers, ``remark`` what there
    is to say of scores per class, ``missing`` what it does with missing labels by itself.
    """

    title: str
    oldest: str
    dataset: str
    subsets: str
    rounds: str
    example: str
    fit: str
    several_scores: bool = True
    whole_tables: bool = True
    several_labels: bool = False
    remark: str = ""
    missing: str = ""


@dataclass(frozen=True, eq=False)
class Target:
    """One emission target. ``operations`` must spell what a kernel uses, else generation fails and says so.

    ``selected_constant`` spells a constant as an operand of ``select``, where some frameworks need its dtype;
    ``exact_constant`` one that a float is, where the target computes in other numbers;
    ``reciprocal`` a division of what was divided before, where a compiler would merge the two divisors into one product
    that leaves the floats; ``inexact_constant`` a number that no float is, from the nearest float and what that lacks;
    ``joins_rows`` tells whether its templates have ``_row_by_row``, for intermediates of more dimensions than inputs;
    ``steps`` spell operations on arrays as calls that write into others, where a target's functions are given some;
    ``extended`` and ``pairs`` spell the operations on numbers of twice the digits, where a target has them;
    ``single`` spells those on numbers of half the digits, where a target otherwise computes in double precision, and
    ``of_parameters`` what is computed of parameters alone for these, in double precision;
    ``in_loops`` tells that its functions compute one number at a time, in loops, with names that are not ``reserved``,
    and arguments that are not ``beside_arguments`` either; ``template_folders`` are those of other targets that its
    templates use; ``files`` are the endings of the files of a loss, and their templates; ``certified`` is the template
    of what a certificate is of: all that computes, not what checks arguments, weights and sums around it;
    ``chosen_for`` is the target whose measurement chooses the numbers of this one, which computes the same steps;
    ``engines`` are the targets whose modules its own call, which compute nothing themselves;
    ``library`` is what its modules must know of a boosting library, where they are objectives rather than functions.
    """

    name: str
    operations: Mapping[str, Spelling]
    indicator: str = ""
    selected_constant: str = "{0}"
    integers_as_floats: bool = False
    reciprocal: str = ""
    exact_constant: str = "{0}"
    inexact_constant: str = ""
    new_dimension: str = "np.newaxis"
    infinity: str = "np.inf"
    joins_rows: bool = False
    steps: Mapping[str, Step] = field(default_factory=dict)
    extended: Target | None = None
    pairs: Target | None = None
    single: Target | None = None
    of_parameters: Target | None = None
    library: Library | None = None
    reserved: frozenset[str] = frozenset()
    beside_arguments: frozenset[str] = frozenset()
    in_loops: bool = False
    template_folders: tuple[str, ...] = ()
    certified: str = "module"
    chosen_for: str = ""
    engines: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=lambda: {".py": "module"})

    @property
    def is_single(self) -> bool:
        """Whether it spells numbers of half the digits, as C does."""
        return self.of_parameters is not None

    @property
    def is_built(self) -> bool:
        """Whether a compiler has to build what is generated before it can be called."""
        return ".c" in self.files


ARITHMETIC: Mapping[str, Spelling] = {
    "add": infix("+", SUM),
    "subtract": infix("-", SUM),
    "multiply": infix("*", PRODUCT),
    "divide": infix("/", PRODUCT),
    "negate": Spelling("-{0}", UNARY, (UNARY,)),
    "less": compare("<"),
    "less_equal": compare("<="),
    "logical_and": Spelling("{0} & {1}", BITWISE, (BITWISE + 1, BITWISE + 1)),
    "logical_or": Spelling("{0} | {1}", BITWISE, (BITWISE + 1, BITWISE + 1)),
    "logical_not": Spelling("~{0}", UNARY, (UNARY,)),
}


# How a comparison reads with its operands exchanged, so that a constant never stands first.
MIRRORED: Mapping[str, Spelling] = {"less": compare(">"), "less_equal": compare(">=")}


def calls(prefix: str, **names: str) -> dict[str, Spelling]:
    """Plain function calls: ``calls("np.", absolute="abs")`` spells absolute as ``np.abs({0})``."""
    return {operation: Spelling(f"{prefix}{name}") for operation, name in names.items()}


def elementary(prefix: str) -> dict[str, Spelling]:
    """Functions of one number under the names that NumPy, PyTorch and JAX share."""
    names = ("sign", "sqrt", "exp", "expm1", "log1p", "sin", "cos", "tan", "arcsin", "arccos", "arctan")
    return calls(prefix, absolute="abs({0})", **{name: f"{name}({{0}})" for name in (*names, "sinh", "cosh", "tanh")})


def wide_calls(prefix: str) -> dict[str, Spelling]:
    """The operations on numbers of twice the digits as functions of a language without operators of its own."""
    words = {"add": "sum", "subtract": "difference", "multiply": "product", "divide": "quotient", "negate": "opposite"}
    words |= {"less": "less_than", "less_equal": "at_most", "equal": "equals", "not_equal": "differs"}
    names = (
        *("absolute", "select", "power", "maximum", "minimum", "sign", "sqrt", "exp", "expm1", "log", "log1p"),
        *("sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "erf", "erfc"),
        *("lgamma", "digamma", "trigamma", "tetragamma", "nearest_part", "missing_part"),
    )
    words |= {name: name for name in names} | {"select": "where"}
    places = [", ".join(f"{{{place}}}" for place in range(OPERATIONS[name].arity)) for name in words]
    return {
        **{name: Spelling(f"{prefix}{word}({of})") for (name, word), of in zip(words.items(), places, strict=True)},
        "clip": Spelling(f"{prefix}minimum({prefix}maximum({{0}}, {{1}}), {{2}})"),
        "fill": Spelling("{0}", 0),
    }


def in_sorted_order() -> dict[str, Spelling]:
    """The sums over entries by their keys, as functions of the module."""
    names = (*KEYED, "sum_equal_before", "distance_below")
    places = [", ".join(f"{{{place}}}" for place in range(OPERATIONS[name].arity)) for name in names]
    return {name: Spelling(f"_{name}({operands})") for name, operands in zip(names, places, strict=True)}
