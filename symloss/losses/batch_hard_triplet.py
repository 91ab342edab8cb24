"""Triplet loss of the hardest positive and the hardest negative in the batch."""

from sympy import Eq, Max, Ne, Symbol

from symloss.declare import (
    Arrays,
    Axis,
    Data,
    Identifiers,
    Loss,
    Parameter,
    max_over,
    min_over,
    nonnegative,
    norm,
    real,
    y_pred,
    y_true,
)

batch, features = Axis("N"), Axis("D")
i, j, d = batch.index("i"), batch.index("j"), features.index("d")
margin = Symbol("margin", nonnegative=True)
distance = Data("distance")

batch_hard_triplet = Loss(
    name="batch_hard_triplet",
    summary="Triplet margin loss with the farthest embedding of the own identity and the nearest of any other.",
    family="metric learning",
    expression=Max(
        0,
        max_over(j, distance[i, j], Eq(y_true[i], y_true[j]) & Ne(i, j))
        - min_over(j, distance[i, j], Ne(y_true[i], y_true[j]))
        + margin,
    ),
    where={distance[i, j]: norm(y_pred[i, d] - y_pred[j, d], d)},
    rows=i,
    y_true=Identifiers(("N",)),
    y_pred=Arrays(("N", "D"), real),
    parameters=(Parameter(margin, 0.2, nonnegative, "how much farther the negative must be"),),
    references=(
        "Hermans, A., Beyer, L., Leibe, B. (2017), In defense of the triplet loss for person re-identification.",
    ),
)
