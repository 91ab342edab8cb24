"""A loss whose further inputs are predicted too, as a function of one raw score with the others given."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sympy import Expr, Symbol

from symloss.declare.domain import real
from symloss.declare.link import Link
from symloss.declare.loss import ExtraInput, Loss
from symloss.declare.nodes import Data

FIRST = "prediction"  # what y_pred is called beside other outputs


@dataclass(frozen=True)
class Output:
    """One predicted parameter: its name, its link (None: the identity), and the loss as a function of its raw score.

    In that loss the score is y_pred, and the other outputs are extra inputs ``raw_<name>``.
    """

    name: str
    link: Link | None
    loss: Loss

    @property
    def raw_name(self) -> str:
        """What its raw score is called."""
        return f"raw_{self.name}"


def outputs_of(loss: Loss) -> tuple[Output, ...]:
    """Every predicted parameter of a loss that has several; nothing for a loss with one."""
    declared = loss if loss.composed is None else loss.composed
    further = [item for item in declared.extra_inputs if item.link is not None]
    if not further:
        return ()
    links = {FIRST: declared.link} | {item.name: item.link for item in further}
    return tuple(Output(name, link, _by_raw_score(declared, links, name)) for name, link in links.items())


def _by_raw_score(loss: Loss, links: dict[str, Link | None], name: str) -> Loss:
    """The loss as a function of one raw score."""
    symbols = {symbol.name: symbol for symbol in loss.symbols}
    given = {other: Symbol(f"raw_{other}", real=True) for other in links if other != name}
    scores = {name: Data("y_pred")} | given
    natural = {
        symbols["y_pred" if other == FIRST else other]: _inverse(link, scores[other]) for other, link in links.items()
    }

    def composed(expression: Expr) -> Expr:
        return expression.xreplace(natural)  # type: ignore[no-any-return]

    kept = tuple(item for item in loss.extra_inputs if item.name not in links)
    raws = tuple(ExtraInput(symbol, real, f"raw score of {other}") for other, symbol in given.items())
    return replace(
        loss,
        name=f"{loss.name}_by_{name}",
        expression=composed(loss.expression),
        where={key: composed(part) for key, part in loss.where.items()},
        y_pred=real,
        extra_inputs=(*kept, *raws),
        link=None,
        forms={},
        fixed_by_link={},
        keras=None,
        torch=None,
        composed=None,
        minimiser=None,
    )


def _inverse(link: Link | None, score: Symbol) -> Expr:
    return score if link is None else link.inverse(score, None, None)  # type: ignore[arg-type]
