"""Errors against predictions, drawn: where a form is exact, where it loses digits, and how far the limit is."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from symloss.declare import Loss
from symloss.errors import FileError, MissingFrameworkError
from symloss.verify.certificate import DTYPES, limit_of
from symloss.verify.frameworks import DifferentiatedModule
from symloss.verify.grid import ordinals
from symloss.verify.measure import FUNCTIONS, Examiner
from symloss.verify.modules import NumpyModule

_FORMATS = (".png", ".svg", ".pdf")
_LEAST = 1e-2  # errors below are drawn here
_MOST = 1e4


def check_format(path: Path) -> None:
    """Raise FileError for an ending that is no picture, MissingFrameworkError without Matplotlib."""
    if path.suffix not in _FORMATS:
        raise FileError(f"{path}: pictures are {', '.join(_FORMATS)}; give one of these endings")
    if find_spec("matplotlib") is None:
        raise MissingFrameworkError("Matplotlib is not installed; pip install 'symloss[certify]'")


def draw_errors(loss: Loss, module: NumpyModule | DifferentiatedModule, path: Path, count: int = 3000) -> Path:
    """One panel per function and dtype: the error in ulp/(1 + S) over the prediction.

    Raises MissingFrameworkError without Matplotlib, FileError for a format that is none of png, svg and pdf.
    """
    check_format(path)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6), layout="constrained")
    panels = figure.subplots(len(DTYPES), len(FUNCTIONS), sharey=True, squeeze=False)
    for row, (dtype, kind) in enumerate(DTYPES.items()):
        limit = limit_of(module.target, module.modes[0], dtype)
        scattered = Examiner(loss, kind, fixed=module.fixed, flushes=module.flushes).scatter(
            module.evaluator(module.modes[0]), count, limit
        )
        for column, function in enumerate(FUNCTIONS):
            _panel(panels[row, column], *scattered[function], limit)
            panels[row, column].set_title(f"{function}, {dtype}", fontsize=10)
        panels[row, 0].set_ylabel("error, ulp / (1 + S)")
    for panel in panels[-1]:
        panel.set_xlabel("y_pred")
    figure.suptitle(f"{loss.name} [{module.target}]: error against the correctly rounded truth")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    return path


def _panel(panel: Any, predictions: np.ndarray, errors: np.ndarray, limit: float) -> None:
    shown = np.clip(errors, _LEAST, _MOST)
    good = errors <= limit
    panel.scatter(_position(predictions)[good], shown[good], s=3, color="#2b6cb0", linewidths=0)
    panel.scatter(_position(predictions)[~good], shown[~good], s=9, color="#c53030", marker="x", linewidths=0.8)
    panel.axhline(limit, color="#c53030", linewidth=0.8, linestyle="--")
    panel.set_yscale("log")
    panel.set_ylim(_LEAST / 1.5, _MOST * 1.5 if (~good).any() else 20 * limit)
    marks = [sign * 10.0**power for sign in (-1, 1) for power in _powers(predictions.dtype)]
    panel.set_xticks(
        _position(np.array([*marks, 0.0], dtype=predictions.dtype)), [*map(_label, marks), "0"], fontsize=8
    )
    panel.grid(visible=True, linewidth=0.3)


def _position(predictions: np.ndarray) -> np.ndarray:
    """Floats side by side: every exponent takes the same room."""
    return ordinals(predictions).astype(np.float64)


def _powers(dtype: np.dtype[Any]) -> tuple[int, ...]:
    return (-150, 0, 150, 300) if dtype == np.float64 else (-18, 0, 18, 37)


def _label(mark: float) -> str:
    power = round(np.log10(abs(mark)))
    return ("-" if mark < 0 else "") + ("1" if power == 0 else f"1e{power}")
