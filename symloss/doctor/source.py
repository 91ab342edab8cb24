"""From ``module.py:objective`` or ``package.module:objective`` to the objective."""

from __future__ import annotations

import ast
import difflib
import importlib
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from symloss.errors import FileError, SymlossError


def split(named: str) -> tuple[str, str]:
    """The module and the name within it; raises SymlossError where there is no name, with those that it might be."""
    module, colon, name = named.rpartition(":")
    if colon and module and name and not name.endswith(".py"):
        return module, name
    path = Path(named)
    if path.suffix == ".py" and path.is_file():
        names = _objectives_in(path)
        which = f"it has {', '.join(names)}" if names else "no function in it has two arguments"
        raise SymlossError(f"{named} names no objective: write {named}:NAME; {which}")
    raise SymlossError(f"{named} names no objective: write module.py:objective")


def load_objective(named: str) -> Any:
    """Run the module, and take the objective from it.

    Raises FileError for a module that isn't there or fails, SymlossError for a name that it lacks.
    """
    module_name, name = split(named)
    module = _module(module_name)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, [item for item in dir(found) if not item.startswith("__")], 3)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise SymlossError(f"{module_name} has no {name}{hint}")
        found = getattr(found, part)
    return found


def _module(name: str) -> ModuleType:
    path = Path(name)
    if path.suffix == ".py" and not path.is_file():
        raise FileError(f"there is no file {name}")
    try:
        return _from_file(path) if path.suffix == ".py" else _by_name(name)
    except (Exception, SystemExit) as error:
        raise FileError(f"{name} could not be imported: {type(error).__name__}: {error}") from error


def _by_name(name: str) -> ModuleType:
    sys.path.insert(0, "")
    return importlib.import_module(name)


def _from_file(path: Path) -> ModuleType:
    sys.path.insert(0, str(path.resolve().parent))
    loader = SourceFileLoader(path.stem, str(path))
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    sys.modules[path.stem] = module  # where pickle looks for its functions
    loader.exec_module(module)
    return module


def _objectives_in(path: Path) -> list[str]:
    """Functions with two arguments or more, and classes that CatBoost would call, without running anything."""
    try:
        body = ast.parse(path.read_text(encoding="utf-8")).body
    except (SyntaxError, ValueError, OSError) as error:
        raise FileError(f"{path} could not be read as Python: {error}") from error
    functions = [item.name for item in body if isinstance(item, ast.FunctionDef) and len(item.args.args) >= 2]
    methods = {"__call__", "calc_ders_range", "calc_ders_multi"}
    classes = [
        item.name
        for item in body
        if isinstance(item, ast.ClassDef)
        and methods & {method.name for method in item.body if isinstance(method, ast.FunctionDef)}
    ]
    return functions + classes
