"""Kill a run again and again, at random moments and inside saves, and compare how it ends.

    ./run.sh python benchmarks/kill_fuzz.py --kills 200

Prints how often it was killed where, the most updates that one kill cost, and whether the bytes of
arch.h5 and weights.h5 and the trajectory are those of a run that nobody disturbed. The exit code is
1 if they are not, if a checkpoint was unreadable, or if a kill cost more than an epoch. A run that
reaches its end before the kills are used up is compared, and another one begun.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import nnabla_nas
from nnabla_nas.artifact.checkpoint import Checkpoints
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.cli import main as run_main
from nnabla_nas.errors import NasError
from nnabla_nas.runner.runner import Runner

_ROOT = Path(nnabla_nas.__file__).parents[1]
_DEFAULT = _ROOT / "examples" / "small" / "mobilenet_cifar10_search.json"
_QUICK = (
    'dataset={"name": "synthetic", "n_train": 160, "n_test": 32}',
    "epoch=100",
    "warmup=20",
    "batch_size_train=64",
    "batch_size_valid=32",
    "mini_batch_train=64",
    "mini_batch_valid=32",
    "network.settings=[[8, 1, 2], [16, 1, 2]]",
    'network.candidates=["MB1 3x3", "MB3 3x3"]',
    "network.width_mult=0.25",
    "algorithm.arch_samples=2",
)
_MOMENTS = ("at a random moment", "inside a save")


def main() -> int:
    """Run the benchmark and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-f", "--config-file", default=str(_DEFAULT))
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument(
        "-x", "--set", action="append", help=f"as of main.py; by default {' '.join(_QUICK)}"
    )
    arguments = parser.parse_args()
    overrides = _QUICK if arguments.set is None else arguments.set
    flags = ["-f", arguments.config_file, "--no-visualize"]
    for override in overrides:
        flags += ["-x", override]
    with tempfile.TemporaryDirectory() as folder:
        report = fuzz(flags, Path(folder), arguments.kills, arguments.seed)
    print(report.table())
    return 0 if report.is_good() else 1


@dataclass
class Report:
    """What came of the kills."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_MOMENTS, 0))
    runs: int = 0
    different: int = 0
    unreadable: int = 0
    most_lost: int = 0
    longest_epoch: int = 0

    def is_good(self) -> bool:
        """Return whether every promise was kept."""
        lost = self.most_lost > self.longest_epoch
        return not (self.different or self.unreadable or lost)

    def table(self) -> str:
        """Return the report as lines."""
        kills = [f"killed {kind}: {n}" for kind, n in self.counts.items()]
        lines = [
            *kills,
            f"runs that were killed again and again: {self.runs}",
            f"that ended with other bytes than the undisturbed one: {self.different}",
            f"unreadable checkpoints: {self.unreadable}",
            f"most updates lost by one kill: {self.most_lost} (an epoch has {self.longest_epoch})",
        ]
        return "\n".join(lines)


def fuzz(flags: list[str], folder: Path, kills: int, seed: int) -> Report:
    """Kill runs as often as asked and compare each with an undisturbed one.

    Args:
        flags: the command line, without the output folder.
        folder: an empty folder to work in.
        kills: how often.
        seed: of the moments.
    """
    # Imported once, here, rather than by each process.
    importlib.import_module("nnabla_nas.runner.launch")
    whole, report, rng = RunFolder(folder / "whole"), Report(), random.Random(seed)
    began = time.perf_counter()
    finish([*flags, "-o", str(whole.path)])
    seconds = time.perf_counter() - began
    updates = [int(row["step"]) for row in rows(whole)]
    report.longest_epoch = max(b - a for a, b in zip([0, *updates], updates, strict=False))
    with whole.trajectory.open() as file:
        in_epochs = float(list(csv.DictReader(file))[-1]["seconds"])
    # Late enough that an epoch or two may end, early enough that starting is hit often.
    latest = seconds - in_epochs + 3 * in_epochs / len(updates)
    while report.runs == 0 or sum(report.counts.values()) < kills:
        fuzzed = RunFolder(folder / f"fuzzed-{report.runs}")
        resumed = [*flags, "-o", str(fuzzed.path), "--resume"]
        kill_until_finished(resumed, fuzzed, report, kills, rng, latest)
        finish(resumed)
        report.runs += 1
        report.different += outcome(whole) != outcome(fuzzed)
    return report


def kill_until_finished(
    flags: list[str],
    folder: RunFolder,
    report: Report,
    kills: int,
    rng: random.Random,
    latest: float,
) -> None:
    """Kill one run until it is finished or the kills are used up.

    Args:
        flags: the command line of the run.
        folder: its output folder.
        report: is brought up to date.
        kills: how many in all.
        rng: draws the moments.
        latest: seconds after which a kill comes at the latest.
    """
    reached = 0
    while sum(report.counts.values()) < kills and not folder.result.exists():
        kind = rng.choice(_MOMENTS)
        n_syncs = rng.randint(1, 15) if kind == "inside a save" else 0
        step, was_killed = killed(flags, n_syncs, rng.uniform(0.0, latest))
        reached = max(reached, step)
        report.counts[kind] += was_killed
        warnings: list[str] = []
        try:
            state = Checkpoints(folder.checkpoint).load(warnings.append)
        except NasError:
            state = None
        report.unreadable += len(warnings)
        saved = state["progress"]["step"] if state else 0
        report.most_lost = max(report.most_lost, reached - saved)
        reached = saved


def finish(flags: list[str]) -> None:
    """Run to the end in a process of its own."""
    process = multiprocessing.get_context("fork").Process(target=_child, args=(flags, None, 0))
    process.start()
    process.join()
    if process.exitcode != 0:
        raise SystemExit(f"the run ended with exit code {process.exitcode}")


def killed(flags: list[str], n_syncs: int, seconds: float) -> tuple[int, bool]:
    """Run until it is killed, or ends.

    Args:
        flags: the command line of the run.
        n_syncs: kill when a file is synced to the disk for the n-th time, if not 0.
        seconds: else, when.

    Returns:
        The number of updates it reached (0 if it did none), and whether it was killed.
    """
    context = multiprocessing.get_context("fork")
    step: Synchronized[int] = context.Value("i", 0)
    process = context.Process(target=_child, args=(flags, step, n_syncs))
    process.start()
    process.join(None if n_syncs else seconds)
    if process.is_alive():
        process.kill()
        process.join()
    if process.exitcode not in (0, -signal.SIGKILL):
        raise SystemExit(f"a resumed run ended with exit code {process.exitcode}")
    return step.value, process.exitcode != 0


def _child(flags: list[str], step: Synchronized[int] | None, n_syncs: int) -> None:
    """Run, telling the number of updates; end by SIGKILL at the n-th time a file is synced."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    report, sync = Runner._report_update, os.fsync
    left = n_syncs

    def reporting(self: Runner, *arguments: Any) -> None:
        report(self, *arguments)
        if step is not None:
            step.value = self.progress.step

    def syncing(descriptor: int) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        sync(descriptor)

    Runner._report_update = reporting  # type: ignore[method-assign]
    if n_syncs:
        os.fsync = syncing  # type: ignore[assignment]
    os._exit(run_main(flags))


def rows(folder: RunFolder) -> list[dict[str, str]]:
    """Return the rows of a run's trajectory, the time apart."""
    with folder.trajectory.open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def outcome(folder: RunFolder) -> list[Any]:
    """Return what must be the same."""
    files = [path for path in (folder.arch_h5, folder.weights) if path.exists()]
    return [rows(folder), *(path.read_bytes() for path in files)]


if __name__ == "__main__":
    sys.exit(main())
