"""The derivatives of a declared loss at the points of a sample: what an objective should have returned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from symloss.declare import ClassLabel, Signs, Simplex
from symloss.declare.domain import Interval
from symloss.doctor.callback import Derivatives
from symloss.doctor.samples import KINDS, Sample, of_classes
from symloss.doctor.symptoms import Array
from symloss.errors import SymlossError, UnsupportedError

if TYPE_CHECKING:
    from symloss.declare import Loss
    from symloss.handle import Handle


@dataclass(frozen=True)
class Truth:
    """A declared loss in the form that takes raw scores, at some parameters and further inputs."""

    handle: Handle
    module: ModuleType
    of_prediction: Handle | None
    arguments: Mapping[str, Any]
    inputs: Mapping[str, Array] = field(default_factory=dict)
    source: str | None = None

    @property
    def loss(self) -> Loss:
        """The declaration of the form."""
        return self.handle.declaration

    @property
    def shown_arguments(self) -> str:
        """Parameters as they are passed, where they are not the defaults."""
        return ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())

    def derivatives(self, sample: Sample) -> Derivatives:
        """Gradient and Hessian, over classes its diagonal."""
        return Derivatives(*(self._at(self.module, name, sample) for name in ("gradient", "hessian")))

    def by_prediction(self, sample: Sample) -> Array | None:
        """The gradient by the prediction instead of the raw score, where a link leads from one to the other."""
        if self.of_prediction is None:
            return None
        module = self.of_prediction.compile("numpy")
        predicted = Sample(sample.kind, sample.y_true, self.module.inverse_link(sample.scores), sample.is_bound)
        return self._at(module, "gradient", predicted)

    def start_value(self, y_true: Array) -> Array | None:
        """The best constant score for labels; None where there is none in closed form or by search."""
        try:
            return np.asarray(self.module.start_value(self._labels(y_true), **self.arguments, **self.inputs))
        except (ValueError, AttributeError, TypeError):
            return None

    def corrected(self, library: str) -> str | None:
        """Lines that make an objective of this loss and train with it; None where the library can't train it."""
        try:
            self.handle.generate(library)
        except UnsupportedError:
            return None
        made = f"{''.join(part.capitalize() for part in self.handle.name.split('_'))}Objective"
        if self.source is None:
            home = [f'boosted = symloss.load(loss).compile("{library}")', f"objective = boosted.{made}"]
        else:
            home = [
                f"# symloss generate {self.source} --target {library} --out losses",
                f"from losses.{library}.{self.handle.name} import {made}",
                f"objective = {made}",
            ]
        train = "booster = objective.train(params, objective.data(X, y), 100)"
        return "\n".join([*home[:-1], f"{home[-1]}({self.shown_arguments})", train])

    def _at(self, module: ModuleType, function: str, sample: Sample) -> Array:
        places = sample.scores.shape[1]
        y_true = self._labels(np.repeat(sample.y_true, places))
        inputs = {name: np.repeat(values, places) for name, values in self.inputs.items()}
        scores = sample.scores.reshape(-1, *sample.scores.shape[2:])
        derivative = getattr(module, function)(y_true, scores, **self.arguments, **inputs, reduction="sum")
        return np.asarray(derivative, dtype=np.float64).reshape(sample.scores.shape)

    def _labels(self, y_true: Array) -> Array:
        if isinstance(self.loss.y_true, Simplex):
            return np.eye(int(y_true.max()) + 1)[y_true.astype(int)]
        return y_true.astype(int) if isinstance(self.loss.y_true, ClassLabel) else y_true


def truth_of(handle: Handle, arguments: Mapping[str, Any], inputs: Mapping[str, Any], source: str | None) -> Truth:
    """For parameters and further inputs by name.

    Raises SymlossError for names that the loss lacks, further inputs that are not given, and values out of domain;
    UnsupportedError for a loss whose scores no objective has.
    """
    form = next(item for item in handle.forms.values() if item.name == (handle.declared.raw_name or handle.name))
    loss = form.declaration
    _check_form(loss)
    given = dict(arguments) | dict(inputs)
    extras = [item.name for item in loss.extra_inputs]
    known = [*(item.name for item in loss.parameters), *extras]
    if strange := sorted(set(given) - set(known)):
        raise SymlossError(f"{loss.name} has no {', '.join(strange)}; it has {', '.join(known) or 'no parameters'}")
    if missing := [name for name in extras if name not in given]:
        raise SymlossError(
            f"{loss.name} has the further input {', '.join(missing)}: call symloss.lint from Python with "
            f"labels=… and inputs={{{missing[0]!r}: …}}, one number per label"
        )
    prediction = handle.forms.get(handle.declared.name)
    is_linked = prediction is not None and prediction.name != form.name
    by_name = {item.name: item for item in loss.parameters}
    for name, value in arguments.items():
        if name not in by_name:
            raise SymlossError(f"{name} is an input of every row: give it in inputs={{{name!r}: …}}")
        if not isinstance(value, int | float) or not by_name[name].domain.contains(value):
            raise SymlossError(f"{name}={value!r} is not in {by_name[name].domain}")
    return Truth(
        form,
        form.compile("numpy"),
        prediction if is_linked else None,
        dict(arguments),
        {name: np.asarray(values, dtype=np.float64) for name, values in inputs.items()},
        source,
    )


def _check_form(loss: Loss) -> None:
    is_of_classes = isinstance(loss.y_true, ClassLabel | Simplex) and loss.has_one_axis and not loss.is_coupled
    if not loss.is_elementwise and not is_of_classes:
        raise UnsupportedError(f"{loss.name} is of {loss.y_pred}: an objective has one score per row, or one per class")


def sample_for(truth: Truth, classes: int) -> Sample:
    """Labels that the loss is declared for, and any scores."""
    loss = truth.loss
    if isinstance(loss.y_true, ClassLabel | Simplex):
        return of_classes(classes)
    if isinstance(loss.y_true, Signs):
        return KINDS["signs"]()
    domain = loss.y_true
    if not isinstance(domain, Interval):
        raise UnsupportedError(f"{loss.name} has labels in {domain}, which are not one number per row")
    takes_any = not isinstance(loss.y_pred, Interval) or loss.y_pred == Interval()
    kinds = ("real", "counts", "positive", "binary") if takes_any else ("positive predictions",)
    samples = (KINDS[kind]() for kind in kinds)
    found = next((item for item in samples if all(map(domain.contains, item.y_true))), None)
    if found is None:
        raise UnsupportedError(f"{loss.name} has labels in {domain}; give some of yours with labels=…")
    return found
