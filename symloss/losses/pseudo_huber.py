"""The smooth relative of Huber's loss."""

from sympy import Symbol, sqrt

from symloss.declare import Loss, Parameter, positive, y_pred, y_true

delta = Symbol("delta", positive=True)
residual = y_pred - y_true

pseudo_huber = Loss(
    name="pseudo_huber",
    summary="Smooth everywhere: half the squared residual near zero, delta times its absolute value far out.",
    family="robust regression",
    expression=delta**2 * (sqrt(1 + (residual / delta) ** 2) - 1),
    parameters=(Parameter(delta, 1.0, positive, "residual around which the loss turns from squared to absolute"),),
    references=(
        "Charbonnier et al. (1997), Deterministic edge-preserving regularization in computed imaging, IEEE TIP 6.",
    ),
)
