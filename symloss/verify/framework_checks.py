"""The checks of modules that a framework differentiates: of its classes, reductions and derivatives."""

from __future__ import annotations

import numpy as np

from symloss.torch_signature import torch_name
from symloss.verify.batches import (
    batch_of,
    batch_truth,
    close,
    reductions,
    rows_of,
    vectors_and_products,
    weights_of,
)
from symloss.verify.examination import Examination
from symloss.verify.frameworks import DifferentiatedModule, JaxModule, TensorflowModule, TorchModule
from symloss.verify.modules import arrays
from symloss.verify.plain import plain_autodiff
from symloss.verify.report import Report


def check_keras_reductions(examination: Examination, emitted: TensorflowModule, report: Report) -> None:
    """The Keras class: every reduction, with and without weights."""
    import keras

    loss = examination.loss
    points = batch_of(examination, emitted)
    value, gradient, _ = batch_truth(examination, points)
    kind = next(
        item
        for item in vars(emitted.module).values()
        if isinstance(item, type) and issubclass(item, keras.losses.Loss) and item.__module__ == emitted.module.__name__
    )
    y_true, y_pred, keywords = arrays(loss, points)
    if loss.is_elementwise:
        y_true, y_pred = y_true[:, None], y_pred[:, None]
        gradient = gradient[:, None]
        keywords |= {item.name: keywords[item.name][:, None] for item in loss.extra_inputs}
    keywords = {name: item for name, item in keywords.items() if name in emitted.accepted}
    if loss.keras is not None and loss.keras.switch is not None and loss.keras.switch[0] in emitted.accepted:
        keywords[loss.keras.switch[0]] = True
    count, rows = len(points), rows_of(loss, points[0])
    for weight in (None, weights_of(count)):
        factor = np.ones(count) if weight is None else weight
        per_row = weight if weight is None or not rows else np.tile(weight[:, None], (1, rows))
        total = (value * factor).sum()
        expected = {
            "sum_over_batch_size": total / (count * (rows or 1)),
            "mean": total / (count * (rows or 1)),
            "sum": total,
            "mean_with_sample_weight": total / (factor.sum() * (rows or 1)),
            "none": value * factor,
        }
        for reduction, exact in expected.items():
            instance = kind(reduction=reduction, dtype="float64", **keywords)
            moving = emitted.tf.constant(y_pred)
            with emitted.tf.GradientTape() as tape:
                tape.watch(moving)
                got = instance(y_true, moving, sample_weight=per_row)
                if rows and reduction == "none":
                    got = emitted.tf.reduce_sum(got, axis=-1)
            label = f"{kind.__name__}, reduction {reduction}" + ("" if weight is None else ", weighted")
            close(report, label, got.numpy(), exact)
            if reduction == "sum":
                spread = factor[:, None]
                close(report, f"{label}, gradient", tape.gradient(got, moving).numpy(), gradient * spread)


def check_torch_reductions(examination: Examination, emitted: TorchModule, report: Report) -> None:
    """The PyTorch class: every reduction, with and without weights."""
    loss, torch = examination.loss, emitted.torch
    points = batch_of(examination, emitted)
    kind = getattr(emitted.module, torch_name(loss).name)
    y_true, y_pred, keywords = arrays(loss, points)
    labels, moving = torch.from_numpy(y_true), torch.from_numpy(y_pred).requires_grad_()
    numbers = {item.name: keywords[item.name] for item in loss.parameters}
    extras = [torch.from_numpy(keywords[item.name]) for item in loss.extra_inputs]
    for item in reductions(examination, points):
        weight = None if item.sample_weight is None else torch.from_numpy(item.sample_weight)
        got = kind(reduction=item.name, **numbers)(moving, labels, *extras, sample_weight=weight)
        shown = got.detach().numpy()
        is_per_row = loss.rows is not None and item.name == "none"
        close(report, item.label(kind.__name__), shown.sum(-1) if is_per_row else shown, item.value)
        slope = torch.autograd.grad(got.sum(), moving)[0].numpy()
        close(report, f"{item.label(kind.__name__)}, gradient", slope, item.gradient)


def check_jax_reductions(examination: Examination, emitted: JaxModule, report: Report) -> None:
    """Every reduction of the function, with and without weights."""
    loss, jax = examination.loss, emitted.jax
    points = batch_of(examination, emitted)
    y_true, y_pred, keywords = arrays(loss, points)
    for item in reductions(examination, points):
        given = {**keywords, "sample_weight": item.sample_weight, "reduction": item.name}
        with jax.enable_x64(True):  # noqa: FBT003 - the argument has no name
            got = np.asarray(emitted.function(y_true, y_pred, **given))
            slope = jax.grad(lambda moving, given=given: emitted.function(y_true, moving, **given).sum())(y_pred)
        is_per_row = loss.rows is not None and item.name == "none"
        close(report, item.label(loss.name), got.sum(-1) if is_per_row else got, item.value)
        close(report, f"{item.label(loss.name)}, gradient", np.asarray(slope), item.gradient)


def check_products(examination: Examination, emitted: DifferentiatedModule, report: Report) -> None:
    """The Hessian times a vector, which is what the gradient's own gradient is, of losses over an axis."""
    if examination.loss.is_elementwise:
        return
    points = batch_of(examination, emitted)[:2]
    vectors, exact = vectors_and_products(examination, points)
    close(report, "Hessian times a vector", emitted.product(points, vectors), exact)


def check_plain_autodiff(examination: Examination, emitted: TensorflowModule, report: Report) -> None:
    """TensorFlow's own derivatives of the declared formula, at ordinary points."""
    points = batch_of(examination, emitted)
    gradient, hessian = plain_autodiff(examination.loss, points, emitted.tf)
    _, got_gradient, got_hessian = emitted.evaluate(points)
    undefined = np.isnan(gradient) | np.isnan(hessian)  # the direction of a zero vector, say
    gradient, hessian = np.where(undefined, got_gradient, gradient), np.where(undefined, got_hessian, hessian)
    close(report, "gradient, autodiff of the plain formula", got_gradient, gradient, 1e-6)
    close(report, "hessian, autodiff of the plain formula", got_hessian, hessian, 1e-5)
