"""Mathematics for people: nodes and atoms become ordinary SymPy, which prints as LaTeX and as Unicode."""

from __future__ import annotations

from collections.abc import Callable

import sympy
from sympy import Expr, Function, Symbol
from sympy.core.basic import Basic

from symloss import atoms
from symloss.declare import (
    ClassLabel,
    Delta,
    Element,
    Index,
    LogSoftmax,
    LogSumExp,
    Loss,
    Norm,
    Softmax,
    Total,
    Unit,
    clamp,
    ratio,
    stop_gradient,
)
from symloss.declare.axes import sum_over
from symloss.declare.binders import Binder, IsLargest, Largest, Restricted, Share, SoftmaxComplement
from symloss.declare.nodes import Apart, Bracket, fresh_index
from symloss.shown import Comparison, Iverson, Joined, Over

# How symloss's own names are written, unless the loss has a symbol written so.
_LETTERS = {"y_true": "y", "y_pred": "ŷ", "residual": "r", "margin": "m", "vector": "v"}
_GREEK = {"alpha", "beta", "gamma", "delta", "epsilon", "tau", "sigma", "lambda", "mu", "nu", "kappa", "theta", "rho"}
_UNICODE = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "tau": "τ",
    "sigma": "σ",
    "mu": "μ",
    "nu": "ν",
    "kappa": "κ",
    "theta": "θ",
    "rho": "ρ",
}


class Notation:
    """How a loss's symbols are written: ``latex`` and ``unicode`` of any expression over them."""

    def __init__(self, loss: Loss, *, plain: bool = False) -> None:
        self.loss = loss
        self.functions = {**_ATOMS, **_EVALUABLE} if plain else _ATOMS
        self.plain = plain
        self._open: list[Expr] = []
        own = {symbol.name for symbol in loss.symbols} | {str(getattr(symbol, "data", symbol)) for symbol in loss.where}
        self.prediction = "f" if loss.composed is not None and not plain and "f" not in own else "y_pred"
        self.letters = {
            name: letter
            for name, letter in _LETTERS.items()
            if letter not in own and (name in ("y_true", "y_pred") or name not in own)
        }

    def latex(self, expression: Expr) -> str:
        """One line of LaTeX, without delimiters."""
        shown = self.shown(expression)
        names = {symbol: self._latex_name(symbol.name) for symbol in shown.free_symbols | shown.atoms(Symbol)}
        return str(sympy.latex(shown, symbol_names=names, order="none", mul_symbol=r" \, "))

    def unicode(self, expression: Expr) -> str:
        """Two-dimensional Unicode text for a terminal."""
        shown = self.shown(expression)
        names = {
            symbol: Symbol(self._unicode_name(symbol.name), positive=symbol.is_positive)
            for symbol in shown.atoms(Symbol)
        }
        return str(sympy.pretty(shown.xreplace(names), use_unicode=True, order="none", wrap_line=False))

    def _latex_name(self, name: str) -> str:
        if " " in name:  # the last place of an axis
            return name
        base, _, index = name.partition("@")
        written = r"\hat{y}" if base == "y_pred" else self.letters.get(base)
        if written is None and base.endswith(("_slope", "_curvature")):
            stem, _, suffix = base.rpartition("_")
            written = self._latex_name(stem) + ("'" if suffix == "slope" else "''")
        if written is None:
            written = (
                rf"\{base}" if base in _GREEK else base if len(base) == 1 else rf"\mathrm{{{base}}}".replace("_", r"\_")
            )
        letters = [self._latex_name(letter) for letter in index.split(",") if letter]
        return f"{written}_{{{' '.join(letters)}}}" if letters else written

    def _unicode_name(self, name: str) -> str:
        base, _, index = name.partition("@")
        written = self.letters.get(base)
        for suffix, primes in (("_slope", "′"), ("_curvature", "″")):
            if base.endswith(suffix):
                written = self._unicode_name(base.removesuffix(suffix)) + primes
        written = written or _UNICODE.get(base, base)
        return f"{written}[{self._unicode_name(index)}]" if index else written

    # -- conversion ------------------------------------------------------------------------------------------------

    def shown(self, node: Basic) -> Expr:
        """The expression in ordinary SymPy."""
        if isinstance(node, sympy.Dummy):
            return node  # type: ignore[return-value]
        if isinstance(node, Symbol):
            name = self.prediction if node.name == "y_pred" else node.name
            return (
                Symbol(name, real=True)
                if self.plain
                else Symbol(name, positive=node.is_positive, integer=node.is_integer)
            )
        if isinstance(node, Element):
            return Symbol(self._entry_name(node), real=True)
        if isinstance(node, Index):
            return Symbol(node.letter, integer=True)
        if isinstance(node, Apart | Bracket):
            return Iverson(self._comparison(node))
        if isinstance(node, Delta):
            return sympy.KroneckerDelta(*[self.shown(argument) for argument in node.args])
        if isinstance(node, Binder):
            return self._binder(node)
        if isinstance(node, atoms.perpendicular):
            return self.shown(across(*node.args))  # type: ignore[arg-type]
        if type(node) in self.functions:
            return self.functions[type(node)](*[self.shown(argument) for argument in node.args])
        if isinstance(node, sympy.Eq):
            return sympy.Eq(*[self.shown(argument) for argument in node.args], evaluate=False)  # type: ignore[return-value]
        if not node.args:
            return node  # type: ignore[return-value]
        return node.func(*[self.shown(argument) for argument in node.args])  # type: ignore[return-value]

    def _entry_name(self, entry: Element) -> str:
        base = self.prediction if entry.data.name == "y_pred" else entry.data.name
        return f"{base}@{','.join(map(self._index_name, entry.indices))}"

    def _index_name(self, index: Expr) -> str:
        if isinstance(index, Element):
            return self._entry_name(index)
        return index.letter if isinstance(index, Index) else index.name  # type: ignore[attr-defined,no-any-return]

    def _comparison(self, node: Expr) -> Expr:
        """A bracket's condition, not evaluated."""
        if not isinstance(node, Bracket):
            return Comparison(*map(self.shown, node.args), Symbol("!="))
        return self._condition(node.condition)

    def _condition(self, condition: Basic) -> Expr:
        if isinstance(condition, sympy.And | sympy.Or):
            return Joined(Symbol(type(condition).__name__.lower()), *map(self._condition, condition.args))
        return Comparison(*map(self.shown, condition.args), Symbol(condition.rel_op))  # type: ignore[attr-defined]

    def _restricted(self, body: Expr, index: Expr) -> tuple[Expr, list[Expr]]:
        """A body and the conditions on the index that brackets in it put."""
        flags, inner = body.args if isinstance(body, Restricted) else (body, None)
        masks = [part for part in sympy.Mul.make_args(flags) if isinstance(part, Apart | Bracket) and part.has(index)]
        rest = sympy.Mul(*[part for part in sympy.Mul.make_args(flags) if part not in masks])
        if inner is not None and rest != 1:
            masks.append(rest)
        return rest if inner is None else inner, masks  # type: ignore[return-value]

    def _over(self, operator: str, body: Expr, index: Index, change: Callable[[Expr], Expr] = lambda x: x) -> Expr:
        """An operator over an index, with the conditions below it."""
        inner, masks = self._restricted(body, index)
        self._open.append(index)
        conditions = [
            self._comparison(mask) if isinstance(mask, Apart | Bracket) else self.shown(mask) for mask in masks
        ]
        shown = change(self.shown(inner))
        self._open.pop()
        return Over(Symbol(operator), Symbol(index.letter, integer=True), shown, *conditions)

    def _extreme(self, prefix: str, body: Expr, index: Index) -> tuple[Expr, int]:
        """A maximum, or the minimum of the opposite and the sign that this leaves."""
        score = self._restricted(body, index)[0]
        if score.as_coeff_Mul()[0].is_negative:
            return self._over(f"{prefix}min", body.xreplace({score: -score}), index), -1
        return self._over(f"{prefix}max", body, index), 1

    def _inside(self, node: Binder, index: Expr) -> Expr:
        """The body, shown; letters in use outside are not given to sums inside."""
        self._open.append(index)
        shown = self.shown(node.body(index))
        self._open.pop()
        return shown

    def _ends(self, axis: Expr) -> tuple[int, Expr]:
        """The first and the last place of an axis, counted as class labels are."""
        if not isinstance(self.loss.y_true, ClassLabel):
            return 1, axis
        return 0, axis - 1 if self.plain else Symbol(f"{axis} - 1", integer=True)

    def _conditional(self, node: Binder, index: Index) -> Expr | None:
        """Maxima, and what runs over the places that satisfy a condition; None for everything else."""
        body = node.body(index)
        if isinstance(node, Largest):
            return sympy.Mul(*self._extreme("", body, index))
        if isinstance(node, IsLargest):
            return Iverson(Comparison(self.shown(node.at), self._extreme("arg", body, index)[0], Symbol("==")))
        if not self._restricted(body, index)[1]:
            return None
        whole = self._over("sum", body, index, (lambda x: x) if isinstance(node, Total) else sympy.exp)
        match node:
            case Total():
                return whole
            case LogSumExp():
                return sympy.log(whole)
            case Softmax() | SoftmaxComplement():
                own, masks = self._restricted(node.body(node.at), node.at)
                share = sympy.Mul(*map(self.shown, masks), sympy.exp(self.shown(own)) / whole, evaluate=False)
                return share if isinstance(node, Softmax) else 1 - share
            case LogSoftmax():
                return self.shown(self._restricted(node.body(node.at), node.at)[0]) - sympy.log(whole)
        return None

    def _binder(self, node: Binder) -> Expr:
        index = fresh_index(node.axis, node, *self._open)
        special = self._conditional(node, index)
        if special is not None:
            return special
        letter, body = Symbol(index.letter, integer=True), self._inside(node, index)
        places = (letter, *self._ends(node.axis))
        match node:
            case Total():
                return sympy.Sum(body, places)
            case LogSumExp():
                return sympy.log(sympy.Sum(sympy.exp(body), places))
            case Norm():
                return sympy.sqrt(sympy.Sum(body**2, places))
        own = self._inside(node, node.at)
        whole = sympy.Sum(sympy.exp(body), places)
        match node:
            case Softmax():
                return sympy.exp(own) / whole if self.plain else Function("softmax")(own)
            case SoftmaxComplement():
                return 1 - (sympy.exp(own) / whole if self.plain else Function("softmax")(own))
            case LogSoftmax():
                return own - sympy.log(whole)
            case Unit():
                return own / sympy.sqrt(sympy.Sum(body**2, places))
            case Share():
                return own / sympy.Sum(body, places)
        raise TypeError(f"no notation for {type(node).__name__}")


def across(u: Unit, v: Unit) -> Expr:
    """``u - (u . v) v`` with the sum written out."""
    index = fresh_index(u.axis, u, v)
    return u - sum_over(index, u.func(*u.args[:2], index) * v.func(*v.args[:2], index)) * v


def _quotient(a: Expr, b: Expr) -> Expr:
    return a / b


_ATOMS = {
    **atoms.TEXTBOOK,
    atoms.softplus: Function("softplus"),
    atoms.sigmoid: Function("sigma"),
    atoms.sign_of: Function("sign"),
    atoms.maximum: Function("max"),
    atoms.minimum: Function("min"),
    atoms.ratio_excess: lambda a, b: a / b - 1 - sympy.log(a / b),
    atoms.hypotenuse_gain: lambda a, b: b * (sympy.sqrt(a**2 + b**2) - b),
    atoms.hypotenuse_leg: lambda a, b: a * b / sympy.sqrt(a**2 + b**2),
    atoms.one_minus_over: lambda c, q, n: 1 - c / q**n,
    atoms.sigmoid_minus_label: lambda x, c: Function("sigma")(x) - c,
    atoms.labelled_softplus: lambda x, c: c * Function("softplus")(-x) + (1 - c) * Function("softplus")(x),
    atoms.sigmoid_contrast: lambda x, p, q: p * Function("sigma")(x) - q * Function("sigma")(-x),
    atoms.with_rounding_error: lambda result, slope, residual: result,
    atoms.exp_minus_product: lambda u, a, b: sympy.exp(u) - a * b,
    atoms.softmax_minus_label: lambda s, c: s - c,
    atoms.unit_rest: lambda v: 1 - v**2,
    atoms.difference: lambda a, b: a - b,
    atoms.sum_of_others: lambda whole, own, share: whole - own,
    atoms.exp_difference: lambda a, y, b: sympy.exp(a) - y * sympy.exp(b),
    atoms.over: _quotient,
    atoms.finite_over: _quotient,
    atoms.power_quotient: lambda b, e, n, u: u * b ** (e - n),
    clamp: Function("clip"),
    ratio: _quotient,
    stop_gradient: Function("sg"),
}
# What a page says of the functions that it uses and a reader may not know.
DEFINED: dict[type[Basic], str] = {
    atoms.sigmoid: r"\sigma(x) = \frac{1}{1 + e^{-x}}",
    atoms.softplus: r"\operatorname{softplus}(x) = \log(1 + e^x)",
    Softmax: r"\operatorname{softmax}(f_j) = \frac{e^{f_j}}{\sum_k e^{f_k}}",
    stop_gradient: r"\operatorname{sg}(x) = x \text{, a constant for the derivative}",
    clamp: r"\operatorname{clip}(x, a, b) = \min(\max(x, a), b) \text{, differentiated at the limited point}",
}
_EVALUABLE = {
    **atoms.TEXTBOOK,
    atoms.sigmoid_minus_label: lambda x, c: 1 / (1 + sympy.exp(-x)) - c,
    atoms.labelled_softplus: lambda x, c: c * sympy.log(1 + sympy.exp(-x)) + (1 - c) * sympy.log(1 + sympy.exp(x)),
    atoms.sigmoid_contrast: lambda x, p, q: p / (1 + sympy.exp(-x)) - q / (1 + sympy.exp(x)),
    stop_gradient: lambda x: x,
    clamp: lambda x, lower, upper: sympy.Min(sympy.Max(x, lower), upper),
}
