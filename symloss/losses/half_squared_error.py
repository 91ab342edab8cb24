"""Half the squared error, whose gradient is the residual itself."""

from symloss.declare import Loss, y_pred, y_true

residual = y_pred - y_true

half_squared_error = Loss(
    name="half_squared_error",
    summary="Half the squared residual, so that the gradient is the residual and the Hessian is one.",
    family="regression",
    expression=residual**2 / 2,
    references=("Hastie, Tibshirani, Friedman (2009), The Elements of Statistical Learning, section 10.6.",),
)
