"""Gamma negative log-likelihood in the log mean."""

from sympy import log

from symloss.declare import Loss, log_link, positive, y_pred, y_true

gamma_nll = Loss(
    name="gamma_nll",
    summary="Gamma negative log-likelihood of the mean, up to the shape and constants, in the log mean.",
    family="positive regression",
    expression=log(y_pred) + y_true / y_pred,
    y_true=positive,
    y_pred=positive,
    link=log_link,
    forms={"raw": "gamma_nll"},
    references=("McCullagh, P., Nelder, J. A. (1989), Generalized Linear Models, 2nd ed., chapter 8.",),
)
