"""Cox's partial likelihood with Breslow's treatment of ties."""

from sympy import Ge

from symloss.declare import (
    Axis,
    Data,
    ExtraInput,
    Lists,
    Loss,
    Vectors,
    log_sum_exp_over,
    nonnegative,
    real,
    sum_over,
    unit,
    y_pred,
    y_true,
)

subjects = Axis("N")
i, j = subjects.index("i"), subjects.index("j")
event = Data("event", nonnegative=True)

cox_partial_likelihood = Loss(
    name="cox_partial_likelihood",
    summary="Negative log partial likelihood of log hazards: who fails, among those still at risk; ties as Breslow's.",
    family="survival",
    expression=sum_over(i, event[i] * (log_sum_exp_over(j, y_pred[j], Ge(y_true[j], y_true[i])) - y_pred[i])),
    y_true=Lists("N", nonnegative),
    y_pred=Lists("N", real),
    extra_inputs=(
        ExtraInput(event, Vectors("N", unit), "1 where the time is that of an event, 0 where it is censored"),
    ),
    references=(
        "Cox, D. R. (1972), Regression models and life-tables, J. R. Stat. Soc. B 34.",
        "Breslow, N. (1974), Covariance analysis of censored survival data, Biometrics 30.",
    ),
)
