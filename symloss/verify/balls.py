"""Numbers with a proven error: Arb's balls through python-flint, or mpmath's intervals where it is not installed.

Both keep the true number inside. An interval function of mpmath may lose it by its last bits (``exp`` of a tiny number
comes back as the point ``1 + x``), so every elementary function is widened by a few units here; arithmetic is not.

Johansson, F. (2017), Arb: efficient arbitrary-precision midpoint-radius interval arithmetic, IEEE Trans. Comp. 66.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import mpmath
from mpmath import iv, mpf
from mpmath.libmp import from_man_exp

Ball = Any  # flint.arb or mpmath's ivmpf, which carry no types

_WIDENING = 3  # bits that an elementary function of mpmath may be off by
_SETTLED_BITS = 75
_FARTHEST_EXPONENT = 2**62  # powers below the inverse of two to this power are no longer told from 0
_NOTHING_EXPONENT = -1120  # far below the smallest float64


class UndecidedError(ArithmeticError):
    """No affordable precision tells what the formula says at a point."""


class Arithmetic(ABC):
    """What the oracle asks of balls, besides ``+ - * /``; functions are total on the domains that it has checked."""

    name: str
    infinity: Ball
    undefined: Ball

    @abstractmethod
    def precision(self, bits: int) -> Any:
        """A context in which results carry this many bits."""

    @abstractmethod
    def exactly(self, number: float | Fraction) -> Ball:
        """A number, rounded only where it is a fraction."""

    @abstractmethod
    def constant(self, name: str) -> Ball:
        """``pi``, ``e`` or ``euler``."""

    @abstractmethod
    def function(self, name: str) -> Callable[[Ball], Ball]:
        """exp, log, sqrt, sin, cos, sinh, cosh, tanh, atan, asin, acos, erf, erfc or lgamma."""

    @abstractmethod
    def polygamma(self, order: int, x: Ball) -> Ball:
        """The derivative of this order of the digamma function at x > 0."""

    @abstractmethod
    def power(self, x: Ball, exponent: Ball) -> Ball:
        """``x**exponent`` for x > 0."""

    @abstractmethod
    def ends(self, x: Ball) -> tuple[mpf, mpf]:
        """The least and the largest number inside; NaN where nothing is known."""

    @abstractmethod
    def sign(self, x: Ball) -> int | None:
        """-1, 0 or 1 where it is certain; 0 only for zero itself."""

    @abstractmethod
    def is_undefined(self, x: Ball) -> bool:
        """Whether this is not a number."""

    @abstractmethod
    def is_settled(self, x: Ball) -> bool:
        """Whether the number is known to 2^-75 of its size, or to be too small for any float."""

    @abstractmethod
    def nearest(self, x: Ball) -> tuple[float, float]:
        """A float64 next to the middle of the ball, and what is missing, in ulps of that float."""

    def middle(self, x: Ball) -> mpf:
        """The middle of the ball; NaN and infinities as they are."""
        lower, upper = self.ends(x)
        return lower if lower == upper else (lower + upper) / 2


def arithmetic(name: str = "") -> Arithmetic:
    """The best that is installed, or the one named ``arb`` or ``intervals``."""
    if name != "intervals":
        try:
            return ArbArithmetic()
        except ImportError:
            if name == "arb":
                raise
    return IntervalArithmetic()


class ArbArithmetic(Arithmetic):
    """Arb's real balls."""

    name = "Arb"

    def __init__(self) -> None:
        import flint

        self._flint = flint
        self._arb = flint.arb
        self._sign = {True: 1, False: -1}
        self._nothing = flint.arb(2) ** _NOTHING_EXPONENT
        self.infinity = flint.arb.pos_inf()
        self.undefined = flint.arb.nan()

    @contextmanager
    def precision(self, bits: int) -> Iterator[None]:
        before, self._flint.ctx.prec = self._flint.ctx.prec, bits
        try:
            yield
        finally:
            self._flint.ctx.prec = before

    def exactly(self, number: float | Fraction) -> Ball:
        if isinstance(number, Fraction):
            return self._arb(self._flint.fmpq(number.numerator, number.denominator))
        if isinstance(number, mpf):
            mantissa, exponent = number.man_exp
            return self._arb(-mantissa if number < 0 else mantissa) * self._arb(2) ** exponent
        return self._arb(number)

    def constant(self, name: str) -> Ball:
        known = {"pi": self._arb.pi, "e": self._arb.const_e, "euler": self._arb.const_euler}
        return known[name]()

    def function(self, name: str) -> Callable[[Ball], Ball]:
        return getattr(self._arb, name)  # type: ignore[no-any-return]

    def polygamma(self, order: int, x: Ball) -> Ball:
        """Through the Hurwitz zeta function: psi_n(x) = (-1)^(n+1) n! zeta(n + 1, x)."""
        if order == 0:
            return x.digamma()
        return self._arb(order + 1).zeta(x) * self._arb(order).fac() * (-1) ** (order + 1)

    def power(self, x: Ball, exponent: Ball) -> Ball:
        return x**exponent

    def ends(self, x: Ball) -> tuple[mpf, mpf]:
        return _from_arb(x.lower()), _from_arb(x.upper())

    def middle(self, x: Ball) -> mpf:
        return _from_arb(x.mid())

    def sign(self, x: Ball) -> int | None:
        if x > 0:
            return 1
        if x < 0:
            return -1
        return 0 if x.is_zero() else None

    def is_undefined(self, x: Ball) -> bool:
        return bool(x.is_nan())

    def is_settled(self, x: Ball) -> bool:
        if x.rel_accuracy_bits() >= _SETTLED_BITS:
            return True
        return bool(x.abs_upper() < self._nothing) or bool(x.is_nan()) or not x.mid().is_finite()

    def nearest(self, x: Ball) -> tuple[float, float]:
        number = float(x)
        if not math.isfinite(number):
            return number, 0.0
        return number, float((x - number) / math.ulp(number))


def _from_arb(number: Ball) -> mpf:
    if not number.is_finite():
        return mpf("nan") if number.is_nan() else mpf("inf") * (1 if number > 0 else -1)
    mantissa, exponent = number.man_exp()
    return mpmath.mp.make_mpf(from_man_exp(int(mantissa), int(exponent)))


class IntervalArithmetic(Arithmetic):
    """mpmath's intervals, every elementary function widened by 2^(3 - precision) of its size."""

    name = "widened mpmath.iv"

    def __init__(self) -> None:
        self.infinity = iv.mpf("inf")
        self.undefined = iv.mpf(["-inf", "inf"])

    @contextmanager
    def precision(self, bits: int) -> Iterator[None]:
        before, iv.prec = iv.prec, bits
        try:
            with mpmath.workprec(bits):
                yield
        finally:
            iv.prec = before

    def exactly(self, number: float | Fraction) -> Ball:
        if isinstance(number, Fraction):
            return iv.mpf(number.numerator) / iv.mpf(number.denominator)
        return iv.mpf(number)

    def constant(self, name: str) -> Ball:
        return +getattr(iv, name)

    def function(self, name: str) -> Callable[[Ball], Ball]:
        if name in ("cosh", "sinh"):
            return self._hyperbolic(1 if name == "cosh" else -1)
        if name == "lgamma":
            return self._lgamma
        if name in ("exp", "log", "sqrt", "sin", "cos"):
            known = getattr(iv, name)
            return lambda x: self._widened(known(x))
        falling = name in ("erfc", "acos")
        return lambda x: self._monotone(getattr(mpmath, name), x, falling=falling)

    def _hyperbolic(self, sign: int) -> Callable[[Ball], Ball]:
        def function(x: Ball) -> Ball:
            grown = self._widened(iv.exp(x))
            return (grown + sign / grown) / 2

        return function

    def _lgamma(self, x: Ball) -> Ball:
        """Falls up to 1.4616, rises beyond; between, the least value of lgamma is above -1/8."""
        if x.a > 1.5:
            return self._monotone(mpmath.loggamma, x, falling=False)
        if x.b < 1.4:
            return self._monotone(mpmath.loggamma, x, falling=True)
        middle = mpf(x.mid.a)
        slope = self._monotone(lambda t: mpmath.psi(0, t), x, falling=False)
        return self._widened(iv.mpf(mpmath.loggamma(middle))) + slope * (x - iv.mpf(middle))

    def polygamma(self, order: int, x: Ball) -> Ball:
        return self._monotone(lambda t: mpmath.psi(order, t), x, falling=order % 2 == 1)

    def power(self, x: Ball, exponent: Ball) -> Ball:
        """Far below, no power is told from 0, as in Arb, and its product with infinity is undefined."""
        grown = exponent * self._widened(iv.log(x))
        if grown.b < -_FARTHEST_EXPONENT:
            return iv.mpf([0, mpf(2) ** -_FARTHEST_EXPONENT])
        return self._widened(iv.exp(grown))

    def _monotone(self, function: Callable[[mpf], mpf], x: Ball, *, falling: bool) -> Ball:
        ends = [function(mpf(end)) for end in ((x.b, x.a) if falling else (x.a, x.b))]
        return self._widened(iv.mpf(ends))

    def _widened(self, x: Ball) -> Ball:
        step = mpf(2) ** (_WIDENING - iv.prec)
        return x * iv.mpf([1 - step, 1 + step])

    def ends(self, x: Ball) -> tuple[mpf, mpf]:
        return mpf(x.a), mpf(x.b)

    def sign(self, x: Ball) -> int | None:
        if x.a > 0:
            return 1
        if x.b < 0:
            return -1
        return 0 if x.a == 0 and x.b == 0 else None

    def is_undefined(self, x: Ball) -> bool:
        lower, upper = mpf(x.a), mpf(x.b)
        unbounded = mpmath.isinf(lower) and mpmath.isinf(upper) and lower != upper
        return bool(unbounded or mpmath.isnan(lower) or mpmath.isnan(upper))

    def is_settled(self, x: Ball) -> bool:
        lower, upper = self.ends(x)
        size = max(abs(lower), abs(upper))
        close = upper - lower <= size * mpf(2) ** -_SETTLED_BITS or size < mpf(2) ** _NOTHING_EXPONENT
        return bool(lower == upper or close or self.is_undefined(x))

    def nearest(self, x: Ball) -> tuple[float, float]:
        middle = self.middle(x)
        number = float(middle)
        if not math.isfinite(number):
            return number, 0.0
        return number, float((middle - mpf(number)) / mpf(math.ulp(number)))
