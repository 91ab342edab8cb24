"""The benchmark runs; what it measures is never a test."""

import json
import subprocess
import sys

from tests.conftest import ROOT


def test_the_benchmark_measures_every_cost_that_the_readme_names():
    """Import, help, cold generation per target, a run with nothing to do, and yardsticks in the same run."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmark", "huber", "--repeat", "1", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    measured = json.loads(done.stdout)
    assert {
        "python, empty",
        "python, import sympy",
        "python, import tensorflow",
        "import symloss",
        "symloss --help",
        "generate numpy, cold",
        "generate tensorflow, cold",
        "generate numpy and tensorflow, cold",
        "generate everything, warm",
    } <= set(measured)
    assert all(row["fastest_s"] <= row["median_s"] <= row["slowest_s"] for row in measured.values())
    assert measured["generate numpy, cold"]["per_loss_s"] == measured["generate numpy, cold"]["median_s"]
