"""Negative binomial negative log-likelihood of mean and size."""

from sympy import Symbol, log, loggamma

from symloss.declare import ExtraInput, Loss, log_link, nonnegative, positive, y_pred, y_true

size = Symbol("size", positive=True)

negative_binomial_nll = Loss(
    name="negative_binomial_nll",
    summary="Negative binomial negative log-likelihood of the log mean, for counts that scatter more than Poisson's.",
    family="count regression",
    expression=loggamma(size)
    - loggamma(y_true + size)
    + (size + y_true) * log(size + y_pred)
    - size * log(size)
    - y_true * log(y_pred),
    y_true=nonnegative,
    y_pred=positive,
    extra_inputs=(ExtraInput(size, positive, "the variance is mean + mean**2 / size", link=log_link),),
    link=log_link,
    forms={"raw": "negative_binomial_nll"},
    references=("Hilbe, J. M. (2011), Negative Binomial Regression, 2nd ed., Cambridge.",),
)
