"""How each stable atom is computed: the forms and their measured errors come from a comparison over all floats.

Every form is free of NaN and of false zeros on the whole float range, and shares ``exp(-|x|)`` with its relatives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import sympy
from sympy import Expr
from sympy.core.basic import Basic

from symloss import atoms
from symloss.declare import Element, Index, LogSoftmax, LogSumExp, Norm, Softmax, Total, Unit, clamp
from symloss.declare.binders import Binder, Restricted, Share, ShareComplement, SoftmaxComplement
from symloss.declare.nodes import Mark, free_indices
from symloss.kernel import Input

if TYPE_CHECKING:
    from symloss.lower import Lowering

_LOG_COSH_SWITCH = Fraction(13, 20)  # below, |x| - log 2 would cancel
# log(cosh x) / x^2 in x^2, up to the switch: a Chebyshev expansion, 0.1 units of 2^-53 off.
_LOG_COSH = (
    Fraction(1, 2),
    -0.08333333333333333,
    0.022222222222216606,
    -0.006746031745498185,
    0.0021869488337925994,
    -0.0007386025818370818,
    0.0002565763279950191,
    -9.095979988620493e-05,
    3.264316778694776e-05,
    -1.1550541385356241e-05,
    3.6271777059899737e-06,
    -7.209667602105827e-07,
)
_LOG_2 = (Fraction(45426, 2**16), 1.4286068203094173e-06)  # few bits, and the rest
_HYPOTENUSE_SWITCH = 2**28  # beyond, 1 + z^2 is z^2 to the last bit
_LARGE_EXPONENT = 64  # e^u is 6e27 there
_EXPONENTIAL_TERMS = 15  # (1/2)^14 2/15! is below half an ulp
_SERIES_TERMS = 11  # of atanh; (1/7)^22 is below half an ulp
_SERIES_RADIUS = Fraction(1, 4)


def _split_sign(x: Expr) -> tuple[Expr, bool]:
    return (-x, True) if x.could_extract_minus_sign() else (x, False)


def _decay(lowering: Lowering, x: Expr) -> int:
    """``exp(-|x|)``, which never overflows."""
    size = lowering.apply("absolute", lowering.lower(x))
    return lowering.apply("exp", lowering.apply("negate", size), name="decay")


def _smallest(lowering: Lowering) -> int:
    """The smallest normal number of the dtype that is computed in."""
    return lowering.apply("smallest_normal", lowering.input("y_pred", "element"))


def _series(lowering: Lowering, coefficients: Sequence[Fraction | float], x: int) -> int:
    """A polynomial by Horner's rule, the constant first."""
    *others, series = (lowering.constant(coefficient) for coefficient in coefficients)
    for coefficient in reversed(others):
        series = lowering.apply("add", coefficient, lowering.apply("multiply", series, x))
    lowering.name(series, "series")
    return series


def softplus(lowering: Lowering, node: Expr) -> int:
    """``max(x, 0) + log1p(exp(-|x|))``: 1.4 ulp."""
    x, _ = _split_sign(node.args[0])
    linear = lowering.apply("maximum", lowering.lower(node.args[0]), lowering.constant(0))
    tail = lowering.apply("log1p", _decay(lowering, x), name="tail")
    return lowering.apply("add", linear, tail)


def sigmoid(lowering: Lowering, node: Expr) -> int:
    """``1 / (1 + e)`` or ``e / (1 + e)`` with ``e = exp(-|x|)``: 1.7 ulp."""
    x, negated = _split_sign(node.args[0])
    decay = _decay(lowering, x)
    is_negative = lowering.apply("less", lowering.lower(x), lowering.constant(0), name="is_negative")
    one = lowering.constant(1)
    top = lowering.apply("select", is_negative, *((one, decay) if negated else (decay, one)))
    name = "sigmoid_of_minus" if negated else "sigmoid"
    return lowering.apply("divide", top, lowering.apply("add", one, decay), name=name)


def exp_minus_one(lowering: Lowering, node: Expr) -> int:
    """The target's own expm1."""
    return lowering.apply("expm1", lowering.lower(node.args[0]))


def inverse_exp_minus_one(lowering: Lowering, node: Expr) -> int:
    """``1 / expm1(x)`` for x < 0, else ``-exp(-x) / expm1(-x)``, whose parts stay in the floats."""
    x = lowering.lower(node.args[0])
    opposite = lowering.apply("negate", lowering.apply("absolute", x))
    is_negative = lowering.apply("less", x, lowering.constant(0), name="is_negative")
    decay = lowering.apply("negate", lowering.apply("exp", opposite, name="decay"))
    top = lowering.apply("select", is_negative, lowering.constant(1), decay)
    return lowering.apply("divide", top, lowering.apply("expm1", opposite), name="inverse")


def log_one_minus_exp(lowering: Lowering, node: Expr) -> int:
    """``log(-expm1(x))`` from about -log 2 on, else ``log1p(-exp(x))``: Mächler (2012), Computing log(1 - e^-a)."""
    x = lowering.lower(node.args[0])
    is_small = lowering.apply("less", lowering.constant(Fraction(-25, 36)), x, name="is_small")
    near = lowering.apply("negate", lowering.apply("expm1", x))
    far = lowering.apply("log1p", lowering.apply("negate", lowering.apply("exp", x)))
    safe = lowering.apply("select", is_small, near, lowering.constant(1))
    return lowering.apply("select", is_small, lowering.apply("log", safe), far)


def exp_excess(lowering: Lowering, node: Expr) -> int:
    """``x^2 (1/2 + x/6 + …)`` where x is small, else ``expm1(x) - x``."""
    x = lowering.lower(node.args[0])
    series = _series(lowering, [Fraction(1, math.factorial(order)) for order in range(2, _EXPONENTIAL_TERMS + 1)], x)
    near = lowering.apply("multiply", lowering.apply("multiply", x, x), series)
    far = lowering.apply("subtract", lowering.apply("expm1", x), x)
    is_small = lowering.apply("less_equal", lowering.apply("absolute", x), lowering.constant(Fraction(1, 2)))
    return lowering.apply("select", is_small, near, far)


def logcosh(lowering: Lowering, node: Expr) -> int:
    """``x^2 (1/2 - x^2/12 + …)`` where x is small, else ``|x| - log 2 + log1p(exp(-2 |x|))``: 2 ulp."""
    size = lowering.apply("absolute", lowering.lower(node.args[0]), name="size")
    switch = lowering.constant(_LOG_COSH_SWITCH)
    inner = lowering.apply("minimum", size, switch, name="inner")  # the series would overflow where it is not taken
    square = lowering.apply("multiply", inner, inner, name="square")
    near = lowering.apply("multiply", square, _series(lowering, _LOG_COSH, square))
    doubled = lowering.apply("multiply", lowering.constant(2), size)
    tail = lowering.apply("log1p", lowering.apply("exp", lowering.apply("negate", doubled), name="decay"), name="tail")
    most, rest = (lowering.constant(part) for part in _LOG_2)
    far = lowering.apply("add", lowering.apply("subtract", size, most), lowering.apply("subtract", tail, rest))
    is_small = lowering.apply("less_equal", size, switch, name="is_small")
    return lowering.apply("select", is_small, near, far)


def tangent_h(lowering: Lowering, node: Expr) -> int:
    """The target's own hyperbolic tangent."""
    return lowering.apply("tanh", lowering.lower(node.args[0]))


def secant_h(lowering: Lowering, node: Expr) -> int:
    """``2 e / (1 + e^2)`` with ``e = exp(-|x|)``: 1.8 ulp."""
    decay = _decay(lowering, node.args[0])
    bottom = lowering.apply("add", lowering.constant(1), lowering.apply("multiply", decay, decay))
    top = lowering.apply("multiply", lowering.constant(2), decay)
    return lowering.apply("divide", top, bottom, name="sech")


def secant_h_square(lowering: Lowering, x: Expr) -> int:
    """``4 e / (1 + e)^2`` with ``e = exp(-2 |x|)``, less what rounding adds to ``1 + e``: 2.5 ulp."""
    one, two = lowering.constant(1), lowering.constant(2)
    size = lowering.apply("absolute", lowering.lower(x))
    decay = lowering.apply("exp", lowering.apply("negate", lowering.apply("multiply", two, size)), name="decay")
    whole = lowering.apply("add", one, decay, name="whole")
    missing = lowering.apply("subtract", decay, lowering.apply("subtract", whole, one), name="missing_part")
    square = lowering.apply("multiply", whole, whole)
    plain = lowering.apply(
        "divide", lowering.apply("multiply", lowering.constant(4), decay), square, name="sech_square"
    )
    share = lowering.apply("divide", lowering.apply("multiply", two, missing), whole)
    result = lowering.apply("subtract", plain, lowering.apply("multiply", share, plain))
    return lowering.note(result, "cosh(x) overflows for large x, and a square doubles its rounding")


def _legs(lowering: Lowering, z: Expr) -> tuple[int, int, int, int, int]:
    """The legs b and a of ``z = a/b``, unsigned and over the larger, their hypotenuse, the larger, and b itself.

    A divisor known only at run time is never divided by: the quotient would leave the floats before the result does.
    """
    above, below = sympy.fraction(z)
    if not below.free_symbols or not below.is_positive:
        above, below = z, sympy.Integer(1)
    size = lowering.apply("absolute", lowering.lower(above), name="size")
    unit = lowering.lower(below)
    larger = lowering.apply("maximum", size, unit, name="larger")
    first = lowering.apply("divide", unit, larger, name="scaled_unit")
    second = lowering.apply("divide", size, larger, name="scaled_size")
    if not (above.is_Symbol or below.free_symbols):  # a square may have left the floats
        largest = lowering.apply("divide", lowering.constant(1), _smallest(lowering))
        is_finite = lowering.apply("less", size, largest, name="is_finite")
        second = lowering.apply("select", is_finite, second, lowering.constant(1), name="finite_size")
    squares = [lowering.apply("multiply", leg, leg) for leg in (first, second)]
    root = lowering.apply("sqrt", lowering.apply("add", *squares), name="root")
    return first, second, root, larger, unit


def hypotenuse(lowering: Lowering, node: Expr) -> int:
    """The scaled root times the scale."""
    _, _, root, larger, unit = _legs(lowering, node.args[0])
    whole = lowering.apply("multiply", larger, root)
    return whole if unit == lowering.constant(1) else lowering.apply("divide", whole, unit)


def hypotenuse_excess(lowering: Lowering, node: Expr) -> int:
    """The excess of the longer side over b, over b: 2.5 ulp."""
    z = node.args[0]
    first, second, root, _, unit = _legs(lowering, z)
    size = lowering.apply("absolute", lowering.lower(z if unit == lowering.constant(1) else sympy.fraction(z)[0]))
    gain = lowering.apply("multiply", size, lowering.apply("divide", second, lowering.apply("add", first, root)))
    return gain if unit == lowering.constant(1) else lowering.apply("divide", gain, unit)


def hypotenuse_gain(lowering: Lowering, node: Expr) -> int:
    """``|a| min(|a|, b) / (f + root)`` with the scaled leg f of b: in range wherever the result is."""
    first, _, root, _, unit = _legs(lowering, node.args[0] / node.args[1])
    size = lowering.apply("absolute", lowering.lower(node.args[0]))
    share = lowering.apply("divide", size, lowering.apply("add", first, root))
    return lowering.apply("multiply", share, lowering.apply("minimum", size, unit))


def hypotenuse_leg(lowering: Lowering, node: Expr) -> int:
    """The shorter side over the scaled root, with the sign of a: 1.9 ulp."""
    _, _, root, _, unit = _legs(lowering, node.args[0] / node.args[1])
    size = lowering.apply("absolute", lowering.lower(node.args[0]))
    sign = lowering.apply("sign", lowering.lower(node.args[0]))
    shorter = lowering.apply("multiply", sign, lowering.apply("minimum", size, unit))
    return lowering.apply("divide", shorter, root)


def hypotenuse_inverse_power(lowering: Lowering, z: Expr, exponent: int) -> int:
    """``f^n / q^(n/2)`` with ``q = f^2 + s^2``, whose rounding is taken out to first order: 3 ulp."""
    first, second, *_ = _legs(lowering, z)
    squares = [lowering.apply("multiply", leg, leg) for leg in (first, second)]
    whole = lowering.apply("add", *squares, name="whole")
    larger, smaller = (lowering.apply(choice, *squares) for choice in ("maximum", "minimum"))
    missing = lowering.apply("subtract", smaller, lowering.apply("subtract", whole, larger), name="missing_part")
    raised = _repeated(lowering, first, exponent)
    bottom = _repeated(lowering, whole, exponent // 2)
    if exponent % 2:
        bottom = lowering.apply("multiply", bottom, lowering.apply("sqrt", whole, name="root"))
    plain = lowering.apply("divide", raised, bottom, name="inverse_power")
    relative = lowering.apply("divide", missing, whole)
    share = lowering.apply("multiply", lowering.constant(Fraction(exponent, 2)), relative)
    result = lowering.apply("subtract", plain, lowering.apply("multiply", share, plain))
    return lowering.note(result, "over the larger leg, z^2 leaves the floats; less what rounding their sum adds")


def _repeated(lowering: Lowering, position: int, times: int) -> int:
    result = position
    for _ in range(times - 1):
        result = lowering.apply("multiply", result, position)
    return result


def hypotenuse_unit(lowering: Lowering, node: Expr) -> int:
    """The scaled leg over the scaled root, with the sign of z: 1.9 ulp."""
    _, second, root, _, unit = _legs(lowering, node.args[0])
    leg = sympy.fraction(node.args[0])[0] if unit != lowering.constant(1) else node.args[0]
    sign = lowering.apply("sign", lowering.lower(leg))
    return lowering.apply("multiply", sign, lowering.apply("divide", second, root))


def hypotenuse_inverse(lowering: Lowering, node: Expr) -> int:
    """The scaled one over the scaled root: 2.1 ulp."""
    first, _, root, *_ = _legs(lowering, node.args[0])
    return lowering.apply("divide", first, root, name="inverse_root")


def log_hypotenuse(lowering: Lowering, node: Expr) -> int:
    """``log1p(z^2) / 2`` up to 2^28, the logarithm of the size beyond: 1.5 ulp."""
    size = lowering.apply("absolute", lowering.lower(node.args[0]), name="size")
    switch = lowering.constant(_HYPOTENUSE_SWITCH)
    is_near = lowering.apply("less_equal", size, switch, name="is_near")
    near = lowering.apply("minimum", size, switch, name="near")
    bend = lowering.apply("log1p", lowering.apply("multiply", near, near))
    half = lowering.apply("divide", bend, lowering.constant(2))
    return lowering.apply("select", is_near, half, lowering.apply("log", lowering.apply("maximum", size, switch)))


def magnitude(lowering: Lowering, node: Expr) -> int:
    """Absolute value."""
    return lowering.apply("absolute", lowering.lower(node.args[0]))


def sign_of(lowering: Lowering, node: Expr) -> int:
    """Sign, 0 at 0."""
    return lowering.apply("sign", lowering.lower(node.args[0]))


def maximum(lowering: Lowering, node: Expr) -> int:
    """The larger."""
    return lowering.apply("maximum", *(lowering.lower(argument) for argument in node.args))


def minimum(lowering: Lowering, node: Expr) -> int:
    """The smaller."""
    return lowering.apply("minimum", *(lowering.lower(argument) for argument in node.args))


def exceeds(lowering: Lowering, node: Expr) -> int:
    """1 or 0."""
    first, second = (lowering.lower(argument) for argument in node.args)
    flag = lowering.apply("less", second, first)
    return lowering.apply("select", flag, lowering.constant(1), lowering.constant(0))


def log_ratio(lowering: Lowering, node: Expr) -> int:
    """``log1p((a - b)/b)`` where a and b are close, else the logarithm of their quotient: 1.5 ulp.

    Where the quotient leaves the normal floats it is the difference of the logarithms, which then can't cancel.
    """
    a, b = node.args
    first, second = lowering.lower(a), lowering.lower(b)
    change = lowering.apply("divide", lowering.lower(a - b), second, name="relative_change")
    coupled = a.has(Total) or b.has(Total)  # there, the digits of float32 are to be those of Keras
    closeness = (
        lowering.apply("closeness", lowering.input("y_pred", "element"))
        if coupled
        else lowering.constant(Fraction(1, 2))
    )
    is_near = lowering.apply("less_equal", lowering.apply("absolute", change), closeness, name="is_near")
    near = lowering.apply("log1p", lowering.apply("select", is_near, change, lowering.constant(0)))
    quotient = lowering.apply("divide", first, second)
    return lowering.apply("select", is_near, near, log_of_quotient(lowering, quotient, first, second), name="log_ratio")


def log_of_quotient(lowering: Lowering, quotient: int, first: int, second: int, safe: int | None = None) -> int:
    """The logarithm of a quotient of positive numbers, also where the quotient or its square is no normal float."""
    smallest = lowering.apply("sqrt", _smallest(lowering))
    largest = lowering.apply("divide", lowering.constant(1), smallest)
    inside = [lowering.apply("less", smallest, quotient), lowering.apply("less", quotient, largest)]
    fits = lowering.apply("logical_and", *inside, name="quotient_fits")
    one = lowering.constant(1)
    parts = [first, second]
    kept = [part if part == one else lowering.apply("select", fits, part, one) for part in parts]
    whole = lowering.apply("log", lowering.apply("divide", *kept))
    if safe is not None:
        parts = [lowering.apply("select", safe, one, part) for part in parts]
    logs = [lowering.constant(0) if part == one else lowering.apply("log", part) for part in parts]
    result = lowering.apply("select", fits, whole, lowering.apply("subtract", *logs), name="log_quotient")
    return lowering.note(result, "a difference of logarithms where the quotient leaves the floats")


def ratio_excess(lowering: Lowering, node: Expr) -> int:
    """``d - log1p(d)`` for ``d = (a - b)/b`` by the series of atanh in ``s = d/(2 + d)`` where d is small."""
    a, b = node.args
    change = lowering.apply("divide", lowering.lower(a - b), lowering.lower(b), name="relative_change")
    slope = lowering.apply("divide", change, lowering.apply("add", lowering.constant(2), change), name="slope")
    square = lowering.apply("multiply", slope, slope, name="slope_square")
    series = _series(lowering, [Fraction(1, 2 * term + 1) for term in range(1, _SERIES_TERMS + 1)], square)
    cubic = lowering.apply("multiply", lowering.apply("multiply", slope, square), series)
    near = lowering.apply(
        "subtract", lowering.apply("multiply", change, slope), lowering.apply("multiply", lowering.constant(2), cubic)
    )
    far = lowering.apply("subtract", change, log_ratio(lowering, atoms.log_ratio(a, b)))
    size = lowering.apply("absolute", change)
    is_small = lowering.apply("less_equal", size, lowering.constant(_SERIES_RADIUS), name="is_small")
    return lowering.apply("select", is_small, near, far, name="ratio_excess")


def over(lowering: Lowering, node: Expr) -> int:
    """The divisor is 1 where the dividend is 0."""
    top, bottom = (lowering.lower(argument) for argument in node.args)
    if lowering.values[top].kind == "parameter":
        is_zero = lowering.apply("equal", bottom, lowering.constant(0))
        bottom = lowering.apply("select", is_zero, lowering.constant(1), bottom)
        return lowering.apply("divide", top, bottom)
    is_zero = lowering.apply("equal", top, lowering.constant(0))
    return lowering.apply("divide", top, lowering.apply("select", is_zero, lowering.constant(1), bottom))


def one_minus_over(lowering: Lowering, node: Expr) -> int:
    """``(q - c)/q`` or ``(q^2 - c)/q^2``, from the complements where a share q is large; 1 where c is 0."""
    label, share, order = node.args
    if lowering.complement_of(share) is None:
        return _relative_gap(lowering, share, label)
    c, q = lowering.lower(label), lowering.lower(share)
    rest_c, rest_q = lowering.lower(1 - label), lowering.lower(1 - share)
    one, divisor, low, high = lowering.constant(1), q, q, rest_q
    if order == 2:
        divisor = low = lowering.apply("multiply", q, q)
        high = lowering.apply("multiply", rest_q, lowering.apply("add", one, q))
    is_large = lowering.apply("less", lowering.constant(Fraction(1, 2)), q, name="is_large")
    gaps = [lowering.apply("subtract", rest_c, high), lowering.apply("subtract", low, c)]
    gap = lowering.apply("select", is_large, *gaps, name="gap")
    is_zero = lowering.apply("equal", c, lowering.constant(0))
    safe = lowering.apply("select", is_zero, one, divisor)
    return lowering.apply("select", is_zero, one, lowering.apply("divide", gap, safe))


def _relative_gap(lowering: Lowering, whole: Expr, part: Expr) -> int:
    gap = lowering.lower(whole - part)
    is_zero = lowering.apply("equal", lowering.lower(part), lowering.constant(0))
    one = lowering.constant(1)
    safe = lowering.apply("select", is_zero, one, lowering.lower(whole))
    return lowering.apply("select", is_zero, one, lowering.apply("divide", gap, safe))


def finite_over(lowering: Lowering, node: Expr) -> int:
    """0 where the divisor is 0."""
    top, bottom = (lowering.lower(argument) for argument in node.args)
    is_zero = lowering.apply("equal", bottom, lowering.constant(0))
    quotient = lowering.apply("divide", top, lowering.apply("select", is_zero, lowering.constant(1), bottom))
    return lowering.apply("select", is_zero, lowering.constant(0), quotient)


def xlogy(lowering: Lowering, node: Expr) -> int:
    """The logarithm is taken of 1 where the factor is 0."""
    factor = lowering.lower(node.args[0])
    is_zero = lowering.apply("equal", factor, lowering.constant(0))
    return lowering.apply("multiply", factor, lowering.logarithm(node.args[1], safe=is_zero))


def xexpy(lowering: Lowering, node: Expr) -> int:
    """``a e^(b/2) e^(b/2)``, so that only the product can overflow, and not at all where a is 0."""
    factor = lowering.lower(node.args[0])
    half = lowering.apply("divide", lowering.lower(node.args[1]), lowering.constant(2))
    if not node.args[0].is_positive:
        is_zero = lowering.apply("equal", factor, lowering.constant(0))
        half = lowering.apply("select", is_zero, lowering.constant(0), half)
    root = lowering.apply("exp", half, name="root")
    product = lowering.apply("multiply", lowering.apply("multiply", factor, root), root)
    if not _may_be_infinite(lowering, factor):
        return product
    vanishes = lowering.apply("equal", root, lowering.constant(0))
    return lowering.apply("select", vanishes, lowering.constant(0), product)


def _may_be_infinite(lowering: Lowering, position: int) -> bool:
    """Whether a value is computed, so that it may have left the floats where the exponential has vanished."""
    return not isinstance(lowering.values[position].definition, Input)


def _distance_from_zero(lowering: Lowering, exponent: Expr, weight: int) -> tuple[int, int]:
    """``u - log y`` where ``e^u`` meets the weight y, and the flag of y > 0 and a distance of at most a half."""
    is_positive = lowering.apply("less", lowering.constant(0), weight)
    safe = lowering.apply("select", is_positive, weight, lowering.constant(1))
    logarithm = lowering.apply("log", safe, name="log_target")
    gap = lowering.apply("subtract", lowering.lower(exponent), logarithm, name="gap")
    is_close = lowering.apply("less_equal", lowering.apply("absolute", gap), lowering.constant(Fraction(1, 2)))
    return gap, lowering.apply("logical_and", is_positive, is_close, name="is_near")


def exp_difference(lowering: Lowering, node: Expr) -> int:
    """``y e^b expm1(a - b - log y)`` where the two terms are close, else the difference as it stands.

    The distance from the zero at ``a - b = log y`` is then as exact as the logarithm of y is.
    """
    a, y, b = node.args
    weight = lowering.lower(y)
    scale = weight if b == 0 else lowering.lower(atoms.xexpy(y, b))
    far = lowering.apply("subtract", lowering.lower(sympy.exp(a)), scale)
    is_positive = lowering.apply("less", lowering.constant(0), weight)
    quarter = lowering.apply("multiply", scale, lowering.constant(Fraction(1, 4)))
    is_far = lowering.apply("less", quarter, lowering.apply("absolute", far))  # not where both leave the floats
    is_near = lowering.apply("logical_and", is_positive, lowering.apply("logical_not", is_far), name="is_near")
    gap, _ = _distance_from_zero(lowering, a - b, weight)
    near = lowering.apply("multiply", scale, lowering.apply("expm1", gap))
    return lowering.apply("select", is_near, near, far)


def with_rounding_error(lowering: Lowering, node: Expr) -> int:
    """The result at the rounded residual, and its slope times what rounding took from the residual."""
    result, slope, residual = node.args
    error = lowering.error_of_difference(residual)
    plain, zero = lowering.lower(result), lowering.constant(0)
    correction = lowering.apply("multiply", lowering.lower(slope), error)
    largest = lowering.apply("divide", lowering.constant(1), _smallest(lowering))
    fits = lowering.apply("less", lowering.apply("absolute", plain), largest)
    has_error = lowering.apply("logical_and", fits, lowering.apply("not_equal", error, zero))
    correction = lowering.apply("select", has_error, correction, zero, name="correction")
    return lowering.apply("add", plain, correction)


def exp_minus_product(lowering: Lowering, node: Expr) -> int:
    """Beyond u = 64 ``h (h - a/h b)`` with ``h = e^(u/2)``: its sign is right where ``e^u`` and ``a b`` overflow."""
    u, a, b = node.args
    first, second = lowering.lower(a), lowering.lower(b)
    is_large = lowering.apply("less", lowering.constant(_LARGE_EXPONENT), lowering.lower(u), name="is_large")
    half = lowering.apply("divide", lowering.lower(u), lowering.constant(2))
    one = lowering.constant(1)
    root = lowering.apply("exp", lowering.apply("select", is_large, half, one), name="root")
    rest = lowering.apply("multiply", lowering.apply("divide", first, root), second)
    large = lowering.apply("multiply", root, lowering.apply("subtract", root, rest))
    plain = lowering.apply("subtract", lowering.lower(sympy.exp(u)), lowering.lower(a * b))
    return lowering.apply("select", is_large, large, plain)


def sigmoid_minus_label(lowering: Lowering, node: Expr) -> int:
    """``(n a - m b)/(1 + e)`` with m, n the label and its complement, ``e = exp(-|x|)``, a and b 1 and e by the sign.

    Near x = 0 the dividend is ``(n - m) ± e1``, with expm1(-|x|) times m or n, for labels that are neither 0 nor 1:
    exact where the label is a half.
    """
    x, label = node.args
    decay, one = _decay(lowering, x), lowering.constant(1)
    is_negative = lowering.apply("less", lowering.lower(x), lowering.constant(0), name="is_negative")
    parts = (lowering.lower(label), lowering.lower(1 - label))
    rising = lowering.apply("select", is_negative, decay, one)
    falling = lowering.apply("select", is_negative, one, decay)
    far = lowering.apply(
        "subtract", lowering.apply("multiply", parts[1], rising), lowering.apply("multiply", parts[0], falling)
    )
    size = lowering.apply("absolute", lowering.lower(x))
    is_small = lowering.apply("less_equal", size, lowering.constant(Fraction(1, 2)))
    is_between = lowering.apply("less", lowering.constant(0), lowering.apply("multiply", *parts))
    is_near = lowering.apply("logical_and", is_small, is_between, name="is_near")
    loss_of_decay = lowering.apply("expm1", lowering.apply("negate", size))
    tilt = lowering.lower(lowering.tilt_of(label, sympy.Integer(2)) or 1 - 2 * label)
    side = lowering.apply("select", is_negative, parts[1], lowering.apply("negate", parts[0]))
    near = lowering.apply("add", tilt, lowering.apply("multiply", side, loss_of_decay))
    bottom = lowering.apply("add", one, decay)
    return lowering.apply("divide", lowering.apply("select", is_near, near, far, name="excess"), bottom)


def sigmoid_contrast(lowering: Lowering, node: Expr) -> int:
    """``q sigmoid(-x) expm1(x + log p - log q)`` where both terms are close, else their difference.

    The distance from the zero is then as exact as the logarithms of p and q are.
    """
    x, p, q = node.args
    exponent = sympy.expand(x + sympy.expand_log(sympy.log(p)))
    gap, is_near = _distance_from_zero(lowering, exponent, lowering.lower(q))
    second = lowering.lower(q * atoms.sigmoid(-x))
    near = lowering.apply("multiply", second, lowering.apply("expm1", gap))
    far = lowering.apply("subtract", lowering.lower(p * atoms.sigmoid(x)), second)
    return lowering.apply("select", is_near, near, far)


def labelled_softplus(lowering: Lowering, node: Expr) -> int:
    """``log1p(exp(-|x|))``, and the part of ``|x|`` that the label or its complement has."""
    x, label = node.args
    zero = lowering.constant(0)
    score = lowering.lower(x)
    tail = lowering.apply("log1p", _decay(lowering, x), name="tail")
    below = lowering.apply("maximum", lowering.apply("negate", score), zero)
    above = lowering.apply("maximum", score, zero)
    line = lowering.apply(
        "add",
        lowering.apply("multiply", lowering.lower(label), below),
        lowering.apply("multiply", lowering.lower(1 - label), above),
    )
    return lowering.apply("add", line, tail)


def difference(lowering: Lowering, node: Expr) -> int:
    """A subtraction of its own."""
    return lowering.apply("subtract", *(lowering.lower(argument) for argument in node.args))


def sum_of_others(lowering: Lowering, node: Expr) -> int:
    """The sum without the own entry; that of the largest share is never in a sum that it is taken from again."""
    whole, own, share = node.args
    *_, is_largest = _shifted(lowering, share)  # type: ignore[arg-type]
    entries, zero = lowering.lower(own), lowering.constant(0)
    kept, largest = (
        lowering.over(whole, "sum_over_axis", lowering.apply("select", is_largest, *pair))  # type: ignore[arg-type]
        for pair in ((zero, entries), (entries, zero))
    )
    rest = lowering.apply("add", lowering.apply("subtract", kept, entries), largest)
    return lowering.apply("select", is_largest, kept, rest)


def power(lowering: Lowering, node: Expr) -> int:
    """The target's own power of a non-negative base."""
    return lowering.apply("power", *(lowering.lower(argument) for argument in node.args), name="modulator")


def power_quotient(lowering: Lowering, node: Expr) -> int:
    """``(u r) r`` with ``r = b^((e - n)/2)``, in range wherever the product is; at b = 0 it is u for e = n, else 0."""
    base, exponent, count, factor = node.args
    weight = lowering.weight_that_may_vanish(list(sympy.Mul.make_args(factor)))
    if weight is not None:
        return lowering.weighted(weight, atoms.power_quotient(base, exponent, count, factor / weight))
    one, zero = lowering.constant(1), lowering.constant(0)
    left, safe = lowering.lower(exponent - count), lowering.lower(base)
    may_vanish = not base.is_number
    if may_vanish:
        is_zero = lowering.apply("equal", safe, zero, name="is_zero")
        safe = lowering.apply("select", is_zero, one, safe)
    root = lowering.apply("power", safe, lowering.apply("divide", left, lowering.constant(2)), name="root")
    u = lowering.lower(factor)
    raised = lowering.apply("multiply", lowering.apply("multiply", u, root), root, name="raised")
    if not may_vanish:
        return raised
    at_zero = lowering.apply("select", lowering.apply("equal", left, zero), u, zero)
    return lowering.apply("select", is_zero, at_zero, raised)


def limited(lowering: Lowering, node: Expr) -> int:
    """Between the limits; an infinite limit is left out."""
    x, lower, upper = node.args
    result = lowering.lower(x)
    if lower.is_finite is not False:
        result = lowering.apply("maximum", result, lowering.lower(lower))
    if upper.is_finite is not False:
        result = lowering.apply("minimum", result, lowering.lower(upper))
    return lowering.name(result, "limited")


# -- over an axis --------------------------------------------------------------------------------------------------


def _body(lowering: Lowering, node: Binder) -> int:
    return lowering.lower(node.body(lowering.slot(node)))


def total(lowering: Lowering, node: Binder) -> int:
    """Sum over the axis; that of products of two unit vectors is ``(a . b) / (|a| |b|)``."""
    index = lowering.slot(node)
    units = sorted(node.body(index).args, key=sympy.default_sort_key)
    is_cosine = isinstance(node.body(index), sympy.Mul) and len(units) == 2
    if is_cosine and all(isinstance(item, Unit) for item in units) and not free_indices(node):
        return _cosine(lowering, *units)
    return lowering.total(node)


def _shifted(lowering: Lowering, node: Binder) -> tuple[int, int, int, int]:
    """Scores minus their maximum, exponentials, the sum of all but the largest one, and the flag of the largest."""
    scores = _body(lowering, node)
    largest = lowering.over(node, "max_over_axis", scores, name="largest")
    if node.args[0].has(Restricted):  # a set may be empty: minus infinity minus itself is no number
        is_empty = lowering.apply("equal", largest, lowering.constant(-math.inf))
        largest = lowering.apply("select", is_empty, lowering.constant(0), largest, name="shift")
    shifted = lowering.apply("subtract", scores, largest, name="shifted")
    is_largest = lowering.over(node, "is_first_maximum", scores, name="is_largest")
    weights = lowering.apply("exp", shifted, name="weights")
    others = lowering.apply("select", is_largest, lowering.constant(0), weights)
    return shifted, weights, lowering.over(node, "sum_over_axis", others, name="others"), is_largest


def log_sum_exp(lowering: Lowering, node: Binder) -> int:
    """The maximum plus ``log1p`` of the sum of the others, relative to it."""
    in_order = lowering.log_sum_exp_in_sorted_order(node)
    if in_order is not None:
        return in_order
    _, _, others, _ = _shifted(lowering, node)
    largest = lowering.over(node, "max_over_axis", _body(lowering, node))
    return lowering.apply("add", largest, lowering.apply("log1p", others))


def _at(lowering: Lowering, node: Binder, entries: int) -> int:
    """The entries, or the one at an integer label or at an index that the entries have already."""
    if node.at in free_indices(node.args[0]):
        return lowering.on_diagonal(entries, node)
    if isinstance(node.at, Index):
        return entries
    return lowering.taken(entries, node)


def log_softmax(lowering: Lowering, node: Binder) -> int:
    """Exact for a confident class: its shifted score is 0 and the others are summed apart."""
    in_order = lowering.log_softmax_in_sorted_order(node)
    if in_order is not None:
        return in_order
    shifted, _, others, _ = _shifted(lowering, node)
    return lowering.apply("subtract", _at(lowering, node, shifted), lowering.apply("log1p", others))


def softmax(lowering: Lowering, node: Binder) -> int:
    """Weights over one plus the sum of the others."""
    in_order = lowering.log_softmax_in_sorted_order(node)
    if in_order is not None:
        return lowering.apply("exp", in_order)
    _, weights, others, _ = _shifted(lowering, node)
    whole = lowering.apply("add", lowering.constant(1), others, name="whole")
    return lowering.apply("divide", _at(lowering, node, weights), whole, name="softmax")


def softmax_complement(lowering: Lowering, node: Binder) -> int:
    """The weights of all other entries over the whole: no cancellation for a confident class."""
    in_order = lowering.log_softmax_in_sorted_order(node)
    if in_order is not None:
        return lowering.apply("negate", lowering.apply("expm1", in_order))
    _, weights, others, is_largest = _shifted(lowering, node)
    one = lowering.constant(1)
    rest = lowering.apply("add", one, lowering.apply("subtract", others, weights))
    rest = lowering.apply("select", is_largest, others, rest)
    whole = lowering.apply("add", one, others, name="whole")
    return lowering.apply("divide", _at(lowering, node, rest), whole, name="softmax_of_others")


def _label(node: Binder) -> str:
    """What names of parts of a vector end in."""
    body = node.args[0]
    return body.data.name.removeprefix("y_") if isinstance(body, Element) else "vector"


def _scaled(lowering: Lowering, node: Binder) -> tuple[int, int, int]:
    """Entries over the largest size, the root of their sum of squares, and that size (1 for the zero vector)."""
    entries = _body(lowering, node)
    label = _label(node)
    largest = lowering.over(node, "max_over_axis", lowering.apply("absolute", entries), name=f"largest_{label}")
    is_zero = lowering.apply("equal", largest, lowering.constant(0))
    scale = lowering.apply("select", is_zero, lowering.constant(1), largest, name=f"scale_{label}")
    scaled = lowering.apply("divide", entries, scale, name=f"scaled_{label}")
    squares = lowering.over(node, "sum_over_axis", lowering.apply("multiply", scaled, scaled))
    return scaled, lowering.apply("sqrt", squares, name=f"scaled_length_{label}"), scale


def norm(lowering: Lowering, node: Binder) -> int:
    """The scale times the root of the scaled sum of squares."""
    _, length, scale = _scaled(lowering, node)
    return lowering.apply("multiply", scale, length)


def unit(lowering: Lowering, node: Binder) -> int:
    """Scaled entries over the scaled length; 0 for the zero vector."""
    scaled, length, _ = _scaled(lowering, node)
    is_zero = lowering.apply("equal", length, lowering.constant(0))
    divisor = lowering.apply("select", is_zero, lowering.constant(1), length)
    label = _label(node)
    return lowering.apply("divide", _at(lowering, node, scaled), divisor, name=f"unit_{label}")


def softmax_minus_label(lowering: Lowering, node: Expr) -> int:
    """``(c' w - c v)/Z`` with the complement c' of the label, the weights w, and v those of all other entries.

    For a smoothed label that may be 1/K, rows of nearly equal scores take ``((1 - K c) + m - c Σ m)/(K + Σ m)`` with
    ``m = expm1`` of the scores, which vanishes with them; scores that are not small are shifted by the largest first.
    """
    share, label = node.args
    rest = SoftmaxComplement(*share.args)
    if isinstance(label, Mark):
        opposite = lowering.apply("negate", lowering.lower(rest))
        return lowering.apply("select", lowering.flag(label), opposite, lowering.lower(share))
    tilt = lowering.tilt_of(label, share.axis)
    far = lowering.lower((1 - label) * share - label * rest)
    if tilt is None:
        return far
    shifted, *_ = _shifted(lowering, share)
    scores = _body(lowering, share)
    widest = lowering.over(share, "max_over_axis", lowering.apply("absolute", scores), name="widest")
    is_small = lowering.apply("less", widest, lowering.constant(Fraction(1, 2)), name="is_small")
    change = lowering.apply("expm1", lowering.apply("select", is_small, scores, shifted), name="change")
    summed = lowering.over(share, "sum_over_axis", change, name="summed_change")
    changes = lowering.apply("multiply", lowering.lower(label), summed)
    near = lowering.apply("add", lowering.lower(tilt), lowering.apply("subtract", change, changes))
    near = lowering.apply("divide", near, lowering.apply("add", lowering.lower(share.axis), summed))
    lowest = lowering.apply("negate", lowering.over(share, "max_over_axis", lowering.apply("negate", change)))
    is_flat = lowering.apply("less", lowering.constant(Fraction(-5, 8)), lowest, name="is_flat")
    return lowering.apply("select", is_flat, near, far)


def _binary_scaled(lowering: Lowering, node: Binder) -> tuple[int, int, int]:
    """Entries over the power of two below the largest, the sum of their squares as a pair, and the power."""
    entries = _body(lowering, node)
    label = _label(node)
    largest = lowering.over(node, "max_over_axis", lowering.apply("absolute", entries), name=f"largest_{label}")
    is_zero = lowering.apply("equal", largest, lowering.constant(0))
    binade = lowering.apply("binade", lowering.apply("select", is_zero, lowering.constant(1), largest))
    scaled = lowering.apply("divide", entries, binade, name=f"direction_{label}")
    return scaled, lowering.apply("dot", scaled, scaled, name=f"square_{label}"), binade


def _cosine(lowering: Lowering, u: Binder, v: Binder) -> int:
    (a, square_a, _), (b, square_b, _) = _binary_scaled(lowering, u), _binary_scaled(lowering, v)
    product = _halves(lowering, lowering.apply("dot", a, b, name="product"))[0]
    lengths = [lowering.apply("sqrt", _halves(lowering, square)[0]) for square in (square_a, square_b)]
    divisor = lowering.apply("multiply", *lengths)
    is_zero = lowering.apply("equal", divisor, lowering.constant(0))
    safe = lowering.apply("select", is_zero, lowering.constant(1), divisor)
    cosine = lowering.apply("divide", product, safe, name="cosine")
    return lowering.note(cosine, "squares leave the floats, sums cancel: over powers of two, in twice the precision")


def _halves(lowering: Lowering, pair: int) -> tuple[int, int]:
    return lowering.apply("nearest_part", pair), lowering.apply("missing_part", pair)


def perpendicular(lowering: Lowering, node: Expr) -> int:
    """``(a_i |b|^2 - (a . b) b_i) / (|a| |b|^2)``, the dividend in twice the precision; u itself where b is zero."""
    u, v = node.args
    a, square_a, _ = _binary_scaled(lowering, u)  # type: ignore[arg-type]
    b, square_b, _ = _binary_scaled(lowering, v)  # type: ignore[arg-type]
    product = _halves(lowering, lowering.apply("dot", a, b, name="product"))
    square = _halves(lowering, square_b)
    first = lowering.apply("multiply", a, square[0])
    second = lowering.apply("multiply", product[0], b)
    lost = lowering.apply("sum_error", first, lowering.apply("negate", second))
    for sign, left, right in (("add", a, square[0]), ("subtract", product[0], b)):
        lost = lowering.apply(sign, lost, lowering.apply("product_error", left, right))
    lost = lowering.apply("add", lost, lowering.apply("multiply", a, square[1]))
    lost = lowering.apply("subtract", lost, lowering.apply("multiply", product[1], b))
    across = lowering.apply("add", lowering.apply("subtract", first, second), lost, name="across")
    length = lowering.apply("sqrt", _halves(lowering, square_a)[0])
    is_zero = lowering.apply("equal", square[0], lowering.constant(0), name="is_zero_pred")
    divisor = lowering.apply("multiply", length, lowering.apply("select", is_zero, lowering.constant(1), square[0]))
    safe = lowering.apply("equal", divisor, lowering.constant(0))
    divisor = lowering.apply("select", safe, lowering.constant(1), divisor)
    return lowering.apply("select", is_zero, lowering.lower(u), lowering.apply("divide", across, divisor))


def unit_rest(lowering: Lowering, node: Expr) -> int:
    """``(|b|^2 - b_i^2) / |b|^2``, the dividend in twice the precision; 1 where b is zero."""
    b, pair, _ = _binary_scaled(lowering, node.args[0])  # type: ignore[arg-type]
    square, missing = _halves(lowering, pair)
    own = lowering.apply("multiply", b, b)
    lost = lowering.apply("sum_error", square, lowering.apply("negate", own))
    lost = lowering.apply("subtract", lost, lowering.apply("product_error", b, b))
    rest = lowering.apply("subtract", square, own)
    rest = lowering.apply("add", rest, lowering.apply("add", lost, missing), name="rest")
    is_zero = lowering.apply("equal", square, lowering.constant(0), name="is_zero_pred")
    one = lowering.constant(1)
    return lowering.apply(
        "select", is_zero, one, lowering.apply("divide", rest, lowering.apply("select", is_zero, one, square))
    )


def share_complement(lowering: Lowering, node: Binder) -> int:
    """The sum of all other entries over the whole: no cancellation for an entry that outweighs them."""
    entries = _body(lowering, node)
    largest = lowering.over(node, "max_over_axis", entries, name="largest")
    is_largest = lowering.over(node, "is_first_maximum", entries, name="is_largest")
    others = lowering.apply("select", is_largest, lowering.constant(0), entries)
    others = lowering.over(node, "sum_over_axis", others, name="others")
    rest = lowering.apply("add", largest, lowering.apply("subtract", others, entries))
    rest = lowering.apply("select", is_largest, others, rest)
    whole = lowering.over(node, "sum_over_axis", entries, name="whole")
    return lowering.apply("divide", _at(lowering, node, rest), whole, name="share_of_others")


def share(lowering: Lowering, node: Binder) -> int:
    """Entries over their sum."""
    entries = _body(lowering, node)
    whole = lowering.over(node, "sum_over_axis", entries, name="whole")
    return lowering.apply("divide", _at(lowering, node, entries), whole, name="share")


@dataclass(frozen=True)
class Form:
    """How an atom is lowered, and the comment in generated code: what its definition, taken literally, would do."""

    lower: Callable[[Lowering, Expr], int]
    avoids: str = ""


FORMS: Mapping[type[Basic], Form] = {
    atoms.softplus: Form(softplus, "log(1 + exp(x)) overflows for large x, and is 0 for very negative ones"),
    atoms.sigmoid: Form(sigmoid, "exp(x) / (1 + exp(x)) is inf/inf for large x"),
    atoms.exp_minus_one: Form(exp_minus_one, "exp(x) - 1 keeps no digit beside x = 0"),
    atoms.exp_excess: Form(exp_excess, "exp(x) - 1 - x keeps no digit beside x = 0: its series there"),
    atoms.inverse_exp_minus_one: Form(
        inverse_exp_minus_one, "exp(x) - 1 overflows for large x, and keeps no digit beside x = 0"
    ),
    atoms.log_one_minus_exp: Form(log_one_minus_exp, "1 - exp(x) keeps no digit beside x = 0, and is 1 below x = -37"),
    atoms.logcosh: Form(logcosh, "cosh(x) overflows for large x, and is 1 beside x = 0"),
    atoms.tangent_h: Form(tangent_h),
    atoms.secant_h: Form(secant_h, "cosh(x) overflows for large x"),
    atoms.hypotenuse: Form(hypotenuse, "over the larger leg: z^2 in sqrt(1 + z^2) leaves the floats"),
    atoms.hypotenuse_excess: Form(
        hypotenuse_excess, "over the larger leg, z^2 leaves the floats; sqrt(1 + z^2) - 1 is 0 beside z = 0"
    ),
    atoms.hypotenuse_gain: Form(
        hypotenuse_gain, "over the larger leg, a^2 + b^2 leaves the floats; its root minus b cancels beside a = 0"
    ),
    atoms.hypotenuse_leg: Form(hypotenuse_leg, "over the larger leg: a^2 + b^2 leaves the floats"),
    atoms.one_minus_over: Form(
        one_minus_over, "1 - c/q cancels where q is close to c: the difference of the two, or of their complements"
    ),
    atoms.hypotenuse_unit: Form(hypotenuse_unit, "over the larger leg: z / sqrt(1 + z^2) is inf/inf for large z"),
    atoms.hypotenuse_inverse: Form(hypotenuse_inverse, "over the larger leg: z^2 in 1/sqrt(1 + z^2) leaves the floats"),
    atoms.log_hypotenuse: Form(log_hypotenuse, "z^2 overflows for large z, and log(1 + z^2) is 0 beside z = 0"),
    atoms.magnitude: Form(magnitude),
    atoms.sign_of: Form(sign_of),
    atoms.maximum: Form(maximum),
    atoms.minimum: Form(minimum),
    atoms.exceeds: Form(exceeds),
    atoms.log_ratio: Form(
        log_ratio, "log(a/b) keeps no digit where a is close to b: log1p of their relative distance there"
    ),
    atoms.ratio_excess: Form(
        ratio_excess, "a/b - 1 - log(a/b) cancels where a is close to b: the series of atanh there"
    ),
    atoms.over: Form(over, "0/0 is 0 here"),
    atoms.finite_over: Form(finite_over, "0 where the divisor is 0"),
    atoms.xlogy: Form(xlogy, "0 log(0) is 0 here"),
    atoms.xexpy: Form(xexpy, "exp(b) by halves: it leaves the floats before its product with a does"),
    atoms.exp_difference: Form(
        exp_difference, "exp(a) - y exp(b) cancels where the terms are close: expm1 of their logarithms' distance there"
    ),
    atoms.with_rounding_error: Form(
        with_rounding_error, "what rounding took from the residual decides how far its zero is"
    ),
    atoms.exp_minus_product: Form(
        exp_minus_product, "inf - inf where both terms overflow: divided by half of the exponential there"
    ),
    atoms.sigmoid_minus_label: Form(
        sigmoid_minus_label, "sigmoid(x) - c cancels for a right prediction: both labels weighted apart"
    ),
    atoms.labelled_softplus: Form(
        labelled_softplus, "log(1 + exp(x)) overflows for large x, and is 0 for very negative ones"
    ),
    atoms.sigmoid_contrast: Form(
        sigmoid_contrast, "p sigmoid(x) - q sigmoid(-x) cancels where they are close: expm1 of their distance there"
    ),
    atoms.softmax_minus_label: Form(
        softmax_minus_label, "softmax - c cancels for a right prediction: both labels weighted apart"
    ),
    atoms.perpendicular: Form(
        perpendicular, "u - (u . v) v cancels for nearly parallel vectors: the dividend in twice the precision"
    ),
    atoms.unit_rest: Form(unit_rest, "1 - v^2 cancels for v close to 1: the dividend in twice the precision"),
    atoms.difference: Form(difference),
    atoms.sum_of_others: Form(sum_of_others, "a sum without an entry cancels where that is most of it: left out first"),
    atoms.power: Form(power),
    atoms.power_quotient: Form(
        power_quotient, "b^e / b^n is 0/0 at b = 0, b^e leaves the floats early: by halves of e - n"
    ),
    clamp: Form(limited),
    Total: Form(total),
    LogSumExp: Form(
        log_sum_exp, "shifted by the largest score: exp overflows; the others are summed apart: 1 + 1e-20 is 1"
    ),
    LogSoftmax: Form(
        log_softmax, "shifted by the largest score: exp overflows; the others are summed apart: 1 + 1e-20 is 1"
    ),
    Softmax: Form(softmax, "shifted by the largest score: exp overflows"),
    SoftmaxComplement: Form(softmax_complement, "1 - softmax cancels for a confident class: the sum of the others"),
    Norm: Form(norm, "over the largest entry: squares leave the floats"),
    Unit: Form(unit, "over the largest entry: squares leave the floats"),
    Share: Form(share),
    ShareComplement: Form(share_complement, "1 - share cancels for an entry that outweighs the others: their sum"),
}
