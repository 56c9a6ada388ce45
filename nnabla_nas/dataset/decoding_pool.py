"""Processes that decode pictures, so that several cores work on a batch."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from nnabla_nas.errors import NasError

_MOST_WORKERS = 8

Task = TypeVar("Task")
Result = TypeVar("Result")


class DecodingPool:
    """Maps a function over tasks; the results are those of the built-in map.

    Args:
        workers: processes, started on first use; 0 works in the calling thread, None takes one
            per core, 8 at most.
    """

    def __init__(self, workers: int | None) -> None:
        cores = len(os.sched_getaffinity(0))
        self.workers = min(cores, _MOST_WORKERS) if workers is None else workers
        self._executor: ProcessPoolExecutor | None = None

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> list[Result]:
        """Return the results, in the order of the tasks.

        Args:
            function: importable by its name, as other processes must.
            tasks: what it is called with.

        Raises:
            NasError: if a process ended unasked.
        """
        if not self.workers:
            return [function(task) for task in tasks]
        if self._executor is None:
            # Not forked from here: this process has threads, and perhaps a GPU.
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(["__main__", function.__module__])
            self._executor = ProcessPoolExecutor(self.workers, context, _depend_on_parent)
        share = -(-len(tasks) // self.workers)
        try:
            return list(self._executor.map(function, tasks, chunksize=max(1, share)))
        except BrokenProcessPool as error:
            self.close()
            raise NasError(
                "a process that decodes pictures ended unasked, perhaps for want of memory; fewer "
                "dataset.workers need less"
            ) from error

    def close(self) -> None:
        """End the processes; a later `map` starts others."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(cancel_futures=True)


def _depend_on_parent() -> None:
    """Leave signals to the run, and end with it however it ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
