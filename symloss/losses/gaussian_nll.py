"""Gaussian negative log-likelihood with a variance per element."""

from sympy import Symbol, log

from symloss.declare import ExtraInput, Loss, log_link, positive, y_pred, y_true

variance = Symbol("variance", positive=True)

gaussian_nll = Loss(
    name="gaussian_nll",
    summary="Gaussian negative log-likelihood of the mean y_pred, without the constant log(2 pi) / 2.",
    family="probabilistic regression",
    expression=(log(variance) + (y_pred - y_true) ** 2 / variance) / 2,
    extra_inputs=(ExtraInput(variance, positive, "variance of the observation", link=log_link),),
    references=("Nix, D. A., Weigend, A. S. (1994), Estimating the mean and variance of the target, ICNN.",),
)
