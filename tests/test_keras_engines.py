"""Keras's classes on TensorFlow, JAX and PyTorch: the same numbers in each."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.conftest import GENERATED, ROOT

ENGINES = ("tensorflow", "jax", "torch")


def run(engine, *command, folder=ROOT):
    """A command on one engine, its output and its exit status."""
    environment = {**os.environ, "KERAS_BACKEND": engine, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTEST_XDIST_WORKER", None)
    line = [sys.executable, *command]
    done = subprocess.run(line, check=False, cwd=folder, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("engine", ENGINES)
def test_every_class_works_on_every_engine(engine):
    """All tests of ``on_engine.py``, in a process of their own."""
    status, said = run(engine, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "tests/on_engine.py")
    assert status == 0, said[-3000:]
    passed = int(re.search(r"(\d+) passed", said).group(1))
    assert passed == 82


@pytest.mark.parametrize("engine", ENGINES)
def test_a_missing_module_for_the_engine_is_told(engine, tmp_path):
    """With the command that writes it."""
    (tmp_path / "losses" / "keras").mkdir(parents=True)
    shutil.copy(GENERATED / "keras" / "huber.py", tmp_path / "losses" / "keras")
    told = (
        "import os, shutil\n"
        "try:\n    import losses.keras.huber\nexcept ImportError as error:\n    print(error)\n"
        f"os.mkdir('losses/{engine}'); shutil.copy({str(GENERATED / engine / 'huber.py')!r}, 'losses/{engine}')\n"
        "import losses.keras.huber as ours; print(float(ours.Huber()([[0.0]], [[3.0]])))"
    )
    status, said = run(engine, "-c", told, folder=tmp_path)
    assert status == 0, said
    assert f"symloss generate huber --target {engine} writes it" in said
    assert "2.5" in said
