"""Weston and Watkins' multi-class hinge: every wrong class counts."""

from sympy import Max, Ne, Symbol

from symloss.declare import (
    Axis,
    ClassLabel,
    Loss,
    Parameter,
    TorchName,
    Vectors,
    bracket,
    positive,
    real,
    sum_over,
    y_pred,
    y_true,
)

classes = Axis("K")
k = classes.index("k")
margin = Symbol("margin", positive=True)

multi_margin = Loss(
    name="multi_margin",
    summary="How far every wrong class comes within the margin of the right one, summed and divided by K.",
    family="multiclass margin",
    expression=sum_over(k, bracket(Ne(k, y_true)) * Max(0, margin - y_pred[y_true] + y_pred[k])) / classes,
    y_true=ClassLabel("K"),
    y_pred=Vectors("K", real),
    parameters=(Parameter(margin, 1.0, positive, "the lead that the right class must have"),),
    torch=TorchName("MultiMarginLoss", "multi_margin_loss"),
    references=("Weston, J., Watkins, C. (1999), Support vector machines for multi-class pattern recognition, ESANN.",),
)
