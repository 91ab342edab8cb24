"""Kullback-Leibler divergence of predicted from true probabilities."""

from sympy import Symbol, log

from symloss.declare import (
    Axis,
    Data,
    Interval,
    KerasName,
    Loss,
    Parameter,
    Simplex,
    Vectors,
    clamp,
    sum_over,
    y_pred,
    y_true,
)

classes = Axis("K")
k = classes.index("k")
epsilon = Symbol("epsilon", nonnegative=True)

truth, prediction = Data("truth"), Data("prediction")

kl_divergence = Loss(
    name="kl_divergence",
    summary="Information lost when y_pred stands in for y_true.",
    family="divergence",
    expression=sum_over(k, truth[k] * log(truth[k] / prediction[k])),
    where={truth[k]: clamp(y_true[k], epsilon, 1), prediction[k]: clamp(y_pred[k], epsilon, 1)},
    y_true=Simplex("K"),
    y_pred=Vectors("K", Interval(0.0, 1.0)),
    parameters=(
        Parameter(epsilon, 0.0, Interval(0.0, 0.5, upper_open=True), "smallest value taken for either argument"),
    ),
    keras=KerasName("KLDivergence", defaults={"epsilon": "epsilon"}),
    minimiser=y_true[k],
    references=("Kullback, S., Leibler, R. A. (1951), On information and sufficiency, Ann. Math. Statist. 22, 79-86.",),
)
