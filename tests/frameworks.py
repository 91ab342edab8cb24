"""The losses of the frameworks themselves beside ours, over the whole float range: ``python -m tests.frameworks``.

One run measures both on the same points: value, gradient and Hessian by each framework's own differentiation, in ulps of
the truth over 1 + S, and how many results are no number, zero or of the wrong sign where S < 1. Limits that a framework
puts on its probabilities are part of what it computes, and of its error.

Examples: python -m tests.frameworks · python -m tests.frameworks torch optax --losses huber,binary_crossentropy_logits ·
python -m tests.frameworks --dtypes float32 --points 2000 --json
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from symloss import catalogue
from symloss.terminal import print_table
from symloss.verify.certificate import DTYPES, LIMITS
from symloss.verify.faces import open_module
from symloss.verify.frameworks import DifferentiatedModule, JaxModule, TorchModule
from symloss.verify.grid import Array, Batch, batches
from symloss.verify.measure import FUNCTIONS, Examiner, ulps
from symloss.verify.oracle import Oracle
from tests.conftest import GENERATED

# A framework's own loss per sample, of y_true, y_pred and the parameters; only parameters at their defaults are tried.
Own = Callable[..., Any]
FORMS = {form.name: form for name in catalogue.files() for form in catalogue.declared(name).generated_forms()}


def torch_losses() -> dict[str, Own]:
    """Those of ``torch.nn.functional``."""
    import torch

    functional = torch.nn.functional

    def plain(function: Any, **given: Any) -> Own:
        return lambda y_true, y_pred, reduction="none": function(y_pred, y_true, reduction=reduction, **given)

    return {
        "squared_error": plain(functional.mse_loss),
        "absolute_error": plain(functional.l1_loss),
        "huber": plain(functional.huber_loss),
        "binary_crossentropy": plain(functional.binary_cross_entropy),
        "binary_crossentropy_logits": plain(functional.binary_cross_entropy_with_logits),
        "logistic_margin": plain(functional.soft_margin_loss),
        "poisson_nll": plain(functional.poisson_nll_loss),
        "kl_divergence": lambda y_true, y_pred: functional.kl_div(y_pred.log(), y_true, reduction="none").sum(-1),
        "categorical_crossentropy_logits": plain(functional.cross_entropy),
        "sparse_categorical_crossentropy_logits": plain(functional.cross_entropy),
        "multi_margin": plain(functional.multi_margin_loss),
        "cosine_similarity": lambda y_true, y_pred: -functional.cosine_similarity(y_pred, y_true, dim=-1),
    }


def optax_losses() -> dict[str, Own]:
    """Those of optax, compiled by XLA."""
    import optax

    return {
        "squared_error": lambda y_true, y_pred: optax.squared_error(y_pred, y_true),
        "huber": lambda y_true, y_pred: optax.huber_loss(y_pred, y_true),
        "log_cosh": lambda y_true, y_pred: optax.log_cosh(y_pred, y_true),
        "binary_crossentropy_logits": lambda y_true, y_pred: optax.sigmoid_binary_cross_entropy(y_pred, y_true),
        "categorical_crossentropy_logits": lambda y_true, y_pred: optax.softmax_cross_entropy(y_pred, y_true),
        "sparse_categorical_crossentropy_logits": lambda y_true, y_pred: (
            optax.softmax_cross_entropy_with_integer_labels(y_pred, y_true)
        ),
        "hinge": lambda y_true, y_pred: optax.hinge_loss(y_pred, y_true),
        "cosine_similarity": lambda y_true, y_pred: -optax.cosine_similarity(y_pred, y_true),
    }


def keras_losses() -> dict[str, Own]:
    """Those of Keras on TensorFlow."""
    from keras import losses

    return {
        "squared_error": losses.mean_squared_error,
        "absolute_error": losses.mean_absolute_error,
        "absolute_percentage_error": losses.mean_absolute_percentage_error,
        "squared_log_error": losses.mean_squared_logarithmic_error,
        "huber": losses.huber,
        "log_cosh": losses.log_cosh,
        "hinge": losses.hinge,
        "squared_hinge": losses.squared_hinge,
        "poisson_nll_mean": losses.poisson,
        "binary_crossentropy": losses.binary_crossentropy,
        "binary_crossentropy_logits": lambda y_true, y_pred: losses.binary_crossentropy(
            y_true, y_pred, from_logits=True
        ),
        "categorical_crossentropy": losses.categorical_crossentropy,
        "categorical_crossentropy_logits": lambda y_true, y_pred: losses.categorical_crossentropy(
            y_true, y_pred, from_logits=True
        ),
        "kl_divergence": losses.kl_divergence,
        "categorical_hinge": losses.categorical_hinge,
        "cosine_similarity": losses.cosine_similarity,
    }


class _OwnTorch(TorchModule):
    def _gradient(self, labels: Any, moving: Any, keywords: dict[str, Any]) -> tuple[Any, Any]:
        del keywords
        value = self.own(labels, moving)
        return value, self.torch.autograd.grad(value.sum(), moving, create_graph=True)[0]

    def _diagonal(self, gradient: Any, moving: Any) -> Any:
        return super()._diagonal(gradient, moving) if gradient.requires_grad else self.torch.zeros_like(moving)


class _OwnJax(JaxModule):
    def _total(self, y_true: Any, keywords: Any) -> Any:
        del keywords
        return lambda y_pred: self.own(y_true, y_pred).sum()


FRAMEWORKS = {
    "torch": ("torch", "eager", torch_losses),
    "optax": ("jax", "jit", optax_losses),
    "keras": ("tensorflow", "eager", keras_losses),
}


def own_face(ours: DifferentiatedModule, own: Own) -> DifferentiatedModule:
    """The face of a framework's own loss: as ours, with another function."""
    if isinstance(ours, TorchModule):
        face: Any = object.__new__(_OwnTorch)
        face.__dict__.update(ours.__dict__, own=own)
        return face
    face = object.__new__(_OwnJax if isinstance(ours, JaxModule) else type(ours))
    face.__dict__.update(ours.__dict__, own=own)
    face.function = lambda y_true, y_pred, **keywords: own(y_true, y_pred)
    if isinstance(ours, JaxModule):
        face.compiled = ours.jax.jit(face._derivatives)
    return face


@dataclass(frozen=True)
class Row:
    """One function of one implementation."""

    framework: str
    loss: str
    function: str
    dtype: str
    whose: str
    points: int
    worst: float  # ulp over 1 + S
    over: int  # numbers beyond 4 (1 + S), or 8 where compiled
    none: int
    zeros: int
    signs: int


def rows_of(framework: str, name: str, dtype: str, points: int) -> Iterator[Row]:
    """Both implementations on the same points."""
    target, mode, losses = FRAMEWORKS[framework]
    form = FORMS[name]
    ours = open_module(form, target, GENERATED / target / f"{name}.py")
    examiner = Examiner(form, DTYPES[dtype], Oracle(form), ours.fixed, flushes=ours.flushes)
    defaults = next(batches(form, DTYPES[dtype], points, ours.fixed)).parameters
    chosen = [batch for batch in batches(form, DTYPES[dtype], points, ours.fixed) if batch.parameters == defaults]
    for whose, face in (("its own", own_face(ours, losses()[name])), ("symloss", ours)):
        evaluate = face.evaluator(mode)
        results = [evaluate(batch) for batch in chosen]
        for function in FUNCTIONS:
            found = [result[function] for result in results]
            yield _row(examiner, framework, function, dtype, whose, chosen, found, LIMITS[target, dtype])


def _row(
    examiner: Examiner,
    framework: str,
    function: str,
    dtype: str,
    whose: str,
    chosen: list[Batch],
    found: list[Array],
    limit: float,
) -> Row:
    worst, counts, points = 0.0, {"over": 0, "none": 0, "zeros": 0, "signs": 0}, 0
    for batch, result in zip(chosen, found, strict=True):
        number, rest, known = examiner.known(batch, function)
        got = result.reshape(number.shape)
        errors = np.where(known, ulps(got, number, rest, examiner.dtype, flushes=examiner.flushes), 0.0)
        points += int(known.sum())
        places = np.argwhere(errors > limit)
        for row, entry in places[np.argsort(-errors[tuple(places.T)], kind="stable")]:
            sensitivity = examiner.sensitivity(batch.point(int(row)), function, int(entry))
            conditioned = float(errors[row, entry] / (1 + sensitivity))
            worst = max(worst, conditioned)
            if conditioned <= limit:
                continue
            counts["over"] += 1
            if sensitivity < 1:
                value, truth = float(got[row, entry]), float(number[row, entry])
                counts["none"] += int(np.isnan(value))
                counts["zeros"] += int(value == 0 and truth != 0)
                counts["signs"] += int(value * np.sign(truth) < 0)
        below = errors[errors <= limit]
        worst = max(worst, float(below.max(initial=0.0)))
    return Row(framework, examiner.loss.name, function, dtype, whose, points, worst, **counts)


def main() -> None:
    """Measure, then print a table, or JSON for scripts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frameworks", nargs="*", help=f"of {', '.join(FRAMEWORKS)} (default: all)")
    parser.add_argument("--losses", default="", help="names, comma-separated (default: all that a framework has)")
    parser.add_argument("--dtypes", default="float64,float32", help="default: %(default)s")
    parser.add_argument("--points", type=int, default=2000, help="samples per loss and dtype (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.frameworks) - set(FRAMEWORKS))
    if unknown:
        parser.error(f"unknown framework {', '.join(unknown)}; choose from {', '.join(FRAMEWORKS)}")
    wanted = set(arguments.losses.split(",")) - {""}
    rows = []
    for framework in arguments.frameworks or FRAMEWORKS:
        for name in (name for name in FRAMEWORKS[framework][2]() if not wanted or name in wanted):
            for dtype in arguments.dtypes.split(","):
                sys.stderr.write(f"{framework}: {name}, {dtype}\n")
                rows += rows_of(framework, name, dtype, arguments.points)
    if arguments.json:
        sys.stdout.write(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
        return
    print_table(
        ["framework", "loss", "function", "dtype", "whose", "points", "ulp/(1+S)", "over", "NaN", "false 0", "sign"],
        [_cells(row) for row in rows],
    )
    for framework in arguments.frameworks or FRAMEWORKS:
        for whose in ("its own", "symloss"):
            mine = [row for row in rows if (row.framework, row.whose) == (framework, whose)]
            spoiled = sum(row.none + row.zeros + row.signs > 0 for row in mine)
            good = sum(not row.over for row in mine)
            sys.stdout.write(
                f"{framework}, {whose}: {good} of {len(mine)} rows within the limit, "
                f"{spoiled} with NaN, false zeros or wrong signs where S < 1\n"
            )


def _cells(row: Row) -> list[str]:
    numbers = [row.over, row.none, row.zeros, row.signs]
    return [
        row.framework,
        row.loss,
        row.function,
        row.dtype,
        row.whose,
        str(row.points),
        f"{row.worst:.3g}",
        *map(str, numbers),
    ]


if __name__ == "__main__":
    main()
