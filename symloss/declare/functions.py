"""What SymPy lacks and a declaration needs: a guard whose derivative is taken at the guarded point, and constants."""

from __future__ import annotations

import sympy
from sympy import Expr, Function


class clamp(Function):  # noqa: N801 - SymPy functions are lower case
    """``clamp(x, lower, upper)``: x limited to [lower, upper], differentiated as if the limit were not there.

    A plain clip has derivative zero outside, so a confidently wrong prediction would stop learning; here value and
    derivatives are those of the unguarded formula at the limited point.
    """

    nargs = 3

    @classmethod
    def eval(cls, x: Expr, lower: Expr, upper: Expr) -> Expr | None:
        if lower == -sympy.oo and upper == sympy.oo:
            return x
        return None

    def fdiff(self, argindex: int = 1) -> Expr:
        """1 for x; the limits are constants."""
        return sympy.Integer(1 if argindex == 1 else 0)

    def _eval_is_real(self) -> bool:
        return True

    def _eval_is_nonnegative(self) -> bool | None:
        return True if self.args[1].is_nonnegative else None

    def _eval_is_finite(self) -> bool:
        return True


class ratio(Function):  # noqa: N801 - likewise
    """``ratio(a, b)``: a / b, and 0 where b is 0: the mean over no entries, a list without pairs."""

    nargs = 2

    @classmethod
    def eval(cls, a: Expr, b: Expr) -> Expr | None:
        return a / b if b.is_positive else None

    def fdiff(self, argindex: int = 1) -> Expr:
        """That of the quotient."""
        a, b = self.args
        return ratio(1, b) if argindex == 1 else -ratio(a, b) * ratio(1, b)

    def _eval_is_real(self) -> bool:
        return True

    def _eval_is_finite(self) -> bool:
        return True


class stop_gradient(Function):  # noqa: N801 - likewise
    """``stop_gradient(x)``: x in value, a constant for the derivative (weights that a paper holds fixed)."""

    nargs = 1

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        return x if x.is_number else None

    def fdiff(self, _argindex: int = 1) -> Expr:
        """Zero, as declared."""
        return sympy.Integer(0)

    def _eval_is_real(self) -> bool:
        return True

    def _eval_is_nonnegative(self) -> bool | None:
        return self.args[0].is_nonnegative  # type: ignore[no-any-return]

    def _eval_is_finite(self) -> bool:
        return True


def clamp_probability(probability: Expr, epsilon: Expr) -> Expr:
    """A probability kept epsilon away from 0 and 1; ``epsilon = 0`` is exact."""
    if epsilon == 0:
        return probability
    return clamp(probability, epsilon, 1 - epsilon)
