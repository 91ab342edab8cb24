"""Ordinal labels as a row of binary ones."""

from sympy import exp, log

from symloss.declare import Axis, Loss, Vectors, bracket, nonnegative, real, sum_over, y_pred, y_true

thresholds = Axis("J")
j = thresholds.index("j")

ordinal_logistic = Loss(
    name="ordinal_logistic",
    summary="Binary cross-entropies of whether the label, a number from 0 to J, is beyond each of J thresholds.",
    family="ordinal",
    expression=sum_over(j, log(1 + exp(y_pred[j])) - bracket(j < y_true) * y_pred[j]),
    y_true=nonnegative,
    y_pred=Vectors("J", real),
    references=("Frank, E., Hall, M. (2001), A simple approach to ordinal classification, ECML.",),
)
