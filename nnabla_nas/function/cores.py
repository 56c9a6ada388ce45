"""Preparing the CPU: how many threads compute, and kernels compiled for this processor."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from threadpoolctl import threadpool_limits

from nnabla_nas.function.building import has_compiler
from nnabla_nas.function.form import on_cpu
from nnabla_nas.function.lanes import lanes


def use_cores(
    threads: int | None,
    say: Callable[[str], object],
    show: Callable[[int, str], AbstractContextManager[Any]] | None = None,
    check: Callable[[], object] | None = None,
) -> None:
    """Compute with so many threads from now on, and have the kernels ready.

    Loops over channels and pixels are divided among the threads in a way that changes no result.
    The libraries below stay with one thread each: theirs and ours would wait for each other.

    Args:
        threads: how many; by default as many as the process has cores.
        say: what tells the user a line.
        show: what shows a bar while kernels are compiled, given how many and what is done; by
            default on standard error, if that is a terminal.
        check: raises an error if the process was asked to end; then nothing is compiled further.

    Raises:
        RuntimeError: if the kernels cannot be compiled.
    """
    if not has_compiler():
        threadpool_limits(1, user_api="blas")
        say("numba is not installed: nnabla's own functions compute on one core, slower")
        return
    import numba

    from nnabla_nas.function.cpu.readiness import Waiting, make_ready

    config: Any = numba.config
    cores = len(os.sched_getaffinity(0))
    numba.set_num_threads(min(threads or cores, config.NUMBA_NUM_THREADS))
    start = 0.0

    @contextmanager
    def shown(total: int, description: str) -> Iterator[Any]:
        nonlocal start
        start = time.monotonic()
        say("compiling kernels for this processor, once; it takes about a minute")
        with (show or Waiting().show)(total, description) as bar:
            yield bar

    make_ready(waiting=Waiting(shown, check or (lambda: None)))
    if start:
        say(f"kernels compiled in {time.monotonic() - start:.0f} s")


def describe_kernels() -> dict[str, Any] | None:
    """Return what decides the last bits of results of networks built now; None without kernels.

    Returns:
        `lanes`, see there, and `version` of the machine code.
    """
    if not has_compiler() or not on_cpu():
        return None
    from nnabla_nas.function.cpu.kernel_set import ALL

    return {"lanes": lanes(), "version": ALL.version()}
