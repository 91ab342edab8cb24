"""Hinge loss of the support vector machine."""

from sympy import Max

from symloss.declare import KerasName, Loss, Signs, y_pred, y_true

hinge = Loss(
    name="hinge",
    summary="Zero for margins of at least one, growing linearly below.",
    family="margin classification",
    expression=Max(0, 1 - y_true * y_pred),
    y_true=Signs(),
    keras=KerasName("Hinge"),
    references=("Cortes, C., Vapnik, V. (1995), Support-vector networks, Machine Learning 20, 273-297.",),
)
