"""Focal loss for imbalanced classes."""

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
alpha, epsilon, gamma, label_smoothing = (
    Symbol(name, nonnegative=True) for name in ("alpha", "epsilon", "gamma", "label_smoothing")
)
label, probability = Data("label"), Data("probability")

focal_categorical = Loss(
    name="focal_categorical",
    summary="Cross-entropy scaled down where a class is already predicted well, so that rare classes count.",
    family="imbalanced classification",
    expression=-alpha * sum_over(k, (1 - probability[k]) ** gamma * label[k] * log(probability[k])),
    where={
        label[k]: (1 - label_smoothing) * y_true[k] + label_smoothing / classes,
        probability[k]: clamp_probability(y_pred[k] / sum_over(j, y_pred[j]), epsilon),
    },
    y_true=Simplex("K"),
    y_pred=Vectors("K", nonnegative),
    parameters=(
        Parameter(alpha, 0.25, nonnegative, "what every class is scaled by"),
        Parameter(gamma, 2.0, Interval(0.0, 10.0), "how strongly well-predicted classes are scaled down; 0 does not"),
        Parameter(label_smoothing, 0.0, unit, "how far labels are moved towards 1/K"),
        Parameter(epsilon, 0.0, Interval(0.0, 0.5, upper_open=True), "how far probabilities are kept from 0 and 1"),
    ),
    link=softmax_link,
    forms={"prediction": "focal_categorical_probability", "raw": "focal_categorical"},
    fixed_by_link={"epsilon": 0},
    keras=KerasName(
        "CategoricalFocalCrossentropy",
        defaults={"epsilon": "epsilon"},
        arguments=("alpha", "gamma", "from_logits", "label_smoothing", "axis", "reduction", "name", "dtype"),
    ),
    references=("Lin, Goyal, Girshick, He, Dollar (2017), Focal loss for dense object detection, ICCV.",),
)
