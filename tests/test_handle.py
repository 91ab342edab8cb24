"""The Python door: light to import, and everything from one object."""

import subprocess
import sys

import numpy as np
import pytest
import sympy
from sympy import Symbol, log

import symloss
from symloss.errors import SymlossError, UnsupportedError


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


@pytest.mark.parametrize("name", ["huber", "focal_binary"])
def test_generated_text_is_the_committed_file_but_for_its_header(name):
    """The same templates and the same certificates serve the command and the Python door."""
    from tests.conftest import GENERATED

    text = symloss.load(name).generate("numpy")
    committed = (GENERATED / "numpy" / f"{name}.py").read_text()
    lines, committed_lines = (whole.splitlines()[3:] for whole in (text, committed))
    differing = [pair for pair in zip(lines, committed_lines, strict=True) if pair[0] != pair[1]]
    assert all("source_hash" in line for pair in differing for line in pair)


def test_a_loss_of_ones_own_is_certified_and_mended():
    """Floats lose the curvature of the Geman-McClure loss in places; the certified module does not, and says so."""
    residual, scale = Symbol("y_pred") - Symbol("y_true"), Symbol("c")
    geman = symloss.Loss(
        name="geman",
        summary="A squared residual that saturates.",
        expression=residual**2 / (residual**2 + scale**2),
        parameters=[symloss.Parameter(scale, 1.0, symloss.Interval.parse("[0.1, 10]"), "where the loss bends")],
    )
    plain = symloss.load(geman)
    certified = plain.certified(points=600)
    assert plain.compile("numpy").METADATA["certificate"] is None
    module = certified.compile("numpy")
    assert all(module.METADATA["certificate"]["float64"][part]["certified"] for part in ("value", "hessian"))
    assert "Accuracy" in module.__doc__
    assert "_Extended" in certified.generate("numpy")
    assert "_Extended" not in plain.generate("numpy")


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


def test_what_calls_a_module_beside_it_is_not_compiled_alone():
    """The message says what to generate."""
    with pytest.raises(UnsupportedError, match="symloss generate huber --target keras,tensorflow writes both"):
        symloss.load("huber").compile("keras")
