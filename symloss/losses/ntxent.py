"""Normalised temperature-scaled cross-entropy (NT-Xent, supervised contrastive)."""

from sympy import Eq, Ne, Symbol

from symloss.declare import (
    Arrays,
    Axis,
    Data,
    Identifiers,
    Loss,
    Parameter,
    log_sum_exp_over,
    mean_over,
    norm,
    positive,
    real,
    sum_over,
    y_pred,
    y_true,
)

batch, features = Axis("N"), Axis("D")
i, j, k, d = batch.index("i"), batch.index("j"), batch.index("k"), features.index("d")
temperature = Symbol("temperature", positive=True)
embedding, similarity = Data("embedding"), Data("similarity")
is_positive = Eq(y_true[i], y_true[j]) & Ne(i, j)

ntxent = Loss(
    name="ntxent",
    summary="Cross-entropy of finding the own identity by cosine among all others, mean over its rows, 0 without any.",
    family="contrastive",
    expression=mean_over(
        j, log_sum_exp_over(k, similarity[i, k] / temperature, Ne(k, i)) - similarity[i, j] / temperature, is_positive
    ),
    where={
        embedding[i, d]: y_pred[i, d] / norm(y_pred[i, d], d),
        similarity[i, j]: sum_over(d, embedding[i, d] * embedding[j, d]),
    },
    rows=i,
    y_true=Identifiers(("N",)),
    y_pred=Arrays(("N", "D"), real),
    parameters=(Parameter(temperature, 0.1, positive, "what similarities are divided by"),),
    references=(
        "Chen, T. et al. (2020), A simple framework for contrastive learning of visual representations, ICML.",
        "Khosla, P. et al. (2020), Supervised contrastive learning, NeurIPS.",
    ),
)
