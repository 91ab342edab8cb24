"""Laplace negative log-likelihood of location and scale."""

from sympy import Abs, Symbol, log

from symloss.declare import ExtraInput, Loss, log_link, positive, y_pred, y_true

scale = Symbol("scale", positive=True)

laplace_nll = Loss(
    name="laplace_nll",
    summary="Laplace negative log-likelihood of the median y_pred, without the constant log(2).",
    family="probabilistic regression",
    expression=log(scale) + Abs(y_pred - y_true) / scale,
    extra_inputs=(ExtraInput(scale, positive, "mean distance of the observation from its median", link=log_link),),
    references=("Kotz, Kozubowski, Podgorski (2001), The Laplace Distribution and Generalizations, Birkhaeuser.",),
)
