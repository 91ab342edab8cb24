"""Categorical cross-entropy for integer labels, of probabilities or, with the softmax link composed, of logits."""

from sympy import Symbol, log

from symloss.declare import (
    Axis,
    ClassLabel,
    Data,
    Delta,
    Interval,
    KerasName,
    Loss,
    Parameter,
    TorchName,
    Vectors,
    clamp_probability,
    softmax_link,
    sum_over,
    unit,
    y_pred,
    y_true,
)

classes = Axis("K")
k = classes.index("k")
epsilon = Symbol("epsilon", nonnegative=True)

weight = Data("weight")

sparse_categorical_crossentropy = Loss(
    name="sparse_categorical_crossentropy",
    summary="Negative log-likelihood of one class out of K; labels are class numbers.",
    family="multiclass classification",
    expression=log(sum_over(k, weight[k])) - log(weight[y_true]),
    where={weight[k]: clamp_probability(y_pred[k], epsilon)},
    y_true=ClassLabel("K"),
    y_pred=Vectors("K", unit),
    parameters=(
        Parameter(epsilon, 0.0, Interval(0.0, 0.5, upper_open=True), "how far probabilities are kept from 0 and 1"),
    ),
    link=softmax_link,
    forms={"prediction": "sparse_categorical_crossentropy", "raw": "sparse_categorical_crossentropy_logits"},
    fixed_by_link={"epsilon": 0},
    keras=KerasName(
        "SparseCategoricalCrossentropy",
        defaults={"epsilon": "epsilon"},
        arguments=("from_logits", "ignore_class", "reduction", "axis", "name", "dtype"),
    ),
    minimiser=Delta(y_true, k),
    torch=TorchName(raw=TorchName("CrossEntropyLoss", "cross_entropy", dim=1, ignores=True)),
    references=("McFadden, D. (1974), Conditional logit analysis of qualitative choice behavior.",),
)
