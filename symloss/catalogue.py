"""Finds declarations: the catalogue by scanning ``symloss/losses``, a user's own by importing one Python file."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeGuard

from symloss.errors import DeclarationError, FileError, SymlossError

if TYPE_CHECKING:
    from symloss.declare import Loss

FOLDER = Path(__file__).parent / "losses"


def files() -> dict[str, Path]:
    """Every catalogue file by its name, sorted."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.py")) if path.stem != "__init__"}


def declared(name: str) -> Loss:
    """The loss of a catalogue file; raises DeclarationError if the file does not hold one of its own name."""
    module = importlib.import_module(f"symloss.losses.{name}")
    loss = getattr(module, name, None)
    if not _is_loss(loss) or loss.name != name:
        raise DeclarationError(f"{FOLDER.name}/{name}.py must hold a Loss called {name!r} in a variable of that name")
    return loss  # type: ignore[no-any-return]


def from_file(path: Path) -> tuple[Loss, ...]:
    """The losses that a user's Python file declares, in order of appearance.

    The file is imported, so it runs like any module of the user's. Raises FileError when it can't be read or holds
    no loss, DeclarationError when a declaration in it is wrong.
    """
    if not path.is_file():
        raise FileError(f"{path} does not exist or is not a file; give a catalogue name or a Python file")
    module = _import(path)
    found = {id(value): value for value in vars(module).values() if _is_loss(value) and not _is_borrowed(value)}
    if not found:
        raise FileError(f"{path} declares no Loss; build one with symloss.Loss(…)")
    forms = [form.name for loss in found.values() for form in loss.generated_forms()]
    twice = sorted({name for name in forms if forms.count(name) > 1})
    if twice:
        raise DeclarationError(f"{path} declares {', '.join(twice)} more than once; give every loss a name of its own")
    return tuple(found.values())


def _is_borrowed(loss: Loss) -> bool:
    """Whether it is the catalogue's own, imported to build on."""
    home = sys.modules.get(f"{__package__}.losses.{loss.name}")
    return home is not None and getattr(home, loss.name, None) is loss


def _import(path: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(f"symloss_user_{path.stem}", path)
    if specification is None or specification.loader is None:
        raise FileError(f"{path} is not a Python file; name it like my_loss.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    try:
        specification.loader.exec_module(module)
    except SymlossError as error:
        raise type(error)(f"{path}: {error}") from error
    except (Exception, SystemExit) as error:
        raise FileError(f"{path} can't be imported: {type(error).__name__}: {error}") from error
    return module


def _is_loss(value: object) -> TypeGuard[Loss]:
    from symloss.declare import Loss

    return isinstance(value, Loss)


def form_names() -> dict[str, str]:
    """The name of every generated module, and of the file that declares it."""
    return {form.name: name for name in files() for form in declared(name).generated_forms()}


def unknown(name: str) -> str:
    """The message for a name that is not in the catalogue, with the closest ones that are."""
    import difflib

    close = difflib.get_close_matches(name, list(files()), n=3)
    hint = f"; did you mean {', '.join(close)}" if close else ""
    return f"there is no loss {name!r}{hint}; symloss list shows them all"
