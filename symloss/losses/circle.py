"""Circle loss."""

from sympy import Eq, Max, Ne, Symbol, exp, log

from symloss.declare import (
    Arrays,
    Axis,
    Data,
    Identifiers,
    Loss,
    Parameter,
    bracket,
    norm,
    positive,
    real,
    stop_gradient,
    sum_over,
    unit,
    y_pred,
    y_true,
)

batch, features = Axis("N"), Axis("D")
i, j, d = batch.index("i"), batch.index("j"), features.index("d")
gamma, margin = Symbol("gamma", positive=True), Symbol("margin", nonnegative=True)
embedding, similarity = Data("embedding"), Data("similarity")
s = similarity[i, j]
is_positive = bracket(Eq(y_true[i], y_true[j]) & Ne(i, j))
is_negative = bracket(Ne(y_true[i], y_true[j]))
positives = sum_over(j, is_positive * exp(-gamma * stop_gradient(Max(0, 1 + margin - s)) * (s - 1 + margin)))
negatives = sum_over(j, is_negative * exp(gamma * stop_gradient(Max(0, s + margin)) * (s - margin)))

circle = Loss(
    name="circle",
    summary="Soft maxima of similarities, each weighted by how far it is from its best; the weights are held constant.",
    family="metric learning",
    expression=log(1 + positives * negatives),
    where={
        embedding[i, d]: y_pred[i, d] / norm(y_pred[i, d], d),
        similarity[i, j]: sum_over(d, embedding[i, d] * embedding[j, d]),
    },
    rows=i,
    y_true=Identifiers(("N",)),
    y_pred=Arrays(("N", "D"), real),
    parameters=(
        Parameter(gamma, 80.0, positive, "the scale of similarities"),
        Parameter(margin, 0.4, unit, "how much is asked beyond the boundary"),
    ),
    references=("Sun, Y. et al. (2020), Circle loss: a unified perspective of pair similarity optimization, CVPR.",),
)
