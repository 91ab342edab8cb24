"""Generalised cross-entropy, between cross-entropy and absolute error."""

from sympy import Symbol

from symloss.declare import (
    Axis,
    ClassLabel,
    Interval,
    KerasName,
    Loss,
    Parameter,
    Vectors,
    unit,
    y_pred,
    y_true,
)

k = Axis("K").index("k")
q = Symbol("q", positive=True)

generalized_cross_entropy = Loss(
    name="generalized_cross_entropy",
    summary="Box-Cox transform of the right class's probability: cross-entropy as q goes to 0, absolute error at 1.",
    family="noise robust classification",
    expression=(1 - y_pred[y_true] ** q) / q,
    y_true=ClassLabel("K"),
    y_pred=Vectors("K", unit),
    parameters=(
        Parameter(q, 0.5, Interval(0.0, 1.0, lower_open=True), "how robust: 1 bounds the influence of a label"),
    ),
    keras=KerasName("CategoricalGeneralizedCrossEntropy", arguments=("q", "reduction", "name", "dtype")),
    references=("Zhang, Z., Sabuncu, M. (2018), Generalized cross entropy loss for noisy labels, NeurIPS.",),
)
