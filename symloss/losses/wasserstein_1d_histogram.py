"""Wasserstein distance of two histograms over ordered classes."""

from sympy import Abs, Le

from symloss.declare import Axis, Loss, Simplex, Vectors, bracket, sum_over, unit, y_pred, y_true

classes = Axis("K")
j, k = classes.index("j"), classes.index("k")

wasserstein_1d_histogram = Loss(
    name="wasserstein_1d_histogram",
    summary="The probability that must be moved, times how many classes far: the distance of the cumulative sums.",
    family="ordered classes",
    expression=sum_over(k, Abs(sum_over(j, bracket(Le(j, k)) * (y_pred[j] - y_true[j])))),
    y_true=Simplex("K"),
    y_pred=Vectors("K", unit),
    references=("Vallender, S. S. (1974), Calculation of the Wasserstein distance between distributions on the line.",),
)
