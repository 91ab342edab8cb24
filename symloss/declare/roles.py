"""The same loss with another argument in the place of y_pred, so that it is what everything is derived by."""

from __future__ import annotations

from dataclasses import replace

from sympy import Expr, Symbol

from symloss.declare.domain import ClassLabel, Domain, Identifiers, Signs, Simplex, Vectors, unit
from symloss.declare.loss import ExtraInput, Loss
from symloss.declare.nodes import Data
from symloss.errors import DeclarationError


def with_respect_to(loss: Loss, name: str) -> Loss:
    """The loss as a function of another argument: a parameter, an extra input or ``y_true``.

    That argument is called y_pred in what is made of the result, where a parameter is a value per sample. What was
    y_pred is y_true where those two change places, and else an extra input ``prediction`` (``predicted`` where the
    declaration has that name already). The expression is the
    same, so the derivative by y_pred of the result is the derivative by ``name`` of the loss. Raises
    DeclarationError for a name that the loss lacks, and for labels, which have no derivative.
    """
    domain = _domain_of(loss, name)
    if isinstance(domain, ClassLabel | Identifiers | Signs):
        raise DeclarationError(f"{loss.name}: {name} is a label, so there is no derivative with respect to it")
    place = "y_true" if name == "y_true" else _free_name(loss)
    moved = {_symbol(loss, "y_pred"): Data(place), _symbol(loss, name): Data("y_pred")}

    def exchanged(expression: Expr) -> Expr:
        return expression.xreplace(moved)  # type: ignore[no-any-return]

    return replace(
        loss,
        name=f"{loss.name}_by_{name}",
        summary=f"{loss.summary} As a function of {name}, which is in the place of y_pred.",
        expression=exchanged(loss.expression),
        where={exchanged(key): exchanged(part) for key, part in loss.where.items()},
        y_true=loss.y_pred if name == "y_true" else loss.y_true,
        y_pred=Vectors(domain.axis, unit) if isinstance(domain, Simplex) else domain,
        parameters=tuple(item for item in loss.parameters if item.name != name),
        extra_inputs=(
            *(item for item in loss.extra_inputs if item.name != name),
            *(() if name == "y_true" else (ExtraInput(Data(place), loss.y_pred, "what is predicted"),)),
        ),
        link=None,
        forms={},
        fixed_by_link={},
        keras=None,
        torch=None,
        composed=None,
        minimiser=None,
    )


def _free_name(loss: Loss) -> str:
    taken = {symbol.name for symbol in loss.symbols} | {str(getattr(symbol, "data", symbol)) for symbol in loss.where}
    free = [name for name in ("prediction", "predicted") if name not in taken]
    if not free:
        raise DeclarationError(
            f"{loss.name} has arguments 'prediction' and 'predicted', so y_pred can't be called either"
        )
    return free[0]


def _domain_of(loss: Loss, name: str) -> Domain:
    domains: dict[str, Domain] = {"y_true": loss.y_true}
    domains |= {item.name: item.domain for item in loss.parameters}
    domains |= {item.name: item.domain for item in loss.extra_inputs}
    if name not in domains:
        raise DeclarationError(f"{loss.name} has no argument {name!r} besides y_pred; it has {', '.join(domains)}")
    return domains[name]


def _symbol(loss: Loss, name: str) -> Symbol:
    return next(symbol for symbol in loss.symbols if symbol.name == name)
