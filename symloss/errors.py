"""Every message symloss raises on purpose: which loss, which stage, what was seen, what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class SymlossError(Exception):
    """Base of all deliberate errors; the command line prints it without a traceback and exits with 2."""


class DeclarationError(SymlossError):
    """A loss was declared in a way that has no meaning (free symbol, jump, default outside its domain, …)."""


class UnsupportedError(SymlossError):
    """A function or construct that the compiler or a target has no spelling for."""


class KernelError(SymlossError):
    """A kernel broke the rules of its vocabulary: a defect of the compiler, never of the user."""


class FileError(SymlossError):
    """A file could not be read or must not be written."""


class CompilerError(SymlossError):
    """The user's C compiler is not there, or refuses what was generated."""


class MissingFrameworkError(SymlossError):
    """An optional framework is needed and not installed."""


@contextmanager
def stage(name: str, loss: str) -> Iterator[None]:
    """Add the loss and the stage to an error that was raised locally and briefly."""
    try:
        yield
    except SymlossError as error:
        if getattr(error, "located", False):
            raise
        located = type(error)(f"{loss}: {name}: {error}")
        located.located = True  # type: ignore[attr-defined]
        raise located from error
