"""Gamma negative log-likelihood of mean and shape."""

from sympy import Symbol, log, loggamma

from symloss.declare import ExtraInput, Loss, log_link, positive, y_pred, y_true

shape = Symbol("shape", positive=True)

gamma_shape_nll = Loss(
    name="gamma_shape_nll",
    summary="Gamma negative log-likelihood of the log mean and of the shape, which tells how the label scatters.",
    family="positive regression",
    expression=loggamma(shape) - shape * log(shape * y_true / y_pred) + shape * y_true / y_pred + log(y_true),
    y_true=positive,
    y_pred=positive,
    extra_inputs=(ExtraInput(shape, positive, "one over the squared coefficient of variation", link=log_link),),
    link=log_link,
    forms={"raw": "gamma_shape_nll"},
    references=("McCullagh, P., Nelder, J. A. (1989), Generalized Linear Models, 2nd ed., chapter 8.",),
)
