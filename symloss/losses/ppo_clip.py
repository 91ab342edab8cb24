"""The clipped surrogate of proximal policy optimisation."""

from sympy import Max, Min, Piecewise, Symbol, exp

from symloss.declare import ExtraInput, Interval, Loss, Parameter, real, y_pred, y_true

advantage = Symbol("advantage", real=True)
epsilon = Symbol("epsilon", positive=True)
ratio = exp(y_pred - y_true)

ppo_clip = Loss(
    name="ppo_clip",
    summary="Minus the advantage times how much likelier the action became, with no gain beyond 1 ± epsilon.",
    family="policy gradient",
    expression=Piecewise(
        (-advantage * Min(ratio, 1 + epsilon), advantage >= 0),
        (-advantage * Max(ratio, 1 - epsilon), True),
    ),
    y_true=real,
    y_pred=real,
    extra_inputs=(ExtraInput(advantage, real, "how much better the action was than expected"),),
    parameters=(
        Parameter(
            epsilon, 0.2, Interval(0.0, 1.0, lower_open=True, upper_open=True), "how far the ratio may move to any gain"
        ),
    ),
    references=("Schulman, J. et al. (2017), Proximal policy optimization algorithms.",),
)
