"""ListNet's top-one cross-entropy of graded relevance."""

from sympy import exp, log

from symloss.declare import Axis, Lists, Loss, nonnegative, real, sum_over, y_pred, y_true

items = Axis("N")
i, j, k = items.index("i"), items.index("j"), items.index("k")

listnet_softmax = Loss(
    name="listnet_softmax",
    summary="Cross-entropy of the softmax of the scores of a list with the relevance as weights.",
    family="ranking",
    expression=-sum_over(i, y_true[i] * log(exp(y_pred[i]) / sum_over(j, exp(y_pred[j])))),
    y_true=Lists("N", nonnegative),
    y_pred=Lists("N", real),
    references=("Cao, Z. et al. (2007), Learning to rank: from pairwise approach to listwise approach, ICML 24.",),
)
