"""The wheel carries everything it needs and works in a clean environment far from the checkout."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile

import pytest

from tests.conftest import ROOT


def run(*command, cwd=None):
    """A command that knows nothing of the checkout; what it printed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT))
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_package_and_its_templates_alone(wheel):
    """Neither tests nor generated code."""
    names = zipfile.ZipFile(wheel).namelist()
    assert "symloss/templates/numpy/module.jinja" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"symloss"}


def test_an_installed_wheel_generates_what_the_checkout_holds(wheel, tmp_path):
    """With its own dependencies and nothing else; the bytes are those of the committed files."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    run(python, "-m", "pip", "install", "--quiet", str(wheel))

    far = tmp_path / "far"
    far.mkdir()
    assert str(tmp_path) in run(python, "-c", "import symloss; print(symloss.__file__)", cwd=far)
    shutil.copytree(ROOT / "generated" / "certificates", far / "out" / "certificates")
    run(python, "-m", "symloss", "generate", "huber", "categorical_crossentropy", "--out", "out", cwd=far)
    for path in ("numpy/huber.py", "tensorflow/categorical_crossentropy_logits.py", "docs/huber.tex"):
        assert (far / "out" / path).read_bytes() == (ROOT / "generated" / path).read_bytes()
    assert "passed: 1 of 1 modules" in run(python, "-m", "symloss", "verify", "huber", "--out", "out", cwd=far)
