"""Truncated Taylor series with balls for coefficients: value and derivatives come from one reading of a formula.

A series is a list ``[f, f', f''/2, …]`` along the direction in which y_pred moves; a list of one is a constant. A
quotient whose dividend and divisor both vanish loses terms; :class:`TooShortError` asks for a longer reading, so that
limits are taken where a formula has removable singularities.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial

from mpmath import isinf

from symloss.verify.balls import Arithmetic, Ball, UndecidedError

Series = list[Ball]
WANTED = 3  # value, first and second derivative


class TooShortError(ArithmeticError):
    """Terms were lost to a quotient of vanishing series; more are needed from the start."""


class Algebra:
    """Arithmetic on series of at most ``terms`` terms."""

    def __init__(self, numbers: Arithmetic, terms: int = WANTED) -> None:
        self.numbers = numbers
        self.terms = terms
        self.zero = numbers.exactly(0)
        self.one = numbers.exactly(1)
        self.has_branch_point = False  # whether a root of zero was met, whose slope is infinite
        self._functions = {name: numbers.function(name) for name in _FUNCTIONS}

    # -- arithmetic ----------------------------------------------------------------------------------------------

    def add(self, a: Series, b: Series) -> Series:
        """The sum."""
        if len(a) == 1:
            return [a[0] + b[0], *b[1:]]
        if len(b) == 1:
            return [a[0] + b[0], *a[1:]]
        return [left + right for left, right in zip(a, b, strict=False)]

    def times(self, a: Series, b: Series) -> Series:
        """The product; zero times anything is zero, as a limit."""
        if self.is_zero(a) or self.is_zero(b):
            return [self.zero]
        if len(a) == 1:
            return [self._product(a[0], term) for term in b]
        if len(b) == 1:
            return [self._product(term, b[0]) for term in a]
        return [self._convolution(a, b, order, 0) for order in range(min(len(a), len(b)))]

    def _product(self, a: Ball, b: Ball) -> Ball:
        signs = self.numbers.sign(a), self.numbers.sign(b)
        if 0 in signs:
            return self.zero
        if None in signs and (self._is_infinite(a) or self._is_infinite(b)):
            return self.numbers.undefined  # what may be 0, times infinity
        return a * b

    def _is_infinite(self, x: Ball) -> bool:
        lower, upper = self.numbers.ends(x)
        return bool(lower == upper and isinf(lower))

    def _slope_product(self, a: Ball, b: Ball) -> Ball:
        """A product of derivatives: 0 times the slope of a root of 0 is anything, times that of a kink is 0."""
        if self.has_branch_point and (self.numbers.is_undefined(a) or self.numbers.is_undefined(b)):
            return self.numbers.undefined
        return self._product(a, b)

    def _convolution(self, a: Series, b: Series, order: int, first: int) -> Ball:
        product = self._slope_product if order else self._product
        total = product(a[first], b[order - first])
        for place in range(first + 1, order + 1):
            total = total + product(a[place], b[order - place])
        return total

    def is_zero(self, a: Series) -> bool:
        """Whether every term is zero itself."""
        sign = self.numbers.sign
        return sign(a[0]) == 0 and all(sign(term) == 0 for term in a[1:])

    def _decided_sign(self, x: Ball) -> int:
        sign = self.numbers.sign(x)
        if sign is None:
            if self.numbers.is_undefined(x):
                return 1
            raise UndecidedError("a sign")
        return sign

    def over(self, a: Series, b: Series) -> Series:
        """The quotient; where both vanish, that of what they vanish like."""
        if len(b) == 1 and self._decided_sign(b[0]) != 0:
            return [term / b[0] for term in a]
        shift = self._order(b)
        if shift == 0:
            return self._quotient([a[0], *([self.zero] * (len(b) - 1))] if len(a) == 1 else a, b)
        if shift == len(b):
            return self._pole(a, b)
        if self.is_zero(a):
            return [self.zero]
        if len(a) == 1 or self._order(a) < shift:
            return [self._signed_infinity(a, b)] + [self.numbers.undefined] * (WANTED - 1)
        return self._long_enough(self._quotient(a[shift:], b[shift:]))

    def _order(self, a: Series) -> int:
        """How many leading terms are zero."""
        for place, term in enumerate(a):
            if self._decided_sign(term) != 0:
                return place
        return len(a)

    def _pole(self, a: Series, b: Series) -> Series:
        if len(b) > 1:
            raise TooShortError
        if self.is_zero(a):
            return [self.zero]
        return [self.numbers.infinity * self._decided_sign(a[0])] if self._order(a) == 0 else [self.numbers.undefined]

    def _signed_infinity(self, a: Series, b: Series) -> Ball:
        """Only a divisor that keeps its sign has a limit: even order."""
        shift, from_top = self._order(b), self._order(a)
        if (shift - from_top) % 2:
            return self.numbers.undefined
        return self.numbers.infinity * (self._decided_sign(a[from_top]) * self._decided_sign(b[shift]))

    def _long_enough(self, a: Series) -> Series:
        if len(a) < WANTED:
            raise TooShortError
        return a

    def _quotient(self, a: Series, b: Series) -> Series:
        result: Series = []
        for order in range(min(len(a), len(b))):
            left = a[order]
            for place in range(order):
                left = left - self._product(result[place], b[order - place])
            result.append(left / b[0])
        return result

    # -- functions -----------------------------------------------------------------------------------------------

    def compose(self, coefficients: Series, a: Series) -> Series:
        """A function, given by its Taylor coefficients at a[0], of a series."""
        if len(a) == 1:
            return [coefficients[0]]
        if len(a) == WANTED:
            _, first, second = a
            bend = self._product(coefficients[2], first * first)
            return [
                coefficients[0],
                self._product(coefficients[1], first),
                bend + self._product(coefficients[1], second),
            ]
        moved = [self.zero, *a[1:]]
        result: Series = [coefficients[len(a) - 1]]
        for coefficient in reversed(coefficients[: len(a) - 1]):
            result = self.add(self.times(result, moved), [coefficient])
        return (result + [self.zero] * len(a))[: len(a)]

    def apply(self, name: str, a: Series) -> Series:
        """An elementary or special function of a series."""
        x, count = a[0], len(a)
        if name == "log":
            return self._log(a)
        if name in ("abs", "sign", "step"):
            return self._by_sign(name, a)
        if name in ("lgamma", "digamma", "trigamma", "tetragamma") and self._decided_sign(x) <= 0:
            return [self.numbers.undefined] * count
        if name in ("asin", "acos") and self._decided_sign(self.one - x * x) < 0:
            return [self.numbers.undefined] * count
        return self.compose(self._coefficients(name, x, count), a)

    def _log(self, a: Series) -> Series:
        sign = self._decided_sign(a[0])
        if sign < 0:
            return [self.numbers.undefined] * len(a)
        if sign == 0:
            if len(a) == 1:
                return [-self.numbers.infinity]
            slope = self._product(self.numbers.infinity, a[1])
            return [-self.numbers.infinity, slope] + [self.numbers.undefined] * (len(a) - 2)
        return self.compose(self._coefficients("log", a[0], len(a)), a)

    def _by_sign(self, name: str, a: Series) -> Series:
        sign = self._decided_sign(a[0])
        if name == "abs":
            if sign or len(a) == 1:
                return [term * sign for term in a]
            flat = self._order(a)
            if flat == len(a):
                return [self.zero]
            if flat % 2 == 0:
                return [term * self._decided_sign(a[flat]) for term in a]
            return [self.zero] * flat + [self.numbers.undefined] * (len(a) - flat)
        level = self.numbers.exactly(sign) if name == "sign" else self.numbers.exactly(sign + 1) / 2
        return [level] if sign else [level, *([self.numbers.undefined] * (len(a) - 1))]

    def power(self, a: Series, exponent: Series) -> Series:
        """``a**exponent``: products for small whole exponents, else through the logarithm of what is positive."""
        if len(exponent) > 1:
            return self.apply("exp", self.times(exponent, self.apply("log", a)))
        lower, upper = self.numbers.ends(exponent[0])
        if lower == upper and lower == int(lower) and abs(lower) <= _LONGEST_PRODUCT:
            return self._whole_power(a, int(lower))
        sign = self._decided_sign(a[0])
        if sign == 0:
            return self._power_of_zero(a, exponent[0])
        if sign < 0:
            return self._power_of_negative(a, exponent)
        return self.compose(self._power_coefficients(a[0], exponent[0], len(a)), a)

    def _whole_power(self, a: Series, exponent: int) -> Series:
        result: Series = [self.one]
        square, left = a, abs(exponent)
        while left:
            if left & 1:
                result = self.times(result, square)
            left >>= 1
            square = self.times(square, square) if left else square
        return self.over([self.one], result) if exponent < 0 else result

    def _power_coefficients(self, x: Ball, exponent: Ball, count: int) -> Series:
        found = [self.numbers.power(x, exponent)]
        for order in range(1, count):
            found.append(found[-1] * (exponent - (order - 1)) / x / order)
        return found

    def _power_of_zero(self, a: Series, exponent: Ball) -> Series:
        """Terms below the exponent are zero, those above are not finite; a square under a root is an absolute value."""
        if self._decided_sign(exponent) < 0:
            return [self.numbers.infinity] + [self.numbers.undefined] * (len(a) - 1)
        flat = self._order(a)
        if flat == len(a):
            return [self.zero]
        kept = 0
        while kept < len(a) and self._decided_sign(exponent * flat - kept) > 0:
            kept += 1
        self.has_branch_point |= kept < len(a)
        return [self.zero] * kept + [self.numbers.undefined] * (len(a) - kept)

    def _power_of_negative(self, a: Series, exponent: Series) -> Series:
        lower, upper = self.numbers.ends(exponent[0])
        if lower != upper or lower != int(lower):
            return [self.numbers.undefined] * len(a)
        grown = self.power([-term for term in a], exponent)
        return [-term for term in grown] if int(lower) % 2 else grown

    def _coefficients(self, name: str, x: Ball, count: int) -> Series:
        """Taylor coefficients of a function at x, ``count`` of them."""
        if name in self._functions and count == 1:
            return [self._functions[name](x)]
        return _TAYLOR[name](self, x, count)

    def call(self, name: str, x: Ball) -> Ball:
        """A function of a ball."""
        return self._functions[name](x)

    def integrated(self, value: Ball, slope: Series) -> Series:
        """The series with this value whose derivative is given."""
        return [value, *(term / order for order, term in enumerate(slope, start=1))]


_LONGEST_PRODUCT = 64
_FUNCTIONS = (
    "exp",
    "log",
    "sqrt",
    "sin",
    "cos",
    "sinh",
    "cosh",
    "tanh",
    "atan",
    "asin",
    "acos",
    "erf",
    "erfc",
    "lgamma",
)
Taylor = Callable[[Algebra, Ball, int], Series]


def _exp(algebra: Algebra, x: Ball, count: int) -> Series:
    value = algebra.call("exp", x)
    return [value / factorial(order) for order in range(count)]


def _log(algebra: Algebra, x: Ball, count: int) -> Series:
    falling = [algebra.one / x]
    for _ in range(2, count):
        falling.append(-falling[-1] / x)
    return [algebra.call("log", x), *(term / order for order, term in enumerate(falling, start=1))][:count]


def _cyclic(*names: str, signs: tuple[int, ...]) -> Taylor:
    """Functions whose derivatives come round again."""

    def coefficients(algebra: Algebra, x: Ball, count: int) -> Series:
        values = [algebra.call(name, x) for name in names]
        return [values[order % len(names)] * signs[order % len(signs)] / factorial(order) for order in range(count)]

    return coefficients


def _tanh(algebra: Algebra, x: Ball, count: int) -> Series:
    cosh = algebra.call("cosh", x)
    return _riccati(algebra, algebra.call("tanh", x), 1 / (cosh * cosh), -1, count)


def _tan(algebra: Algebra, x: Ball, count: int) -> Series:
    cos = algebra.call("cos", x)
    algebra._decided_sign(cos)  # noqa: SLF001 - one idea, two pieces
    return _riccati(algebra, algebra.call("sin", x) / cos, 1 / (cos * cos), 1, count)


def _riccati(algebra: Algebra, value: Ball, slope: Ball, sign: int, count: int) -> Series:
    """From ``f' = 1 + sign f^2``."""
    found = [value, slope]
    for order in range(1, count - 1):
        total = algebra.zero
        for place in range(order + 1):
            total = total + found[place] * found[order - place]
        found.append(total * sign / (order + 1))
    return found[:count]


def _atan(algebra: Algebra, x: Ball, count: int) -> Series:
    bottom = [1 + x * x, 2 * x, algebra.one, *([algebra.zero] * count)][: max(count - 1, 1)]
    slope = algebra.over([algebra.one], bottom)
    return algebra.integrated(algebra.call("atan", x), slope)[:count]


def _arc(name: str, sign: int) -> Taylor:
    def coefficients(algebra: Algebra, x: Ball, count: int) -> Series:
        inside = [1 - x * x, -2 * x, -algebra.one, *([algebra.zero] * count)][: max(count - 1, 1)]
        slope = algebra.power(inside, [-algebra.one / 2])
        return algebra.integrated(algebra.call(name, x), [term * sign for term in slope])[:count]

    return coefficients


def _error_function(name: str, sign: int) -> Taylor:
    def coefficients(algebra: Algebra, x: Ball, count: int) -> Series:
        inside = [-x * x, -2 * x, -algebra.one, *([algebra.zero] * count)][: max(count - 1, 1)]
        scale = 2 * sign / algebra.call("sqrt", algebra.numbers.constant("pi"))
        slope = [term * scale for term in algebra.apply("exp", inside)]
        return algebra.integrated(algebra.call(name, x), slope)[:count]

    return coefficients


def _lgamma(algebra: Algebra, x: Ball, count: int) -> Series:
    slope = _digamma(algebra, x, max(count - 1, 1))
    return algebra.integrated(algebra.call("lgamma", x), slope)[:count]


def _polygamma(first: int) -> Taylor:
    def coefficients(algebra: Algebra, x: Ball, count: int) -> Series:
        return [algebra.numbers.polygamma(first + order, x) / factorial(order) for order in range(count)]

    return coefficients


_digamma = _polygamma(0)
_TAYLOR: dict[str, Taylor] = {
    "exp": _exp,
    "log": _log,
    "sin": _cyclic("sin", "cos", signs=(1, 1, -1, -1)),
    "cos": _cyclic("cos", "sin", signs=(1, -1, -1, 1)),
    "sinh": _cyclic("sinh", "cosh", signs=(1,)),
    "cosh": _cyclic("cosh", "sinh", signs=(1,)),
    "tanh": _tanh,
    "tan": _tan,
    "atan": _atan,
    "asin": _arc("asin", 1),
    "acos": _arc("acos", -1),
    "erf": _error_function("erf", 1),
    "erfc": _error_function("erfc", -1),
    "lgamma": _lgamma,
    "digamma": _digamma,
    "trigamma": _polygamma(1),
    "tetragamma": _polygamma(2),
}
