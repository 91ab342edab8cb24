"""TensorFlow greets on standard error, below Python; a table of results is no place for it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_STANDARD_ERROR = 2


@contextmanager
def held_back() -> Iterator[None]:
    """Hold back what native code writes to standard error; an exception brings it out after all."""
    try:
        kept = os.dup(_STANDARD_ERROR)
    except OSError:  # closed, as under some schedulers
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), _STANDARD_ERROR)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, _STANDARD_ERROR)
            os.close(kept)
