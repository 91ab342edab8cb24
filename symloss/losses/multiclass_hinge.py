"""Crammer and Singer's multi-class hinge."""

from sympy import Max, Ne

from symloss.declare import Axis, ClassLabel, Loss, Vectors, max_over, real, y_pred, y_true

k = Axis("K").index("k")

multiclass_hinge = Loss(
    name="multiclass_hinge",
    summary="How far the best wrong class comes within a margin of 1 of the right one; 0 beyond.",
    family="multiclass margin",
    expression=Max(0, 1 + max_over(k, y_pred[k], Ne(k, y_true)) - y_pred[y_true]),
    y_true=ClassLabel("K"),
    y_pred=Vectors("K", real),
    references=("Crammer, K., Singer, Y. (2001), On the algorithmic implementation of multiclass SVMs, JMLR 2.",),
)
