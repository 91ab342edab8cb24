"""Compiles every page, where pdflatex is installed: ``python -m pytest tests/typesetting.py``."""

import re
import shutil
import subprocess

from tests.conftest import GENERATED, form_names
from tests.test_cli import run

TROUBLE = re.compile(r"Warning|Overfull|Underfull|^!", re.MULTILINE)


def test_every_document_compiles_without_a_warning(tmp_path):
    """Pdflatex on each standalone document and on one that inputs all fragments."""
    for path in (GENERATED / "docs").glob("*.tex"):
        shutil.copy(path, tmp_path)
    inputs = "\n".join(rf"\input{{{name}.tex}}" for name in form_names())
    preamble = r"\documentclass{article}\usepackage{amsmath,amssymb,graphicx}"
    (tmp_path / "all_document.tex").write_text(preamble + "\\begin{document}\n" + inputs + "\n\\end{document}\n")
    for document in sorted(tmp_path.glob("*_document.tex")):
        done = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", document.name],
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        log = done.stdout.decode(errors="replace")
        assert done.returncode == 0, log[-1500:]
        assert not TROUBLE.search(log), TROUBLE.search(log)


def test_the_command_makes_a_pdf(tmp_path):
    """Into the folder that it is given."""
    path = run("latex", "huber", "--pdf", "--out", tmp_path, check=0).stdout.strip()
    assert (tmp_path / "huber.pdf").read_bytes().startswith(b"%PDF")
    assert path.endswith("huber.pdf")
