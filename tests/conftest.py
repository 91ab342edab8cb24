"""Shared by all tests: where things are, how emitted modules are loaded, and which frameworks must be there."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
if "PYTEST_XDIST_WORKER" in os.environ:  # a worker for every core: threads of their own would wait for each other
    for threads in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    ):
        os.environ.setdefault(threads, "1")

ROOT = Path(__file__).parent.parent
GENERATED = ROOT / "generated"


def load(target: str, name: str) -> ModuleType:
    """A committed generated module, imported as a user of the checkout would."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    return importlib.import_module(f"generated.{target}.{name}")


def load_file(path: Path) -> ModuleType:
    """A module from a file, under a private name."""
    specification = importlib.util.spec_from_file_location(f"_test_{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


def form_names() -> list[str]:
    """Every generated module."""
    return sorted(path.stem for path in (GENERATED / "numpy").glob("*.py") if path.stem != "__init__")


@pytest.fixture(params=form_names())
def form_name(request: pytest.FixtureRequest) -> str:
    """Each generated module in turn."""
    return request.param
