"""Squared error with a weight per element that comes from the context of the observation."""

from sympy import Symbol

from symloss.declare import ExtraInput, Loss, nonnegative, y_pred, y_true

context_weight = Symbol("context_weight", nonnegative=True)

context_weighted_squared_error = Loss(
    name="context_weighted_squared_error",
    summary="Squared residual times a weight per element, fixed when the loss is built or given with each call.",
    family="regression",
    expression=context_weight * (y_pred - y_true) ** 2,
    extra_inputs=(ExtraInput(context_weight, nonnegative, "how much the element counts in its context"),),
    references=(
        "Aitken, A. C. (1936), On least squares and linear combinations of observations, Proc. RSE 55, 42-48.",
    ),
)
