"""An elementwise loss as the analysis sees it: derivatives on stable atoms, ranges of its symbols, points to try."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import product

import mpmath
import numpy as np
import sympy
from sympy import Expr, Integer, Symbol

from symloss.analyse.numbers import Numbers, evaluate
from symloss.analyse.ranges import Range, Ranges, range_of
from symloss.declare import ExtraInput, Loss, Parameter, Signs
from symloss.declare.domain import Domain, Interval, entries_of
from symloss.derive import Chain
from symloss.evaluate import Reader, numbers
from symloss.intermediates import name_intermediates
from symloss.kinks import Kink
from symloss.modules import Mathematics

_SCORES = np.concatenate([[0.0], *(sign * np.geomspace(1e-6, 1e6, 97) for sign in (-1, 1))])
_FAR = np.concatenate([sign * np.geomspace(1e7, 1e300, 40) for sign in (-1, 1)])
_LOGITS = np.linspace(-700, 700, 281)
_MOST_SETTINGS = 40


@dataclass(frozen=True)
class Case:
    """Labels for which the derivatives are looked at by themselves: ``given`` are the labels put in."""

    given: Mapping[Symbol, Expr]

    def of(self, expression: Expr) -> Expr:
        """The expression for these labels."""
        return expression.xreplace(dict(self.given))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Landscape:
    """One elementwise form, with what its symbols may be."""

    mathematics: Mathematics

    @property
    def loss(self) -> Loss:
        """The declaration of the form."""
        return self.mathematics.loss

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.loss)

    @cached_property
    def _chain(self) -> tuple[Expr, Expr, Expr]:
        expression, definitions, _ = name_intermediates(self.loss, [])
        chain = Chain(self.loss, definitions, [])
        gradient = chain.derivative(expression)
        parts = (expression, gradient, chain.derivative(gradient))
        spelled = list(parts)
        for item in reversed(chain.definitions):
            spelled = [part.xreplace({item.symbol: item.expression}) for part in spelled]
        return spelled[0], spelled[1], spelled[2]

    @property
    def value(self) -> Expr:
        """The loss on stable atoms, without named intermediates."""
        return self._chain[0]

    @property
    def gradient(self) -> Expr:
        """Its derivative, almost everywhere."""
        return self._chain[1]

    @property
    def hessian(self) -> Expr:
        """Its second derivative, almost everywhere."""
        return self._chain[2]

    @cached_property
    def residual(self) -> Expr | None:
        """``y_pred - y_true``, where the loss depends on the two by their difference alone."""
        true, pred = self.loss.true_symbol, self.loss.pred_symbol
        if isinstance(self.loss.y_true, Signs) or true not in self.value.free_symbols:
            return None
        shift = sympy.Dummy("r", real=True)
        moved = sympy.expand_mul(self.value.xreplace({pred: true + shift})).replace(
            lambda node: isinstance(node, sympy.Add), sympy.expand
        )
        return None if moved.has(true) else pred - true

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """Both signs where labels are signs; else the labels as they are."""
        if isinstance(self.loss.y_true, Signs):
            return tuple(Case({self.loss.true_symbol: Integer(sign)}) for sign in (-1, 1))
        return (Case({}),)

    @cached_property
    def ranges(self) -> Ranges:
        """What every symbol may be."""
        return {symbol: Range.of(entries_of(domain)) for symbol, domain in self._domains.items()}

    @cached_property
    def defaults(self) -> dict[Symbol, Expr]:
        """The default of every parameter, as an exact number."""
        by_name = {item.name: sympy.nsimplify(item.default, rational=True) for item in self.loss.parameters}
        return {symbol: by_name[symbol.name] for symbol in self.loss.symbols if symbol.name in by_name}

    @cached_property
    def _domains(self) -> dict[Symbol, Domain]:
        items: list[Parameter | ExtraInput] = [*self.loss.parameters, *self.loss.extra_inputs]
        domains = [self.loss.y_true, self.loss.y_pred, *(item.domain for item in items)]
        return dict(zip(self.loss.symbols, domains, strict=True))

    def range_of(self, expression: Expr) -> Range:
        """Over all labels, predictions and parameters."""
        return reduce(Range.united, [range_of(case.of(expression), self.ranges) for case in self.cases])

    def range_at_defaults(self, expression: Expr) -> Range:
        """Over all labels and predictions, with the parameters at their defaults."""
        return self.range_of(expression.xreplace(self.defaults))

    def opened(self, expression: Expr) -> Expr:
        """A formula in the parameters without sizes and comparisons that their domains decide."""
        typed = expression.xreplace({Symbol(symbol.name, real=True): symbol for symbol in self.loss.symbols})

        def size(inside: Expr) -> Expr:
            found = self.range_of(inside)
            return inside if found.is_nonnegative else -inside if (-found).is_nonnegative else sympy.Abs(inside)

        return typed.replace(sympy.Abs, size).doit()  # type: ignore[no-any-return]

    # -- points ----------------------------------------------------------------------------------------------

    @property
    def usual(self) -> dict[str, float]:
        """The defaults of the parameters, and extra inputs at 1 where they may be that."""
        return next(self.settings())

    def settings(self, *, parameters: bool = False, inputs: bool = False) -> Iterator[dict[str, float]]:
        """Numbers for parameters and extra inputs: the usual ones first, then others for those that are to vary."""
        choices = [[item.default, *(_inside(item.domain) if parameters else [])] for item in self.loss.parameters]
        for item in self.loss.extra_inputs:
            domain = entries_of(item.domain)
            first = 1.0 if domain.contains(1.0) else _inside(domain)[0]
            choices.append([first, *(_inside(domain) if inputs else [])])
        items: list[Parameter | ExtraInput] = [*self.loss.parameters, *self.loss.extra_inputs]
        for chosen in _spread([list(dict.fromkeys(values)) for values in choices], _MOST_SETTINGS):
            yield {item.name: float(value) for item, value in zip(items, chosen, strict=True)}

    def points(self, setting: Mapping[str, float], *, far: bool = False) -> dict[str, Numbers]:
        """Labels times predictions at some parameters, flat; predictions near the labels and far off."""
        labels = _labels(self.loss)
        pairs = [(label, score) for label in labels for score in self._scores(label, setting, far=far)]
        y_true, y_pred = np.array(pairs).T
        return {"y_true": y_true, "y_pred": y_pred} | {name: np.float64(value) for name, value in setting.items()}  # type: ignore[dict-item]

    def _scores(self, label: float, setting: Mapping[str, float], *, far: bool) -> list[float]:
        domain = entries_of(self.loss.y_pred)
        steps = np.concatenate([_SCORES, _FAR]) if far else _SCORES
        around = [0.0, label, *self.kinks(label, setting)]
        scores = np.unique(np.concatenate([centre + steps for centre in around]))
        if np.isfinite(domain.lower) and np.isfinite(domain.upper):
            scores = domain.lower + (domain.upper - domain.lower) / (1 + np.exp(-_LOGITS))
        elif np.isfinite(domain.lower):
            scores = domain.lower + np.geomspace(1e-300 if far else 1e-6, 1e300 if far else 1e6, 200)
        return [float(score) for score in scores if domain.contains(float(score))]

    def kinks(self, label: float, setting: Mapping[str, float]) -> list[float]:
        """The predictions where a derivative jumps, for a label and parameters."""
        places = [self._place_of(kink, label, setting) for kink in self.mathematics.kinks]
        return [place for place in places if place is not None]

    def at_kink(self, kink: Kink) -> dict[str, float]:
        """A point where a derivative jumps, at the usual parameters; those alone where no label has one."""
        setting = self.usual
        for label in (1.0, -1.0, 0.5):
            place = self._place_of(kink, label, setting)
            if place is not None:
                return {"y_true": label, "y_pred": place} | setting
        return setting

    def _place_of(self, kink: Kink, label: float, setting: Mapping[str, float]) -> float | None:
        values = {**setting, "y_true": label}
        at = kink.at.subs({symbol: values[symbol.name] for symbol in kink.at.free_symbols})
        return float(at) if at.is_real and at.is_finite else None

    def numbers(self, points: Mapping[str, Numbers], *outputs: str) -> tuple[Numbers, ...]:
        """Value, gradient or Hessian at points, in floats."""
        return evaluate(self.mathematics.kernel, points, *outputs)

    def exact(self, expression: Expr, at: Mapping[str, float]) -> mpmath.mpf:
        """An expression at one point, in 40 digits; NaN where it is not a real number."""
        (found,) = numbers([expression], self._reader, at)
        return mpmath.nan if isinstance(found, mpmath.mpc) else mpmath.mpf(found)


def point(points: Mapping[str, Numbers], place: int) -> dict[str, float]:
    """One of many points, by name."""
    return {name: float(numbers if np.ndim(numbers) == 0 else numbers[place]) for name, numbers in points.items()}


def _labels(loss: Loss) -> list[float]:
    if isinstance(loss.y_true, Signs):
        return [-1.0, 1.0]
    domain = entries_of(loss.y_true)
    wanted = [0.0, 1.0, 0.5, -2.0, 7.0, 0.25, 300.0]
    return [label for label in wanted if domain.contains(label)] or _inside(domain)


def _spread(choices: list[list[float]], most: int) -> Iterator[tuple[float, ...]]:
    """All combinations, or so many of them in which every choice takes all its values; the first of each come first.

    The parts of multiples of square roots of primes fill a cube evenly (Kuipers, Niederreiter 1974, theorem 1.6.3).
    """
    if math.prod(map(len, choices)) <= most:
        yield from product(*choices)
        return
    steps = [math.sqrt(sympy.prime(place)) for place in range(1, len(choices) + 1)]
    shares = [[place * step % 1 for step in steps] for place in range(most)]
    chosen = [
        tuple(values[int(share * len(values))] for values, share in zip(choices, row, strict=True)) for row in shares
    ]
    yield from dict.fromkeys(chosen)


def _inside(domain: Interval) -> list[float]:
    """A few numbers of an interval: in its middle, towards its ends, at the ends that belong to it."""
    lower, upper = domain.lower, domain.upper
    if np.isfinite(lower) and np.isfinite(upper):
        found = [lower + (upper - lower) * share for share in (0.5, 0.1, 0.9, 0.0, 1.0)]
    elif np.isfinite(lower):
        found = [lower + step for step in (1.0, 0.1, 3.0, 0.0)]
    else:
        found = [1.0, -1.0, 0.0, 3.0]
    return [float(value) for value in found if domain.contains(float(value))]
