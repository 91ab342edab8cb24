"""Jensen-Shannon divergence of two distributions."""

from sympy import Rational, log

from symloss.declare import Axis, Data, Interval, Loss, Simplex, Vectors, sum_over, y_pred, y_true

k = Axis("K").index("k")
mixture = Data("mixture", nonnegative=True)

jensen_shannon = Loss(
    name="jensen_shannon",
    summary="Mean divergence of two distributions from their mixture; symmetric, between 0 and log 2.",
    family="divergence",
    expression=sum_over(k, y_true[k] * log(y_true[k] / mixture[k]) + y_pred[k] * log(y_pred[k] / mixture[k])) / 2,
    where={mixture[k]: Rational(1, 2) * (y_true[k] + y_pred[k])},
    y_true=Simplex("K"),
    y_pred=Vectors("K", Interval(0.0, 1.0, lower_open=True)),
    references=("Lin, J. (1991), Divergence measures based on the Shannon entropy, IEEE Trans. Inf. Theory 37.",),
)
