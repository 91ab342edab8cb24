"""From mathematics to a kernel: the last module on the code path that sees SymPy.

The order of operations is decided here, because it is part of the result: equal exponents are taken together
(``(r/k)**2``), quotients are divided step by step, masks are selected and never multiplied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType

import sympy
from sympy import Expr, Symbol
from sympy.core import relational
from sympy.core.basic import Basic
from sympy.logic import boolalg

from symloss import stable_forms
from symloss.atoms import exceeds, hypotenuse_inverse, magnitude, power_quotient, secant_h, sign_of, xexpy
from symloss.declare import Axis, ClassLabel, Element, Index, Node, Total, clamp, stop_gradient
from symloss.declare.binders import Share, ShareComplement
from symloss.declare.nodes import Mark
from symloss.derive import Derivation
from symloss.errors import UnsupportedError
from symloss.intermediates import Definition
from symloss.kernel import Apply, Kernel
from symloss.lower_indexed import IndexedLowering

_FUNCTIONS = {
    sympy.exp: "exp",
    sympy.sin: "sin",
    sympy.cos: "cos",
    sympy.tan: "tan",
    sympy.asin: "arcsin",
    sympy.acos: "arccos",
    sympy.atan: "arctan",
    sympy.sinh: "sinh",
    sympy.cosh: "cosh",
    sympy.tanh: "tanh",
    sympy.erf: "erf",
    sympy.loggamma: "lgamma",
    sympy.erfc: "erfc",
    sympy.digamma: "digamma",
}
_POLYGAMMA = {sympy.Integer(0): "digamma", sympy.Integer(1): "trigamma", sympy.Integer(2): "tetragamma"}
_RELATIONS = {
    relational.StrictLessThan: ("less", False),
    relational.LessThan: ("less_equal", False),
    relational.StrictGreaterThan: ("less", True),
    relational.GreaterThan: ("less_equal", True),
    relational.Equality: ("equal", False),
    relational.Unequality: ("not_equal", False),
}
_LONGEST_PRODUCT = 4  # powers up to here are products, which round less than pow


# What further outputs are made of, besides the symbols of the loss.
GRADIENT, HESSIAN = Symbol("_gradient", real=True), Symbol("_hessian", real=True)
SMOOTHING = Symbol("smoothing", positive=True)


def lower(
    derivation: Derivation,
    further: Mapping[str, Expr] = MappingProxyType({}),
    into: type[Lowering] | None = None,
) -> Kernel:
    """The kernel that computes value, gradient and Hessian (and its product with a vector over an axis).

    ``further`` are outputs besides, in which ``GRADIENT`` and ``HESSIAN`` stand for those two, and ``SMOOTHING`` is a
    further parameter. Another lowering than the stable one may be given.
    """
    lowering = (into or Lowering)(derivation)
    outputs = {
        "value": lowering.lower(derivation.value),
        "gradient": lowering.filled(derivation.gradient),
        "hessian": lowering.filled(derivation.hessian),
    }
    if derivation.hessian_vector_product is not None:
        outputs["hessian_vector_product"] = lowering.filled(derivation.hessian_vector_product)
    if derivation.directional is not None:
        outputs["directional"] = lowering.lower(derivation.directional)
    if derivation.prediction is not None:
        outputs["prediction"] = lowering.filled(derivation.prediction)
    if derivation.start_statistic is not None:
        outputs["start_statistic"] = lowering.lower(derivation.start_statistic)
    parts = {GRADIENT: derivation.gradient, HESSIAN: derivation.hessian}
    if further and derivation.loss.is_elementwise:  # kept in one piece, but for numbers
        whole = {symbol: part for symbol, part in parts.items() if not part.is_number}
        named = {symbol.name: Symbol(symbol.name.strip("_"), real=True) for symbol in whole}
        lowering.definitions |= {symbol.name: Definition(named[symbol.name], part) for symbol, part in whole.items()}
        parts = {symbol: part for symbol, part in parts.items() if symbol not in whole}
    for name, expression in further.items():
        outputs[name] = lowering.filled(expression.xreplace(parts))
    return Kernel(derivation.loss.name, not derivation.loss.is_elementwise, tuple(lowering.values), outputs)


class Lowering(IndexedLowering):
    """Turns expressions into values; an expression is lowered once."""

    def __init__(self, derivation: Derivation) -> None:
        super().__init__(derivation)
        self.names: dict[Basic, str] = {self._canonical(part)[0]: name for part, name in derivation.names}

    # -- building blocks -------------------------------------------------------------------------------------

    def name(self, position: int, name: str, *, by_author: bool = False) -> int:
        """Give a computed value a name; the author's names win over those of stable forms."""
        known = self.values[position]
        if isinstance(known.definition, Apply) and (by_author or not known.name):
            self.values[position] = replace(known, name=name)
        return position

    def note(self, position: int, note: str) -> int:
        """Say in a comment what the form of a computed value avoids; the first to say so wins."""
        known = self.values[position]
        if note and isinstance(known.definition, Apply) and not known.note:
            self.values[position] = replace(known, note=note)
        return position

    def named(self, expression: Expr, name: str) -> int:
        """Lower an expression that the author named."""
        return self.name(self.lower(expression), name, by_author=True)

    def filled(self, expression: Expr) -> int:
        """Lower a derivative; a constant or per-row one is filled into the shape of y_pred."""
        position = self.lower(expression)
        entries = self.input("y_pred", "element")
        if self.values[position].kind != "element" or self.dims(position) != self.dims(entries):
            position = self.apply("fill", position, entries)
        return position

    # -- expressions -----------------------------------------------------------------------------------------

    def lower(self, expression: Basic) -> int:
        """The position of an expression's value."""
        key, letters = self._canonical(expression)
        if key not in self._expressions:
            known = self._transposed(key)
            self._expressions[key] = self._lower(key) if known is None else known
            if key in self.names:
                self.name(self._expressions[key], self.names[key], by_author=True)
        return self._read_at(self._expressions[key], letters)

    def _lower(self, expression: Basic) -> int:
        if isinstance(expression, Expr) and expression.is_number:
            return self._numeral(expression)
        if isinstance(expression, Axis):
            return self._axis_size(expression)
        if isinstance(expression, Symbol):
            return self._symbol(expression)
        if isinstance(expression, stop_gradient):
            return self.lower(expression.args[0])
        indexed = self.lower_indexed(expression)
        if indexed is not None:
            return indexed
        form = stable_forms.FORMS.get(type(expression))
        if form is not None:
            return self.note(form.lower(self, expression), form.avoids)
        if isinstance(expression, relational.Relational | boolalg.BooleanFunction):
            return self._condition(expression)
        match expression:
            case sympy.Add():
                return self._sum(expression)
            case sympy.Mul():
                return self._product(expression)
            case sympy.Pow():
                return self._power(expression)
            case sympy.Piecewise():
                return self._piecewise(expression)
        return self._function(expression)

    def _numeral(self, expression: Expr) -> int:
        if isinstance(expression, sympy.Rational):
            return self.constant(Fraction(int(expression.p), int(expression.q)))
        number = expression.evalf(50)
        return self.constant(float(number), float(number - sympy.Float(float(number), 50)))

    def _symbol(self, symbol: Symbol) -> int:
        if symbol.name in self.definitions:
            definition = self.definitions[symbol.name]
            return self.named(definition.expression, definition.symbol.name)
        if symbol.name == "y_true" and isinstance(self.loss.y_true, ClassLabel):
            return self.input(symbol.name, "row")
        if symbol == SMOOTHING or symbol.name in {item.name for item in self.loss.parameters}:
            return self.input(symbol.name, "parameter")
        return self.input(symbol.name, "element" if self.loss.is_elementwise else "row")

    def complement_of(self, part: Expr) -> Expr | None:
        """``1 - part`` without a cancellation, for a label between two others or a guarded probability; else None."""
        if isinstance(part, Share):
            return ShareComplement(*part.args)
        if isinstance(part, clamp) and part.args[1] == 1 - part.args[2]:
            return clamp(1 - part.args[0], *part.args[1:])
        definition = self.definitions.get(str(getattr(part, "data", part)))
        if definition is None:
            return None
        inside = definition.at(part)
        if isinstance(inside, clamp):
            return self.complement_of(inside)
        return self._mixed(inside, lambda label: 1 - label)

    def tilt_of(self, label: Expr, classes: Expr) -> Expr | None:
        """``1 - K label`` for K classes, exact where smoothing makes the label 1/K; None for an unsmoothed one."""
        definition = self.definitions.get(str(getattr(label, "data", label)))
        if definition is None:
            return None
        inside = definition.at(label)
        return self._mixed(inside, lambda part: 1 - classes * part)

    def _mixed(self, label: Expr, change: Callable[[Expr], Expr]) -> Expr | None:
        """An affine change of ``(1 - s) a + s b`` with a parameter s between 0 and 1, taken of a and b."""
        for item in self.loss.parameters:
            symbol = next((symbol for symbol in label.free_symbols if symbol.name == item.name), None)
            if symbol is None or item.domain.lower != 0 or item.domain.upper != 1:
                continue
            ends = [label.xreplace({symbol: sympy.Integer(end)}) for end in (0, 1)]
            if sympy.expand(label - (1 - symbol) * ends[0] - symbol * ends[1]) == 0:
                return (1 - symbol) * change(ends[0]) + symbol * change(ends[1])  # type: ignore[no-any-return]
        return None

    def _complement(self, expression: Expr) -> int | None:
        """The position of ``1 - part`` where :meth:`complement_of` knows it."""
        if not (isinstance(expression, sympy.Add) and len(expression.args) == 2 and expression.args[0] == 1):
            return None
        part = -expression.args[1]
        complement = self.complement_of(part) if isinstance(part, Symbol | Element | clamp | Share) else None
        if complement is None:
            return None
        position = self.lower(complement)
        if isinstance(part, Symbol | Element):
            self.name(position, f"{getattr(part, 'data', part)}_complement", by_author=True)
        return position

    def _sum(self, expression: sympy.Add) -> int:
        complement = self._complement(expression)
        if complement is not None:
            return complement
        inputs = self._with_residuals_spelled_out(expression)
        if self._is_sum_of_inputs(inputs):
            return self._compensated_sum(inputs)
        terms = expression.as_ordered_terms()
        if len(terms) == 2 and sympy.Integer(-1) in terms:
            other = next(term for term in terms if term != -1)
            if isinstance(other, sympy.exp):
                return self.apply("expm1", self.lower(other.args[0]))
        others = self._all_but_label(terms)
        if others is not None:
            return others
        positive = [term for term in terms if not term.could_extract_minus_sign()]
        negative = [-term for term in terms if term.could_extract_minus_sign()]
        if not positive:
            return self.apply("negate", self.lower(sympy.Add(*negative)))
        result = self.lower(positive[0])
        for term in positive[1:]:
            result = self.apply("add", result, self.lower(term))
        for term in negative:
            result = self.apply("subtract", result, self.lower(term))
        return result

    def _with_residuals_spelled_out(self, expression: Expr) -> Expr:
        names = {Symbol(name, real=True): item for name, item in self.definitions.items()}
        found = {symbol: names[symbol].expression for symbol in expression.args if symbol in self._residuals()}
        return expression.xreplace(found)

    def _is_sum_of_inputs(self, expression: Expr) -> bool:
        """Three or more inputs, which may cancel to less than the rounding of any two."""
        names = {symbol.name for symbol in self.loss.symbols}
        bare = [term if isinstance(term, Symbol) else -term for term in expression.args]
        inputs = all(isinstance(term, Symbol) and term.name in names for term in bare)
        return inputs and len(bare) > 2 and any(term.could_extract_minus_sign() for term in expression.args)

    def _compensated_sum(self, expression: Expr) -> int:
        """The sum, and what every addition rounded away: Neumaier (1974), ZAMM 54, 39-51."""
        first, *rest = (self.lower(term) for term in expression.as_ordered_terms())
        total, lost = first, None
        for term in rest:
            error = self.apply("sum_error", total, term)
            lost = error if lost is None else self.apply("add", lost, error)
            total = self.apply("add", total, term)
        assert lost is not None
        return self.note(self.apply("add", total, lost), "the terms may cancel: with what every addition rounds away")

    def _all_but_label(self, terms: list[Expr]) -> int | None:
        """``Σ_k u_k - u_c`` is summed without the label's entry: what is left of a confident prediction is small."""
        if len(terms) != 2 or not any(isinstance(term, Total) for term in terms):
            if len(terms) == 2 and any(isinstance(-term, Total) for term in terms):
                opposite = self._all_but_label([-term for term in terms])
                return None if opposite is None else self.apply("negate", opposite)
            return None
        total = next(term for term in terms if isinstance(term, Total))
        entry = -next(term for term in terms if term is not total)
        labels = {node.index for node in entry.atoms(Element) if not isinstance(node.index, Index)}
        if len(labels) != 1 or total.body(labels.pop()) != entry:
            return None
        entries = self.lower(total.body(self.slot(total)))
        kept = self.apply("select", self._label_flag(), self.constant(0), entries)
        whole = self.apply("sum_over_axis", kept, name="all_but_label")
        return self.note(whole, "whole minus label cancels for a confident prediction: the others are added")

    def _product(self, expression: Expr) -> int:
        coefficient, rest = expression.as_coeff_Mul()
        factors = list(sympy.Mul.make_args(rest))
        masks = [factor for factor in factors if isinstance(factor, Mark)]
        if masks:
            others = sympy.Mul(coefficient, *[factor for factor in factors if factor not in masks])
            return self.apply("select", self.flags(masks), self.lower(others), self.constant(0))
        stepped = self._stepped(coefficient, factors)
        if stepped is not None:
            return stepped
        if coefficient.is_negative:
            return self.apply("negate", self.lower(-expression))
        if any(factor.has(power_quotient) for factor in factors):
            weight = self.weight_that_may_vanish(factors)
            if weight is not None:
                return self.weighted(weight, expression / weight)
        top, bottom = self._factors(factors)
        if len(top) > 1 and abs(coefficient) < 1:  # r / 2 * r stays in range where r * r does not
            top[0], coefficient = self._scaled(top[0], coefficient), sympy.Integer(1)
        return self._scaled(self._quotient((top, bottom)), coefficient)

    def _stepped(self, coefficient: Expr, factors: list[Expr]) -> int | None:
        """A product with a step between exponentials: what is on its other side may be infinite, and is not taken."""
        grown = next((item for item in factors if isinstance(item, xexpy)), None)
        chosen = [item for item in factors if isinstance(item, sympy.Piecewise) and item.has(exceeds)]
        if grown is not None and chosen:
            rest = [item for item in factors if item not in (grown, *chosen)]
            return self.lower(coefficient * sympy.Mul(*rest) * xexpy(sympy.Mul(*chosen, grown.args[0]), grown.args[1]))
        for factor in factors:
            step = next((item for item in sympy.Add.make_args(factor) if item.has(exceeds)), factor)
            sign, bare = step.as_coeff_Mul()
            if not isinstance(bare, exceeds) or not bare.has(sympy.exp) or len(factors) == 1 or abs(sign) != 1:
                continue
            first, second = (self.lower(side) for side in bare.args)
            beyond = self.apply("less", second, first)
            others = sympy.Mul(coefficient, *[item for item in factors if item is not factor])
            if factor - step == 0:
                return self.apply("select", beyond, self.lower(sign * others), self.constant(0))
            if factor - step == -sign:
                return self.apply("select", beyond, self.constant(0), self.lower(-sign * others))
        return None

    def weighted(self, weight: Expr, rest: Expr) -> int:
        """A product that is 0 where the weight is, also where the rest is infinite."""
        is_zero = self.apply("equal", self.lower(weight), self.constant(0))
        product = self.apply("multiply", self.lower(weight), self.lower(rest))
        return self.apply("select", is_zero, self.constant(0), product)

    def weight_that_may_vanish(self, factors: list[Expr]) -> Expr | None:
        """A factor that the author named and that does not depend on y_pred."""
        for factor in factors:
            definition = self.definitions.get(str(factor)) if isinstance(factor, Symbol) else None
            if definition is not None and not self._depends_on_prediction(definition.expression):
                return factor
        return None

    def _depends_on_prediction(self, expression: Expr) -> bool:
        names = {symbol.name for symbol in expression.free_symbols}
        inner = [self.definitions[name].expression for name in names if name in self.definitions]
        return self.loss.pred_symbol.name in names or any(map(self._depends_on_prediction, inner))

    def _factors(self, factors: list[Expr]) -> tuple[list[int], list[int]]:
        """Numerators and divisors; a power over the same power becomes a power of the quotient."""
        powers = dict(map(_base_and_exponent, factors))
        top: list[int] = []
        bottom: list[int] = []
        for base, exponent in list(powers.items()):
            partner = next((item for item, other in powers.items() if other == -exponent and exponent > 1), None)
            if exponent.is_Integer and partner is not None:
                quotient = self.apply("divide", self.lower(base), self.lower(partner), name="ratio")
                top.append(self._repeated(quotient, int(exponent)))
                del powers[base], powers[partner]
        self._take_square_over_divisor(powers, top)
        for base, exponent in powers.items():
            if isinstance(base, hypotenuse_inverse) and exponent.is_Integer and exponent > 1 and len(powers) == 1:
                top.append(stable_forms.hypotenuse_inverse_power(self, base.args[0], int(exponent)))
            elif isinstance(base, secant_h) and exponent == 2:
                top.append(stable_forms.secant_h_square(self, base.args[0]))
            elif exponent.is_Integer and 0 < abs(exponent) <= _LONGEST_PRODUCT and exponent != 1:
                (top if exponent > 0 else bottom).extend([self.lower(base)] * abs(int(exponent)))
            elif exponent.could_extract_minus_sign():
                bottom.append(self.lower(base**-exponent))
            else:
                top.append(self.lower(base**exponent))
        return top, bottom

    def _take_square_over_divisor(self, powers: dict[Expr, Expr], top: list[int]) -> None:
        """``r^2 / v`` is ``(r / sqrt v)^2``, whose parts leave the floats only where the whole does."""
        square = next((base for base, exponent in powers.items() if exponent == 2), None)
        divisor = next((base for base, exponent in powers.items() if exponent == -1), None)
        if square is None or divisor is None or not (isinstance(divisor, Symbol) and divisor.is_positive):
            return
        root = self.apply("sqrt", self.lower(divisor), name=f"root_{divisor.name}")
        standardised = self.apply("divide", self.lower(square), root, name="standardised")
        top += [standardised, standardised]
        del powers[square], powers[divisor]

    def _quotient(self, factors: tuple[list[int], list[int]]) -> int:
        """Alternate divisions and products, so that no intermediate leaves the range the result is in."""
        top, bottom = factors
        if not bottom and len(top) > 1 and len(set(top)) == 1:
            return self._repeated(top[0], len(top))
        top = self._interleaved(top)
        result = top.pop(0) if top else self.constant(1)
        if top and bottom and self._is_sign(result):  # 1/b may leave the floats where a/b does not
            result = self.apply("multiply", result, top.pop(0))
        while top or bottom:
            if bottom:
                result = self.apply("divide", result, bottom.pop(0))
            if top:
                result = self.apply("multiply", result, top.pop(0))
        return result

    def _is_sign(self, position: int) -> bool:
        definition = self.values[position].definition
        return isinstance(definition, Apply) and definition.operation == "sign"

    def _interleaved(self, factors: list[int]) -> list[int]:
        """Parameters stand between the factors they scale: ``r * tau * r`` stays in range where ``r * r`` does not."""
        data = [position for position in factors if self.values[position].kind != "parameter"]
        parameters = [position for position in factors if self.values[position].kind == "parameter"]
        return [*data[:1], *parameters, *data[1:]]

    def _scaled(self, position: int, coefficient: Expr) -> int:
        if coefficient == 1:
            return position
        if isinstance(coefficient, sympy.Rational):
            if coefficient.p != 1:
                position = self.apply("multiply", self.constant(int(coefficient.p)), position)
            return position if coefficient.q == 1 else self.apply("divide", position, self.constant(int(coefficient.q)))
        return self.apply("multiply", self.lower(coefficient), position)

    def _repeated(self, position: int, times: int) -> int:
        result = position
        for _ in range(times - 1):
            result = self.apply("multiply", result, position)
        return result

    def _power(self, expression: sympy.Pow) -> int:
        base, exponent = expression.as_base_exp()
        if exponent.could_extract_minus_sign() or isinstance(base, hypotenuse_inverse | secant_h):
            return self._quotient(self._factors([expression]))
        if exponent.is_Integer and exponent <= _LONGEST_PRODUCT:
            return self._repeated(self.lower(base), int(exponent))
        if exponent.is_Rational and exponent.q == 2:
            root = self.apply("sqrt", self.lower(base))
            whole = int(exponent - sympy.Rational(1, 2))
            return root if whole == 0 else self.apply("multiply", self.lower(base**whole), root)
        return self.apply("power", self.lower(base), self.lower(exponent))

    def _piecewise(self, expression: sympy.Piecewise) -> int:
        limited = self._limited(expression)
        if limited is not None:
            return limited
        *branches, last = expression.args
        jumps = all(branch.expr.is_number for branch in expression.args)
        result = self.lower(last.expr)
        for branch in reversed(branches):
            condition = self._exact_condition(branch.cond) if jumps else None
            condition = self.lower(branch.cond) if condition is None else condition
            result = self.apply("select", condition, self.lower(branch.expr), result)
        return result

    def _limited(self, expression: sympy.Piecewise) -> int | None:
        """A choice at ``|x| <= c`` that is x cut off at ±c, or one formula of the smaller of |x| and c: no choice."""
        if len(expression.args) != 2 or not isinstance(expression.args[0].cond, relational.Le | relational.Ge):
            return None
        inside, outside = (branch.expr for branch in expression.args)
        bound, size = expression.args[0].cond.gts, expression.args[0].cond.lts
        if not isinstance(size, magnitude) or not isinstance(bound, Symbol):
            return None
        if inside == size.args[0] and outside == bound * sign_of(inside):
            most = self.lower(bound)
            return self.apply("clip", self.lower(inside), self.apply("negate", most), most)
        within = outside.subs(bound, size).subs(size, sympy.Abs(size.args[0]))
        if not outside.has(bound) or sympy.expand(within - inside) != 0:
            return None
        smaller = self.apply("minimum", self.lower(size), self.lower(bound), name="limited")
        stand_in = Symbol("_limited", real=True)
        self._expressions[self._canonical(stand_in)[0]] = smaller
        return self.lower(outside.subs(bound, stand_in))

    def _exact_condition(self, condition: Basic) -> int | None:
        """``|r| <= c`` as ``(|r| - c) + error <= 0``: rounding the residual r must not move it across a jump."""
        if type(condition) not in _RELATIONS or not isinstance(condition, relational.Relational):
            return None
        operation, swap = _RELATIONS[type(condition)]
        sides = condition.args[::-1] if swap else condition.args
        sizes = [isinstance(side, magnitude) and side.args[0] in self._residuals() for side in sides]
        if sizes.count(True) != 1 or operation not in ("less", "less_equal"):
            return None
        size = sides[sizes.index(True)]
        rounded = self.error_of_difference(size.args[0])
        signed = self.apply("multiply", self.apply("sign", self.lower(size.args[0])), rounded)
        gap = self.apply("subtract", self.lower(size), self.lower(sides[sizes.index(False)]))
        beyond = self.apply("add", gap, signed, name="beyond")
        self.note(beyond, "with what rounding took from the residual, which must not move it across the jump")
        pair = (beyond, self.constant(0)) if sizes[0] else (self.constant(0), beyond)
        return self.apply(operation, *pair)

    def _residuals(self) -> dict[Basic, Expr]:
        """The names of differences of two inputs."""
        return {
            Symbol(name, real=True): item.expression
            for name, item in self.definitions.items()
            if item.expression == self.loss.pred_symbol - self.loss.true_symbol
        }

    def error_of_difference(self, residual: Basic) -> int:
        """What rounding took from ``p - y``, exactly."""
        subtrahend = self.apply("negate", self.lower(self.loss.true_symbol))
        error = self.apply("sum_error", self.lower(self.loss.pred_symbol), subtrahend)
        return self.name(error, f"{residual}_error")

    def _condition(self, condition: Basic) -> int:
        if type(condition) in _RELATIONS:
            operation, swap = _RELATIONS[type(condition)]
            left, right = (self.lower(side) for side in condition.args)
            return self.apply(operation, *((right, left) if swap else (left, right)))
        operations = {boolalg.And: "logical_and", boolalg.Or: "logical_or", boolalg.Not: "logical_not"}
        operation = operations.get(type(condition), "")
        if not operation:
            raise UnsupportedError(f"the condition {condition} can't be generated; use comparisons, &, | and ~")
        first, *others = (self.lower(argument) for argument in condition.args)
        result = first if others else self.apply(operation, first)
        for other in others:
            result = self.apply(operation, result, other)
        return result

    def _function(self, expression: Basic) -> int:
        if isinstance(expression, sympy.log):
            return self.logarithm(expression.args[0])
        if isinstance(expression, sympy.polygamma) and expression.args[0] in _POLYGAMMA:
            return self.apply(_POLYGAMMA[expression.args[0]], self.lower(expression.args[1]))
        operation = _FUNCTIONS.get(type(expression))
        if operation is None or isinstance(expression, Node):
            raise UnsupportedError(f"the function {type(expression).__name__} in {expression} can't be generated")
        return self.apply(operation, self._in_floats(self.lower(expression.args[0])))

    def _in_floats(self, position: int) -> int:
        """The size of an axis is a whole number of the language, and functions want one of the dtype."""
        sizes, open_positions = False, [position]
        while open_positions and self.values[position].kind == "parameter":
            definition = self.values[open_positions.pop()].definition
            if isinstance(definition, Apply):
                sizes = sizes or definition.operation == "axis_size"
                open_positions.extend(definition.operands if definition.operation != "axis_size" else ())
        return self.apply("in_floats", position) if sizes else position

    def logarithm(self, argument: Expr, safe: int | None = None) -> int:
        """``log``, or ``log1p`` of what is added to one; where the flag ``safe`` holds the result is 0."""
        argument = self._spelled_out(argument)
        if isinstance(argument, clamp):
            return self._limited_logarithm(argument, safe)
        if isinstance(argument, Share):
            return self._logarithm_of_share(argument, safe)
        above, below = sympy.fraction(argument)
        if below.free_symbols and all(self._is_nonnegative(part) for part in (above, below)):
            first, second = self.lower(above), self.lower(below)
            quotient = self.apply("divide", first, self._kept_safe(second, 1, safe))
            return stable_forms.log_of_quotient(self, quotient, first, second, safe)
        if isinstance(argument, sympy.Add) and sympy.Integer(1) in argument.args:
            operation, inside, neutral = "log1p", self.lower(argument - 1), 0
        else:
            operation, inside, neutral = "log", self._in_floats(self.lower(argument)), 1
        return self.apply(operation, self._kept_safe(inside, neutral, safe))

    def _kept_safe(self, inside: int, neutral: int, safe: int | None) -> int:
        return inside if safe is None else self.apply("select", safe, self.constant(neutral), inside)

    def _spelled_out(self, argument: Expr) -> Expr:
        """A guarded probability or its complement, where the argument is the name of one."""
        part = 1 - argument if isinstance(argument, sympy.Add) and len(argument.args) == 2 else argument
        definition = self.definitions.get(str(getattr(part, "data", part)))
        if definition is None or not isinstance(definition.expression, clamp):
            return argument
        if part != argument:
            complement = self.complement_of(part)
            return argument if complement is None else complement
        return definition.at(part)

    def _is_nonnegative(self, part: Expr) -> bool:
        bare = part
        for symbol in (*part.atoms(Element), *part.free_symbols):
            definition = self.definitions.get(str(getattr(symbol, "data", symbol)))
            if definition is not None:
                bare = bare.xreplace({symbol: definition.expression})
        return bool(bare.is_nonnegative)

    def _limited_logarithm(self, argument: clamp, safe: int | None) -> int:
        """The logarithm of a limited number, limited itself: nothing is lost between limit and logarithm.

        Below the limit none is taken of the number, which may be 0 there, where its derivative is infinite.
        """
        inside, lower, upper = argument.args
        if lower.is_finite is False:
            result = self.logarithm(inside, safe)
        else:
            is_below = self.apply("less", self.lower(inside), self.lower(lower), name="is_below")
            unused = is_below if safe is None else self.apply("logical_or", is_below, safe)
            result = self.apply("select", is_below, self.logarithm(lower), self.logarithm(inside, unused))
        if upper.is_finite is not False:
            result = self.apply("minimum", result, self.logarithm(upper))
        return result

    def _logarithm_of_share(self, argument: Expr, safe: int | None) -> int:
        """``log1p`` of what the others have, where an entry has more than half; else of the quotient."""
        share = self.lower(argument)
        others = self._kept_safe(self.lower(ShareComplement(*argument.args)), 0, safe)
        threshold = self.apply("subtract", self.constant(1), self.apply("closeness", self.input("y_pred", "element")))
        is_large = self.apply("less", threshold, share, name="is_large")
        rest = self.apply("select", is_large, others, self.constant(0))
        quotient = self.values[share].definition
        assert isinstance(quotient, Apply)
        first, second = quotient.operands
        small = stable_forms.log_of_quotient(self, share, first, second, safe)
        result = self.apply("select", is_large, self.apply("log1p", self.apply("negate", rest)), small)
        return self.note(result, "the logarithm of a share close to 1 keeps no digit: log1p of what the others have")


def _base_and_exponent(factor: Expr) -> tuple[Expr, Expr]:
    """SymPy's own reading, with exponentials kept whole."""
    return (factor, sympy.Integer(1)) if isinstance(factor, sympy.exp) else factor.as_base_exp()  # type: ignore[return-value]
