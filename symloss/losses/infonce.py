"""InfoNCE of two views: each embedding must find its partner among those of the batch."""

from sympy import Symbol

from symloss.declare import (
    Arrays,
    Axis,
    Data,
    Loss,
    Parameter,
    log_sum_exp_over,
    norm,
    positive,
    real,
    sum_over,
    y_pred,
    y_true,
)

batch, features = Axis("N"), Axis("D")
i, j, d = batch.index("i"), batch.index("j"), features.index("d")
temperature = Symbol("temperature", positive=True)
anchor, partner, similarity = Data("anchor"), Data("partner"), Data("similarity")

infonce = Loss(
    name="infonce",
    summary="Cross-entropy of finding the own partner by cosine similarity among the partners of the batch.",
    family="contrastive",
    expression=log_sum_exp_over(j, similarity[i, j] / temperature) - similarity[i, i] / temperature,
    where={
        anchor[i, d]: y_pred[i, d] / norm(y_pred[i, d], d),
        partner[i, d]: y_true[i, d] / norm(y_true[i, d], d),
        similarity[i, j]: sum_over(d, anchor[i, d] * partner[j, d]),
    },
    rows=i,
    y_true=Arrays(("N", "D"), real),
    y_pred=Arrays(("N", "D"), real),
    parameters=(Parameter(temperature, 0.1, positive, "what similarities are divided by"),),
    references=(
        "van den Oord, A., Li, Y., Vinyals, O. (2018), Representation learning with contrastive predictive coding.",
    ),
)
