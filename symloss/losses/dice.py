"""Dice loss of soft masks."""

from sympy import Symbol

from symloss.declare import Axis, Loss, Parameter, Vectors, nonnegative, sum_over, unit, y_pred, y_true

k = Axis("K").index("k")
smooth = Symbol("smooth", nonnegative=True)

overlap = sum_over(k, y_pred[k] * y_true[k])
dice = Loss(
    name="dice",
    summary="One less the share of two masks that overlaps: over the pixels of a sample, or the batch with axis=0.",
    family="segmentation",
    expression=1 - (2 * overlap + smooth) / (sum_over(k, y_pred[k]) + sum_over(k, y_true[k]) + smooth),
    y_true=Vectors("K", unit),
    y_pred=Vectors("K", unit),
    parameters=(Parameter(smooth, 1.0, nonnegative, "what is added above and below, so that empty masks agree"),),
    references=("Milletari, F., Navab, N., Ahmadi, S.-A. (2016), V-Net, 3DV.",),
)
