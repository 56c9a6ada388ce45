"""What the machine can do, and what it is."""

from __future__ import annotations

import datetime
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import numpy as np

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
    """Return processor, number of cores, memory, date, commit and versions in a line."""
    cpu = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    kilobytes = int(Path("/proc/meminfo").read_text().split()[1])
    cores = len(Path("/proc/cpuinfo").read_text().split("processor\t:")) - 1
    commit = run(["git", "describe", "--always", "--dirty", "--exclude=*"]).strip()
    versions = ", ".join(f"{name} {version(name)}" for name in ("nnabla", "numpy"))
    return (
        f"{cpu}, {cores} cores, {kilobytes / 2**20:.0f} GiB, {platform.system()} "
        f"{platform.release()}; {datetime.date.today()}, commit {commit}; "
        f"Python {platform.python_version()}, {versions}"
    )
