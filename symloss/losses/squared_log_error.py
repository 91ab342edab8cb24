"""Squared difference of logarithms, for targets that grow by factors."""

from sympy import Symbol, log, oo

from symloss.declare import Interval, KerasName, Loss, Parameter, clamp, y_pred, y_true

floor = Symbol("floor", real=True)
above_minus_one = Interval(-1.0, lower_open=True)

squared_log_error = Loss(
    name="squared_log_error",
    summary="Squared difference of log(1 + y): an error of ten per cent costs the same at every scale.",
    family="relative regression",
    expression=(log(1 + clamp(y_pred, floor, oo)) - log(1 + clamp(y_true, floor, oo))) ** 2,
    y_true=above_minus_one,
    y_pred=above_minus_one,
    parameters=(
        Parameter(floor, -1.0, Interval(-1.0), "smallest value taken for either argument; -1 leaves both as they are"),
    ),
    keras=KerasName("MeanSquaredLogarithmicError", defaults={"floor": "epsilon"}),
    references=("Tofallis, C. (2015), A better measure of relative prediction accuracy, JORS 66, 1352-1362.",),
)
