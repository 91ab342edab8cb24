"""Between which numbers an expression stays, over all that its symbols may be: interval arithmetic with exact ends.

Sound: the value at every point of the domain lies in the range, whatever the dependencies between parts; not sharp
where parts depend on each other. Moore, Kearfott, Cloud (2009), Introduction to Interval Analysis. Ends that no
fraction is are widened outward. Where a form is a polynomial in one bounded function, such as the sigmoid, its range is
found exactly, from the roots of the polynomial's derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from itertools import product

import mpmath
import sympy
from sympy import Expr, Symbol
from sympy.core.basic import Basic
from sympy.core.relational import Relational

from symloss import atoms
from symloss.declare import clamp
from symloss.declare.domain import Interval

End = Fraction | float  # a fraction, or an infinity
Ranges = Mapping[Symbol, "Range"]

_INFINITY = float("inf")
_DIGITS = 30
_WIDER = Fraction(1, 10**25)
_LONGEST_POLYNOMIAL = 12


@dataclass(frozen=True)
class Range:
    """All numbers between two ends, each of which belongs to it or not."""

    lower: End
    upper: End
    lower_open: bool = False
    upper_open: bool = False

    @classmethod
    def of(cls, domain: Interval) -> Range:
        """The numbers of a domain; infinite ends are open."""
        lower, upper = _end(domain.lower), _end(domain.upper)
        return cls(lower, upper, domain.lower_open or _is_infinite(lower), domain.upper_open or _is_infinite(upper))

    @classmethod
    def point(cls, number: End) -> Range:
        """A single number."""
        return cls(number, number)

    @property
    def is_positive(self) -> bool:
        """Whether every number is above 0."""
        return self.lower > 0 or (self.lower == 0 and self.lower_open)

    @property
    def is_nonnegative(self) -> bool:
        """Whether no number is below 0."""
        return self.lower >= 0

    @property
    def is_point(self) -> bool:
        """Whether there is one number only."""
        return self.lower == self.upper

    def __neg__(self) -> Range:
        return Range(-self.upper, -self.lower, self.upper_open, self.lower_open)

    def __add__(self, other: Range) -> Range:
        return Range(
            _sum(self.lower, other.lower, -_INFINITY),
            _sum(self.upper, other.upper, _INFINITY),
            self.lower_open or other.lower_open,
            self.upper_open or other.upper_open,
        )

    def __mul__(self, other: Range) -> Range:
        corners = [
            (_product(a, b), a_open or b_open if a != 0 and b != 0 else _zero_is_missed(a, a_open, b, b_open))
            for (a, a_open), (b, b_open) in product(self.ends, other.ends)
        ]
        return _hull_of_ends(corners)

    @property
    def ends(self) -> tuple[tuple[End, bool], tuple[End, bool]]:
        """Both ends, and whether each is left out."""
        return (self.lower, self.lower_open), (self.upper, self.upper_open)

    def united(self, other: Range) -> Range:
        """The smallest range that holds both."""
        return _hull_of_ends([*self.ends, *other.ends])

    def reciprocal(self) -> Range:
        """Of a range that 0 is not inside; all numbers where it is."""
        if self.lower < 0 < self.upper or (self.is_point and self.lower == 0):
            return EVERYTHING
        if self.lower >= 0:
            upper = _INFINITY if self.lower == 0 else _inverse(self.lower)
            lower = _inverse(self.upper)
            return Range(
                lower, upper, self.upper_open or _is_infinite(self.upper), self.lower_open or _is_infinite(upper)
            )
        return -(-self).reciprocal()

    def to_the(self, exponent: int) -> Range:
        """A whole, positive power."""
        if exponent % 2 == 0 and self.lower < 0 < self.upper:
            size, is_reached = self.largest_size()
            return Range(Fraction(0), _power(size, exponent), upper_open=not is_reached)
        ends: list[tuple[End, bool]] = [(_power(end, exponent), is_open) for end, is_open in self.ends]
        return _hull_of_ends(ends)

    def largest_size(self) -> tuple[End, bool]:
        """The supremum of the sizes, and whether it is reached."""
        return max((_size(end), not is_open) for end, is_open in self.ends)


EVERYTHING = Range(-_INFINITY, _INFINITY, lower_open=True, upper_open=True)
_NONNEGATIVE = Range(Fraction(0), _INFINITY, upper_open=True)


def range_of(expression: Expr, ranges: Ranges) -> Range:
    """A range that the expression never leaves while every symbol stays in its own; a symbol without one may be any."""
    return _Reader(ranges).of(expression)


class _Reader:
    def __init__(self, ranges: Ranges) -> None:
        self.ranges = ranges
        self.known: dict[Basic, Range] = {}

    def of(self, expression: Basic) -> Range:
        if expression not in self.known:
            self.known[expression] = self._of(expression)
        return self.known[expression]

    def _of(self, expression: Basic) -> Range:
        if expression in self.ranges:
            return self.ranges[expression]  # type: ignore[index]
        if isinstance(expression, sympy.Rational):
            return Range.point(Fraction(int(expression.p), int(expression.q)))
        if isinstance(expression, Expr) and expression.is_number:
            return _of_number(expression)
        match expression:
            case Symbol():
                return EVERYTHING
            case sympy.Add():
                return _meet(self._of_sum(expression), self._of_polynomial(expression))
            case sympy.Mul():
                return _meet(self._of_product(expression), self._of_polynomial(expression))
            case sympy.Pow():
                return self._of_power(*expression.as_base_exp())
            case sympy.Piecewise():
                return self._of_piecewise(expression)
        known = _FUNCTIONS.get(type(expression))
        return EVERYTHING if known is None else known(*map(self.of, expression.args))

    def _of_sum(self, expression: sympy.Add) -> Range:
        return reduce(Range.__add__, map(self.of, expression.args))

    def _of_product(self, expression: sympy.Mul) -> Range:
        return reduce(Range.__mul__, map(self.of, expression.args))

    def _of_power(self, base: Expr, exponent: Expr) -> Range:
        if exponent.is_Integer:
            power = self.of(base).to_the(abs(int(exponent)))
            return power if exponent > 0 else power.reciprocal()
        inside = self.of(base)
        if not inside.is_nonnegative:
            return EVERYTHING
        if inside.is_positive:
            return Range(Fraction(0), _INFINITY, lower_open=True, upper_open=True)
        return _NONNEGATIVE

    def _of_piecewise(self, expression: sympy.Piecewise) -> Range:
        found = [_Reader(self._within(branch.cond)).of(branch.expr) for branch in expression.args]
        return reduce(Range.united, found)

    def _within(self, condition: Basic) -> Ranges:
        """The ranges where a condition holds: that of what it limits the size of, where that is a number."""
        if not isinstance(condition, Relational):
            return self.ranges
        left, right = condition.args
        if isinstance(right, atoms.magnitude):
            left, right = right, left
            condition = condition.reversed
        limit = self.of(right)
        if isinstance(left, atoms.magnitude) and isinstance(condition, sympy.Le | sympy.Lt):
            end = limit.upper
            return {**self.ranges, left.args[0]: Range(-end, end)}  # type: ignore[dict-item]
        return self.ranges

    def _of_polynomial(self, expression: Expr) -> Range:
        """The exact range of a polynomial in one bounded function of the symbols."""
        rewritten = expression.replace(atoms.sigmoid, _sigmoid_of_one_sign)
        functions = [node for node in rewritten.atoms(sympy.Function, Symbol) if rewritten.has(node)]
        outermost = [node for node in functions if not any(node != other and other.has(node) for other in functions)]
        if len(outermost) != 1:
            return EVERYTHING
        variable = sympy.Dummy("u", real=True)
        polynomial = rewritten.xreplace({outermost[0]: variable})
        if polynomial.free_symbols != {variable} or not polynomial.is_polynomial(variable):
            return EVERYTHING
        return _extremes(sympy.Poly(polynomial, variable), self.of(outermost[0]))


def _sigmoid_of_one_sign(argument: Expr) -> Expr:
    if argument.could_extract_minus_sign():
        return 1 - atoms.sigmoid(-argument)
    return atoms.sigmoid(argument)


def _extremes(polynomial: sympy.Poly, over: Range) -> Range:
    """The range of a polynomial with rational coefficients over a finite range, from its stationary points."""
    if polynomial.degree() > _LONGEST_POLYNOMIAL or any(_is_infinite(end) for end, _ in over.ends):
        return EVERYTHING
    variable = polynomial.gen
    places: list[tuple[Expr, bool]] = [
        (sympy.Rational(end.numerator, end.denominator), is_open)  # type: ignore[union-attr]
        for end, is_open in over.ends
    ]
    for root in sympy.real_roots(polynomial.diff(variable)) if polynomial.degree() > 1 else []:
        if places[0][0] < root < places[1][0]:
            places.append((root, False))
    values = [(polynomial.as_expr().subs(variable, place), is_open) for place, is_open in places]
    if all(value.is_Rational for value, _ in values):
        return _hull_of_ends([(Fraction(int(value.p), int(value.q)), is_open) for value, is_open in values])
    numbers = [_of_number(value) for value, _ in values]
    return reduce(Range.united, numbers)


def _of_number(expression: Expr) -> Range:
    if expression.is_infinite:
        return Range.point(_INFINITY if expression == sympy.oo else -_INFINITY)
    found = expression.evalf(_DIGITS)
    if not found.is_Float:
        return EVERYTHING
    fraction = Fraction(str(found))
    wider = abs(fraction) * _WIDER
    return Range(fraction - wider, fraction + wider)


def _end(number: float) -> End:
    return number if number in (_INFINITY, -_INFINITY) else Fraction(str(number))


def _is_infinite(end: End) -> bool:
    return end in (_INFINITY, -_INFINITY)


def _sum(a: End, b: End, limit: float) -> End:
    if _is_infinite(a) or _is_infinite(b):
        return limit
    return a + b


def _product(a: End, b: End) -> End:
    if a == 0 or b == 0:
        return Fraction(0)
    if _is_infinite(a) or _is_infinite(b):
        return _INFINITY if (a > 0) == (b > 0) else -_INFINITY
    return a * b


def _zero_is_missed(a: End, a_open: bool, b: End, b_open: bool) -> bool:
    """Whether a product with an end at 0 does not reach 0: only where no factor that is 0 belongs to its range."""
    zeros = [is_open for end, is_open in ((a, a_open), (b, b_open)) if end == 0]
    return all(zeros)


def _power(end: End, exponent: int) -> End:
    if _is_infinite(end):
        return _INFINITY if end > 0 or exponent % 2 == 0 else -_INFINITY
    return end**exponent


def _size(end: End) -> End:
    return -end if end < 0 else end


def _inverse(end: End) -> End:
    return Fraction(0) if _is_infinite(end) else 1 / Fraction(end)


def _hull_of_ends(ends: list[tuple[End, bool]]) -> Range:
    """The hull of ends that each belong to it or not; of equal ends, one that belongs wins."""
    lower, upper = min(end for end, _ in ends), max(end for end, _ in ends)
    return Range(
        lower,
        upper,
        all(is_open for end, is_open in ends if end == lower),
        all(is_open for end, is_open in ends if end == upper),
    )


def _meet(first: Range, second: Range) -> Range:
    """What both ranges hold of a number that is in either."""
    lower, lower_open = max((first.lower, first.lower_open), (second.lower, second.lower_open))
    upper, upper_closed = min((first.upper, not first.upper_open), (second.upper, not second.upper_open))
    return Range(lower, upper, lower_open, not upper_closed)


def _image(function: Callable[[mpmath.mpf], mpmath.mpf], end: End, limits: tuple[End, End], *, up: bool) -> End:
    """The function at an end, rounded away from the inside of the range."""
    if _is_infinite(end):
        return limits[0] if end < 0 else limits[1]
    if end == 0:
        exact = function(mpmath.mpf(0))
        if exact == int(exact):
            return Fraction(int(exact))
    with mpmath.workdps(_DIGITS):
        found = function(mpmath.mpf(end.numerator) / end.denominator)  # type: ignore[union-attr]
        fraction = Fraction(mpmath.nstr(found, _DIGITS))
    wider = abs(fraction) * _WIDER
    return fraction + wider if up else fraction - wider


def _increasing(function: Callable[[mpmath.mpf], mpmath.mpf], inside: Range, limits: tuple[End, End]) -> Range:
    return Range(
        _image(function, inside.lower, limits, up=False),
        _image(function, inside.upper, limits, up=True),
        inside.lower_open,
        inside.upper_open,
    )


def _even(function: Callable[[mpmath.mpf], mpmath.mpf], inside: Range, limit: End) -> Range:
    """Of a function of the size of its argument, monotone in it, with the given limit."""
    size = _sizes(inside)
    ends = [
        (_image(function, end, (limit, limit), up=up), is_open) for end, is_open in size.ends for up in (True, False)
    ]
    return _hull_of_ends(ends)


def _sizes(inside: Range) -> Range:
    if inside.lower < 0 < inside.upper:
        end, is_reached = inside.largest_size()
        return Range(Fraction(0), end, upper_open=not is_reached)
    return inside if inside.lower >= 0 else -inside


def _unit(x: mpmath.mpf) -> mpmath.mpf:
    return x / mpmath.sqrt(1 + x**2)


def _clamp(x: Range, lower: Range, upper: Range) -> Range:
    return Range(max(x.lower, lower.lower), min(x.upper, upper.upper))


def _maximum(a: Range, b: Range) -> Range:
    lower, lower_open = max((a.lower, a.lower_open), (b.lower, b.lower_open))
    upper, upper_closed = max((a.upper, not a.upper_open), (b.upper, not b.upper_open))
    return Range(lower, upper, lower_open, not upper_closed)


def _xexpy(a: Range, b: Range) -> Range:
    return a * _increasing(mpmath.exp, b, (Fraction(0), _INFINITY))


def _logarithm(inside: Range) -> Range:
    if not inside.is_nonnegative:
        return EVERYTHING
    lower = -_INFINITY if inside.lower == 0 else _image(mpmath.log, inside.lower, (0.0, 0.0), up=False)
    upper = _image(mpmath.log, inside.upper, (-_INFINITY, _INFINITY), up=True) if inside.upper != 0 else -_INFINITY
    if inside.lower == 1:
        lower = Fraction(0)
    if inside.upper == 1:
        upper = Fraction(0)
    return Range(lower, upper, inside.lower_open, inside.upper_open)


def _over(a: Range, b: Range) -> Range:
    quotient = a * b.reciprocal()
    return quotient if b.is_positive else quotient.united(Range.point(Fraction(0)))  # 0 / 0 is 0


def _steps(a: Range, b: Range) -> Range:
    """Of ``exceeds``: 1 where a > b."""
    always = a.lower > b.upper or (a.lower == b.upper and (a.lower_open or b.upper_open))
    never = a.upper <= b.lower
    return Range(Fraction(1 if always else 0), Fraction(0 if never else 1))


def _sign(inside: Range) -> Range:
    lower = -1 if inside.lower < 0 else 1 if inside.is_positive else 0
    upper = 1 if inside.upper > 0 else -1 if (-inside).is_positive else 0
    return Range(Fraction(lower), Fraction(upper))


_ZERO, _ONE = Fraction(0), Fraction(1)
_FUNCTIONS: Mapping[type[Basic], Callable[..., Range]] = {
    sympy.exp: lambda x: _increasing(mpmath.exp, x, (_ZERO, _INFINITY)),
    sympy.log: _logarithm,
    sympy.tanh: lambda x: _increasing(mpmath.tanh, x, (-_ONE, _ONE)),
    sympy.atan: lambda x: _increasing(mpmath.atan, x, (Fraction(-1571, 1000), Fraction(1571, 1000))),
    sympy.erf: lambda x: _increasing(mpmath.erf, x, (-_ONE, _ONE)),
    sympy.erfc: lambda x: -_increasing(mpmath.erf, x, (-_ONE, _ONE)) + Range.point(_ONE),
    sympy.sinh: lambda x: _increasing(mpmath.sinh, x, (-_INFINITY, _INFINITY)),
    sympy.cosh: lambda x: _even(mpmath.cosh, x, _INFINITY),
    sympy.sin: lambda x: Range(-_ONE, _ONE),
    sympy.cos: lambda x: Range(-_ONE, _ONE),
    sympy.Abs: _sizes,
    sympy.Max: lambda *parts: reduce(_maximum, parts),
    sympy.Min: lambda *parts: -reduce(_maximum, [-part for part in parts]),
    sympy.sign: _sign,
    clamp: _clamp,
    atoms.softplus: lambda x: _increasing(lambda z: mpmath.log1p(mpmath.exp(z)), x, (_ZERO, _INFINITY)),
    atoms.sigmoid: lambda x: _increasing(lambda z: 1 / (1 + mpmath.exp(-z)), x, (_ZERO, _ONE)),
    atoms.exp_minus_one: lambda x: _increasing(mpmath.expm1, x, (-_ONE, _INFINITY)),
    atoms.exp_excess: lambda x: _NONNEGATIVE,
    atoms.logcosh: lambda x: _even(lambda z: mpmath.log(mpmath.cosh(z)), x, _INFINITY),
    atoms.tangent_h: lambda x: _increasing(mpmath.tanh, x, (-_ONE, _ONE)),
    atoms.secant_h: lambda x: _even(mpmath.sech, x, _ZERO),
    atoms.hypotenuse: lambda x: _even(lambda z: mpmath.sqrt(1 + z**2), x, _INFINITY),
    atoms.hypotenuse_excess: lambda x: _even(lambda z: mpmath.sqrt(1 + z**2) - 1, x, _INFINITY),
    atoms.hypotenuse_unit: lambda x: _increasing(_unit, x, (-_ONE, _ONE)),
    atoms.hypotenuse_inverse: lambda x: _even(lambda z: 1 / mpmath.sqrt(1 + z**2), x, _ZERO),
    atoms.log_hypotenuse: lambda x: _even(lambda z: mpmath.log1p(z**2) / 2, x, _INFINITY),
    atoms.magnitude: _sizes,
    atoms.sign_of: _sign,
    atoms.maximum: _maximum,
    atoms.minimum: lambda a, b: -_maximum(-a, -b),
    atoms.exceeds: _steps,
    atoms.xexpy: _xexpy,
    atoms.xlogy: lambda a, b: a * _logarithm(b),
    atoms.over: _over,
    atoms.finite_over: _over,
    atoms.power: lambda base, exponent: _NONNEGATIVE,
}
