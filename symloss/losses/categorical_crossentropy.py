"""Categorical cross-entropy of probabilities or, with the softmax link composed, of logits."""

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
    clamp_probability,
    nonnegative,
    softmax_link,
    sum_over,
    unit,
    y_pred,
    y_true,
)

classes = Axis("K")
j, k = classes.index("j"), classes.index("k")
epsilon = Symbol("epsilon", nonnegative=True)
label_smoothing = Symbol("label_smoothing", nonnegative=True)

label, probability = Data("label"), Data("probability")

categorical_crossentropy = Loss(
    name="categorical_crossentropy",
    summary="Negative log-likelihood of one class out of K; labels are one-hot or soft.",
    family="multiclass classification",
    expression=-sum_over(k, label[k] * log(probability[k])),
    where={
        label[k]: (1 - label_smoothing) * y_true[k] + label_smoothing / classes,
        probability[k]: clamp_probability(y_pred[k] / sum_over(j, y_pred[j]), epsilon),
    },
    y_true=Simplex("K"),
    y_pred=Vectors("K", nonnegative),
    parameters=(
        Parameter(label_smoothing, 0.0, unit, "how far labels are moved towards 1/K"),
        Parameter(epsilon, 0.0, Interval(0.0, 0.5, upper_open=True), "how far probabilities are kept from 0 and 1"),
    ),
    link=softmax_link,
    forms={"prediction": "categorical_crossentropy", "raw": "categorical_crossentropy_logits"},
    fixed_by_link={"epsilon": 0},
    keras=KerasName(
        "CategoricalCrossentropy",
        defaults={"epsilon": "epsilon"},
        arguments=("from_logits", "label_smoothing", "axis", "reduction", "name", "dtype"),
    ),
    minimiser=label[k],
    references=("McFadden, D. (1974), Conditional logit analysis of qualitative choice behavior.",),
)
