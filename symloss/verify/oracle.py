"""What a declaration says at a point, to as many digits as it takes: value and derivatives by balls.

Every sub-expression becomes a truncated Taylor series along y_pred (:mod:`symloss.verify.series`) whose coefficients
are balls that hold the true number (:mod:`symloss.verify.balls`). The precision is doubled until the balls are small
enough; where ``1 - 1/(1 + exp(-x))`` swallows its own terms at every affordable precision, the same formula is read
once more after SymPy has cancelled its quotients of exponentials. A point that even so remains open is undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, TypeVar

import sympy
from mpmath import mpf
from sympy import Expr
from sympy.core.basic import Basic

from symloss.declare import (
    Axis,
    Bracket,
    ClassLabel,
    Delta,
    Element,
    Identifiers,
    Index,
    Loss,
    Norm,
    Total,
    clamp,
    ratio,
    stop_gradient,
    sum_over,
)
from symloss.declare.binders import Binder, Largest, Restricted
from symloss.declare.nodes import Apart, Mark, free_indices
from symloss.verify.balls import Arithmetic, Ball, UndecidedError, arithmetic
from symloss.verify.series import WANTED, Algebra, Series, TooShortError

T = TypeVar("T")
Vector = Sequence[float]
Entries = float | tuple[float, ...]
Reading = Callable[["_Place"], Series]

_FIRST_BITS = 128
_MOST_BITS = 16_384
_MOST_TERMS = 11
_LONGEST_CANCELLED = 120  # operations; SymPy's cancel explodes on larger ones


@dataclass(frozen=True)
class Point:
    """One sample: numbers for y_true and y_pred (tuples of entries over axes, last axis fastest), and the constants.

    Constants are parameters and extra inputs, these too with tuples of entries over axes. ``sizes`` are those of the
    axes where arguments differ in theirs.
    """

    y_true: Entries
    y_pred: Entries
    constants: Mapping[str, Any]
    sizes: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Truth:
    """What the declaration says at a point; NaN where a derivative does not exist."""

    value: mpf
    gradient: tuple[mpf, ...]
    hessian: tuple[mpf, ...]


class Oracle:
    """Evaluates one loss; ``numbers`` is the arithmetic to use, the best that is installed by default."""

    def __init__(self, loss: Loss, numbers: Arithmetic | None = None) -> None:
        self.loss = loss
        self.expression = summed_over_rows(loss)
        self.numbers = arithmetic() if numbers is None else numbers
        self._readers = [_Reader(loss, self.expression)]

    def truth(self, point: Point) -> Truth:
        """Value, every entry of the gradient and the diagonal of the Hessian.

        Raises UndecidedError where no affordable precision tells.
        """
        series = [self.along(point, direction) for direction in self._units(point)]
        return Truth(series[0][0], tuple(item[1] for item in series), tuple(item[2] for item in series))

    def along(self, point: Point, direction: Vector | None = None) -> tuple[mpf, mpf, mpf]:
        """Value and the first two derivatives along a direction in y_pred (1 for an elementwise loss)."""
        value, first, second = self._series(point, direction, self.numbers.middle)
        return value, first, second

    def nearest(self, point: Point) -> list[list[tuple[float, float]]]:
        """For value, gradient and Hessian: the nearest float64 of every entry and its remainder in ulps."""
        found = [self._series(point, direction, self.numbers.nearest) for direction in self._units(point)]
        return [[found[0][0]], [item[1] for item in found], [item[2] for item in found]]

    def product(self, point: Point, vector: Vector) -> list[mpf]:
        """The Hessian times a vector, by polarisation of second derivatives along directions."""
        along_vector = self.along(point, vector)[2]
        entries = []
        for direction in self._units(point):
            assert direction is not None
            both = [a + b for a, b in zip(direction, vector, strict=True)]
            entries.append((self.along(point, both)[2] - self.along(point, direction)[2] - along_vector) / 2)
        return entries

    def predictions(self, point: Point) -> list[mpf]:
        """What the declared inverse link makes of the raw scores in ``y_pred``."""
        link = self.loss.inverse_link
        assert link is not None
        reader, count = _Reader(self.loss, link), len(_entries(point.y_pred))
        rest = [0.0] * count
        return [self._decided([reader], point, rest, self.numbers.middle, {"j": place})[0] for place in range(count)]

    def _units(self, point: Point) -> list[Vector | None]:
        if self.loss.is_elementwise:
            return [None]
        size = len(_entries(point.y_pred))
        return [[float(place == other) for other in range(size)] for place in range(size)]

    # -- precision -----------------------------------------------------------------------------------------------

    def _series(self, point: Point, direction: Vector | None, read: Callable[[Ball], T]) -> list[T]:
        return self._decided(self._all_readers(), point, direction, read, {})

    def _all_readers(self) -> Iterator[_Reader]:
        yield self._readers[0]
        if self._cancelled is not None:
            yield self._cancelled

    @cached_property
    def _cancelled(self) -> _Reader | None:
        """The same formula with quotients of exponentials cancelled, where that changes anything."""
        cancelled = cancel_exponentials(self.expression)
        return None if cancelled == self.expression else _Reader(self.loss, cancelled)

    def _decided(
        self,
        readers: Iterator[_Reader] | list[_Reader],
        point: Point,
        direction: Vector | None,
        read: Callable[[Ball], T],
        places: Mapping[str, int],
    ) -> list[T]:
        for reader in readers:
            bits = _FIRST_BITS
            while bits <= _MOST_BITS:
                with self.numbers.precision(bits):
                    try:
                        found = self._long_enough(reader, point, direction, places)
                        if all(map(self.numbers.is_settled, found)):
                            value, first, half_second = found
                            return [read(value), read(first), read(2 * half_second)]
                    except UndecidedError:
                        pass
                bits *= 2 if bits < 1024 else 4
        raise UndecidedError(f"{self.loss.name}: no affordable precision tells at {point}")

    def _long_enough(
        self, reader: _Reader, point: Point, direction: Vector | None, places: Mapping[str, int]
    ) -> Series:
        """The first three terms, from longer series where a removable singularity loses some."""
        terms = WANTED
        while terms <= _MOST_TERMS:
            try:
                series = reader.read(self.numbers, terms, point, direction, places)
            except TooShortError:
                terms += 2
                continue
            zero = self.numbers.exactly(0)
            return (series + [zero] * WANTED)[:WANTED]
        raise UndecidedError("a singularity of high order")


def compares_entries(loss: Loss) -> bool:
    """Whether entries along one axis are compared with each other: pairs, orders, batches."""
    return any(
        index.is_bound and int(index.letter[1:]) > node.height and index.axis == node.axis
        for node in summed_over_rows(loss).atoms(Binder)
        for index in node.atoms(Index)
    )


def summed_over_rows(loss: Loss) -> Expr:
    """The declared expression; of a loss with a value per row their sum."""
    return loss.full_expression if loss.rows is None else sum_over(loss.rows, loss.full_expression)


def _entries(values: float | tuple[float, ...]) -> tuple[float, ...]:
    return values if isinstance(values, tuple) else (values,)


def cancel_exponentials(expression: Basic) -> Basic:
    """Every sub-expression that is rational in exponentials, with common factors cancelled by SymPy."""
    if not expression.args or isinstance(expression, Element | Index | Mark | Axis):
        return expression
    if isinstance(expression, sympy.tanh | sympy.cosh | sympy.sinh | sympy.sech):
        expression = expression.rewrite(sympy.exp)
    arguments = [cancel_exponentials(argument) for argument in expression.args]
    rebuilt = expression if tuple(arguments) == expression.args else expression.func(*arguments)
    grows = rebuilt.has(sympy.exp) and not rebuilt.has(Binder, sympy.Piecewise, sympy.Abs, clamp)
    if (
        isinstance(rebuilt, sympy.Add | sympy.Mul | sympy.Pow)
        and grows
        and sympy.count_ops(rebuilt) < _LONGEST_CANCELLED
    ):
        return sympy.cancel(sympy.together(rebuilt))  # type: ignore[no-any-return]
    return rebuilt


# -- reading ---------------------------------------------------------------------------------------------------------


class _Place:
    """Where a formula is read: the numbers, and what has been read already."""

    def __init__(self, algebra: Algebra, point: Point, direction: Vector | None, size: int) -> None:
        numbers = algebra.numbers
        self.algebra = algebra
        self.true = [numbers.exactly(number) for number in _entries(point.y_true)]
        self.pred = [numbers.exactly(number) for number in _entries(point.y_pred)]
        arrays = {name: item for name, item in point.constants.items() if isinstance(item, tuple)}
        self.extras = {name: [numbers.exactly(number) for number in item] for name, item in arrays.items()}
        self.direction = [1.0] * len(self.pred) if direction is None else direction
        self.constants = point.constants
        self.known: list[Series | None] = [None] * size


class _Reader:
    """A formula as nested functions of a place, shared sub-expressions read once."""

    def __init__(self, loss: Loss, expression: Basic) -> None:
        self.loss = loss
        self.expression = expression
        self.axes = sorted({*expression.atoms(Axis), *loss.axes_of_data("y_pred")}, key=str)
        self._algebras: dict[tuple[int, int], Algebra] = {}
        self._compiled: dict[tuple[Any, ...], tuple[Reading, int]] = {}

    def read(
        self, numbers: Arithmetic, terms: int, point: Point, direction: Vector | None, places: Mapping[str, int]
    ) -> Series:
        """The series of the formula at a point."""
        sizes = point.sizes or tuple((axis.name, len(_entries(point.y_pred))) for axis in self.axes)
        integers = _integers(self.loss, point)
        key = (sizes, integers, tuple(sorted(places.items())))
        if key not in self._compiled:
            compiler = _Compiler(self.loss, dict(sizes), dict(integers))
            where = {index: places[index.letter] for index in free_indices(self.expression)}
            self._compiled[key] = (compiler.compiled(self.expression, where), len(compiler.readings))
        reading, size = self._compiled[key]
        algebra = self._algebras.get((id(numbers), terms))
        if algebra is None:
            algebra = self._algebras[id(numbers), terms] = Algebra(numbers, terms)
        algebra.has_branch_point = False
        return reading(_Place(algebra, point, direction, size))


def _integers(loss: Loss, point: Point) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """The integer arguments, which tell what is taken from where."""
    domains = {"y_true": loss.y_true, **{item.name: item.domain for item in loss.extra_inputs}}
    values = {**point.constants, "y_true": point.y_true}
    named = [name for name, domain in domains.items() if isinstance(domain, ClassLabel | Identifiers)]
    return tuple((name, tuple(map(int, _entries(values[name])))) for name in named)


class _Compiler:
    """Turns a formula into readings, for given sizes of the axes and given integer arguments."""

    def __init__(self, loss: Loss, sizes: dict[str, int], integers: dict[str, tuple[int, ...]]) -> None:
        self.loss = loss
        self.sizes = sizes
        self.integers = integers
        self.readings: dict[tuple[Basic, tuple[tuple[Index, int], ...]], Reading] = {}

    def compiled(self, node: Basic, places: dict[Index, int]) -> Reading:
        """The reading of a node at places of its free indices."""
        mine = node.atoms(Index)
        key = (node, tuple((index, place) for index, place in places.items() if index in mine))
        if key not in self.readings:
            slot = len(self.readings)
            self.readings[key] = _unread
            self.readings[key] = _once(self._compile(node, places), slot)
        return self.readings[key]

    def _compile(self, node: Basic, places: dict[Index, int]) -> Reading:
        def inner(part: Basic) -> Reading:
            return self.compiled(part, places)

        match node:
            case Axis():
                return _number(Fraction(self.sizes[node.name]))
            case Index():
                return _number(Fraction(places[node]))
            case sympy.Symbol():
                return _symbol(node.name)
            case Element():
                return _entry(node.data.name, self._offset(node, places))
            case Delta() | Apart():
                left, right = (self._position(index, places) for index in node.args)
                return _number(Fraction((left == right) == isinstance(node, Delta)))
            case Bracket():
                holds = self._condition(node.condition, places)
                return _first_that_holds([(holds, _number(Fraction(1))), (lambda _: True, _number(Fraction(0)))])
            case stop_gradient():
                return _held(inner(node.args[0]))
            case ratio():
                return _ratio(*(inner(argument) for argument in node.args))
            case Binder():
                return self._binder(node, places)
            case sympy.Rational():
                return _number(Fraction(int(node.p), int(node.q)))
            case sympy.Float():
                return _number(Fraction(str(sympy.Rational(node))))
            case sympy.NumberSymbol():
                return _known_constant(_CONSTANTS[type(node)])
            case clamp():
                return self._clamp(node, inner)
            case sympy.Piecewise():
                branches = [(self._condition(branch.cond, places), inner(branch.expr)) for branch in node.args]
                return _first_that_holds(branches)
            case sympy.Add():
                return _sum([inner(argument) for argument in node.args])
            case sympy.Mul():
                return self._product(node, inner)
            case sympy.Pow() if node.args[0] != sympy.E:
                return _power(*(inner(argument) for argument in node.args))
            case sympy.Max() | sympy.Min():
                return _extremum([inner(argument) for argument in node.args], 1 if isinstance(node, sympy.Max) else -1)
            case sympy.Pow():
                return _function("exp", inner(node.args[1]))
            case sympy.sech():
                return _power(_function("cosh", inner(node.args[0])), _number(Fraction(-1)))
            case sympy.polygamma():
                return _function(("digamma", "trigamma", "tetragamma")[int(node.args[0])], inner(node.args[1]))
        name = _NAMES.get(type(node))
        if name is None:
            raise TypeError(f"the oracle has no rule for {type(node).__name__}")
        return _function(name, inner(node.args[0]))

    def _position(self, index: Basic, places: dict[Index, int]) -> int:
        if isinstance(index, Index):
            return places[index]
        if isinstance(index, Element):
            return self.integers[index.data.name][self._offset(index, places)]
        return self.integers[index.name][0]  # type: ignore[attr-defined]

    def _offset(self, entry: Element, places: dict[Index, int]) -> int:
        """Where an entry is among those of its array."""
        offset = 0
        for index, axis in zip(entry.indices, self.loss.axes_of_data(entry.data.name), strict=True):
            offset = offset * self.sizes[axis.name] + self._position(index, places)
        return offset

    def _product(self, node: sympy.Mul, inner: Callable[[Basic], Reading]) -> Reading:
        """Numerator over denominator, so that zeros of both meet; factors that may be infinite come last."""
        top, bottom = [], []
        for factor in sorted(node.args, key=lambda item: item.has(sympy.log, sympy.exp)):
            base, exponent = factor.as_base_exp()
            if base != sympy.E and exponent.is_Integer and exponent.is_negative:
                bottom.append(inner(base**-exponent))
            else:
                top.append(inner(factor))
        above = _times(top) if top else _number(Fraction(1))
        return above if not bottom else _quotient(above, _times(bottom))

    def _binder(self, node: Binder, places: dict[Index, int]) -> Reading:
        bound = node.axis.index(f"_{node.height}")  # bound indices carry the height of their binder
        body, flags = node.args[0], sympy.Integer(1)
        if isinstance(body, Restricted):
            flags, body = body.args
        everywhere = [{**places, bound: place} for place in range(self.sizes[node.axis.name])]
        terms = [self.compiled(body, there) for there in everywhere]
        match node:
            case Total():
                return _sum([self._masked(body, there) for there in everywhere])
            case Largest():
                return _largest_of(
                    [(self.compiled(flags, there), term) for there, term in zip(everywhere, terms, strict=True)]
                )
            case Norm():
                return _power(_sum([_times([term, term]) for term in terms]), _number(Fraction(1, 2)))
        raise TypeError(f"the oracle has no rule for {type(node).__name__}")

    def _masked(self, body: Basic, places: dict[Index, int]) -> Reading:
        """A product that is 0 where a bracket is, whatever its other factors are."""
        factors = sympy.Mul.make_args(body)
        flags = [factor for factor in factors if isinstance(factor, Mark)]
        if not flags:
            return self.compiled(body, places)
        rest = self.compiled(sympy.Mul(*[factor for factor in factors if factor not in flags]), places)
        marks = [self.compiled(flag, places) for flag in flags]

        def reading(place: _Place) -> Series:
            algebra = place.algebra
            if any(algebra.is_zero(mark(place)) for mark in marks):
                return [algebra.numbers.exactly(0)]
            return rest(place)

        return reading

    def _clamp(self, node: clamp, inner: Callable[[Basic], Reading]) -> Reading:
        """Limited, and differentiated at the limited value: a quotient a/b by its rule with the limited quotient."""
        body, lower, upper = node.args
        top, bottom = (inner(part) for part in sympy.fraction(body))
        ends = [None if end.is_finite is False else inner(end) for end in (lower, upper)]

        def reading(place: _Place) -> Series:
            algebra = place.algebra
            a, b = top(place), bottom(place)
            whole = algebra.over(a, b)
            limited = whole[0]
            for end, side in zip(ends, (1, -1), strict=True):
                if end is not None and algebra._decided_sign(end(place)[0] - limited) == side:  # noqa: SLF001
                    limited = end(place)[0]
            if limited is whole[0] or len(whole) == 1:
                return [limited, *whole[1:]]
            return _quotient_from(algebra, limited, a, b)

        return reading

    def _condition(self, condition: Basic, places: dict[Index, int]) -> Callable[[_Place], bool]:
        if condition in (sympy.true, sympy.false):
            return lambda _place: bool(condition)
        if isinstance(condition, sympy.core.relational.Relational):
            left, right = (self.compiled(side, places) for side in condition.args)
            holds = _RELATIONS[condition.rel_op]

            def compare(place: _Place) -> bool:
                return holds(place.algebra._decided_sign(left(place)[0] - right(place)[0]))  # noqa: SLF001

            return compare
        parts = [self._condition(argument, places) for argument in condition.args]
        if isinstance(condition, sympy.And):
            return lambda place: all(part(place) for part in parts)
        if isinstance(condition, sympy.Or):
            return lambda place: any(part(place) for part in parts)
        return lambda place: not parts[0](place)


def _unread(_place: _Place) -> Series:
    raise RecursionError("a formula that contains itself")


def _once(reading: Reading, slot: int) -> Reading:
    def read(place: _Place) -> Series:
        known = place.known[slot]
        if known is None:
            known = place.known[slot] = reading(place)
        return known

    return read


def _number(number: Fraction) -> Reading:
    return lambda place: [place.algebra.numbers.exactly(number)]


def _known_constant(name: str) -> Reading:
    return lambda place: [place.algebra.numbers.constant(name)]


def _symbol(name: str) -> Reading:
    if name in ("y_true", "y_pred"):
        return _entry(name, 0)
    return lambda place: [place.algebra.numbers.exactly(place.constants[name])]


def _entry(name: str, position: int) -> Reading:
    if name == "y_true":
        return lambda place: [place.true[position]]
    if name != "y_pred":
        return lambda place: [place.extras[name][position]]

    def reading(place: _Place) -> Series:
        numbers, moved = place.algebra.numbers, place.direction[position]
        if moved == 0:
            return [place.pred[position]]
        zeros = [place.algebra.zero] * (place.algebra.terms - 2)
        return [place.pred[position], numbers.exactly(moved), *zeros]

    return reading


def _sum(terms: list[Reading]) -> Reading:
    first, *rest = terms

    def reading(place: _Place) -> Series:
        total = first(place)
        for term in rest:
            total = place.algebra.add(total, term(place))
        return total

    return reading


def _times(factors: list[Reading]) -> Reading:
    first, *rest = factors

    def reading(place: _Place) -> Series:
        algebra = place.algebra
        product = first(place)
        for factor in rest:
            if algebra.is_zero(product):
                return product
            product = algebra.times(product, factor(place))
        return product

    return reading


def _quotient(top: Reading, bottom: Reading) -> Reading:
    def reading(place: _Place) -> Series:
        above = top(place)
        if len(above) == 1 and place.algebra.is_zero(above):
            return above
        return place.algebra.over(above, bottom(place))

    return reading


def _quotient_from(algebra: Algebra, limited: Ball, a: Series, b: Series) -> Series:
    """The quotient rule with a given quotient in the place of a[0]/b[0]."""
    count = max(len(a), len(b))
    above, below = ((part + [algebra.zero] * count)[:count] for part in (a, b))
    result = [limited]
    for order in range(1, count):
        left = above[order]
        for place in range(order):
            left = left - result[place] * below[order - place]
        result.append(left / below[0])
    return result


def _power(base: Reading, exponent: Reading) -> Reading:
    return lambda place: place.algebra.power(base(place), exponent(place))


def _function(name: str, inner: Reading) -> Reading:
    return lambda place: place.algebra.apply(name, inner(place))


def _extremum(parts: list[Reading], wanted: int) -> Reading:
    def reading(place: _Place) -> Series:
        algebra = place.algebra
        best = parts[0](place)
        for part in parts[1:]:
            other = part(place)
            gap = algebra.add(other, [-term for term in best])
            sign = algebra._decided_sign(gap[0])  # noqa: SLF001
            if sign == 0 and not algebra.is_zero(gap):
                best = [best[0]] + [algebra.numbers.undefined] * (max(len(best), len(other)) - 1)
            elif sign == wanted:
                best = other
        return best

    return reading


def _largest_of(members: list[tuple[Reading, Reading]]) -> Reading:
    """The largest of what belongs to a set; minus infinity of the empty one."""

    def reading(place: _Place) -> Series:
        algebra = place.algebra
        inside = [term for flag, term in members if not algebra.is_zero(flag(place))]
        return _extremum(inside, 1)(place) if inside else [-algebra.numbers.infinity]

    return reading


def _held(inner: Reading) -> Reading:
    return lambda place: inner(place)[:1]


def _ratio(top: Reading, bottom: Reading) -> Reading:
    """A quotient, and 0 where the divisor is 0."""

    def reading(place: _Place) -> Series:
        below = bottom(place)
        if place.algebra.is_zero(below):
            return [place.algebra.numbers.exactly(0)]
        return place.algebra.over(top(place), below)

    return reading


def _first_that_holds(branches: list[tuple[Callable[[_Place], bool], Reading]]) -> Reading:
    return lambda place: next(branch(place) for holds, branch in branches if holds(place))


_RELATIONS: dict[str, Callable[[int], bool]] = {
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
    "==": lambda sign: sign == 0,
    "!=": lambda sign: sign != 0,
}
_CONSTANTS = {type(sympy.pi): "pi", type(sympy.E): "e", type(sympy.EulerGamma): "euler"}
_NAMES = {
    sympy.exp: "exp",
    sympy.log: "log",
    sympy.Abs: "abs",
    sympy.sign: "sign",
    sympy.Heaviside: "step",
    sympy.cosh: "cosh",
    sympy.sinh: "sinh",
    sympy.tanh: "tanh",
    sympy.sin: "sin",
    sympy.cos: "cos",
    sympy.tan: "tan",
    sympy.asin: "asin",
    sympy.acos: "acos",
    sympy.atan: "atan",
    sympy.erf: "erf",
    sympy.erfc: "erfc",
    sympy.loggamma: "lgamma",
    sympy.digamma: "digamma",
}
