"""Tweedie loss between Poisson and gamma, in the log mean."""

from sympy import Symbol

from symloss.declare import Interval, Loss, Parameter, log_link, nonnegative, positive, y_pred, y_true

power = Symbol("power", positive=True)

tweedie = Loss(
    name="tweedie",
    summary="Compound Poisson-gamma loss for totals that are often exactly zero, in the log mean.",
    family="compound Poisson regression",
    expression=y_pred ** (2 - power) / (2 - power) - y_true * y_pred ** (1 - power) / (1 - power),
    y_true=nonnegative,
    y_pred=positive,
    parameters=(
        Parameter(
            power,
            1.5,
            Interval(1.0, 2.0, lower_open=True, upper_open=True),
            "variance grows like mean**power; at the ends use poisson_nll (1) and gamma_nll (2)",
        ),
    ),
    link=log_link,
    forms={"raw": "tweedie"},
    references=("Jorgensen, B. (1987), Exponential dispersion models, J. R. Statist. Soc. B 49, 127-162.",),
)
