"""Focal loss for imbalanced binary labels."""

from sympy import Symbol, log

from symloss.declare import (
    Interval,
    KerasName,
    Loss,
    Parameter,
    clamp_probability,
    logit_link,
    nonnegative,
    unit,
    y_pred,
    y_true,
)

alpha, epsilon, gamma, label_smoothing = (
    Symbol(name, nonnegative=True) for name in ("alpha", "epsilon", "gamma", "label_smoothing")
)

balance, crossentropy, label, missing, probability = (
    Symbol(name) for name in ("balance", "crossentropy", "label", "missing", "probability")
)

focal_binary = Loss(
    name="focal_binary",
    summary="Cross-entropy scaled down where the label is already predicted well, so that rare labels count.",
    family="imbalanced classification",
    expression=balance * missing**gamma * crossentropy,
    where={
        label: (1 - label_smoothing) * y_true + label_smoothing / 2,
        probability: clamp_probability(y_pred, epsilon),
        balance: label * alpha + (1 - label) * (1 - alpha),
        missing: label * (1 - probability) + (1 - label) * probability,
        crossentropy: -label * log(probability) - (1 - label) * log(1 - probability),
    },
    y_true=unit,
    y_pred=unit,
    parameters=(
        Parameter(alpha, 0.25, unit, "weight of label 1; label 0 has weight 1 - alpha"),
        Parameter(gamma, 2.0, nonnegative, "how strongly well-predicted labels are scaled down; 0 does not"),
        Parameter(label_smoothing, 0.0, unit, "how far labels are moved towards 1/2"),
        Parameter(epsilon, 0.0, Interval(0.0, 0.5, upper_open=True), "how far probabilities are kept from 0 and 1"),
    ),
    link=logit_link,
    forms={"prediction": "focal_binary_probability", "raw": "focal_binary"},
    fixed_by_link={"epsilon": 0},
    keras=KerasName(
        "BinaryFocalCrossentropy",
        defaults={"epsilon": "epsilon"},
        arguments=("alpha", "gamma", "from_logits", "label_smoothing", "axis", "reduction", "name", "dtype"),
        switch=("apply_class_balancing", {"alpha": 0.5}, 2.0),
    ),
    references=("Lin, Goyal, Girshick, He, Dollar (2017), Focal loss for dense object detection, ICCV.",),
)
