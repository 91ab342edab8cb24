"""Jaccard loss of soft masks."""

from sympy import Symbol

from symloss.declare import Axis, Loss, Parameter, Vectors, nonnegative, sum_over, unit, y_pred, y_true

k = Axis("K").index("k")
smooth = Symbol("smooth", nonnegative=True)

overlap = sum_over(k, y_pred[k] * y_true[k])
jaccard = Loss(
    name="jaccard",
    summary="One less intersection over union of two masks: over the pixels of a sample, or the batch with axis=0.",
    family="segmentation",
    expression=1 - (overlap + smooth) / (sum_over(k, y_pred[k]) + sum_over(k, y_true[k]) - overlap + smooth),
    y_true=Vectors("K", unit),
    y_pred=Vectors("K", unit),
    parameters=(Parameter(smooth, 1.0, nonnegative, "what is added above and below, so that empty masks agree"),),
    references=("Rahman, M. A., Wang, Y. (2016), Optimizing intersection-over-union in deep neural networks, ISVC.",),
)
