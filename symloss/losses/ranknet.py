"""RankNet: the logistic loss of every pair that the labels put in order."""

from sympy import Symbol, exp, log

from symloss.declare import Axis, Lists, Loss, Parameter, bracket, positive, real, sum_over, y_pred, y_true

items = Axis("N")
i, j = items.index("i"), items.index("j")
sigma = Symbol("sigma", positive=True)

ranknet = Loss(
    name="ranknet",
    summary="Logistic loss of the difference of scores, summed over the pairs of a list in which one item is better.",
    family="ranking",
    expression=sum_over(
        i, sum_over(j, bracket(y_true[i] > y_true[j]) * log(1 + exp(-sigma * (y_pred[i] - y_pred[j]))))
    ),
    y_true=Lists("N", real),
    y_pred=Lists("N", real),
    parameters=(Parameter(sigma, 1.0, positive, "the steepness of the logistic function"),),
    references=("Burges, C. et al. (2005), Learning to rank using gradient descent, ICML 22.",),
)
