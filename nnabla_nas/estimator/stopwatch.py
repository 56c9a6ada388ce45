"""Measuring how long networks take on a device, and the operations in them."""

from __future__ import annotations

import gc
import importlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import nnabla as nn
import numpy as np

from nnabla_nas import random
from nnabla_nas.errors import NasError
from nnabla_nas.estimator.latency_file import Latency, key_of


@dataclass(frozen=True)
class Timing:
    """What was measured.

    Args:
        operations: by `operation_key`, over all places where the operation occurs.
        networks: of whole networks, in the order in which they were given.
    """

    operations: dict[str, Latency]
    networks: list[Latency]


class Stopwatch:
    """Times whole networks and the operations in them, in turn.

    An operation is timed where it stands: between its neighbours, with the caches as these leave
    them. Every round runs every network once, in a new order, so that what else the machine does
    for a while meets all of them alike. On the CPU a whole network's latency is the processor time
    of the thread that runs it: what other programs take in between is not counted. An operation is
    so short that its median is one without interruption.

    Args:
        n_run: rounds that count.
        n_warmup: rounds before them.
    """

    def __init__(self, n_run: int, n_warmup: int) -> None:
        self.n_run = n_run
        self.n_warmup = n_warmup

    def measure(
        self,
        context: nn.Context,
        inside: Sequence[nn.Variable] = (),
        whole: Sequence[nn.Variable] = (),
    ) -> Timing:
        """Measure networks on a device; their inputs hold values.

        Args:
            context: the device the networks were built for; a GPU is waited for.
            inside: the output of each network whose operations are timed one by one.
            whole: the output of each network that is timed from beginning to end.

        Raises:
            NasError: if an operation cannot be run.
        """
        wait = _waiting(context)
        clock = time.perf_counter if _on_gpu(context) else time.thread_time
        inner = [_Operations(output, wait) for output in inside]
        outer = [_Network(output, wait, clock) for output in whole]
        runs: list[_Operations | _Network] = [*inner, *outer]
        generator = random.Streams(0).derived("latency")
        with nn.context_scope(context), _no_garbage_collection():
            for number in range(self.n_warmup + self.n_run):
                if number == self.n_warmup:
                    for one in runs:
                        one.times.clear()
                for position in generator.permutation(len(runs)):
                    runs[position].run()
        by_key: dict[str, list[float]] = {}
        for one in inner:
            for key, times in one.by_key():
                by_key.setdefault(key, []).extend(times)
        return Timing(
            {key: latency_of(times) for key, times in by_key.items()},
            [latency_of(network.times) for network in outer],
        )


def latency_of(times: Sequence[float]) -> Latency:
    """Return the median, which outliers do not move, and the quartiles' distance.

    Args:
        times: of single runs, in ms.
    """
    low, median, high = np.percentile(times, [25, 50, 75])
    return Latency(float(median), float(high - low))


class _Network:
    """Runs a network and notes how long it took, in ms."""

    def __init__(
        self, output: nn.Variable, wait: Callable[[], None], clock: Callable[[], float]
    ) -> None:
        _run_once(output, wait)
        self._clock = clock
        self._output = output
        self._wait = wait
        self.times: list[float] = []

    def run(self) -> None:
        self._wait()
        start = self._clock()
        self._output.forward(clear_buffer=True)
        self._wait()
        self.times.append((self._clock() - start) * 1000)


class _Operations:
    """Runs a network and notes how long each of its operations took, in ms, one row a run."""

    def __init__(self, output: nn.Variable, wait: Callable[[], None]) -> None:
        # Functions run in the same order every time.
        self._functions = _run_once(output, wait)
        self._output = output
        self._wait = wait
        self.times: list[list[float]] = []

    def run(self) -> None:
        row: list[float] = []
        wait, clock, begun = self._wait, time.perf_counter, 0.0

        def before(function: Any) -> None:
            nonlocal begun
            wait()
            begun = clock()

        def after(function: Any) -> None:
            wait()
            row.append((clock() - begun) * 1000)

        self._output.forward(clear_buffer=True, function_pre_hook=before, function_post_hook=after)
        self.times.append(row)

    def by_key(self) -> Iterator[tuple[str, list[float]]]:
        """Yield the key of every operation and the times of its runs."""
        for function, times in zip(self._functions, zip(*self.times, strict=True), strict=True):
            yield key_of(function), list(times)


def _run_once(output: nn.Variable, wait: Callable[[], None]) -> list[Any]:
    """Return the functions of a network in the order in which they run."""
    begun: list[Any] = []
    try:
        output.forward(clear_buffer=True, function_pre_hook=begun.append)
        wait()
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        name = begun[-1].info.type_name if begun else "a network"
        raise NasError(f"{name} could not be measured: {reason}") from error
    return begun


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Let Python collect no garbage in the block: that would be measured with what runs then."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _waiting(context: nn.Context) -> Callable[[], None]:
    """Return what waits until the device has done what it was asked to."""
    if not _on_gpu(context):
        return lambda: None
    extension = importlib.import_module("nnabla_ext.cuda")
    return lambda: extension.synchronize(context.device_id)


def _on_gpu(context: nn.Context) -> bool:
    return any("cuda" in backend or "cudnn" in backend for backend in context.backend)
