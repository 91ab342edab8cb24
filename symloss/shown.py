"""What SymPy's printers lack: brackets, and sums and maxima over the indices that satisfy a condition."""

from __future__ import annotations

from typing import Any

from sympy import Expr
from sympy.core.basic import Basic

_RELATIONS = {"==": (" = ", "="), "!=": (r" \neq ", "≠"), "<": (" < ", "<"), "<=": (r" \leq ", "≤")}


class Shown(Expr):
    """Base of what is only printed; real."""

    is_commutative = True
    is_real = True

    @property
    def precedence(self) -> int:
        """Binds as a sum does, so that printers put it in parentheses inside products."""
        return 40


class Comparison(Shown):
    """``a < b`` and its relatives, unevaluated; ``args`` are the two sides and the relation's name."""

    def _latex(self, printer: Any) -> str:
        left, right, relation = self.args
        return printer.doprint(left) + _RELATIONS[str(relation)][0] + printer.doprint(right)  # type: ignore[no-any-return]

    def _sympystr(self, printer: Any) -> str:
        left, right, relation = self.args
        return f"{printer.doprint(left)} {_RELATIONS[str(relation)][1]} {printer.doprint(right)}"

    def _pretty(self, printer: Any) -> Any:
        left, right, relation = self.args
        return _row(printer, left, f" {_RELATIONS[str(relation)][1]} ", right)


class Joined(Shown):
    """Conditions of which one holds, or all; ``args`` are "or" or "and" and the conditions."""

    def _latex(self, printer: Any) -> str:
        word, *parts = self.args
        return rf" \text{{ {word} }} ".join(map(printer.doprint, parts))

    def _pretty(self, printer: Any) -> Any:
        word, *parts = self.args
        return _row(printer, *_separated(parts, f" {word} "))


class Iverson(Shown):
    """``[condition, …]``: one where all conditions hold."""

    precedence = 1000  # type: ignore[assignment]

    def _latex(self, printer: Any) -> str:
        return r"\left[" + r",\ ".join(map(printer.doprint, self.args)) + r"\right]"

    def _pretty(self, printer: Any) -> Any:
        inside = _row(printer, *_separated(self.args, ", "))
        from sympy.printing.pretty.stringpict import prettyForm

        return prettyForm(*inside.parens("[", "]"))


# How LaTeX writes the operators over an index.
_OPERATORS = {
    "sum": r"\sum",
    "max": r"\max",
    "min": r"\min",
    "argmax": r"\operatorname*{arg\,max}",
    "argmin": r"\operatorname*{arg\,min}",
}


class Over(Shown):
    """``Σ``, ``max`` or another operator over the places of an index that satisfy conditions.

    ``args`` are the operator's name, the index, the body and the conditions.
    """

    def _latex(self, printer: Any) -> str:
        operator, index, body, *conditions = self.args
        sign = _OPERATORS[str(operator)]
        below = printer.doprint(index)
        if conditions:
            below += r"\,:\, " + r",\ ".join(map(printer.doprint, conditions))
        text = printer.doprint(body)
        return rf"{sign}_{{{below}}} " + (rf"\left({text}\right)" if body.is_Add else text)

    def _pretty(self, printer: Any) -> Any:
        operator, index, body, *conditions = self.args
        below = _row(printer, index, *([" : "] if conditions else []), *_separated(conditions, ", "))
        from sympy.printing.pretty.stringpict import prettyForm

        sign = prettyForm("Σ" if str(operator) == "sum" else str(operator))
        inside = printer._print(body)  # noqa: SLF001 - how SymPy's printers nest
        if body.is_Add:
            inside = prettyForm(*inside.parens())
        return prettyForm(*prettyForm(*sign.below(below)).right(" ", inside))


def _separated(items: Any, text: str) -> list[Any]:
    listed: list[Any] = []
    for item in items:
        listed += [text, item] if listed else [item]
    return listed


def _row(printer: Any, *parts: Basic | str) -> Any:
    from sympy.printing.pretty.stringpict import prettyForm

    forms = [prettyForm(part) if isinstance(part, str) else printer._print(part) for part in parts]  # noqa: SLF001
    return prettyForm(*prettyForm.next(*forms))
