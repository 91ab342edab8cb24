"""Binary cross-entropy of a probability or, with the logit link composed, of a logit."""

from sympy import Symbol, log

from symloss.declare import (
    Interval,
    KerasName,
    Loss,
    Parameter,
    TorchName,
    clamp_probability,
    logit_link,
    unit,
    y_pred,
    y_true,
)

epsilon = Symbol("epsilon", nonnegative=True)
label_smoothing = Symbol("label_smoothing", nonnegative=True)

label, probability = Symbol("label"), Symbol("probability")

binary_crossentropy = Loss(
    name="binary_crossentropy",
    summary="Negative log-likelihood of a yes-or-no label, hard (0 or 1) or soft (between).",
    family="binary classification",
    expression=-label * log(probability) - (1 - label) * log(1 - probability),
    where={
        label: (1 - label_smoothing) * y_true + label_smoothing / 2,
        probability: clamp_probability(y_pred, epsilon),
    },
    y_true=unit,
    y_pred=unit,
    parameters=(
        Parameter(label_smoothing, 0.0, unit, "how far labels are moved towards 1/2"),
        Parameter(epsilon, 0.0, Interval(0.0, 0.5, upper_open=True), "how far probabilities are kept from 0 and 1"),
    ),
    link=logit_link,
    forms={"prediction": "binary_crossentropy", "raw": "binary_crossentropy_logits"},
    fixed_by_link={"epsilon": 0},
    keras=KerasName(
        "BinaryCrossentropy",
        defaults={"epsilon": "epsilon"},
        arguments=("from_logits", "label_smoothing", "axis", "reduction", "name", "dtype"),
    ),
    torch=TorchName(
        "BCELoss",
        "binary_cross_entropy",
        raw=TorchName("BCEWithLogitsLoss", "binary_cross_entropy_with_logits"),
    ),
    references=("Cox, D. R. (1958), The regression analysis of binary sequences, J. R. Statist. Soc. B 20, 215-242.",),
)
