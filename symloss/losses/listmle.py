"""ListMLE: the likelihood of the order that the labels give."""

from sympy import Le

from symloss.declare import Axis, Lists, Loss, log_sum_exp_over, real, sum_over, y_pred, y_true

items = Axis("N")
i, j = items.index("i"), items.index("j")

listmle = Loss(
    name="listmle",
    summary="Negative log-likelihood of drawing the items of a list best first, ties from among each other.",
    family="ranking",
    expression=sum_over(i, log_sum_exp_over(j, y_pred[j], Le(y_true[j], y_true[i])) - y_pred[i]),
    y_true=Lists("N", real),
    y_pred=Lists("N", real),
    references=("Xia, F. et al. (2008), Listwise approach to learning to rank: theory and algorithm, ICML 25.",),
)
