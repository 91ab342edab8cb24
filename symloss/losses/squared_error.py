"""Squared error: the Gaussian log-likelihood up to constants; its minimiser is the mean."""

from symloss.declare import KerasName, Loss, TorchName, y_pred, y_true

residual = y_pred - y_true

squared_error = Loss(
    name="squared_error",
    summary="Squared residual; the best constant prediction is the mean.",
    family="regression",
    expression=residual**2,
    keras=KerasName("MeanSquaredError"),
    torch=TorchName("MSELoss", "mse_loss"),
    references=("Gauss, C. F. (1809), Theoria motus corporum coelestium, section 3.",),
)
