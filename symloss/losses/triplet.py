"""Triplet margin loss of three vectors."""

from sympy import Max, Symbol

from symloss.declare import Axis, Data, ExtraInput, Loss, Parameter, Vectors, nonnegative, norm, real, y_pred, y_true

d = Axis("D").index("d")
margin = Symbol("margin", nonnegative=True)
negative = Data("negative")

triplet = Loss(
    name="triplet",
    summary="How far an anchor is from its positive, beyond its distance from the negative less a margin.",
    family="metric learning",
    expression=Max(0, norm(y_pred[d] - y_true[d], d) - norm(y_pred[d] - negative[d], d) + margin),
    y_true=Vectors("D", real),
    y_pred=Vectors("D", real),
    extra_inputs=(ExtraInput(negative, Vectors("D", real), "the embedding that the anchor is to be far from"),),
    parameters=(Parameter(margin, 1.0, nonnegative, "how much farther the negative must be"),),
    references=("Schroff, F., Kalenichenko, D., Philbin, J. (2015), FaceNet, CVPR.",),
)
