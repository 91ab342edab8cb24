"""Declare a loss once, in SymPy; get its gradient and Hessian, verified code for several frameworks, and its LaTeX.

    >>> import symloss
    >>> huber = symloss.load("huber")
    >>> huber.compile("numpy").loss([3.0, 5.0], [2.5, 4.5])
    np.float64(0.125)

Nothing heavy is imported until it is used: neither SymPy nor any framework.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symloss.declare import ExtraInput, Interval, KerasName, Link, Loss, Parameter, y_pred, y_true
    from symloss.doctor import lint
    from symloss.errors import SymlossError
    from symloss.handle import Handle, load

_HOMES = {
    "ExtraInput": "symloss.declare",
    "Handle": "symloss.handle",
    "Interval": "symloss.declare",
    "KerasName": "symloss.declare",
    "Link": "symloss.declare",
    "Loss": "symloss.declare",
    "Parameter": "symloss.declare",
    "SymlossError": "symloss.errors",
    "lint": "symloss.doctor",
    "load": "symloss.handle",
    "y_pred": "symloss.declare",
    "y_true": "symloss.declare",
}

__version__ = "0.1.0"
__all__ = [
    "ExtraInput",
    "Handle",
    "Interval",
    "KerasName",
    "Link",
    "Loss",
    "Parameter",
    "SymlossError",
    "lint",
    "load",
    "y_pred",
    "y_true",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'symloss' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
