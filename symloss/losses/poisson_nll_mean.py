"""Poisson negative log-likelihood, in the mean or, with the log link composed, in the log mean."""

from sympy import Symbol, log

from symloss.declare import Interval, KerasName, Loss, Parameter, TorchName, log_link, nonnegative, y_pred, y_true

epsilon = Symbol("epsilon", nonnegative=True)

poisson_nll_mean = Loss(
    name="poisson_nll_mean",
    summary="Poisson negative log-likelihood without the constant log(y!).",
    family="count regression",
    expression=y_pred - y_true * log(y_pred + epsilon),
    y_true=nonnegative,
    y_pred=nonnegative,
    parameters=(Parameter(epsilon, 0.0, Interval(0.0), "added to the mean inside the logarithm; 0 is exact"),),
    link=log_link,
    forms={"prediction": "poisson_nll_mean", "raw": "poisson_nll"},
    fixed_by_link={"epsilon": 0},
    keras=KerasName("Poisson", defaults={"epsilon": "epsilon"}),
    torch=TorchName(raw=TorchName("PoissonNLLLoss", "poisson_nll_loss")),
    references=("McCullagh, P., Nelder, J. A. (1989), Generalized Linear Models, 2nd ed., chapter 6.",),
)
