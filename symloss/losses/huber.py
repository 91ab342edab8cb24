"""Huber's loss: squared near zero, absolute in the tails."""

from sympy import Abs, Piecewise, Symbol

from symloss.declare import KerasName, Loss, Parameter, TorchName, positive, y_pred, y_true

delta = Symbol("delta", positive=True)
residual = y_pred - y_true

huber = Loss(
    name="huber",
    summary="Squared for residuals up to delta, absolute beyond, so that outliers pull with bounded force.",
    family="robust regression",
    expression=Piecewise(
        (residual**2 / 2, Abs(residual) <= delta),
        (delta * (Abs(residual) - delta / 2), True),
    ),
    parameters=(Parameter(delta, 1.0, positive, "residual at which the loss turns from squared to absolute"),),
    keras=KerasName("Huber", arguments=("delta", "reduction", "name", "dtype"), instance="huber_loss"),
    torch=TorchName("HuberLoss", "huber_loss", arguments=("reduction", "delta")),
    references=("Huber, P. J. (1964), Robust estimation of a location parameter, Ann. Math. Statist. 35, 73-101.",),
)
