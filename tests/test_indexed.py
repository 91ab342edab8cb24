"""Losses typed with SymPy's own Sum, Indexed, MatrixSymbol and KroneckerDelta: the same module as over named axes."""

import numpy as np
import pytest
from sympy import (
    Idx,
    IndexedBase,
    KroneckerDelta,
    MatrixSymbol,
    Max,
    Product,
    Sum,
    Symbol,
    Trace,
    exp,
    log,
    symbols,
)

from symloss import ExtraInput, Loss, Parameter, load, y_pred, y_true
from symloss.declare import (
    Arrays,
    Axis,
    ClassLabel,
    Data,
    Simplex,
    Vectors,
    bracket,
    nonnegative,
    positive,
    real,
    sum_over,
    unit,
)
from symloss.errors import DeclarationError

N, D, K, i, j, k, d = symbols("N D K i j k d", integer=True)
p, y, w = IndexedBase("y_pred"), IndexedBase("y_true"), IndexedBase("w")
CLASSES, ROWS, FEATURES = Axis("K"), Axis("N"), Axis("D")
a, b, c = CLASSES.index("k"), CLASSES.index("j"), CLASSES.index("i")
m, n, e = ROWS.index("i"), ROWS.index("j"), FEATURES.index("d")
label, first, second = Idx("k", K), MatrixSymbol("y_pred", N, D), MatrixSymbol("y_true", N, D)
column, target = MatrixSymbol("y_pred", N, 1), MatrixSymbol("y_true", N, 1)

VECTORS = {"y_true": Vectors("K", real), "y_pred": Vectors("K", real)}
LISTS = {"y_true": Vectors("N", real), "y_pred": Vectors("N", real)}
ARRAYS = {"y_true": Arrays(("N", "D"), real), "y_pred": Arrays(("N", "D"), real)}
PROBABILITIES = {"y_true": Simplex("K"), "y_pred": Vectors("K", unit)}
SCORES = {"y_true": Simplex("K"), "y_pred": Vectors("K", real)}
weights = ExtraInput(Symbol("w"), Vectors("K", nonnegative), "a weight for each class")
beta = Parameter(Symbol("beta"), 2.0, positive, "a scale")

# What a user of SymPy types, and the same over named axes.
PAIRS = {
    "brier": (Sum((p[k] - y[k]) ** 2, (k, 1, K)), sum_over(a, (y_pred[a] - y_true[a]) ** 2), PROBABILITIES),
    "from_zero": (Sum((p[k] - y[k]) ** 2, (k, 0, K - 1)), sum_over(a, (y_pred[a] - y_true[a]) ** 2), PROBABILITIES),
    "idx": (Sum(exp(p[label] - y[label]), label), sum_over(a, exp(y_pred[a] - y_true[a])), VECTORS),
    "mean": (Sum((p[k] - y[k]) ** 2, (k, 1, K)) / K, sum_over(a, (y_pred[a] - y_true[a]) ** 2) / CLASSES, VECTORS),
    "softmax": (
        -Sum(y[k] * log(exp(p[k]) / Sum(exp(p[j]), (j, 1, K))), (k, 1, K)),
        -sum_over(a, y_true[a] * log(exp(y_pred[a]) / sum_over(b, exp(y_pred[b])))),
        SCORES,
    ),
    "label": (
        log(Sum(exp(p[j]), (j, 1, K))) - p[y_true],
        log(sum_over(b, exp(y_pred[b]))) - y_pred[y_true],
        {"y_true": ClassLabel("K"), "y_pred": Vectors("K", real)},
    ),
    "ordered": (
        Sum(Sum(p[j] - y[j], (j, 0, k)) ** 2, (k, 0, K - 1)),
        sum_over(a, sum_over(b, bracket(b <= a) * (y_pred[b] - y_true[b])) ** 2),
        VECTORS,
    ),
    "pairs": (
        Sum(Max(0, 1 - p[j] + p[k]), (k, j + 1, K), (j, 1, K)) + Sum(y[k] * p[k] ** 2, (k, 1, K)),
        sum_over(b, sum_over(a, bracket(a > b) * Max(0, 1 - y_pred[b] + y_pred[a])))
        + sum_over(a, y_true[a] * y_pred[a] ** 2),
        VECTORS,
    ),
    "positions": (
        Sum(k * (p[k] - y[k]) ** 2, (k, 1, K)),
        sum_over(a, (a + 1) * (y_pred[a] - y_true[a]) ** 2),
        VECTORS,
    ),
    "delta": (
        Sum(KroneckerDelta(j, k) * p[j] * p[k] + y[j] * p[k] / K, (j, 1, K), (k, 1, K)),
        sum_over(a, y_pred[a] ** 2) + sum_over(b, y_true[b]) * sum_over(a, y_pred[a]) / CLASSES,
        VECTORS,
    ),
    "weighted": (
        Sum(w[k] * (p[k] - y[k]) ** 2, (k, 1, K)),
        sum_over(a, Data("w")[a] * (y_pred[a] - y_true[a]) ** 2),
        {**VECTORS, "extra_inputs": [weights]},
    ),
    "matrix_entries": (
        Sum((first[i, d] - second[i, d]) ** 2 * beta.symbol, (i, 0, N - 1), (d, 0, D - 1)),
        sum_over(e, sum_over(m, beta.symbol * (y_pred[m, e] - y_true[m, e]) ** 2)),
        {**ARRAYS, "parameters": [beta]},
    ),
    "matrix_product": (
        ((column - target).T * (column - target)),
        sum_over(m, (y_pred[m] - y_true[m]) ** 2),
        LISTS,
    ),
    "trace": (
        Trace((first - second).T * (first - second)),
        sum_over(e, sum_over(m, (y_pred[m, e] - y_true[m, e]) ** 2)),
        ARRAYS,
    ),
}


def declared(expression, **roles):
    return Loss(name="any", summary="As typed.", expression=expression, **roles)


@pytest.mark.parametrize("name", PAIRS)
def test_plain_sympy_means_the_same_as_named_axes(name):
    typed, named, roles = PAIRS[name]
    plain, own = declared(typed, **roles), declared(named, **roles)
    assert load(plain).generate("numpy") == load(own).generate("numpy")
    assert load(plain).generate("tensorflow") == load(own).generate("tensorflow")
    assert load(plain).latex() == load(own).latex()


def test_a_where_clause_may_be_plain_too():
    """Its keys have subscripts whose range a sum tells."""
    share, whole = IndexedBase("share"), Symbol("whole")
    loss = declared(
        -Sum(y[k] * log(share[k]), (k, 1, K)),
        where={share[k]: exp(p[k]) / whole, whole: Sum(exp(p[j]), (j, 1, K))},
        **SCORES,
    )
    module = load(loss).compile("numpy")
    scores, labels = np.array([[1.0, 800.0, -800.0]]), np.array([[0.0, 1.0, 0.0]])
    assert module.loss(labels, scores) == 0
    assert module.gradient(labels, np.zeros((1, 3)))[0] == pytest.approx([1 / 3, -2 / 3, 1 / 3])


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (Sum(p[k] ** 2, (k, 2, K)), "the sum over k from 2 to K is not over a whole axis"),
        (Sum(p[k] ** 2, (k, 1, 10)), "the sum over k from 1 to 10 is not over a whole axis"),
        (Sum((p[k + 1] - p[k]) ** 2, (k, 1, K)), "subscripts that are shifted or constant"),
        (Sum((p[k] - p[1]) ** 2, (k, 1, K)), "subscripts that are shifted or constant"),
        (p[k] ** 2, "subscript k, which is neither a variable that a sum runs over"),
        (Sum(p[k] ** 2, (k, 1, K)) + Sum(p[k], (k, 1, N)), "k runs over two ranges"),
        (Product(1 - p[k], (k, 1, K)), "is a product; write the exponential of a sum of logarithms"),
        (first.T * second, "the expression is a matrix of shape"),
        (Sum(KroneckerDelta(j, k) * p[j], (j, 1, K), (k, 0, K - 1)), "counts from 0 with one that counts from 1"),
        (Sum(p[j] * p[k], (j, 1, k + 1), (k, 1, K)), "ends one beyond k, outside its axis"),
    ],
)
def test_what_has_no_one_meaning_is_refused(expression, message):
    with pytest.raises(DeclarationError, match=message):
        declared(expression, **VECTORS)
