"""The Python door: light to import, and everything from one object."""

import ast
import subprocess
import sys

import numpy as np
import pytest
import sympy
from sympy import Symbol, log

import symloss
from symloss.errors import SymlossError


def test_importing_loads_neither_sympy_nor_a_framework():
    """A program that only wants errors or a version pays nothing."""
    program = "import sys, symloss; print({'sympy', 'numpy', 'tensorflow', 'jinja2'} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "set()\n"
    )


def test_the_public_names_are_few_and_real():
    """A dozen, each of which resolves."""
    assert len(symloss.__all__) <= 12
    assert all(getattr(symloss, name) is not None for name in symloss.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        symloss.nothing  # noqa: B018


def test_a_catalogue_loss_by_name():
    """Gradient and Hessian are SymPy, equal to SymPy's own where SymPy can."""
    loss = symloss.load("log_cosh")
    y_true, y_pred = Symbol("y_true", real=True), Symbol("y_pred", real=True)
    assert sympy.simplify(loss.gradient - sympy.tanh(y_pred - y_true)) == 0
    assert sympy.simplify((loss.hessian - sympy.sech(y_pred - y_true) ** 2).rewrite(sympy.exp)) == 0
    assert loss.kinks == ()
    assert loss._repr_latex_().startswith("$")
    assert r"\paragraph{Gradient}" in loss.latex()
    assert "log_cosh" in repr(loss)


def test_one_form_of_a_loss_by_its_generated_name():
    """A logit form is loaded by name like any other."""
    loss = symloss.load("binary_crossentropy_logits")
    assert loss.name == "binary_crossentropy_logits"
    assert "inverse_link" in vars(loss.compile("numpy"))


def test_a_loss_of_ones_own_from_sympy_to_numbers():
    """Declared, compiled and called, in pure SymPy and a few lines."""
    error = Symbol("y_pred") - Symbol("y_true")
    scale = Symbol("c")
    cauchy = symloss.Loss(
        name="cauchy",
        summary="Logarithm of one plus the squared, scaled residual.",
        expression=scale**2 / 2 * log(1 + (error / scale) ** 2),
        parameters=[symloss.Parameter(scale, 1.0, symloss.Interval.parse("(0, oo)"), "where the loss bends")],
    )
    module = symloss.load(cauchy).compile("numpy")
    assert module.loss([0.0], [1.0]) == pytest.approx(np.log(2) / 2)
    assert module.gradient([0.0], [1.0], c=2.0)[0] == pytest.approx(0.8)
    assert module.METADATA["parameters"]["c"]["default"] == 1.0


def test_generated_text_is_the_committed_file_but_for_its_header():
    """The same templates serve the command and the Python door."""
    from tests.conftest import GENERATED

    text = symloss.load("huber").generate("numpy")
    committed = (GENERATED / "numpy" / "huber.py").read_text()
    code, committed_code = (whole[whole.index("\ndef loss(") :] for whole in (text, committed))
    assert code == committed_code
    parsed = [
        ast.literal_eval(whole[whole.index("METADATA = ") + 11 : whole.index("\n}\n") + 2])
        for whole in (text, committed)
    ]
    differing = {key for key in parsed[0] if parsed[0][key] != parsed[1][key]}
    assert differing <= {"source_hash", "certificate"}  # the door measures nothing


def test_compiled_for_tensorflow():
    """The module of any target."""
    module = symloss.load("huber").compile("tensorflow")
    assert float(module.Huber(delta=1.0)([[0.0]], [[3.0]])) == 2.5


def test_mistakes_have_their_own_error():
    """One base class to catch."""
    for wrong in ("no_such_loss", "no_such_file.py"):
        with pytest.raises(SymlossError):
            symloss.load(wrong)
    with pytest.raises(SymlossError, match="numpy, tensorflow"):
        symloss.load("huber").generate("fortran")
