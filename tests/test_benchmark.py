"""The benchmark runs; what it measures is never a test."""

import json
import subprocess
import sys

from tests.conftest import ROOT
from tests.speed.rivals import TASKS
from tests.speed.workloads import WORKLOADS


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


def test_the_race_runs_and_compares_results_first(tmp_path):
    """Every loss and task at a small size, as JSON, CSV, a picture and a page; the exit code tells of wrong results."""
    rivals = "symloss,symloss (2 workers),by hand,lambdify,scikit-learn"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.speed", "--sizes", "2e3", "--dtypes", "float64,float32", "--repeat", "1"),
            *(
                "--rivals",
                rivals,
                "--json",
                "--csv",
                str(tmp_path / "rows.csv"),
                "--picture",
                str(tmp_path / "rows.svg"),
                "--page",
                str(tmp_path / "page"),
            ),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert {row["rival"] for row in rows} == set(rivals.split(","))
    assert {(row["workload"], row["task"], row["dtype"]) for row in rows if row["rival"] == "symloss"} == {
        (name, task, dtype) for name in WORKLOADS for task in TASKS for dtype in ("float64", "float32")
    }
    assert all(row["nanoseconds"] > 0 and row["wrong_by"] < 1e-3 for row in rows)
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == len(rows) + 1
    assert "<svg" in (tmp_path / "rows.svg").read_text()
    page = (tmp_path / "page" / "speed.md").read_text()
    assert all(page.count(f"\n| {name} | ") == 4 for name in WORKLOADS)  # two tasks, two dtypes
    assert page.count("| 1.00 |") >= 4  # of itself, symloss takes 1
    assert "- symloss: ahead of every NumPy rival in " in page
    assert "<svg" in (tmp_path / "page" / "speed.svg").read_text()


def test_the_race_names_what_it_does_not_know():
    """An unknown loss or rival is no empty table."""
    for arguments in (["hubber"], ["--rivals", "lamdify"]):
        done = subprocess.run(
            [sys.executable, "-m", "tests.speed", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert arguments[-1] in done.stderr
        assert "choose from" in done.stderr


def test_compiled_modules_race_too():
    """C and numba, at one loss: compiling takes longer than racing."""
    rivals = "symloss,symloss C,symloss C (2 workers),symloss numba"
    words = ["--sizes", "2e3", "--dtypes", "float64", "--repeat", "1", "--rivals", rivals, "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.speed", "huber", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {row["rival"] for row in json.loads(done.stdout)["rows"]} == set(rivals.split(","))


def test_more_samples_than_memory_have_a_command():
    """At a small size: a file that is streamed and a cluster give the same."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.large", "--samples", "2.5e6"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    alone, together = done.stdout.splitlines()
    assert alone.split("squared gradient")[1][:12] == together.split("squared gradient")[1][:12]
