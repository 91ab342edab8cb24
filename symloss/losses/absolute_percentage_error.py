"""Absolute error relative to the target."""

from sympy import Abs, Max, Symbol

from symloss.declare import KerasName, Loss, Parameter, positive, y_pred, y_true

epsilon = Symbol("epsilon", positive=True)
factor = Symbol("factor", positive=True)

absolute_percentage_error = Loss(
    name="absolute_percentage_error",
    summary="Absolute residual divided by the size of the target, kept away from zero by epsilon.",
    family="relative regression",
    expression=factor * (Abs(y_pred - y_true) / Max(Abs(y_true), epsilon)),
    parameters=(
        Parameter(epsilon, 1e-7, positive, "smallest divisor, for targets near zero"),
        Parameter(factor, 1.0, positive, "1 for fractions, 100 for per cent"),
    ),
    keras=KerasName("MeanAbsolutePercentageError", defaults={"epsilon": "epsilon"}, fixed={"factor": 100.0}),
    references=(
        "Hyndman, R. J., Koehler, A. B. (2006), Another look at measures of forecast accuracy, IJF 22, 679-688.",
    ),
)
