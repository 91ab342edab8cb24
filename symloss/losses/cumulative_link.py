"""Ordinal labels between cumulative logits: the proportional-odds model."""

from sympy import exp, log

from symloss.declare import Axis, Loss, Rising, max_over, min_over, nonnegative, real, y_pred, y_true

levels = Axis("J")
j = levels.index("j")
below, above = max_over(j, y_pred[j], j < y_true), min_over(j, y_pred[j], j >= y_true)

cumulative_link = Loss(
    name="cumulative_link",
    summary="Negative log-likelihood of a label, a number from 0 to J, by J logits of being at most 0, 1, ….",
    family="ordinal",
    expression=-log(1 / (1 + exp(-above)) - 1 / (1 + exp(-below))),
    y_true=nonnegative,
    y_pred=Rising("J", real),
    references=("McCullagh, P. (1980), Regression models for ordinal data, J. R. Stat. Soc. B 42.",),
)
