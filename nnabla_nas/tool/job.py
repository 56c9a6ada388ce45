"""Runs as processes, several at once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from nnabla_nas.errors import NasError

_EPOCH_LINE = re.compile(r"(warmup|search|train) \d+/\d+: ")
_WIDTH = 110


@dataclass(frozen=True)
class Job:
    """One run.

    Args:
        name: what its lines on the console begin with.
        folder: its output folder.
        flags: its command line.
        after: the name of the job that must have ended before it starts.
    """

    name: str
    folder: Path
    flags: tuple[str, ...]
    after: str | None = None


def run_jobs(jobs: Sequence[Job], n_at_once: int, directory: Path) -> None:
    """Run jobs as processes, showing a line per epoch.

    Args:
        jobs: the jobs, in the order in which they are preferred.
        n_at_once: how many run side by side.
        directory: where main.py lies.

    Raises:
        NasError: if a job failed; those under way are ended first.
    """
    waiting = list(jobs)
    done: set[str] = set()
    processes: dict[str, subprocess.Popen[str]] = {}
    running: dict[Future[None], Job] = {}
    with ThreadPoolExecutor(n_at_once) as pool:
        try:
            while waiting or running:
                ready = [job for job in waiting if job.after is None or job.after in done]
                for job in ready[: n_at_once - len(running)]:
                    waiting.remove(job)
                    processes[job.name] = _start(job, directory)
                    running[pool.submit(_follow, job, processes[job.name])] = job
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                    done.add(running.pop(future).name)
        finally:
            for process in processes.values():
                if process.poll() is None:
                    process.terminate()


def _start(job: Job, directory: Path) -> subprocess.Popen[str]:
    # One thread per process: they run side by side.
    environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **os.environ}
    return subprocess.Popen(
        [sys.executable, str(directory / "main.py"), *job.flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=environment,
    )


def _follow(job: Job, process: subprocess.Popen[str]) -> None:
    """Show a job's epochs until it ends."""
    last = ""
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            last = line.strip() or last
            if _EPOCH_LINE.match(line):
                print(f"{job.name:<10}{line.strip()}"[:_WIDTH], flush=True)
    if process.returncode != 0:
        raise NasError(f"{job.name} ended with exit code {process.returncode}: {last}")
