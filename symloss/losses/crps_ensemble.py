"""Continuous ranked probability score of an ensemble."""

from sympy import Abs

from symloss.declare import Axis, Loss, Vectors, real, sum_over, y_pred, y_true

members = Axis("M")
i, j = members.index("i"), members.index("j")

crps_ensemble = Loss(
    name="crps_ensemble",
    summary="Mean distance of the members from the outcome, less half their mean distance from each other.",
    family="proper score",
    expression=sum_over(i, Abs(y_pred[i] - y_true)) / members
    - sum_over(i, sum_over(j, Abs(y_pred[i] - y_pred[j]))) / (2 * members**2),
    y_true=real,
    y_pred=Vectors("M", real),
    references=("Gneiting, T., Raftery, A. E. (2007), Strictly proper scoring rules, J. Am. Stat. Assoc. 102.",),
)
