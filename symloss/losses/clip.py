"""The symmetric contrastive loss of CLIP."""

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

clip = Loss(
    name="clip",
    summary="InfoNCE both ways: texts find their images and images their texts.",
    family="contrastive",
    expression=(
        log_sum_exp_over(j, similarity[i, j] / temperature) + log_sum_exp_over(j, similarity[j, i] / temperature)
    )
    / 2
    - similarity[i, i] / temperature,
    where={
        anchor[i, d]: y_pred[i, d] / norm(y_pred[i, d], d),
        partner[i, d]: y_true[i, d] / norm(y_true[i, d], d),
        similarity[i, j]: sum_over(d, anchor[i, d] * partner[j, d]),
    },
    rows=i,
    y_true=Arrays(("N", "D"), real),
    y_pred=Arrays(("N", "D"), real),
    parameters=(Parameter(temperature, 0.07, positive, "what similarities are divided by"),),
    references=("Radford, A. et al. (2021), Learning transferable visual models from natural language supervision.",),
)
