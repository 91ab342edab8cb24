"""Multi-similarity loss."""

from sympy import Eq, Ne, Symbol, exp, log

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
    sum_over,
    y_pred,
    y_true,
)

batch, features = Axis("N"), Axis("D")
i, j, d = batch.index("i"), batch.index("j"), features.index("d")
alpha, beta = Symbol("alpha", positive=True), Symbol("beta", positive=True)
base = Symbol("base", real=True)
embedding, similarity = Data("embedding"), Data("similarity")
is_positive = bracket(Eq(y_true[i], y_true[j]) & Ne(i, j))
is_negative = bracket(Ne(y_true[i], y_true[j]))

multi_similarity = Loss(
    name="multi_similarity",
    summary="Soft maxima of how dissimilar embeddings of one identity and how similar those of others are.",
    family="metric learning",
    expression=log(1 + sum_over(j, is_positive * exp(-alpha * (similarity[i, j] - base)))) / alpha
    + log(1 + sum_over(j, is_negative * exp(beta * (similarity[i, j] - base)))) / beta,
    where={
        embedding[i, d]: y_pred[i, d] / norm(y_pred[i, d], d),
        similarity[i, j]: sum_over(d, embedding[i, d] * embedding[j, d]),
    },
    rows=i,
    y_true=Identifiers(("N",)),
    y_pred=Arrays(("N", "D"), real),
    parameters=(
        Parameter(alpha, 2.0, positive, "how sharply the least similar of the own identity count"),
        Parameter(beta, 50.0, positive, "how sharply the most similar of others count"),
        Parameter(base, 0.5, real, "the similarity that is neither high nor low"),
    ),
    references=("Wang, X. et al. (2019), Multi-similarity loss with general pair weighting, CVPR.",),
)
