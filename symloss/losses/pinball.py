"""Pinball loss of quantile regression."""

from sympy import Piecewise, Symbol

from symloss.declare import Loss, Parameter, open_unit, y_pred, y_true

tau = Symbol("tau", positive=True)

pinball = Loss(
    name="pinball",
    summary="Absolute residual weighted by tau below the target and by 1 - tau above; minimised by the tau-quantile.",
    family="quantile regression",
    expression=Piecewise((tau * (y_true - y_pred), y_true > y_pred), ((1 - tau) * (y_pred - y_true), True)),
    parameters=(Parameter(tau, 0.5, open_unit, "the quantile to predict; the weight of under-prediction"),),
    references=("Koenker, R., Bassett, G. (1978), Regression quantiles, Econometrica 46, 33-50.",),
)
