"""Unit deviance of the gamma distribution."""

from sympy import log

from symloss.declare import Loss, positive, y_pred, y_true

gamma_deviance = Loss(
    name="gamma_deviance",
    summary="Twice the gamma log-likelihood lost by predicting the mean y_pred instead of the target itself.",
    family="positive regression",
    expression=2 * (y_true / y_pred - 1 - log(y_true / y_pred)),
    y_true=positive,
    y_pred=positive,
    references=("McCullagh, P., Nelder, J. A. (1989), Generalized Linear Models, 2nd ed., chapter 8.",),
)
