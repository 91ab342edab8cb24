"""LambdaRank: pairs weighted by what exchanging them does to NDCG."""

from sympy import Abs, Eq, Expr, Symbol, exp, log

from symloss.declare import (
    Axis,
    Data,
    Interval,
    Lists,
    Loss,
    Parameter,
    bracket,
    positive,
    ratio,
    real,
    stop_gradient,
    sum_over,
    y_pred,
    y_true,
)

items = Axis("N")
i, j, k = items.index("i"), items.index("j"), items.index("k")
sigma = Symbol("sigma", positive=True)
gain, discount, best_discount = Data("gain"), Data("discount"), Data("best_discount")


def place(scores: Data) -> Expr:
    """Where an item stands when the list is sorted by descending scores, from 1; equal ones in the order given."""
    ahead = bracket(scores[k] > scores[i]) + bracket(Eq(scores[k], scores[i])) * bracket(k < i)
    return 1 + sum_over(k, ahead)


lambdarank = Loss(
    name="lambdarank",
    summary="Logistic loss of pairs, each times the change of NDCG if the two changed places; that is held constant.",
    family="ranking",
    expression=ratio(
        sum_over(
            i,
            sum_over(
                j,
                bracket(y_true[i] > y_true[j])
                * stop_gradient(Abs((gain[i] - gain[j]) * (discount[i] - discount[j])))
                * log(1 + exp(-sigma * (y_pred[i] - y_pred[j]))),
            ),
        ),
        sum_over(i, gain[i] * best_discount[i]),
    ),
    where={
        gain[i]: 2 ** y_true[i] - 1,
        discount[i]: log(2) / log(1 + place(y_pred)),
        best_discount[i]: log(2) / log(1 + place(y_true)),
    },
    y_true=Lists("N", Interval(0.0, 31.0)),
    y_pred=Lists("N", real),
    parameters=(Parameter(sigma, 1.0, positive, "the steepness of the logistic function"),),
    references=("Burges, C. (2010), From RankNet to LambdaRank to LambdaMART: an overview, MSR-TR-2010-82.",),
)
