"""Tversky loss of soft masks."""

from sympy import Symbol

from symloss.declare import Axis, Loss, Parameter, Vectors, nonnegative, sum_over, unit, y_pred, y_true

k = Axis("K").index("k")
alpha, beta, smooth = (Symbol(name, nonnegative=True) for name in ("alpha", "beta", "smooth"))
false_positive = sum_over(k, y_pred[k] * (1 - y_true[k]))
false_negative = sum_over(k, (1 - y_pred[k]) * y_true[k])

overlap = sum_over(k, y_pred[k] * y_true[k])
tversky = Loss(
    name="tversky",
    summary="Dice with weights of false positives and false negatives; 1/2 and 1/2 give Dice, 1 and 1 Jaccard.",
    family="segmentation",
    expression=1 - (overlap + smooth) / (overlap + alpha * false_positive + beta * false_negative + smooth),
    y_true=Vectors("K", unit),
    y_pred=Vectors("K", unit),
    parameters=(
        Parameter(alpha, 0.5, nonnegative, "weight of false positives"),
        Parameter(beta, 0.5, nonnegative, "weight of false negatives"),
        Parameter(smooth, 1.0, nonnegative, "what is added above and below, so that empty masks agree"),
    ),
    references=(
        "Salehi, S. S. M., Erdogmus, D., Gholipour, A. (2017), Tversky loss function for image segmentation, MLMI.",
    ),
)
