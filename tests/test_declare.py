"""A wrong declaration is an error that says what to do; a right one needs nothing but SymPy."""

import pytest
import sympy
from sympy import Abs, Heaviside, Matrix, Piecewise, Symbol, exp, floor, nan, sign, sqrt

from symloss.declare import (
    Axis,
    ExtraInput,
    Interval,
    Loss,
    Parameter,
    Vectors,
    positive,
    real,
    sum_over,
    y_pred,
    y_true,
)
from symloss.errors import DeclarationError, SymlossError

residual = y_pred - y_true
k = Axis("K").index("k")


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (Symbol("scale") * residual**2, "the symbol scale has no role"),
        (Piecewise((residual, residual < 0), (residual + 1, True)), "the value jumps"),
        (floor(y_pred) ** 2, "jumps"),
        (sign(residual), "the value jumps from -1.000 to 1.000 where y_pred - y_true = 0"),
        (Heaviside(residual) + residual, "the value jumps"),
        (1 / residual, "infinite where y_pred = y_true"),
        (sqrt(y_pred) - y_true, "not real at y_true="),
        (nan * y_pred, "the expression is nan"),
        (y_true**2, "y_pred does not occur"),
        (0 * y_pred + y_true, "y_pred does not occur"),
        (y_pred[k] ** 2, "the index k is free"),
        ("y_pred - y_true", "text is never evaluated"),
        (Matrix([residual]), "not a scalar"),
        (None, "not a SymPy expression"),
        (Piecewise((residual**2, residual < 0)), "no branch for 'else'"),
        (sympy.I * residual, "real and finite"),
        (sum_over(k, y_pred[k]) + y_pred, "with and without an index"),
    ],
)
def test_a_wrong_expression_is_refused_with_the_reason(expression, message):
    """Each of these has no meaning as a loss, and the message says which and what to do."""
    with pytest.raises(SymlossError, match=message.replace("(", r"\(")):
        Loss(name="wrong", expression=expression, summary="x")


def test_a_constant_loss_is_refused():
    """A value that never moves has an identically zero gradient, however it is written."""
    with pytest.raises(DeclarationError, match="identically zero"):
        Loss(name="still", expression=exp(y_pred) * exp(-y_pred) + Abs(y_pred) - Abs(-y_pred), summary="x")


@pytest.mark.parametrize("name", ["Huber", "my-loss", "class", "1st", "", "a b", "../evil", 'x"""'])
def test_names_are_identifiers(name):
    """Names become files and functions, so nothing else is let through."""
    with pytest.raises(DeclarationError, match="can't be a name"):
        Loss(name=name, expression=residual**2, summary="x")


@pytest.mark.parametrize("text", ['"""\nimport os', "two\nlines", "back\\slash"])
def test_texts_cannot_leave_their_docstring(text):
    """Summaries end up in generated docstrings and must stay there."""
    with pytest.raises(DeclarationError, match="plain line"):
        Loss(name="sneaky", expression=residual**2, summary=text)
    with pytest.raises(DeclarationError, match="plain line"):
        Parameter(Symbol("a"), 1.0, positive, text)


def test_a_default_outside_its_domain_is_refused():
    """The message shows the default and the domain."""
    with pytest.raises(DeclarationError, match=r"-1 is outside its domain \(0, oo\)"):
        Parameter(Symbol("delta"), -1, positive, "x")


def test_reserved_and_repeated_names_are_refused():
    """A parameter can't shadow the generated functions' own arguments or another symbol."""
    with pytest.raises(DeclarationError, match="taken"):
        Parameter(Symbol("reduction"), 1, positive, "x")
    twice = ExtraInput(Symbol("w"), positive, "x")
    with pytest.raises(DeclarationError, match="more than once"):
        Loss(name="twice", expression=Symbol("w") * residual**2, summary="x", extra_inputs=(twice, twice))


def test_an_unused_parameter_is_refused():
    """Otherwise a grid search over it would silently change nothing."""
    unused = Parameter(Symbol("delta"), 1, positive, "x")
    with pytest.raises(DeclarationError, match="does not occur"):
        Loss(name="unused", expression=residual**2, summary="x", parameters=(unused,))


def test_symbols_are_matched_by_name_whatever_their_assumptions():
    """A user's own Symbol('y_pred') is the prediction; SymPy alone would treat it as a stranger."""
    mine = Loss(name="mine", expression=(Symbol("y_pred") - Symbol("y_true", positive=True)) ** 2, summary="x")
    theirs = Loss(name="mine", expression=residual**2, summary="x")
    assert mine.expression == theirs.expression


@pytest.mark.parametrize("text", ["(0, oo)", "[0, 1]", "(-oo, 3)", "(0, 1]"])
def test_intervals_read_back_as_written(text):
    """Str and parse are inverse."""
    assert str(Interval.parse(text)) == text


@pytest.mark.parametrize("text", ["0..1", "[1, 0]", "(a, b)", "__import__('os')"])
def test_bad_intervals_are_refused(text):
    """Nothing in the text is evaluated."""
    with pytest.raises(DeclarationError):
        Interval.parse(text)


def test_equal_sums_are_the_same_expression_whatever_the_letter():
    """Bound indices have no names, so nothing is computed twice and nothing is captured."""
    axis = Axis("K")
    i, j = axis.index("i"), axis.index("j")
    assert sum_over(i, y_pred[i] ** 2) == sum_over(j, y_pred[j] ** 2)
    nested = sum_over(i, y_pred[i] * sum_over(j, y_pred[j]))
    assert nested == sum_over(j, y_pred[j]) ** 2


def test_domains_of_vectors_reach_their_entries():
    """An entry of a positive vector is positive to SymPy."""
    loss = Loss(name="logs", expression=-sum_over(k, sympy.log(y_pred[k])), summary="x", y_pred=Vectors("K", positive))
    assert all(node.is_positive for node in loss.expression.atoms(type(y_pred[k])))
    assert loss.y_true == real
