"""Logistic loss on the margin of labels -1 and 1."""

from sympy import exp, log

from symloss.declare import Loss, Signs, TorchName, y_pred, y_true

logistic_margin = Loss(
    name="logistic_margin",
    summary="Negative log-likelihood of logistic regression for labels -1 and 1.",
    family="margin classification",
    expression=log(1 + exp(-y_true * y_pred)),
    y_true=Signs(),
    torch=TorchName("SoftMarginLoss", "soft_margin_loss"),
    references=("Friedman, Hastie, Tibshirani (2000), Additive logistic regression, Ann. Statist. 28, 337-407.",),
)
