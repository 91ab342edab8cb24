"""Squared Hellinger distance of two distributions."""

from sympy import sqrt

from symloss.declare import Axis, Loss, Simplex, Vectors, sum_over, unit, y_pred, y_true

k = Axis("K").index("k")

hellinger = Loss(
    name="hellinger",
    summary="Half the squared distance between the roots of probabilities; between 0 and 1.",
    family="divergence",
    expression=sum_over(k, (sqrt(y_pred[k]) - sqrt(y_true[k])) ** 2) / 2,
    y_true=Simplex("K"),
    y_pred=Vectors("K", unit),
    references=("Hellinger, E. (1909), Neue Begruendung der Theorie quadratischer Formen, J. reine angew. Math. 136.",),
)
