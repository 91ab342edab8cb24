"""The declared formula and its first two derivatives along a direction, in arbitrary precision.

Every sub-expression becomes a truncated Taylor series (value, first and second derivative) in multi-precision
floats, so value and derivatives come from one reading of the declaration. The precision covers the spread of the
inputs' exponents and is doubled until two results agree, one rounded towards zero and one away from it: where
``1 + exp(-x)`` has swallowed its second term for good, the two differ at every precision, and the point is undecided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import mpmath
import sympy
from mpmath import mp, mpf
from sympy.core.basic import Basic

from symloss.declare import Axis, ClassLabel, Delta, Element, Index, Loss, Norm, Softmax, Total, clamp
from symloss.declare.axes import Binder

Series = tuple[mpf, mpf, mpf]
Vector = Sequence[float]

_FIRST_BITS = 160
_MOST_BITS = 70_000
_AGREEMENT_BITS = 75
_SMALLEST = mpf(2) ** -1080  # below, every result is zero in double precision


@dataclass(frozen=True)
class Point:
    """One sample: numbers for y_true and y_pred (lists of entries over an axis), parameters and extra inputs."""

    y_true: float | tuple[float, ...]
    y_pred: float | tuple[float, ...]
    constants: Mapping[str, float]


class UndecidedError(ArithmeticError):
    """No affordable precision tells what the formula says at a point."""


@dataclass(frozen=True)
class Truth:
    """What the declaration says at a point."""

    value: mpf
    gradient: tuple[mpf, ...]
    hessian: tuple[mpf, ...]


class Oracle:
    """Evaluates one loss."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        self.expression = loss.full_expression
        self.grows = self.expression.has(sympy.exp, sympy.cosh, sympy.sinh, sympy.tanh)

    def along(self, point: Point, direction: Vector | None = None) -> Series:
        """Value and the first two derivatives along a direction in y_pred (1 for an elementwise loss)."""
        bits = self._enough_bits(point)
        while bits <= _MOST_BITS:
            inner, outer = (
                self._rounded(point, direction, precision, rounding)
                for precision, rounding in ((bits, "d"), (bits + 64, "u"))
            )
            if all(map(_agree, inner, outer)):
                return outer
            bits *= 2
        raise UndecidedError(f"{self.loss.name}: no two precisions agree at {point}")

    def _rounded(self, point: Point, direction: Vector | None, bits: int, rounding: str) -> Series:
        with mp.workprec(bits):
            mp._prec_rounding[1] = rounding  # noqa: SLF001 - mpmath has no public door
            try:
                return _Reading(self, point, direction).series(self.expression)
            except (OverflowError, MemoryError) as error:
                raise UndecidedError(f"{self.loss.name}: {error} at {point}") from error
            finally:
                mp._prec_rounding[1] = "n"  # noqa: SLF001

    def _enough_bits(self, point: Point) -> int:
        numbers = [*_entries(point.y_true), *_entries(point.y_pred), *point.constants.values()]
        exponents = [abs(mpmath.frexp(number)[1]) for number in numbers if number]
        scores = [abs(number) for number in _entries(point.y_pred) if self.grows and abs(number) < 2e4]
        return int(_FIRST_BITS + 3 * max(exponents, default=0) + 3 * max(scores, default=0))

    def truth(self, point: Point) -> Truth:
        """Value, every entry of the gradient and the diagonal of the Hessian."""
        series = [self.along(point, direction) for direction in self._units(point)]
        return Truth(series[0][0], tuple(item[1] for item in series), tuple(item[2] for item in series))

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
        with mp.workprec(self._enough_bits(point)):
            reading = _Reading(self, point, [0.0] * len(_entries(point.y_pred)))
            found = []
            for place in range(len(_entries(point.y_pred))):
                reading.places = {"j": place}
                found.append(reading.series(link)[0])
            return found

    def _units(self, point: Point) -> list[Vector | None]:
        if self.loss.is_elementwise:
            return [None]
        size = len(_entries(point.y_pred))
        return [[float(place == other) for other in range(size)] for place in range(size)]


def _entries(values: float | tuple[float, ...]) -> tuple[float, ...]:
    return values if isinstance(values, tuple) else (values,)


def _agree(first: mpf, second: mpf) -> bool:
    if mpmath.isnan(first) and mpmath.isnan(second):
        return True
    if mpmath.isinf(first) or mpmath.isinf(second):
        return bool(first == second)
    size = max(abs(first), abs(second))
    return bool(size < _SMALLEST or abs(first - second) <= size * mpf(2) ** -_AGREEMENT_BITS)


class _Reading:
    """One evaluation at one precision."""

    def __init__(self, oracle: Oracle, point: Point, direction: Vector | None) -> None:
        self.loss = oracle.loss
        self.direction = direction
        self.true = [mpf(number) for number in _entries(point.y_true)]
        self.pred = [mpf(number) for number in _entries(point.y_pred)]
        self.constants = {name: mpf(number) for name, number in point.constants.items()}
        self.places: dict[str, int] = {}
        self.letters: dict[Basic, tuple[str, ...]] = {}
        self.known: dict[tuple[Basic, tuple[int | None, ...]], Series] = {}

    def series(self, node: Basic) -> Series:
        """The Taylor series of a sub-expression, read once for each place of the indices that occur in it."""
        letters = self.letters.get(node)
        if letters is None:
            letters = self.letters[node] = tuple(sorted({index.letter for index in node.atoms(Index)}))
        key = (node, tuple(self.places.get(letter) for letter in letters))
        if key not in self.known:
            self.known[key] = self._series(node)
        return self.known[key]

    def _series(self, node: Basic) -> Series:
        if isinstance(node, Axis):
            return _constant(mpf(len(self.pred)))
        if isinstance(node, sympy.Symbol):
            return self._symbol(node.name)
        if isinstance(node, Element):
            return self._entry(node.data.name, self._place(node.index))
        if isinstance(node, Delta):
            return _constant(mpf(self._place(node.args[0]) == self._place(node.args[1])))
        if isinstance(node, Binder):
            return self._binder(node)
        if isinstance(node, clamp):
            return self._clamp(node)
        if isinstance(node, sympy.Piecewise):
            return next(self.series(branch.expr) for branch in node.args if self._holds(branch.cond))
        if isinstance(node, sympy.Expr) and node.is_number:
            return _constant(mpf(node._to_mpmath(mp.prec + 10)))  # noqa: SLF001 - SymPy's own door to mpmath
        match node:
            case sympy.Add():
                return _sum([self.series(argument) for argument in node.args])
            case sympy.Mul():
                return self._product(node)
            case sympy.Pow():
                return self._power(node)
            case sympy.Max() | sympy.Min():
                choose = max if isinstance(node, sympy.Max) else min
                return choose((self.series(argument) for argument in node.args), key=lambda series: series[0])
        return _compose(node, self.series(node.args[0]))

    def _symbol(self, name: str) -> Series:
        if name in ("y_true", "y_pred"):
            return self._entry(name, 0)
        return _constant(self.constants[name])

    def _entry(self, name: str, place: int) -> Series:
        if name == "y_true":
            return _constant(self.true[place])
        moved = mpf(1) if self.direction is None else mpf(self.direction[place])
        return (self.pred[place], moved, mpf(0))

    def _place(self, index: Basic) -> int:
        if isinstance(index, Index):
            return self.places[index.letter]
        if isinstance(self.loss.y_true, ClassLabel):
            return int(self.true[0])
        raise TypeError(f"{index} is no index")

    def _binder(self, node: Binder) -> Series:
        letter = f"_{node.height}"  # bound indices carry the height of their binder
        outer = dict(self.places)
        terms = []
        for place in range(len(self.pred)):
            self.places = {**outer, letter: place}
            terms.append(self.series(node.args[0]))
        self.places = outer
        match node:
            case Total():
                return _sum(terms)
            case Norm():
                return _compose_power(_sum([_times(term, term) for term in terms]), mpf("0.5"))
            case Softmax():
                raise TypeError("a declaration holds the softmax as its quotient")
        raise TypeError(f"the oracle has no rule for {type(node).__name__}")

    def _clamp(self, node: clamp) -> Series:
        """Limited, and differentiated at the limited value: a quotient a/b by its rule with the limited quotient."""
        inner, lower, upper = node.args
        low, high = (self.series(end)[0] if end.is_finite is not False else end for end in (lower, upper))
        top, bottom = sympy.fraction(inner)
        a, b = self.series(top), self.series(bottom)
        value = a[0] / b[0]
        value = value if lower == -sympy.oo else max(value, low)
        value = value if upper == sympy.oo else min(value, high)
        first = (a[1] - value * b[1]) / b[0]
        return (value, first, (a[2] - 2 * first * b[1] - value * b[2]) / b[0])

    def _product(self, node: sympy.Mul) -> Series:
        factors = []
        for factor in sorted(node.args, key=lambda item: item.has(sympy.log, sympy.exp)):
            series = self.series(factor)
            if all(part == 0 for part in series):
                return _constant(mpf(0))  # zero times anything is zero, as a limit
            factors.append(series)
        result = factors[0]
        for factor in factors[1:]:
            result = _times(result, factor)
        return result

    def _power(self, node: sympy.Pow) -> Series:
        base, exponent = node.args
        if base == sympy.E:
            return _compose(node, self.series(exponent))
        power = self.series(exponent)
        if power[1] or power[2]:
            inside = _times(power, _compose(sympy.log(sympy.Symbol("x")), self.series(base)))
            return _compose(sympy.exp(sympy.Symbol("x")), inside)
        return _compose_power(self.series(base), power[0])

    def _holds(self, condition: Basic) -> bool:
        if condition in (sympy.true, sympy.false):
            return bool(condition)
        if isinstance(condition, sympy.core.relational.Relational):
            left, right = (self.series(side)[0] for side in condition.args)
            return bool(_RELATIONS[condition.rel_op](left, right))
        parts = [self._holds(argument) for argument in condition.args]
        if isinstance(condition, sympy.And):
            return all(parts)
        return any(parts) if isinstance(condition, sympy.Or) else not parts[0]


_RELATIONS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def _constant(number: mpf) -> Series:
    return (number, mpf(0), mpf(0))


def _sum(terms: list[Series]) -> Series:
    # One by one: mpmath's own sum drops small terms without rounding in their direction.
    return tuple(reduce(add, parts) for parts in zip(*terms, strict=True))  # type: ignore[return-value]


def _times(a: Series, b: Series) -> Series:
    def product(left: mpf, right: mpf) -> mpf:
        return mpf(0) if left == 0 or right == 0 else left * right

    return (
        product(a[0], b[0]),
        product(a[1], b[0]) + product(a[0], b[1]),
        product(a[2], b[0]) + 2 * product(a[1], b[1]) + product(a[0], b[2]),
    )


def _chain(inner: Series, value: mpf, first: mpf, second: mpf) -> Series:
    """f(g), f'(g) g', f''(g) g'^2 + f'(g) g''."""
    moved = inner[1]
    if moved == 0 and inner[2] == 0:
        return _constant(value)
    return (value, first * moved, second * moved * moved + (first * inner[2] if inner[2] else 0))


def _compose_power(inner: Series, exponent: mpf) -> Series:
    x = inner[0]
    if exponent == int(exponent) and exponent >= 0:
        falling = [mpf(1), exponent, exponent * (exponent - 1)]
        values = [
            coefficient * x ** (exponent - order) if coefficient else mpf(0)
            for order, coefficient in enumerate(falling)
        ]
        return _chain(inner, *values)
    if x == 0:
        if exponent > 0 and not any(inner[1:]):
            return _constant(mpf(0))
        return (mpf(0) if exponent > 0 else mpf("inf"), mpf("nan"), mpf("nan"))
    value = x**exponent
    return _chain(inner, value, exponent * value / x, exponent * (exponent - 1) * value / x / x)


def _compose(node: Basic, inner: Series) -> Series:
    x = inner[0]
    match node:
        case sympy.exp() | sympy.Pow():
            if mpmath.mag(x) > _MOST_BITS:
                raise UndecidedError(f"exp of a number with more than {_MOST_BITS} binary digits before the point")
            value = mpmath.exp(x)
            return _chain(inner, value, value, value)
        case sympy.log():
            if x == 0:
                return (mpf("-inf"), mpf("inf") * inner[1] if inner[1] else mpf(0), mpf("nan"))
            return _chain(inner, mpmath.log(x), 1 / x, -1 / x / x)
        case sympy.Abs():
            sign = mpf(-1) if x < 0 else mpf(1)
            return (abs(x), sign * inner[1], sign * inner[2])
    rule = _DERIVATIVES.get(type(node))
    if rule is None:
        raise TypeError(f"the oracle has no rule for {type(node).__name__}")
    return _chain(inner, *rule(x))


_DERIVATIVES = {
    sympy.sign: lambda x: (mpf(mpmath.sign(x)), mpf(0), mpf(0)),
    sympy.Heaviside: lambda x: ((1 + mpf(mpmath.sign(x))) / 2, mpf(0), mpf(0)),
    sympy.cosh: lambda x: (mpmath.cosh(x), mpmath.sinh(x), mpmath.cosh(x)),
    sympy.sinh: lambda x: (mpmath.sinh(x), mpmath.cosh(x), mpmath.sinh(x)),
    sympy.tanh: lambda x: (
        mpmath.tanh(x),
        1 / mpmath.cosh(x) ** 2,
        -2 * mpmath.tanh(x) / mpmath.cosh(x) ** 2,
    ),
    sympy.sin: lambda x: (mpmath.sin(x), mpmath.cos(x), -mpmath.sin(x)),
    sympy.cos: lambda x: (mpmath.cos(x), -mpmath.sin(x), -mpmath.cos(x)),
    sympy.tan: lambda x: (mpmath.tan(x), mpmath.sec(x) ** 2, 2 * mpmath.tan(x) * mpmath.sec(x) ** 2),
    sympy.asin: lambda x: (mpmath.asin(x), (1 - x * x) ** mpf("-0.5"), x * (1 - x * x) ** mpf("-1.5")),
    sympy.acos: lambda x: (mpmath.acos(x), -((1 - x * x) ** mpf("-0.5")), -x * (1 - x * x) ** mpf("-1.5")),
    sympy.atan: lambda x: (mpmath.atan(x), 1 / (1 + x * x), -2 * x / (1 + x * x) ** 2),
    sympy.sech: lambda x: (
        mpmath.sech(x),
        -mpmath.sech(x) * mpmath.tanh(x),
        mpmath.sech(x) * (2 * mpmath.tanh(x) ** 2 - 1),
    ),
    sympy.erf: lambda x: (
        mpmath.erf(x),
        2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-x * x),
        -4 * x / mpmath.sqrt(mpmath.pi) * mpmath.exp(-x * x),
    ),
    sympy.loggamma: lambda x: (mpmath.loggamma(x), mpmath.psi(0, x), mpmath.psi(1, x)),
    sympy.digamma: lambda x: (mpmath.psi(0, x), mpmath.psi(1, x), mpmath.psi(2, x)),
}
