"""Asymmetric squared error, minimised by expectiles."""

from sympy import Piecewise, Symbol

from symloss.declare import Loss, Parameter, open_unit, y_pred, y_true

tau = Symbol("tau", positive=True)
residual = y_pred - y_true

expectile = Loss(
    name="expectile",
    summary="Squared residual weighted by tau below the target and by 1 - tau above; minimised by the tau-expectile.",
    family="asymmetric regression",
    expression=Piecewise((tau * residual**2, y_true > y_pred), ((1 - tau) * residual**2, True)),
    parameters=(Parameter(tau, 0.5, open_unit, "the expectile to predict; the weight of under-prediction"),),
    references=("Newey, W. K., Powell, J. L. (1987), Asymmetric least squares estimation, Econometrica 55, 819-847.",),
)
