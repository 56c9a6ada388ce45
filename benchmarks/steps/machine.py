"""What the machine can do, and what it is."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from nnabla_nas.artifact.environment import describe_environment
from steps.child import run

_SIDE = 2048
_TRIES = 4


def sgemm_peak(threads: int) -> float:
    """Return the multiply-adds a second of a large product of float32 matrices by numpy.

    To be run where the numerical libraries have one thread: each thread has a product of its own.

    Args:
        threads: how many multiply at once.
    """
    rng = np.random.default_rng(0)
    pairs = [rng.random((2, _SIDE, _SIDE), dtype=np.float32) for _ in range(threads)]
    results = [np.empty((_SIDE, _SIDE), np.float32) for _ in range(threads)]
    seconds = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(_TRIES):
            start = time.perf_counter()
            list(pool.map(lambda pair, result: np.dot(*pair, out=result), pairs, results))
            seconds.append(time.perf_counter() - start)
    return threads * _SIDE**3 / min(seconds)


def measured_peak(python: str, threads: int) -> float:
    """Return `sgemm_peak` of a process with single-threaded numerical libraries.

    Args:
        python: the interpreter.
        threads: how many multiply at once.
    """
    code = f"from steps.machine import sgemm_peak; print(sgemm_peak({threads}))"
    return float(run([python, "-c", code]))


def description() -> str:
    """Return processor, cores, memory, time, commit and versions in a line."""
    found = describe_environment()
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    return (
        f"{found['processor']}, {os.cpu_count()} cores, {memory:.0f} GiB, {found['platform']}; "
        f"{found['created']}, commit {found['git_commit']}; Python {found['python']}, {versions}"
    )
