"""What a job of a cluster does: one run, on whatever node the job is."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from submitit.helpers import DelayedSubmission

from nnabla_nas.errors import NasError
from nnabla_nas.study.folders import StudyFolder, is_finished
from nnabla_nas.study.plan import Run
from nnabla_nas.study.process import conclude, start

# The scheduler follows a preemption's SIGTERM by SIGKILL, and queues again what ends by that alone.
_LONGEST_GRACE = 900.0

_process: subprocess.Popen[bytes] | None = None


@dataclass(frozen=True)
class Job:
    """Does one run; submitit calls it on a node.

    Args:
        path: the study's folder.
        run: the run.
        words: its command.
        retries: how often it is tried again if it is killed while the job goes on.
    """

    path: Path
    run: Run
    words: Sequence[str]
    retries: int

    def __call__(self) -> None:
        """Start the run, or go on with it, and wait for its end.

        Raises:
            NasError: if it did not finish, so that jobs after this one do not start.
        """
        folder = StudyFolder(self.path)
        signal.signal(signal.SIGTERM, _pass_on)
        end = None
        for _ in range(1 + self.retries):
            held = folder.hold(self.run, wait=True)
            assert held is not None
            if is_finished(self.run):
                os.close(held)
                return
            end = conclude(folder, self.run, _run(start(folder, self.run, held, self.words)))
            if end is None:
                return
            if _asked_to_end:
                folder.record_end(self.run, None)
                time.sleep(_LONGEST_GRACE)
            if not end.was_killed:
                break
        raise NasError(f"{self.run.name}: {end.in_words() if end else 'was not started'}")

    def checkpoint(self) -> DelayedSubmission:
        """End the run after its update, before the job's time is over; submitit queues it again."""
        if _process is not None:
            _process.terminate()
            _process.wait()
        return DelayedSubmission(self)


_asked_to_end: list[int] = []


def _pass_on(number: int, frame: FrameType | None) -> None:
    _asked_to_end.append(number)
    if _process is not None:
        _process.terminate()


def _run(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process without a lock that a signal's handler would wait for as well."""
    global _process
    _process = process
    if _asked_to_end:
        process.terminate()
    descriptor = os.pidfd_open(process.pid)
    try:
        select.select([descriptor], [], [])
    finally:
        os.close(descriptor)
    return process.wait()
