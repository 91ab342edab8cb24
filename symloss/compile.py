"""Builds the C of a loss into a shared library beside it, with the user's compiler."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from symloss.errors import CompilerError, FileError

_SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
_LOOKED_FOR = ("cc", "gcc", "clang")
_FLAGS = ("-std=c99", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared")
_MOST_LINES = 12


@dataclass(frozen=True)
class Built:
    """A library, whether it shares work among threads, and the seconds that building it took."""

    loss: str
    library: Path
    has_threads: bool
    seconds: float


def library_of(module: Path) -> Path:
    """Where the library of a module is."""
    return module.with_name(f"lib{module.stem}{_SUFFIX}")


def find_compiler(named: str | None = None) -> tuple[str, ...]:
    """The command of a C compiler: the one named, else ``$CC``, else what is usual.

    Raises CompilerError where there is none.
    """
    wanted = named or os.environ.get("CC", "")
    candidates = [tuple(shlex.split(wanted))] if wanted else [(name,) for name in _LOOKED_FOR]
    for command in candidates:
        if command and shutil.which(command[0]):
            return command
    looked_for = wanted or ", ".join(_LOOKED_FOR)
    raise CompilerError(
        f"no C compiler: {looked_for} is not on the PATH; install gcc or clang (apt install gcc, xcode-select "
        "--install), or name one with --compiler"
    )


def build(
    sources: Iterable[Path], compiler: tuple[str, ...], flags: tuple[str, ...] = (), workers: int = 1
) -> Iterator[Built]:
    """Build every source, several at a time; a library is replaced only by one that was built.

    Raises CompilerError with what the compiler says.
    """
    threads = _thread_flags(compiler)
    with ThreadPoolExecutor(max(1, workers)) as pool:
        yield from pool.map(lambda source: _built(source, compiler, (*threads, *flags)), sources)


def _built(source: Path, compiler: tuple[str, ...], flags: tuple[str, ...]) -> Built:
    library, start = library_of(source), time.perf_counter()
    if not source.is_file():
        raise FileError(f"{source} does not exist; run symloss generate first")
    try:
        handle, temporary = tempfile.mkstemp(dir=source.parent, prefix=f".{library.name}.", suffix=".tmp")
        os.close(handle)
    except OSError as error:
        raise FileError(f"{library} can't be written: {error.strerror or error}") from error
    try:
        _run((*compiler, *_FLAGS, *flags, str(source), "-o", temporary, "-lm"), source)
        Path(temporary).chmod(0o755)
        Path(temporary).replace(library)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return Built(source.stem, library, "-fopenmp" in flags, time.perf_counter() - start)


def _run(command: tuple[str, ...], source: Path) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603
    except OSError as error:
        raise CompilerError(f"{command[0]} can't be run: {error.strerror or error}") from error
    if done.returncode:
        said = "\n".join(done.stderr.strip().splitlines()[:_MOST_LINES])
        raise CompilerError(f"{source.name} can't be compiled: {shlex.join(command)} says\n{said}")


@cache
def _thread_flags(compiler: tuple[str, ...]) -> tuple[str, ...]:
    """What asks the compiler for threads, where it has them."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "threads.c"
        source.write_text("#include <omp.h>\nint most(void) { return omp_get_max_threads(); }\n", encoding="utf-8")
        try:
            _run((*compiler, *_FLAGS, "-fopenmp", str(source), "-o", str(Path(folder) / "threads")), source)
        except CompilerError:
            return ()
    return ("-fopenmp",)
