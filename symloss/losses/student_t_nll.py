"""Student's t negative log-likelihood of location and scale."""

from sympy import Symbol, log

from symloss.declare import ExtraInput, Loss, Parameter, log_link, positive, y_pred, y_true

nu, scale = Symbol("nu", positive=True), Symbol("scale", positive=True)

student_t_nll = Loss(
    name="student_t_nll",
    summary="Student's t negative log-likelihood of the location y_pred, up to constants: outliers lose their pull.",
    family="probabilistic regression",
    expression=log(scale) + (nu + 1) / 2 * log(1 + (y_pred - y_true) ** 2 / (nu * scale**2)),
    parameters=(Parameter(nu, 4.0, positive, "degrees of freedom; the fewer, the heavier the tails"),),
    extra_inputs=(ExtraInput(scale, positive, "scale of the observation", link=log_link),),
    references=("Lange, Little, Taylor (1989), Robust statistical modeling using the t distribution, JASA 84.",),
)
