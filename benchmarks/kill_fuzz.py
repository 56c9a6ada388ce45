"""Kill a run again and again, at random moments and inside saves, and compare how it ends.

    python benchmarks/kill_fuzz.py --kills 200

Prints how often it was killed where, the most updates that one kill cost, and whether the bytes of
arch.h5 and weights.h5 and the trajectory are those of a run that nobody disturbed. The exit code is
1 if they are not, if a checkpoint was unreadable, or if a kill cost more than an epoch.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import random
import signal
import sys
import tempfile
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import nnabla_nas
from nnabla_nas.artifact.checkpoint import Checkpoints
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.cli import main as run_main
from nnabla_nas.runner.runner import Runner

_ROOT = Path(nnabla_nas.__file__).parents[1]
_DEFAULT = _ROOT / "examples" / "small" / "mobilenet_cifar10_search.json"


def main() -> int:
    """Run the benchmark and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-f", "--config-file", default=str(_DEFAULT))
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("-x", "--set", action="append", default=[], help="as of main.py")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return fuzz(arguments, Path(folder))


def fuzz(arguments: argparse.Namespace, folder: Path) -> int:
    """Kill a run as often as asked and compare it with an undisturbed one.

    Args:
        arguments: the command line.
        folder: an empty folder to work in.
    """
    flags = ["-f", arguments.config_file, "--no-visualize"]
    for override in arguments.set:
        flags += ["-x", override]
    whole, fuzzed = RunFolder(folder / "whole"), RunFolder(folder / "fuzzed")
    finish([*flags, "-o", str(whole.path)])
    rng = random.Random(arguments.seed)
    updates = [int(row["step"]) for row in rows(whole)]
    longest_epoch = max(b - a for a, b in zip([0, *updates], updates, strict=False))
    counts = {"at a random moment": 0, "inside a save": 0}
    unreadable, most_lost, reached = 0, 0, 0
    resumed = [*flags, "-o", str(fuzzed.path), "--resume"]
    for _ in range(arguments.kills):
        kind = rng.choice(list(counts))
        reached = max(reached, killed(resumed, kind, rng))
        counts[kind] += 1
        warnings: list[str] = []
        state = Checkpoints(fuzzed.checkpoint).load(warnings.append)
        unreadable += len(warnings)
        step = state["progress"]["step"] if state else 0
        most_lost = max(most_lost, reached - step)
        reached = step
        if fuzzed.result.exists():
            break
    finish(resumed)
    same = outcome(whole) == outcome(fuzzed)
    print(f"kills: {', '.join(f'{n} {kind}' for kind, n in counts.items())}")
    print(f"unreadable checkpoints: {unreadable}")
    print(f"most updates lost by one kill: {most_lost} (an epoch has {longest_epoch})")
    print(f"same bytes and trajectory as the undisturbed run: {'yes' if same else 'NO'}")
    return 0 if same and not unreadable and most_lost <= longest_epoch else 1


def finish(flags: list[str]) -> None:
    """Run to the end in a process of its own."""
    process = multiprocessing.get_context("fork").Process(target=_child, args=(flags, None, 0))
    process.start()
    process.join()
    if process.exitcode != 0:
        raise SystemExit(f"the run ended with exit code {process.exitcode}")


def killed(flags: list[str], kind: str, rng: random.Random) -> int:
    """Run until it is killed, or ends, and return the number of updates it reached.

    Args:
        flags: the command line of the run.
        kind: where the kill falls.
        rng: draws the moment.
    """
    context = multiprocessing.get_context("fork")
    step: Synchronized[int] = context.Value("i", 0)
    n_syncs = rng.randint(1, 30) if kind == "inside a save" else 0
    process = context.Process(target=_child, args=(flags, step, n_syncs))
    process.start()
    process.join(None if n_syncs else rng.uniform(0.0, 3.0))
    if process.is_alive():
        process.kill()
        process.join()
    return step.value


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
