"""Run the tests of boosting objectives with the oldest supported versions: ``python -m tests.oldest_boosters``.

A virtual environment of its own is made in a temporary folder, or in the one that is given, and kept there.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import ROOT

OLDEST = ("catboost==1.2.8", "lightgbm==4.6.0", "scikit-learn==1.6.1", "xgboost-cpu==3.1.1")
OTHERS = ("dask[dataframe,distributed]", "joblib", "pytest", "pytest-xdist", "scipy")


def main(folder: Path) -> int:
    """The exit code of the tests."""
    python = folder / "bin" / "python"
    if not python.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "-q", "-e", str(ROOT), *OLDEST, *OTHERS], check=True)
    tests = ["-m", "pytest", "-q", "tests/test_boosters.py", "tests/test_boosting_lists.py"]
    return subprocess.run([str(python), *tests], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(main(Path(sys.argv[1]).resolve()))
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(main(Path(temporary)))
