"""A loss for a terminal or for a script."""

from __future__ import annotations

from typing import Any

from symloss.declare.domain import spelled
from symloss.display import Notation
from symloss.handle import Handle
from symloss.modules import equations, formulas, taken


def as_text(handle: Handle) -> str:
    """Formula, derivatives, kinks and parameters in Unicode."""
    loss, notation = handle.declaration, Notation(handle.declaration)
    derivation = handle._mathematics.derivation  # noqa: SLF001 - the same door
    parts = [f"{handle.name}  ({loss.family})", loss.summary, ""]
    parts += _block("loss", notation.unicode(loss.expression))
    for title, named in zip(("where", "with"), equations(derivation), strict=True):
        parts += _block(title, "\n\n".join(item.unicode for item in named)) if named else []
    parts += _block("gradient", notation.unicode(derivation.gradient))
    parts += _block("hessian", notation.unicode(derivation.hessian))
    link = loss.link.name if loss.composed is not None and loss.link is not None else "identity"
    parts += [f"y_true      {loss.y_true}", f"y_pred      {loss.y_pred}", f"link        {link}"]
    parts += [
        f"parameter   {item.name} = {spelled(item.default)} in {item.domain}: {item.meaning}"
        for item in loss.parameters
    ]
    parts += [f"extra input {item.name} in {item.domain}: {item.meaning}" for item in loss.extra_inputs]
    parts += [f"kink        {kink.jumps} jumps at {kink.at}, there it is {taken(kink)}" for kink in handle.kinks] or [
        "kinks       none"
    ]
    parts += [f"reference   {reference}" for reference in loss.references]
    return "\n".join(parts)


def _block(title: str, text: str) -> list[str]:
    return [f"{title}:", *(f"    {line}".rstrip() for line in text.splitlines()), ""]


def as_data(handle: Handle) -> dict[str, Any]:
    """The same for a script; formulas are LaTeX."""
    loss = handle.declaration
    latex = formulas(handle._mathematics.derivation)  # noqa: SLF001 - the same door
    return {
        "name": handle.name,
        "family": loss.family,
        "summary": loss.summary,
        "formula": latex["value"],
        "gradient": latex["gradient"],
        "hessian": latex["hessian"],
        "y_true": str(loss.y_true),
        "y_pred": str(loss.y_pred),
        "link": loss.link.name if loss.composed is not None and loss.link is not None else "identity",
        "parameters": [
            {"name": item.name, "default": item.default, "domain": str(item.domain), "meaning": item.meaning}
            for item in loss.parameters
        ],
        "extra_inputs": [
            {"name": item.name, "domain": str(item.domain), "meaning": item.meaning} for item in loss.extra_inputs
        ],
        "kinks": [{"at": str(kink.at), "jumps": kink.jumps, "takes": kink.takes} for kink in handle.kinks],
        "references": list(loss.references),
    }
