"""The categorical hinge of Keras."""

from sympy import Max

from symloss.declare import Axis, KerasName, Loss, Simplex, Vectors, max_over, real, sum_over, y_pred, y_true

k = Axis("K").index("k")

categorical_hinge = Loss(
    name="categorical_hinge",
    summary="How far the best wrong class, or 0, comes within a margin of 1 of the right one; 0 beyond.",
    family="multiclass margin",
    expression=Max(0, 1 + max_over(k, (1 - y_true[k]) * y_pred[k]) - sum_over(k, y_true[k] * y_pred[k])),
    y_true=Simplex("K"),
    y_pred=Vectors("K", real),
    keras=KerasName("CategoricalHinge", arguments=("reduction", "name", "dtype")),
    references=("Crammer, K., Singer, Y. (2001), On the algorithmic implementation of multiclass SVMs, JMLR 2.",),
)
