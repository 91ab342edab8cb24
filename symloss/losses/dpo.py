"""Direct preference optimisation."""

from sympy import Symbol, exp, log

from symloss.declare import Loss, Parameter, positive, real, unit, y_pred, y_true

beta, label_smoothing = Symbol("beta", positive=True), Symbol("label_smoothing", nonnegative=True)
gain = beta * (y_pred - y_true)

dpo = Loss(
    name="dpo",
    summary="Logistic loss of how much more the policy prefers the chosen answer than the reference does.",
    family="preference",
    expression=(1 - label_smoothing) * log(1 + exp(-gain)) + label_smoothing * log(1 + exp(gain)),
    y_true=real,
    y_pred=real,
    parameters=(
        Parameter(beta, 0.1, positive, "how strongly the policy is held to the reference"),
        Parameter(label_smoothing, 0.0, unit, "the probability that a preference was recorded the wrong way round"),
    ),
    references=("Rafailov, R. et al. (2023), Direct preference optimization, NeurIPS.",),
)
