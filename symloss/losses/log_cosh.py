"""Logarithm of the hyperbolic cosine of the residual."""

from sympy import cosh, log

from symloss.declare import KerasName, Loss, y_pred, y_true

log_cosh = Loss(
    name="log_cosh",
    summary="Half the squared residual near zero, its absolute value minus log 2 far out; smooth everywhere.",
    family="robust regression",
    expression=log(cosh(y_pred - y_true)),
    keras=KerasName("LogCosh"),
    references=("Green, P. J. (1990), Bayesian reconstructions from emission tomography data, IEEE TMI 9, 84-93.",),
)
