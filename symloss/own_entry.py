"""The own entry of a sum over a softmax apart from the others, which a confident class needs.

With ``p`` the own share and ``s = 1 - p``, an entry of a second derivative is a sum of what the own class says and of
what the others say. A class with p near 1 has large own terms that cancel down to s or s². Put together as polynomials
in s they cancel in the algebra: no digits are lost, and the others are summed without the own class.
"""

from __future__ import annotations

from collections.abc import Iterable

import sympy
from sympy import Dummy, Expr, Integer
from sympy.core.basic import Basic

from symloss.atoms import finite_over, power_quotient, sum_of_others
from symloss.declare import Index, Softmax, Total
from symloss.declare.binders import SoftmaxComplement
from symloss.simplify import homogeneous


def own_entry_apart(expression: Expr, at: Index) -> Expr:
    """The same, with own terms and those of every sum over the others in lowest terms.

    Only for powers of ``1 - softmax``, whose exponents leave nothing else to cancel them.
    """
    powers = [item for item in expression.atoms(power_quotient) if _is_own(item, at)]
    shares = {item.args[0] for item in powers}
    if len(shares) != 1:
        return expression
    return _Parting(next(iter(shares)), next(iter(powers)).args[1], at).part(expression)


def _is_own(item: power_quotient, at: Index) -> bool:
    return isinstance(item.args[0], SoftmaxComplement) and item.args[0].args[2] == at


class _Parting:
    """Symbols for the parts of one expression: p, s, a power of s, sums of the others, and whatever else there is."""

    def __init__(self, complement: Basic, exponent: Expr, at: Index) -> None:
        self.complement, self.exponent, self.at = complement, exponent, at
        self.share = Softmax(*complement.args)
        self.s, self.p = Dummy("s", positive=True), Dummy("p", positive=True)
        self.power = Dummy("power", positive=True)  # s**(exponent - 2)
        self.symbols: dict[Basic, Dummy] = {}

    def part(self, expression: Expr) -> Expr:
        bare = sympy.expand(self._bare(expression))
        sums = [symbol for node, symbol in self.symbols.items() if isinstance(node, sum_of_others)]
        collected = sympy.collect(bare, [self.power, *sums], evaluate=False, exact=False)
        return sympy.Add(*(self._put_back(key, coefficient) for key, coefficient in collected.items()))

    def _bare(self, node: Basic) -> Expr:
        """The expression as a polynomial in s, the power, the sums of others and what else there is."""
        if node == self.complement:
            return self.s
        if node == self.share:
            return 1 - self.s
        if isinstance(node, power_quotient) and node.args[0] == self.complement:
            count, factor = int(node.args[2]), node.args[3]
            return self.power * self.s ** (2 - count) * self._bare(factor)
        if isinstance(node, finite_over) and node.args[1] == self.complement:
            return self._bare(node.args[0]) / self.s
        if isinstance(node, Total):
            own = node.body(self.at)
            return self._symbol(sum_of_others(node, own, self.share)) + self._bare(own)
        if isinstance(node, sympy.Add | sympy.Mul) or (isinstance(node, sympy.Pow) and node.exp.is_Integer):
            return node.func(*map(self._bare, node.args))
        return node if node.is_number else self._symbol(node)

    def _symbol(self, node: Basic) -> Dummy:
        return self.symbols.setdefault(node, Dummy(f"x{len(self.symbols)}", real=True))

    def _put_back(self, key: Expr, coefficient: Expr) -> Expr:
        """A coefficient in lowest terms, all of one degree in p and s, and the power of s that is left."""
        lowest = sympy.factor(homogeneous(coefficient, self.s, self.p))
        shown = {symbol: node for node, symbol in self.symbols.items()}
        count = 2
        if key.has(self.power):
            rest, lowest = _without_power_of(self.s, lowest)
            count -= rest
        factored = lowest.xreplace({**shown, self.s: self.complement, self.p: self.share})
        others = (key / self.power if key.has(self.power) else key).xreplace(shown)
        if key.has(self.power):
            return power_quotient(self.complement, self.exponent, Integer(count), factored * others)
        return factored * others


def _without_power_of(s: Dummy, factored: Expr) -> tuple[int, Expr]:
    """How often s divides a factored expression, twice at most, and what is left."""
    exponents: Iterable[int] = (
        int(base_and_exponent[1])
        for factor in sympy.Mul.make_args(factored)
        if (base_and_exponent := factor.as_base_exp())[0] == s
    )
    count = min(2, sum(exponents))
    return count, factored / s**count
