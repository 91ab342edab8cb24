"""Contrastive loss of pairs of vectors."""

from sympy import Max, Symbol

from symloss.declare import Axis, ExtraInput, Loss, Parameter, Vectors, norm, positive, real, unit, y_pred, y_true

d = Axis("D").index("d")
margin, same = Symbol("margin", positive=True), Symbol("same", nonnegative=True)
distance = norm(y_pred[d] - y_true[d], d)

contrastive = Loss(
    name="contrastive",
    summary="Half the squared distance of a pair of the same kind; of other pairs half the squared lack of a margin.",
    family="metric learning",
    expression=(same * distance**2 + (1 - same) * Max(0, margin - distance) ** 2) / 2,
    y_true=Vectors("D", real),
    y_pred=Vectors("D", real),
    extra_inputs=(ExtraInput(same, unit, "1 for a pair of the same kind, 0 for any other"),),
    parameters=(Parameter(margin, 1.0, positive, "how far pairs of different kinds are pushed apart"),),
    references=(
        "Hadsell, R., Chopra, S., LeCun, Y. (2006), Dimensionality reduction by learning an invariant mapping.",
    ),
)
