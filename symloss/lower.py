"""From mathematics to a kernel: the last module on the code path that sees SymPy.

The order of operations is decided here, because it is part of the result: equal exponents are taken together
(``(r/k)**2``), quotients are divided step by step, masks are selected and never multiplied.
"""

from __future__ import annotations

from fractions import Fraction

import sympy
from sympy import Expr, Symbol
from sympy.core import relational
from sympy.core.basic import Basic
from sympy.logic import boolalg

from symloss import stable_forms
from symloss.declare import Axis, ClassLabel, Delta, Element, Index, Loss, Node, Total
from symloss.derive import Definition, Derivation
from symloss.errors import UnsupportedError
from symloss.kernel import Apply, Constant, Input, Kernel, Value, result_kind

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
    sympy.digamma: "digamma",
}
_RELATIONS = {
    relational.StrictLessThan: ("less", False),
    relational.LessThan: ("less_equal", False),
    relational.StrictGreaterThan: ("less", True),
    relational.GreaterThan: ("less_equal", True),
    relational.Equality: ("equal", False),
    relational.Unequality: ("not_equal", False),
}
_LONGEST_PRODUCT = 4  # powers up to here are products, which round less than pow


def lower(derivation: Derivation) -> Kernel:
    """The kernel that computes value, gradient and Hessian (and its product with a vector over an axis)."""
    lowering = Lowering(derivation)
    outputs = {
        "value": lowering.lower(derivation.value),
        "gradient": lowering.filled(derivation.gradient),
        "hessian": lowering.filled(derivation.hessian),
    }
    if derivation.hessian_vector_product is not None:
        outputs["hessian_vector_product"] = lowering.filled(derivation.hessian_vector_product)
    if derivation.prediction is not None:
        outputs["prediction"] = lowering.filled(derivation.prediction)
    if derivation.start_statistic is not None:
        outputs["start_statistic"] = lowering.lower(derivation.start_statistic)
    return Kernel(derivation.loss.name, not derivation.loss.is_elementwise, tuple(lowering.values), outputs)


class Lowering:
    """Value numbering: an expression, an operation on the same operands, is computed once."""

    def __init__(self, derivation: Derivation) -> None:
        self.loss: Loss = derivation.loss
        self.values: list[Value] = []
        self.definitions: dict[str, Definition] = {item.symbol.name: item for item in derivation.definitions}
        self.names: dict[Basic, str] = {self._without_letters(part): name for part, name in derivation.names}
        self._numbers: dict[Input | Constant | Apply, int] = {}
        self._expressions: dict[Basic, int] = {}

    # -- building blocks -------------------------------------------------------------------------------------

    def apply(self, operation: str, *operands: int, name: str = "") -> int:
        """The position of an operation's result."""
        kind = result_kind(operation, [self.values[operand].kind for operand in operands])
        return self._record(Apply(operation, operands), kind, name)

    def constant(self, number: Fraction | float) -> int:
        """The position of a constant."""
        exact = Fraction(number) if isinstance(number, int) else number
        return self._record(Constant(exact), "parameter", "")

    def input(self, name: str, kind: str) -> int:
        """The position of an input."""
        return self._record(Input(name, kind), kind, name)

    def _record(self, definition: Input | Constant | Apply, kind: str, name: str) -> int:
        if definition in self._numbers:
            position = self._numbers[definition]
            known = self.values[position]
            if name and not known.name:
                self.values[position] = Value(known.definition, known.kind, name)
            return position
        self.values.append(Value(definition, kind, name))
        self._numbers[definition] = len(self.values) - 1
        return len(self.values) - 1

    def name(self, position: int, name: str, *, by_author: bool = False) -> int:
        """Give a computed value a name; the author's names win over those of stable forms."""
        known = self.values[position]
        if isinstance(known.definition, Apply) and (by_author or not known.name):
            self.values[position] = Value(known.definition, known.kind, name)
        return position

    def named(self, expression: Expr, name: str) -> int:
        """Lower an expression that the author named."""
        return self.name(self.lower(expression), name, by_author=True)

    def filled(self, expression: Expr) -> int:
        """Lower a derivative; a constant or per-row one is filled into the shape of y_pred."""
        position = self.lower(expression)
        if self.values[position].kind != "element":
            position = self.apply("fill", position, self.input("y_pred", "element"))
        return position

    # -- expressions -----------------------------------------------------------------------------------------

    def lower(self, expression: Basic) -> int:
        """The position of an expression's value."""
        key = self._without_letters(expression)
        if key not in self._expressions:
            self._expressions[key] = self._lower(expression)
            if key in self.names:
                self.name(self._expressions[key], self.names[key], by_author=True)
        return self._expressions[key]

    def _without_letters(self, expression: Basic) -> Basic:
        """At most one index is free at a time, and every index means 'this entry'."""
        letters = {index for index in expression.atoms(Index) if not index.letter.startswith("_")}
        if len(letters) > 1:
            raise UnsupportedError(
                f"{expression} couples entries {', '.join(sorted(item.letter for item in letters))} along one axis; "
                "sum over one of them first"
            )
        return expression.xreplace({index: index.axis.index("k") for index in letters})

    def _lower(self, expression: Basic) -> int:
        if isinstance(expression, Expr) and expression.is_number:
            return self._number(expression)
        if isinstance(expression, Axis):
            return self.apply("axis_size", self.input("y_pred", "element"), name="size")
        if isinstance(expression, Symbol):
            return self._symbol(expression)
        if isinstance(expression, Element):
            return self._element(expression)
        if isinstance(expression, Delta):
            return self.apply("select", self._label_flag(), self.constant(1), self.constant(0), name="one_hot")
        form = stable_forms.FORMS.get(type(expression))
        if form is not None:
            return form(self, expression)
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

    def _number(self, expression: Expr) -> int:
        if isinstance(expression, sympy.Rational):
            return self.constant(Fraction(int(expression.p), int(expression.q)))
        return self.constant(float(expression.evalf(30)))

    def _symbol(self, symbol: Symbol) -> int:
        if symbol.name in self.definitions:
            definition = self.definitions[symbol.name]
            return self.named(definition.expression, definition.symbol.name)
        if symbol.name == "y_true" and isinstance(self.loss.y_true, ClassLabel):
            return self.input(symbol.name, "row")
        if symbol.name in {item.name for item in self.loss.parameters}:
            return self.input(symbol.name, "parameter")
        return self.input(symbol.name, "element" if self.loss.is_elementwise else "row")

    def _element(self, element: Element) -> int:
        definition = self.definitions.get(element.data.name)
        if definition is not None:
            entry = definition.expression.xreplace({definition.index: element.index})
            return self.named(entry, element.data.name)
        entries = self.input(element.data.name, "element")
        if isinstance(element.index, Index):
            return entries
        return self.apply("take_label", entries, self.input(element.index.name, "row"))  # type: ignore[attr-defined]

    def _label_flag(self) -> int:
        entries, label = self.input("y_pred", "element"), self.input("y_true", "row")
        return self.apply("is_label", entries, label, name="is_label")

    def _sum(self, expression: sympy.Add) -> int:
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
        entries = self.lower(total.body(total.axis.index("k")))
        kept = self.apply("select", self._label_flag(), self.constant(0), entries)
        return self.apply("sum_over_axis", kept, name="all_but_label")

    def _product(self, expression: Expr) -> int:
        coefficient, rest = expression.as_coeff_Mul()
        factors = list(sympy.Mul.make_args(rest))
        masks = [factor for factor in factors if isinstance(factor, Delta)]
        if masks:
            others = sympy.Mul(coefficient, *[factor for factor in factors if factor not in masks])
            return self.apply("select", self._label_flag(), self.lower(others), self.constant(0))
        if coefficient.is_negative:
            return self.apply("negate", self.lower(-expression))
        result = self._quotient(self._factors(factors))
        return self._scaled(result, coefficient)

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
        for base, exponent in powers.items():
            if exponent.is_Integer and 0 < abs(exponent) <= _LONGEST_PRODUCT and exponent != 1:
                (top if exponent > 0 else bottom).extend([self.lower(base)] * abs(int(exponent)))
            elif exponent.could_extract_minus_sign():
                bottom.append(self.lower(base**-exponent))
            else:
                top.append(self.lower(base**exponent))
        return top, bottom

    def _quotient(self, factors: tuple[list[int], list[int]]) -> int:
        """Alternate divisions and products, so that no intermediate leaves the range the result is in."""
        top, bottom = factors
        top.sort(key=lambda position: self.values[position].kind == "parameter")
        if not bottom and len(top) > 1 and len(set(top)) == 1:
            return self._repeated(top[0], len(top))
        result = top.pop(0) if top else self.constant(1)
        while top or bottom:
            if bottom:
                result = self.apply("divide", result, bottom.pop(0))
            if top:
                result = self.apply("multiply", result, top.pop(0))
        return result

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
        if exponent.could_extract_minus_sign():
            return self._quotient(self._factors([expression]))
        if exponent.is_Integer and exponent <= _LONGEST_PRODUCT:
            return self._repeated(self.lower(base), int(exponent))
        if exponent.is_Rational and exponent.q == 2:
            root = self.apply("sqrt", self.lower(base))
            whole = int(exponent - sympy.Rational(1, 2))
            return root if whole == 0 else self.apply("multiply", self.lower(base**whole), root)
        return self.apply("power", self.lower(base), self.lower(exponent))

    def _piecewise(self, expression: sympy.Piecewise) -> int:
        *branches, last = expression.args
        result = self.lower(last.expr)
        for branch in reversed(branches):
            result = self.apply("select", self.lower(branch.cond), self.lower(branch.expr), result)
        return result

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
        operation = _FUNCTIONS.get(type(expression))
        if operation is None or isinstance(expression, Node):
            raise UnsupportedError(f"the function {type(expression).__name__} in {expression} can't be generated")
        return self.apply(operation, self.lower(expression.args[0]))

    def logarithm(self, argument: Expr, safe: int | None = None) -> int:
        """``log``, or ``log1p`` of what is added to one; where the flag ``safe`` holds the result is 0."""
        if isinstance(argument, sympy.Add) and sympy.Integer(1) in argument.args:
            operation, inside, neutral = "log1p", self.lower(argument - 1), 0
        else:
            operation, inside, neutral = "log", self.lower(argument), 1
        if safe is not None:
            inside = self.apply("select", safe, self.constant(neutral), inside)
        return self.apply(operation, inside)


def _base_and_exponent(factor: Expr) -> tuple[Expr, Expr]:
    """SymPy's own reading, with exponentials kept whole."""
    return (factor, sympy.Integer(1)) if isinstance(factor, sympy.exp) else factor.as_base_exp()  # type: ignore[return-value]
