"""Negative log-likelihood of a Gaussian vector with independent entries."""

from sympy import log

from symloss.declare import Axis, Data, ExtraInput, Loss, Vectors, positive, real, sum_over, y_pred, y_true

k = Axis("K").index("k")
variance = Data("variance", positive=True)

gaussian_nll_diagonal = Loss(
    name="gaussian_nll_diagonal",
    summary="Half the log variances and the squared residuals over them, summed over the entries of a vector.",
    family="probabilistic regression",
    expression=sum_over(k, log(variance[k]) + (y_pred[k] - y_true[k]) ** 2 / variance[k]) / 2,
    y_true=Vectors("K", real),
    y_pred=Vectors("K", real),
    extra_inputs=(ExtraInput(variance, Vectors("K", positive), "the predicted variance of every entry"),),
    references=(
        "Nix, D. A., Weigend, A. S. (1994), Estimating the mean and variance of the target distribution, ICNN.",
    ),
)
