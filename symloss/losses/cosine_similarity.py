"""Negative cosine of the angle between two vectors."""

from symloss.declare import Axis, KerasName, Loss, Vectors, norm, real, sum_over, y_pred, y_true

features = Axis("K")
k = features.index("k")

cosine_similarity = Loss(
    name="cosine_similarity",
    summary="-1 for vectors of the same direction, 0 at right angles, 1 for opposite ones; lengths do not matter.",
    family="embedding",
    expression=-sum_over(k, y_true[k] * y_pred[k]) / (norm(y_true, k) * norm(y_pred, k)),
    y_true=Vectors("K", real),
    y_pred=Vectors("K", real),
    keras=KerasName("CosineSimilarity", arguments=("axis", "reduction", "name", "dtype")),
    minimiser=y_true[k] / norm(y_true, k),
    references=("Salton, G., Wong, A., Yang, C. S. (1975), A vector space model for automatic indexing, CACM 18.",),
)
