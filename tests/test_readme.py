"""Every snippet of the README runs."""

import json
import re
import shlex
import subprocess
import sys
from collections import Counter

import pytest

from tests.conftest import ROOT, load

README = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
PYTHON = [text for language, text in SNIPPETS if language == "python"]
SHELL = [text for language, text in SNIPPETS if language == "sh"]
OF_LIBRARIES = [
    (page.parent.name, place, text)
    for page in sorted((ROOT / "templates").glob("*/README.md"))
    for place, text in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
]


@pytest.mark.parametrize("text", PYTHON, ids=lambda text: text.strip().splitlines()[0][:40])
def test_python_snippets_run(text):
    """As they stand, in a process of their own, from the checkout."""
    done = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("library", "place", "text"), OF_LIBRARIES)
def test_snippets_of_the_pages_of_libraries_run(library, place, text):
    """Each in a process of its own; the first of a page takes ten lines from a formula to a model."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", text], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{library} {place}: {done.stderr}"
    if place == 0:
        assert len([line for line in text.splitlines() if line and not line.startswith(("import", "from"))]) <= 10


def test_printed_results_are_right():
    """The numbers in the comments."""
    program = PYTHON[0].replace("huber.loss(y_true, y_pred)  ", "print(huber.loss(y_true, y_pred))  ")
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0.21875"


def test_shell_snippets_run(tmp_path):
    """The commands on losses, those for a file of one's own on the file that the README shows."""
    (tmp_path / "my_loss.py").write_text(next(text for text in PYTHON if text.startswith("# my_loss.py")))
    commands = [line for text in SHELL[2:4] for line in text.splitlines() if line]
    assert len(commands) == 6
    for line in commands:
        words = shlex.split(line.split(" > ")[0])
        assert words[0] == "symloss"
        done = subprocess.run([sys.executable, "-m", *words], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_snippet_of_c_runs(tmp_path):
    """In a program that prints what it finds; no warning under strict flags."""
    [text] = [text for language, text in SNIPPETS if language == "c"]
    include, body = text.split("\n", 1)
    program = f"#include <stdio.h>\n{include}\nint main(void)\n{{\n{body}"
    program += 'printf("%d %.17g %.17g %.17g\\n", failure, value, gradient[0], gradient[1]);\nreturn 0;\n}\n'
    (tmp_path / "program.c").write_text(program)
    source = ROOT / "generated" / "c"
    flags = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{source}"]
    subprocess.run(
        ["cc", *flags, "program.c", str(source / "huber.c"), "-lm", "-o", "program"], cwd=tmp_path, check=True
    )
    printed = subprocess.run(["./program"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    value, gradient = load("numpy", "huber").loss_and_gradient([3.0, 5.0], [2.5, 1.0], delta=0.7)
    assert [float(word) for word in printed.split()] == pytest.approx([0, value, *gradient], rel=1e-15)


def test_the_two_commands_come_first_and_ci_runs_the_second():
    """One installs and does the main job, one installs and passes the tests; CI runs the latter as it stands."""
    first, second = SHELL[0].strip(), SHELL[1].strip()
    assert "symloss generate && symloss verify" in first
    assert second.endswith("python -m pytest -n 2")
    assert second in (ROOT / ".ci" / "run").read_text()
    assert README.index("## Two commands") < 1200


_KINDS = [(dtype, *rest) for dtype in ("float64", "float32") for rest in ((), ("good",))]


def test_counts_of_certified_functions_are_those_recorded():
    """In the README, of every target and dtype; a function is good where it is in all modes of a target."""
    counts = Counter()
    for path in (ROOT / "generated" / "certificates").glob("*.json"):
        for target, forms in json.loads(path.read_text()).items():
            for found in forms.values() if target != "made_by" else ():
                for dtype, measured in found["measured"].items():
                    modes = [measured] if "value" in measured else list(measured.values())
                    for name in ("value", "gradient", "hessian"):
                        counts[target, dtype] += 1
                        counts[target, dtype, "good"] += all(mode[name]["certified"] for mode in modes if name in mode)
    text = " ".join(README.split())
    of_numpy = counts["numpy", "float64"], counts["numpy", "float64", "good"], counts["numpy", "float32", "good"]
    assert "Of the {} functions of the other NumPy modules {} are good at every point".format(*of_numpy[:2]) in text
    assert f"measured in float64, and {of_numpy[2]} in float32" in text
    in_all = {
        target: [sum(counts[target, dtype, *rest] for dtype in ("float64", "float32")) for rest in ((), ("good",))]
        for target in ("c", "tensorflow", "torch")
    }
    assert (
        "Of {} functions that were measured, {} are good, {} of the {} in float32".format(
            *in_all["c"], counts["c", "float32", "good"], counts["c", "float32"]
        )
        in text
    )
    assert [counts["c", *rest] for rest in _KINDS] == [counts["numba", *rest] for rest in _KINDS]
    assert "Of {} functions that were measured, {} are good eagerly".format(*in_all["tensorflow"]) in text
    assert "of {} functions that were measured, {} are good in eager mode".format(*in_all["torch"]) in text
