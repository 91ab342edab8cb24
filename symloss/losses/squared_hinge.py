"""Squared hinge loss."""

from sympy import Max

from symloss.declare import KerasName, Loss, Signs, y_pred, y_true

squared_hinge = Loss(
    name="squared_hinge",
    summary="The hinge loss squared: its slope no longer jumps, large violations weigh more.",
    family="margin classification",
    expression=Max(0, 1 - y_true * y_pred) ** 2,
    y_true=Signs(),
    keras=KerasName("SquaredHinge"),
    references=("Chang, Hsieh, Lin (2008), Coordinate descent method for large-scale L2-loss linear SVM, JMLR 9.",),
)
