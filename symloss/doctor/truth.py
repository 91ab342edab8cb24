"""The derivatives of a declared loss at the points of a sample: what an objective should have returned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from symloss.declare import ClassLabel, Signs, Simplex
from symloss.declare.domain import Interval
from symloss.declare.outputs import Output, outputs_of
from symloss.doctor.returned import Derivatives
from symloss.doctor.samples import KINDS, Sample, of_classes
from symloss.doctor.symptoms import Array
from symloss.errors import SymlossError, UnsupportedError
from symloss.handle import Handle, load
from symloss.modules import start_sentence

if TYPE_CHECKING:
    from symloss.declare import Loss


@dataclass(frozen=True)
class Truth:
    """A declared loss in the form that takes raw scores, at some parameters and further inputs."""

    handle: Handle
    module: ModuleType
    of_prediction: Handle | None
    arguments: Mapping[str, Any]
    inputs: Mapping[str, Array] = field(default_factory=dict)
    source: str | None = None
    outputs: tuple[tuple[str, ModuleType], ...] = ()

    @property
    def loss(self) -> Loss:
        """The declaration of the form."""
        return self.handle.declaration

    @property
    def shown_arguments(self) -> str:
        """Parameters as they are passed, where they are not the defaults."""
        return ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())

    def derivatives(self, sample: Sample) -> Derivatives:
        """Gradient and Hessian, over classes its diagonal, over outputs by each score."""
        of = self._by_outputs if self.outputs else partial(self._at, self.module)
        return Derivatives(*(of(name, sample) for name in ("gradient", "hessian")))

    def _by_outputs(self, function: str, sample: Sample) -> Array:
        raws = {raw: sample.scores[..., place] for place, (raw, _) in enumerate(self.outputs)}
        columns = []
        for raw, module in self.outputs:
            others = {name: scores.ravel() for name, scores in raws.items() if name != raw}
            columns.append(self._at(module, function, replace(sample, scores=raws[raw]), others))
        return np.stack(columns, axis=-1)

    def by_prediction(self, sample: Sample) -> Array | None:
        """The gradient by the prediction instead of the raw score, where a link leads from one to the other."""
        if self.of_prediction is None:
            return None
        module = self.of_prediction.compile("numpy")
        predicted = replace(sample, scores=self.module.inverse_link(sample.scores))
        return self._at(module, "gradient", predicted)

    @property
    def start(self) -> str:
        """What the best constant score is, in words."""
        return start_sentence(self.handle._mathematics) if not self.outputs else ""  # noqa: SLF001 - derived once

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

    def _at(
        self, module: ModuleType, function: str, sample: Sample, others: Mapping[str, Array] | None = None
    ) -> Array:
        places = sample.scores.shape[1]
        y_true = self._labels(np.repeat(sample.y_true, places))
        inputs = {name: np.repeat(values, places) for name, values in self.inputs.items()}
        scores = sample.scores.reshape(-1, *sample.scores.shape[2:])
        derivative = getattr(module, function)(
            y_true, scores, **self.arguments, **inputs, **(others or {}), reduction="sum"
        )
        return np.asarray(derivative, dtype=np.float64).reshape(sample.scores.shape)

    def _labels(self, y_true: Array) -> Array:
        if isinstance(self.loss.y_true, Simplex):
            return np.eye(int(y_true.max()) + 1)[y_true.astype(int)]
        return y_true.astype(int) if isinstance(self.loss.y_true, ClassLabel) else y_true


def truth_of(
    handle: Handle, arguments: Mapping[str, Any], inputs: Mapping[str, Any], source: str | None, count: int | None
) -> Truth:
    """For parameters and further inputs by name; ``count`` scores per row where they are parameters of a distribution.

    Raises SymlossError for names that the loss lacks, further inputs that are not given, and values out of domain;
    UnsupportedError for a loss whose scores no objective has.
    """
    form = next(item for item in handle.forms.values() if item.name == (handle.declared.raw_name or handle.name))
    loss = form.declaration
    _check_form(loss)
    given = dict(arguments) | dict(inputs)
    outputs = _outputs(loss, count)
    extras = [item.name for item in loss.extra_inputs if not outputs or item.link is None]
    known = [*(item.name for item in loss.parameters), *extras]
    if strange := sorted(set(given) - set(known)):
        raise SymlossError(f"{loss.name} has no {', '.join(strange)}; it has {', '.join(known) or 'no parameters'}")
    if missing := [name for name in extras if name not in given]:
        raise SymlossError(
            f"{loss.name} has the further input {', '.join(missing)}: call symloss.lint from Python with "
            f"labels=… and inputs={{{missing[0]!r}: …}}, one number per label"
            + ("; or with outputs=2, where the objective predicts it" if outputs_of(loss) else "")
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
        tuple((item.raw_name, load(item.loss).compile("numpy")) for item in outputs),
    )


def _outputs(loss: Loss, count: int | None) -> tuple[Output, ...]:
    """The parameters that are predicted; none where one score per row is asked for."""
    if count is None:
        return ()
    outputs = outputs_of(loss)
    if len(outputs) != count:
        names = ", ".join(item.name for item in outputs)
        raise SymlossError(f"{loss.name} has {f'the outputs {names}' if outputs else 'one output'}, not {count}")
    return outputs


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
