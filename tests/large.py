"""More samples than fit into memory: ``python -m tests.large``.

A file of labels and one of scores are streamed by one process in constant memory; the same samples, made chunk by
chunk, go through a Dask cluster on this machine. Both give the same loss and gradient; the memory of every process is
shown. 1e8 samples take 1.6 GB of disk.

Examples: python -m tests.large · python -m tests.large --samples 1e7 --workers 4 --loss logistic_margin
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
import tracemalloc
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

CHUNK = 10**6


def main() -> None:
    """Stream, then compare with a cluster; exits with 1 where they differ or a worker took too much memory."""
    arguments = _parser().parse_args()
    samples, limit = int(float(arguments.samples)), arguments.memory
    module = import_module(f"generated.numpy.{arguments.loss}")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        files = [np.memmap(Path(folder) / name, float, "w+", shape=(samples,)) for name in ("y_true", "y_pred", "out")]
        for start in range(0, samples, CHUNK):
            for array, made in zip(files, _chunk(start // CHUNK, min(CHUNK, samples - start)), strict=False):
                array[start : start + CHUNK] = made
        tracemalloc.start()  # files that are mapped do not count: the system takes their memory back when it is short
        began = time.perf_counter()
        value, gradient = module.loss_and_gradient(*files[:2], out=files[2])
        streamed = time.perf_counter() - began
        taken = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        norm = float(sum(np.square(gradient[start : start + CHUNK]).sum() for start in range(0, samples, CHUNK)))
    _say(f"one process: loss {float(value)!r}, squared gradient {norm!r}, {streamed:.1f} s, {taken:.1f} MB")
    found, square, seconds, peaks = _on_cluster(module, samples, arguments.workers, limit)
    _say(f"a cluster: loss {found!r}, squared gradient {square!r}, {seconds:.1f} s, peak MB {peaks}")
    differ = abs(found - value) > 1e-12 * abs(value) or abs(square - norm) > 1e-10 * norm
    sys.exit(1 if differ or max(peaks) > limit else 0)


def _chunk(index: int, size: int) -> tuple[Any, Any]:
    """Labels -1 and 1, which suit every loss of real numbers and margins, and scores."""
    random = np.random.default_rng([11, index])
    return random.choice([-1.0, 1.0], size), random.normal(size=size)


def _peak() -> float:
    """The most memory that this process has had, in MB; what getrusage says includes the parent's on Linux."""
    status = Path("/proc/self/status")
    if status.is_file():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def _on_cluster(module: Any, samples: int, workers: int, limit: int) -> tuple[float, float, float, list[float]]:
    import dask
    import dask.array
    from dask.distributed import Client, LocalCluster

    import symloss.dask

    sizes = tuple(min(CHUNK, samples - start) for start in range(0, samples, CHUNK))
    pairs = [dask.delayed(_chunk, nout=2, pure=True)(index, size) for index, size in enumerate(sizes)]
    y_true, y_pred = (
        dask.array.concatenate(
            [dask.array.from_delayed(pair[place], (size,), float) for pair, size in zip(pairs, sizes, strict=True)]
        )
        for place in range(2)
    )
    options = {"n_workers": workers, "threads_per_worker": 1, "memory_limit": f"{limit}MB", "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        began = time.perf_counter()
        value, gradient = symloss.dask.over(module).loss_and_gradient(y_true, y_pred)
        found, square = dask.compute(value, dask.array.square(gradient).sum())
        seconds = time.perf_counter() - began
        peaks = [round(peak) for peak in client.run(_peak).values()]
    return float(found), float(square), seconds, peaks


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.large", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", default="1e8", help="default: %(default)s")
    parser.add_argument("--workers", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--memory", type=int, default=1000, help="MB that a worker may take (default: %(default)s)")
    parser.add_argument("--loss", default="logistic_margin", help="over numbers or signs (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where the files are, for a while (default: that for such files)")
    return parser


if __name__ == "__main__":
    main()
