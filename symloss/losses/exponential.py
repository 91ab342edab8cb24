"""Exponential loss of AdaBoost."""

from sympy import exp

from symloss.declare import Loss, Signs, y_pred, y_true

exponential = Loss(
    name="exponential",
    summary="Exponential of the negative margin, which AdaBoost minimises stage by stage.",
    family="boosting margin",
    expression=exp(-y_true * y_pred),
    y_true=Signs(),
    references=("Friedman, Hastie, Tibshirani (2000), Additive logistic regression, Ann. Statist. 28, 337-407.",),
)
