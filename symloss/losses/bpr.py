"""Bayesian personalised ranking."""

from sympy import exp, log

from symloss.declare import Axis, Lists, Loss, bracket, ratio, real, sum_over, y_pred, y_true

items = Axis("N")
i, j = items.index("i"), items.index("j")
is_better = bracket(y_true[i] > y_true[j])

bpr = Loss(
    name="bpr",
    summary="Mean logistic loss of the difference of scores over the pairs of a list in which one item is preferred.",
    family="recommendation",
    expression=ratio(
        sum_over(i, sum_over(j, is_better * log(1 + exp(-(y_pred[i] - y_pred[j]))))),
        sum_over(i, sum_over(j, is_better)),
    ),
    y_true=Lists("N", real),
    y_pred=Lists("N", real),
    references=("Rendle, S. et al. (2009), BPR: Bayesian personalized ranking from implicit feedback, UAI 25.",),
)
