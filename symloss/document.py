"""The LaTeX of a loss: the same mathematics that the code computes, with the steps that lead to it.

Every step is checked to equal the one before it, at several points and forty digits, before it is printed.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from sympy import Expr

from symloss.declare import Arrays, Identifiers, Interval, Rising, Signs, Vectors
from symloss.declare.domain import ClassLabel, Domain, Simplex, spelled
from symloss.declare.nodes import Element
from symloss.derive import Derivation
from symloss.display import DEFINED, Notation
from symloss.errors import DeclarationError
from symloss.evaluate import Reader, numbers, points
from symloss.modules import Mathematics, Provenance, certificate_lines, is_readable, taken
from symloss.templating import render

_AGREEMENT = 1e-25


def fragment(mathematics: Mathematics, provenance: Provenance) -> str:
    """LaTeX to input into a document that loads amsmath, amssymb and graphicx."""
    return render("docs/fragment.jinja", **_values(mathematics, provenance))


def pages(mathematics: Mathematics, provenance: Provenance) -> dict[str, str]:
    """The fragment, and a document that inputs it, by the names of their files."""
    name, values = mathematics.loss.name, _values(mathematics, provenance)
    return {
        f"{name}.tex": render("docs/fragment.jinja", **values),
        f"{name}_document.tex": render("docs/document.jinja", **values),
    }


def _values(mathematics: Mathematics, provenance: Provenance) -> dict[str, Any]:
    derivation, loss = mathematics.derivation, mathematics.loss
    notation = Notation(loss)
    variable = notation.latex(_variable(derivation))
    declared, derived = mathematics.lines
    return {
        "name": loss.name,
        "title": escaped(loss.name.replace("_", " ").capitalize()),
        "summary": escaped(loss.summary),
        "origin": provenance.origin,
        "command": provenance.command,
        "source_hash": provenance.source_hash,
        "forms": provenance.forms,
        "target": "docs",
        "definition": notation.latex(loss.expression),
        "where": declared,
        "intermediates": derived,
        "true_domain": _domain(loss.y_true),
        "pred_domain": _domain(loss.y_pred),
        "true_name": notation.latex(loss.true_symbol),
        "pred_name": notation.latex(loss.pred_symbol),
        "parameters": [
            {
                "symbol": notation.latex(item.symbol),
                "default": spelled(item.default),
                "domain": _domain(item.domain),
                "meaning": escaped(item.meaning),
            }
            for item in loss.parameters
        ],
        "extras": [
            {"symbol": notation.latex(item.symbol), "domain": _domain(item.domain), "meaning": escaped(item.meaning)}
            for item in loss.extra_inputs
        ],
        "link": loss.link.name if loss.composed is not None and loss.link is not None else None,
        "prediction": notation.latex(derivation.prediction) if derivation.prediction is not None else None,
        "functions": _functions(derivation),
        "variable": variable,
        "gradient": steps(derivation, "gradient"),
        "hessian": steps(derivation, "hessian") if is_readable(derivation.hessian) else [],
        "product": None
        if derivation.hessian_vector_product is None
        else notation.latex(derivation.hessian_vector_product),
        "kinks": [
            {"at": notation.latex(kink.at), "jumps": kink.jumps, "takes": taken(kink)} for kink in mathematics.kinks
        ],
        "stable": notation.latex(derivation.value),
        "rules": [escaped(rule) for rule in derivation.rules],
        "accuracy": [escaped(line) for line in certificate_lines(provenance.certificate)],
        "references": [escaped(reference) for reference in loss.references],
    }


def _functions(derivation: Derivation) -> list[str]:
    """Definitions of the special functions that the page shows."""
    shown = [derivation.loss.full_expression, derivation.value, *derivation.steps["gradient"]]
    shown += [*derivation.steps["hessian"], *(item.expression for item in derivation.definitions)]
    shown += [part for part, _ in derivation.names]
    return [text for kind, text in DEFINED.items() if any(expression.has(kind) for expression in shown)]


def _variable(derivation: Derivation) -> Expr:
    loss = derivation.loss
    return Element(loss.pred_symbol, *derivation.indices) if derivation.indices else loss.pred_symbol


def steps(derivation: Derivation, part: str) -> list[str]:
    """The distinct forms of a derivative, each checked equal to the previous one."""
    forms = [derivation.spelled_out(form) for form in derivation.steps[part]]
    check_equal(derivation, part, forms)
    notation = Notation(derivation.loss)
    shown = [notation.latex(form) for form in derivation.steps[part]]
    return list(dict.fromkeys(shown))


def check_equal(derivation: Derivation, part: str, forms: list[Expr]) -> None:
    """Raise DeclarationError if two forms differ at a sampled point."""
    if len(forms) < 2:
        return
    reader = Reader(derivation.loss)
    for values in points(derivation.loss):
        for before, after in pairwise(numbers(forms, reader, values)):
            if abs(before - after) > _AGREEMENT * (1 + abs(before)):
                raise DeclarationError(
                    f"{derivation.loss.name}: two forms of the {part} differ at {values}: {before} and {after}"
                )


def _domain(domain: Domain) -> str:
    match domain:
        case Interval():
            text = str(domain)
            return r"\mathbb{R}" if text == "real" else text.replace("oo", r"\infty")
        case Signs():
            return r"\{-1, 1\}"
        case Simplex():
            return rf"[0, 1]^{{{domain.axis}}},\ \text{{summing to }} 1"
        case ClassLabel():
            return rf"\{{0, \dots, {domain.axis} - 1\}}"
        case Rising():
            return rf"{_domain(domain.entries)}^{{{domain.axis}}},\ \text{{rising}}"
        case Vectors():
            entries = _domain(domain.entries)
            return rf"{entries}^{{{domain.axis}}}"
        case Arrays():
            return _domain(domain.entries) + _power(domain.axes)
        case Identifiers():
            return r"\mathbb{Z}" + _power(domain.axes)


def _power(axes: tuple[str, ...]) -> str:
    return "^{" + r" \times ".join(axes) + "}"


_SPECIAL = re.compile(r"[&%$#_{}]")


def escaped(text: str) -> str:
    """Plain text for LaTeX."""
    return _SPECIAL.sub(lambda match: "\\" + match.group(), text).replace("~", r"\textasciitilde{}")
