"""Preparing the CPU: how many threads compute, and kernels compiled for this processor."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from threadpoolctl import threadpool_limits

from nnabla_nas.function.building import has_compiler


def use_cores(threads: int | None, say: Callable[[str], object]) -> None:
    """Compute with so many threads from now on, and have the kernels ready.

    Loops over channels and pixels are divided among the threads in a way that changes no result.
    The libraries below stay with one thread each: theirs and ours would wait for each other.

    Args:
        threads: how many; by default as many as the process has cores.
        say: what tells the user a line.
    """
    if not has_compiler():
        threadpool_limits(1, user_api="blas")
        say("numba is not installed: nnabla's own functions compute on one core, slower")
        return
    import numba

    from nnabla_nas.function.cpu.readiness import compile_all, is_compiled

    config: Any = numba.config
    cores = len(os.sched_getaffinity(0))
    numba.set_num_threads(min(threads or cores, config.NUMBA_NUM_THREADS))
    if is_compiled():
        return
    say("compiling kernels for this processor, once; it takes about a minute")
    start = time.monotonic()
    compile_all()
    say(f"kernels compiled in {time.monotonic() - start:.0f} s")
