"""Absolute error: the Laplace log-likelihood up to constants; its minimiser is the median."""

from sympy import Abs

from symloss.declare import KerasName, Loss, TorchName, y_pred, y_true

absolute_error = Loss(
    name="absolute_error",
    summary="Absolute residual; the best constant prediction is the median.",
    family="regression",
    expression=Abs(y_pred - y_true),
    keras=KerasName("MeanAbsoluteError"),
    torch=TorchName("L1Loss", "l1_loss"),
    references=("Laplace, P.-S. (1774), Memoire sur la probabilite des causes par les evenements.",),
)
