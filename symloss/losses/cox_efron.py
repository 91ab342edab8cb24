"""Cox's partial likelihood with Efron's treatment of ties."""

from sympy import Eq, Ge, exp, log

from symloss.declare import (
    Axis,
    Data,
    ExtraInput,
    Lists,
    Loss,
    Vectors,
    bracket,
    log_sum_exp_over,
    nonnegative,
    ratio,
    real,
    sum_over,
    unit,
    y_pred,
    y_true,
)

subjects = Axis("N")
i, j = subjects.index("i"), subjects.index("j")
event = Data("event", nonnegative=True)
at_risk, tied, tied_before, tied_share = (Data(name) for name in ("at_risk", "tied", "tied_before", "tied_share"))
is_tied = bracket(Eq(y_true[i], y_true[j]))

cox_efron = Loss(
    name="cox_efron",
    summary="Negative log partial likelihood of log hazards; of tied events each leaves the risk set a little smaller.",
    family="survival",
    expression=sum_over(
        i, event[i] * (at_risk[i] + log(1 - ratio(tied_before[i], tied[i]) * tied_share[i]) - y_pred[i])
    ),
    where={
        at_risk[i]: log_sum_exp_over(j, y_pred[j], Ge(y_true[j], y_true[i])),
        tied[i]: sum_over(j, is_tied * event[j]),
        tied_before[i]: sum_over(j, is_tied * bracket(j < i) * event[j]),
        tied_share[i]: sum_over(j, is_tied * event[j] * exp(y_pred[j] - at_risk[i])),
    },
    y_true=Lists("N", nonnegative),
    y_pred=Lists("N", real),
    extra_inputs=(
        ExtraInput(event, Vectors("N", unit), "1 where the time is that of an event, 0 where it is censored"),
    ),
    references=("Efron, B. (1977), The efficiency of Cox's likelihood function for censored data, JASA 72.",),
)
