"""How long a command takes to get going."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from steps.child import ROOT, environment, run
from steps.report import row

_EXAMPLE = "examples/mobilenet_cifar10_search.json"
# Few images, so that what is measured is the way to the first update and not the update.
_SMALL = (
    'dataset={"name": "synthetic"}',
    "batch_size_train=4",
    "mini_batch_train=4",
    "print_frequency=1",
)
_SMALL_VALID = ("batch_size_valid=4", "mini_batch_valid=4")
_DONE = ", update 1/"


def start_table(repeats: int) -> str:
    """Return a table of the seconds that commands take to get going, medians.

    Args:
        repeats: how often each is measured, after one that is not counted.
    """
    lines = [row(["command", "seconds, median", "seconds, all"]), row(["---"] * 3)]
    for name, measured in (
        ("`main.py --help`", help_seconds),
        ("`main.py`, mobilenet search, to the end of its first update", first_update_seconds),
    ):
        measured()
        seconds = [measured() for _ in range(repeats)]
        every = ", ".join(f"{one:.2f}" for one in seconds)
        lines.append(row([name, f"{statistics.median(seconds):.3f}", every]))
    return "\n".join(lines)


def help_seconds() -> float:
    """Return the seconds `main.py --help` takes."""
    start = time.perf_counter()
    run([sys.executable, "main.py", "--help"])
    return time.perf_counter() - start


def first_update_seconds() -> float:
    """Return the seconds from starting the search of the CIFAR-10 mobilenet to its first update.

    Raises:
        SystemExit: if it ends before.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-u", "main.py", "-f", _EXAMPLE, "-c", "cpu", "-o"]
        command.append(str(Path(folder) / "run"))
        for override in (*_SMALL, *_SMALL_VALID):
            command += ["-x", override]
        start = time.perf_counter()
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(),
            cwd=ROOT,
        ) as process:
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if _DONE in line:
                    seconds = time.perf_counter() - start
                    process.kill()
                    return seconds
    raise SystemExit(f"{' '.join(command)} ended before its first update:\n{''.join(said)[-3000:]}")
