"""Every page has every part, and its steps are checked, not just printed."""

import re

import pytest
from sympy import Symbol

from symloss import Interval, Loss, Parameter, catalogue, load, y_pred, y_true
from symloss.derive import derive
from symloss.document import check_equal, escaped
from symloss.errors import DeclarationError
from tests.conftest import GENERATED


@pytest.mark.parametrize(
    "part",
    ["Definition", "Arguments", "Gradient", "Hessian", "Kinks", "What the code computes", "References"],
)
def test_every_fragment_has_every_part(form_name, part):
    """Definition, domains, derivatives, kinks, stable form, references."""
    assert rf"\paragraph{{{part}}}" in (GENERATED / "docs" / f"{form_name}.tex").read_text()


def test_a_wrong_step_is_noticed():
    """The check that guards the printed steps can fail."""
    derivation = derive(catalogue.declared("huber").generated_forms()[0])
    right = derivation.spelled_out(derivation.gradient)
    check_equal(derivation, "gradient", [right, right])
    with pytest.raises(DeclarationError, match="two forms of the gradient differ"):
        check_equal(derivation, "gradient", [right, 2 * right])


def test_plain_text_is_escaped():
    """References hold ampersands and underscores."""
    assert escaped("A & B_1, 5%") == r"A \& B\_1, 5\%"


def test_the_docstring_carries_the_formula_of_the_page(form_name):
    """Code and page print the same expression."""
    text = (GENERATED / "docs" / f"{form_name}.tex").read_text()
    formula = re.search(r"\\symlossfit\{\\ell = (.*)\}\\\]", text).group(1)
    assert formula in (GENERATED / "numpy" / f"{form_name}.py").read_text()
    assert formula in (GENERATED / "tensorflow" / f"{form_name}.py").read_text()


def test_defaults_and_domains_are_printed_with_all_their_digits():
    """The page states the loss that the code computes."""
    scale = Symbol("scale")
    parameter = Parameter(scale, 0.1234567891, Interval(0.1234567891, 0.5000000001), "a scale")
    loss = Loss(name="scaled", summary="Scaled.", expression=scale * (y_pred - y_true) ** 2, parameters=[parameter])
    assert "[0.1234567891, 0.5000000001]$, by default $0.1234567891$" in load(loss).latex()


def test_no_name_of_the_compiler_is_printed(form_name):
    """Brackets stand below sums and in front of shares; what restricts a maximum inside has no name of its own."""
    texts = [path.read_text() for path in GENERATED.rglob(f"{form_name}*") if path.suffix in (".tex", ".py")]
    assert not re.search(
        r"operatorname\{(Restricted|Total|Bracket|Apart|Delta|SoftmaxComplement|finite_?over)", "".join(texts)
    )
