"""Runs as processes of this machine, several at a time."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from nnabla_nas.errors import NasError
from nnabla_nas.study.console import Console, Standing
from nnabla_nas.study.folders import StudyFolder, is_finished
from nnabla_nas.study.plan import Run
from nnabla_nas.study.process import command, conclude, start

# Between two looks at the runs' files, in seconds; the end of a run is noticed at once.
_LOOK = 0.5
# Launchers repeat and forward signals: those within so many seconds count as one.
_SAME = 2.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StudyStoppedError(NasError):
    """The study was asked to stop; every run has written a checkpoint.

    Args:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__("stopped; the same command goes on where every run stands")
        self.exit_code = 128 + number


@dataclass(frozen=True)
class Slots:
    """How many runs side by side, and what each may use.

    Args:
        gpus: one GPU per slot, empty on a CPU.
        n: how many slots there are.
        threads: of each run.
    """

    n: int
    threads: int
    gpus: tuple[int, ...] = ()

    def flags(self, slot: int) -> list[str]:
        """Return what a run in a slot is told.

        Args:
            slot: its number, from 0.
        """
        gpu = ["-d", str(self.gpus[slot % len(self.gpus)])] if self.gpus else []
        return ["--threads", str(self.threads), *gpu]


def choose_slots(jobs: int | None, threads: int | None, n_gpus: int) -> Slots:
    """Return the slots of this machine.

    Args:
        jobs: runs at a time, if that is given.
        threads: threads of each run, if that is given.
        n_gpus: GPUs that may be used.
    """
    cores = len(os.sched_getaffinity(0))
    n = jobs or n_gpus or max(1, cores // 2)
    return Slots(n, threads or max(1, cores // n), tuple(range(n_gpus)))


class LocalEngine:
    """Starts runs as processes and follows them to their end.

    Args:
        folder: the study's folder.
        console: shows them.
        slots: how many at a time.
        retries: how often a run that was killed is tried again.
    """

    def __init__(self, folder: StudyFolder, console: Console, slots: Slots, retries: int) -> None:
        self._folder = folder
        self._console = console
        self._slots = slots
        self._retries = retries
        self._standing = Standing(slots.n)
        self._processes: dict[int, tuple[Run, subprocess.Popen[bytes]]] = {}
        self._elsewhere: list[Run] = []
        self._tries: dict[str, int] = {}
        self._selector = selectors.DefaultSelector()

    def run(self, runs: Sequence[Run]) -> Standing:
        """Run what is not finished.

        Args:
            runs: the study's runs, in the order in which they are preferred.

        Returns:
            Where they stand then.

        Raises:
            StudyStoppedError: if the study was asked to stop, once every run has ended.
        """
        standing = self._standing
        for run in runs:
            self._sort(run)
        self._console.begin(standing)
        with _stop_signals() as stop:
            try:
                while self._processes or self._elsewhere or standing.waiting:
                    if stop.signal is None:
                        self._start_ready()
                    elif not self._processes:
                        break
                    self._console.show(standing)
                    self._wait()
                    if stop.is_new():
                        self._stop_all(stop)
            except BaseException:
                self._signal_all(signal.SIGTERM)
                raise
            if stop.signal is not None:
                raise StudyStoppedError(stop.signal)
        return standing

    def _sort(self, run: Run) -> None:
        """Note where a run stands by its folder; what failed before is tried again."""
        state = self._folder.state(run)
        if state == "running":
            self._elsewhere.append(run)
            self._standing.running.append(run)
        elif state == "finished":
            self._standing.finished.append(run)
        elif is_finished(run):
            self._standing.failed[run.name] = "no architecture is within its hard bounds"
        else:
            self._standing.waiting.append(run)

    def _start_ready(self) -> None:
        standing = self._standing
        known = {run.name for run in (*standing.waiting, *standing.running)}
        for run in list(standing.waiting):
            failed = [name for name in run.after if name in standing.failed]
            if failed:
                standing.waiting.remove(run)
                standing.failed[run.name] = f"not started, because {failed[0]} failed"
                self._console.ended(run, standing)
            elif len(standing.running) < self._slots.n and known.isdisjoint(run.after):
                standing.waiting.remove(run)
                standing.running.append(run)
                self._start(run)

    def _start(self, run: Run) -> None:
        held = self._folder.hold(run)
        if held is None:
            self._elsewhere.append(run)
            return
        slot = next(n for n in range(self._slots.n) if n not in self._processes)
        process = start(self._folder, run, held, command(run, self._slots.flags(slot)))
        self._processes[slot] = (run, process)
        self._selector.register(os.pidfd_open(process.pid), selectors.EVENT_READ, slot)

    def _wait(self) -> None:
        """Wait until a run ends, but not for long."""
        for key, _ in self._selector.select(_LOOK):
            self._selector.unregister(key.fileobj)
            os.close(key.fd)
            run, process = self._processes.pop(key.data)
            self._ended(run, process.wait())
        for run in list(self._elsewhere):
            if not self._folder.is_held(run):
                self._elsewhere.remove(run)
                self._standing.running.remove(run)
                self._sort(run)
                if run not in self._standing.waiting:
                    self._console.ended(run, self._standing)

    def _ended(self, run: Run, code: int) -> None:
        standing = self._standing
        standing.running.remove(run)
        end = conclude(self._folder, run, code)
        if end is None:
            standing.finished.append(run)
        elif end.was_killed and self._tries.get(run.name, 0) < self._retries:
            self._tries[run.name] = self._tries.get(run.name, 0) + 1
            self._folder.record_end(run, None)
            standing.waiting.insert(0, run)
            return
        else:
            standing.failed[run.name] = end.in_words()
        self._console.ended(run, standing)

    def _stop_all(self, stop: _Stop) -> None:
        # A run that was asked to end has not failed, and is not tried again now.
        self._tries = {run.name: -1 for run, _ in self._processes.values()}
        if stop.times == 1:
            self._console.say("ending all runs after their update; once more ends them at once")
            self._signal_all(signal.SIGTERM)
        else:
            self._signal_all(signal.SIGKILL)

    def _signal_all(self, number: int) -> None:
        for _, process in self._processes.values():
            with suppress(ProcessLookupError):
                process.send_signal(number)


class _Stop:
    """Remembers that the study was asked to stop."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.times = 0
        self._seen = 0
        self._first = 0.0

    def is_new(self) -> bool:
        """Return whether it was asked again since the last call."""
        new, self._seen = self.times > self._seen, self.times
        return new

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Take note of a signal."""
        if self.signal is None:
            self.signal, self.times, self._first = number, 1, time.monotonic()
        elif time.monotonic() - self._first > _SAME:
            self.times += 1


@contextmanager
def _stop_signals() -> Iterator[_Stop]:
    """Take note of signals while the block runs; what is ignored, as under nohup, stays so."""
    stop = _Stop()
    taken = [one for one in _SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop.handle) for number in taken}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
