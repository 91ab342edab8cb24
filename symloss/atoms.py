"""Stable atoms: functions that floats can evaluate well everywhere, closed under differentiation.

Textbook quotients of exponentials and logarithms lose digits or overflow; these do not, and neither do their
derivatives, which are atoms again. The class docstring gives the definition; :mod:`symloss.lower` the computation.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy
from sympy import Expr, Function, Integer
from sympy.core.basic import Basic

from symloss.declare.nodes import Delta, free_indices

Tangent = Callable[[Expr], Expr]


class Atom(Function):
    """Base of the atoms; real for real arguments, and a plain number for numbers, as ``y_i - y_i`` is one."""

    @classmethod
    def eval(cls, *arguments: Expr) -> Expr | None:
        if cls in TEXTBOOK and all(argument.is_number for argument in arguments):
            return TEXTBOOK[cls](*arguments)
        return None

    def _eval_is_real(self) -> bool:
        return True

    def _eval_is_finite(self) -> bool:
        return True


class softplus(Atom):
    """``log(1 + exp(x))``."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return sigmoid(self.args[0])

    def _eval_is_positive(self) -> bool:
        return True


class sigmoid(Atom):
    """``1 / (1 + exp(-x))``."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return sigmoid(self.args[0]) * sigmoid(-self.args[0])

    def _eval_is_positive(self) -> bool:
        return True


class exp_minus_one(Atom):
    """``exp(x) - 1``."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return sympy.exp(self.args[0])


class exp_excess(Atom):
    """``exp(x) - 1 - x``."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return exp_minus_one(self.args[0])


class log_one_minus_exp(Atom):
    """``log(1 - exp(x))`` for x < 0."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return -inverse_exp_minus_one(-self.args[0])


class inverse_exp_minus_one(Atom):
    """``1 / (exp(x) - 1)``, with a derivative that is never a quotient of infinities."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return inverse_exp_minus_one(self.args[0]) * inverse_exp_minus_one(-self.args[0])


class logcosh(Atom):
    """``log(cosh(x))``."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return tangent_h(self.args[0])


class tangent_h(Atom):
    """``tanh(x)``, with a derivative that does not cancel."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return secant_h(self.args[0]) ** 2


class secant_h(Atom):
    """``1 / cosh(x)``."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return -secant_h(self.args[0]) * tangent_h(self.args[0])

    def _eval_is_positive(self) -> bool:
        return True


class hypotenuse(Atom):
    """``sqrt(1 + z^2)``."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return hypotenuse_unit(self.args[0])

    def _eval_is_positive(self) -> bool:
        return True


class hypotenuse_excess(Atom):
    """``sqrt(1 + z^2) - 1``."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return hypotenuse_unit(self.args[0])


class hypotenuse_gain(Atom):
    """``b (sqrt(a^2 + b^2) - b)`` for b > 0. Values only, never differentiated."""

    def _eval_is_nonnegative(self) -> bool:
        return True


class hypotenuse_leg(Atom):
    """``a b / sqrt(a^2 + b^2)`` for b > 0. Values only, never differentiated."""


class one_minus_over(Atom):
    """``1 - c / q^n`` for probabilities c and q; 1 where c is 0. Values only, never differentiated."""


class hypotenuse_unit(Atom):
    """``z / sqrt(1 + z^2)``."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return hypotenuse_inverse(self.args[0]) ** 3


class hypotenuse_inverse(Atom):
    """``1 / sqrt(1 + z^2)``."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return -hypotenuse_unit(self.args[0]) * hypotenuse_inverse(self.args[0]) ** 2

    def _eval_is_positive(self) -> bool:
        return True


class log_hypotenuse(Atom):
    """``log(1 + z^2) / 2``."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return hypotenuse_unit(self.args[0]) * hypotenuse_inverse(self.args[0])

    def _eval_is_nonnegative(self) -> bool:
        return True


class magnitude(Atom):
    """``|x|``; its derivative is the sign, almost everywhere."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return sign_of(self.args[0])

    def _eval_is_nonnegative(self) -> bool:
        return True


class sign_of(Atom):
    """-1, 0 or 1; constant almost everywhere."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return Integer(0)


class maximum(Atom):
    """The larger of two; at a tie the derivative follows the second."""

    def fdiff(self, argindex: int = 1) -> Expr:
        first = exceeds(*self.args)
        return first if argindex == 1 else 1 - first

    def _eval_is_nonnegative(self) -> bool | None:
        return True if any(argument.is_nonnegative for argument in self.args) else None


class minimum(Atom):
    """The smaller of two; at a tie the derivative follows the second."""

    def fdiff(self, argindex: int = 1) -> Expr:
        first = exceeds(self.args[1], self.args[0])
        return first if argindex == 1 else 1 - first


class exceeds(Atom):
    """1 where the first argument is larger than the second, else 0; constant almost everywhere."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return Integer(0)

    def _eval_is_nonnegative(self) -> bool:
        return True


class log_ratio(Atom):
    """``log(a) - log(b)`` for positive a and b."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return 1 / self.args[0] if argindex == 1 else -1 / self.args[1]


class ratio_excess(Atom):
    """``a/b - 1 - log(a/b)`` for positive a and b: zero at a = b. Values only, never differentiated."""


class exp_difference(Atom):
    """``exp(a) - y exp(b)``: exact at y = 1 as a nears b. Values only, never differentiated."""


class with_rounding_error(Atom):
    """A result, its slope in the residual, and the residual: the result where the residual is not rounded.

    Equal to the result in exact arithmetic. Values only, never differentiated.
    """


class exp_minus_product(Atom):
    """``exp(u) - a b``, also where both terms leave the floats. Values only, never differentiated."""


class sigmoid_minus_label(Atom):
    """``sigmoid(x) - c`` for a label c between 0 and 1. Values only, never differentiated."""


class labelled_softplus(Atom):
    """``c softplus(-x) + (1 - c) softplus(x)`` for a label c between 0 and 1. Values only, never differentiated."""


class sigmoid_contrast(Atom):
    """``p sigmoid(x) - q sigmoid(-x)`` for non-negative p and q. Values only, never differentiated."""


class softmax_minus_label(Atom):
    """``s - c`` for a softmax s and a label c between 0 and 1. Values only, never differentiated."""


class perpendicular(Atom):
    """``u - (u . v) v`` for unit vectors u and v, at one entry. Values only, never differentiated."""


class unit_rest(Atom):
    """``1 - v^2`` for an entry v of a unit vector. Values only, never differentiated."""


class difference(Atom):
    """``a - b``, taken before anything is added to it. Values only, never differentiated."""


class sum_of_others(Atom):
    """``Σ_k f_k - f_j`` for a sum and its own entry, the entry of the largest of a softmax left out from the start."""


def linear_in_first(kind: type[CompositeAtom], first: Expr, *rest: Expr) -> Expr:
    """An atom that is linear in its first argument: term by term where brackets tell terms apart.

    The brackets stay factors, so that sums over them collapse.
    """
    if not first.has(Delta):
        return kind(first, *rest)
    total = Integer(0)
    for term in sympy.Add.make_args(sympy.expand_mul(first)):
        marks = [factor for factor in sympy.Mul.make_args(term) if isinstance(factor, Delta)]
        others = sympy.Mul(*[factor for factor in sympy.Mul.make_args(term) if factor not in marks])
        total += sympy.Mul(*marks) * kind(others, *rest)
    return total


def _with_foreign_indices_in_front(sum_: Expr) -> Expr:
    """Factors of the dividends that have other indices than the divisor, in front: an array for each, no larger one."""

    def opened(node: Expr) -> Expr:
        a, b = node.args
        own = free_indices(b)
        foreign = [factor for factor in sympy.Mul.make_args(a) if own and free_indices(factor) - own]
        kept = sympy.Mul(*[factor for factor in sympy.Mul.make_args(a) if factor not in foreign])
        return sympy.Mul(*foreign, finite_over(kept, b))

    return sympy.Add(
        *[
            sympy.Mul(
                *[opened(factor) if isinstance(factor, finite_over) else factor for factor in sympy.Mul.make_args(term)]
            )
            for term in sympy.Add.make_args(sum_)
        ]
    )


def _split_at(atom: Expr, place: int, index: Basic) -> Expr:
    """An atom that is linear in one argument, with what of that does not depend on an index in front.

    A sum that couples the index to others is taken term by term, so that every term can be split.
    """

    def of(argument: Expr) -> Expr:
        return atom.func(*atom.args[:place], argument, *atom.args[place + 1 :])

    total = Integer(0)
    for term in _terms(atom.args[place], index):
        outside, inside = term.as_independent(index, as_Add=False)
        total += of(term) if outside == 1 or inside == 1 else outside * of(inside)
    return total


def _terms(product: Expr, index: Basic) -> tuple[Expr, ...]:
    """The terms to split: those of a product that couples the index to others, or the product itself."""
    factors = [
        factor.without_factors_free_of(index) if isinstance(factor, CompositeAtom | power_quotient) else factor
        for factor in sympy.Mul.make_args(product)
    ]
    opened = sympy.Mul(*factors)
    for factor in sympy.Mul.make_args(opened):
        if isinstance(factor, sympy.Add) and factor.has(index) and free_indices(factor) - {index}:
            return sympy.Add.make_args(sympy.expand_mul(opened))  # type: ignore[no-any-return]
    return (opened,)


class CompositeAtom(Atom):
    """An atom whose derivative must not be written as a product with an inner derivative."""

    def tangent(self, derivative: Tangent) -> Expr:
        """The derivative along the direction that ``derivative`` takes of the arguments."""
        raise NotImplementedError

    def without_factors_free_of(self, index: Basic) -> Expr:
        """The same with what does not depend on an index in front, so that it leaves sums over the index."""
        return self

    def _split(self, index: Basic) -> Expr:
        return _split_at(self, 0, index)


class over(CompositeAtom):
    """``a / b`` where 0 / 0 is 0."""

    @classmethod
    def eval(cls, a: Expr, b: Expr) -> Expr | None:
        if a == 0 or b == 1:
            return a
        if b == 0:
            return b
        if b.is_number:
            return a / b
        return None

    def tangent(self, derivative: Tangent) -> Expr:
        a, b = self.args
        moved = derivative(a)
        if moved.has(Delta):  # the bracket stays a factor, so that sums over it collapse
            return over(1, b) * moved - over(self, b) * derivative(b)
        return over(moved, b) - over(self, b) * derivative(b)

    def _eval_is_nonnegative(self) -> bool | None:
        return True if all(argument.is_nonnegative for argument in self.args) else None


class finite_over(CompositeAtom):
    """``a / b``, and 0 where b is 0: the logarithmic derivative of a power that vanishes there."""

    @classmethod
    def eval(cls, a: Expr, b: Expr) -> Expr | None:
        if a == 0:
            return a
        return a / b if b.is_number else None

    def tangent(self, derivative: Tangent) -> Expr:
        a, b = self.args
        moved = linear_in_first(finite_over, derivative(a), b)
        return _with_foreign_indices_in_front(moved) - finite_over(self, b) * derivative(b)


class xlogy(CompositeAtom):
    """``a * log(b)`` where 0 times anything is 0."""

    def tangent(self, derivative: Tangent) -> Expr:
        a, b = self.args
        through_a = derivative(a)
        result = linear_in_first(type(self), through_a, b) if through_a != 0 else Integer(0)
        for factor in sympy.Mul.make_args(b):
            base, exponent = factor.as_base_exp()
            result += exponent * over(a, base) * derivative(base)
        return result

    def without_factors_free_of(self, index: Basic) -> Expr:
        return self._split(index)


class xexpy(CompositeAtom):
    """``a * exp(b)`` where 0 times anything is 0, and finite whenever the product is."""

    def tangent(self, derivative: Tangent) -> Expr:
        a, b = self.args
        through_a = derivative(a)
        return (linear_in_first(type(self), through_a, b) if through_a != 0 else Integer(0)) + self * derivative(b)

    def without_factors_free_of(self, index: Basic) -> Expr:
        return self._split(index)


class power_quotient(Atom):
    """``u b^(e - n)`` for b >= 0; at b = 0 it is u for e = n, else 0. Finished results only, never differentiated."""

    def without_factors_free_of(self, index: Basic) -> Expr:
        """The same with what does not depend on an index in front."""
        return _split_at(self, 3, index)


class power(CompositeAtom):
    """``b ** e`` for b >= 0 and an exponent known only at run time; its logarithmic derivative stays finite at 0."""

    def tangent(self, derivative: Tangent) -> Expr:
        b, e = self.args
        through_base = e * self * linear_in_first(finite_over, derivative(b), b)
        through_exponent = derivative(e)
        return through_base if through_exponent == 0 else through_base + through_exponent * xlogy(self, b)

    def _eval_is_nonnegative(self) -> bool:
        return True


# Definitions in functions that SymPy knows.
TEXTBOOK: dict[type[Atom], Callable[..., Expr]] = {
    softplus: lambda x: sympy.log(1 + sympy.exp(x)),
    sigmoid: lambda x: 1 / (1 + sympy.exp(-x)),
    exp_minus_one: lambda x: sympy.exp(x) - 1,
    exp_excess: lambda x: sympy.exp(x) - 1 - x,
    inverse_exp_minus_one: lambda x: 1 / (sympy.exp(x) - 1),
    log_one_minus_exp: lambda x: sympy.log(1 - sympy.exp(x)),
    logcosh: lambda x: sympy.log(sympy.cosh(x)),
    tangent_h: sympy.tanh,
    secant_h: sympy.sech,
    hypotenuse: lambda z: sympy.sqrt(1 + z**2),
    hypotenuse_excess: lambda z: sympy.sqrt(1 + z**2) - 1,
    hypotenuse_unit: lambda z: z / sympy.sqrt(1 + z**2),
    hypotenuse_inverse: lambda z: 1 / sympy.sqrt(1 + z**2),
    log_hypotenuse: lambda z: sympy.log(1 + z**2) / 2,
    magnitude: sympy.Abs,
    sign_of: sympy.sign,
    maximum: sympy.Max,
    minimum: sympy.Min,
    exceeds: lambda a, b: sympy.Piecewise((1, a > b), (0, True)),
    log_ratio: lambda a, b: sympy.log(a / b),
    xlogy: lambda a, b: a if a == 0 else a * sympy.log(b),
    xexpy: lambda a, b: a * sympy.exp(b),
    power: lambda b, e: b**e,
}
