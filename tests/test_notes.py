"""Comments in generated code: what a form that is not the textbook's avoids, once, where it is computed."""

import pytest
from sympy import cosh, exp, log, sqrt

from symloss import Loss, y_pred, y_true
from symloss.mathematics import study
from symloss.measured import bare_texts
from symloss.stable_forms import FORMS
from symloss.targets import find
from tests.conftest import GENERATED

residual = y_pred - y_true
STABLE = "    # Stable form: "


def kernel_lines(text, name):
    """The lines of one kernel of a generated module."""
    start = text.index(f"def _{name}(")
    return text[start : text.index("\ndef ", start + 1)].splitlines()


@pytest.mark.parametrize("target", ["numpy", "tensorflow"])
@pytest.mark.parametrize(
    ("expression", "avoided"),
    [
        (log(1 + exp(residual)), "log(1 + exp(x)) overflows for large x"),
        (log(cosh(residual)), "cosh(x) overflows for large x"),
        (sqrt(1 + residual**2) - 1, "z^2 leaves the floats"),
    ],
)
def test_a_stable_form_says_what_it_avoids(expression, avoided, target):
    """Above the line that computes it, and not again below."""
    mathematics = study(Loss(name="typed", summary="Typed.", expression=expression))
    text = bare_texts(mathematics, [mathematics], find(target))[".py"]
    notes = [line for line in kernel_lines(text, "value") if line.startswith(STABLE)]
    assert sum(avoided in note for note in notes) == 1, notes
    assert all(note.endswith(".") for note in notes)


def test_textbook_code_has_no_comment():
    """Where nothing is avoided there is nothing to say."""
    assert STABLE not in (GENERATED / "numpy" / "squared_error.py").read_text()


def test_notes_fit_on_a_line():
    """With the indentation and the words around them."""
    for form in FORMS.values():
        assert len(f"{STABLE}{form.avoids}.") <= 120
        assert not form.avoids.endswith(".")
