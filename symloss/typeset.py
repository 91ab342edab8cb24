"""A PDF of a loss, by pdflatex."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from symloss.errors import FileError, MissingFrameworkError
from symloss.handle import Handle

_DOCUMENT = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage{lmodern}
\usepackage{amsmath,amssymb,graphicx}
\begin{document}
%s
\end{document}
"""


def typeset(handle: Handle, folder: Path) -> Path:
    """Compile ``<name>.pdf`` into a folder; raises MissingFrameworkError without pdflatex, FileError if it fails."""
    program = shutil.which("pdflatex")
    if program is None:
        raise MissingFrameworkError("pdflatex is not installed; install TeX Live or print the LaTeX without --pdf")
    target = folder / f"{handle.name}.pdf"
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "loss.tex"
        source.write_text(_DOCUMENT % handle.latex(), encoding="utf-8")
        done = subprocess.run(  # noqa: S603 - a fixed program on our own text
            [program, "-interaction=nonstopmode", "-halt-on-error", source.name],
            cwd=place,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise FileError(f"pdflatex failed on {handle.name}: {done.stdout[-500:].decode(errors='replace')}")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(place) / "loss.pdf", target)
    return target
