"""The wheel carries everything it needs and works far from the checkout."""

import os
import subprocess
import sys
import zipfile

from tests.conftest import ROOT


def test_a_wheel_in_a_clean_environment_generates(tmp_path):
    """Built, installed without the checkout on the path, used from another folder."""
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(ROOT)],
        check=True,
        capture_output=True,
    )
    wheel = next((tmp_path / "dist").glob("*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    assert "symloss/templates/numpy/module.jinja" in names
    assert not [name for name in names if name.startswith(("tests", "generated", "templates"))]

    subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--force-reinstall",
        str(wheel),
    ]
    subprocess.run(install, check=True)
    far, environment = tmp_path / "far", {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path.endswith("site-packages"))
    far.mkdir()
    home = subprocess.run(
        [str(python), "-c", "import symloss; print(symloss.__file__)"],
        cwd=far,
        env={**environment, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    command = [str(python), "-m", "symloss", "generate", "huber", "categorical_crossentropy", "--out", "out"]
    environment["PYTHONPATH"] = os.pathsep.join([str(_site(python)), environment["PYTHONPATH"]])
    done = subprocess.run(command, cwd=far, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (far / "out" / "numpy" / "huber.py").is_file()
    assert (far / "out" / "docs" / "huber.tex").is_file()
    committed = (ROOT / "generated" / "numpy" / "huber.py").read_text()
    assert (far / "out" / "numpy" / "huber.py").read_text() == committed
    assert home == "" or str(tmp_path) in home


def _site(python):
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout.strip()
