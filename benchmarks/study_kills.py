"""Kill a study and its runs again and again, and compare what comes out with an undisturbed one.

    ./run.sh python benchmarks/study_kills.py --runs 200 --kills 20 --jobs 4

Each time the study's process, or some of its runs, or both are killed by SIGKILL at a random
moment, and the study is started again. Exit code 1 if a run is lost, was done twice, or has other
bytes than in the study that nobody disturbed.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import nnabla_nas
from nnabla_nas.artifact.run_folder import RunFolder

ROOT = Path(nnabla_nas.__file__).parents[1]
EXPERIMENT = ROOT / "examples" / "small" / "mobilenet_cifar10_train.json"
# What makes a training of it last a second, most of which is its start.
VALUES: dict[str, Any] = {
    "dataset": {"name": "synthetic", "n_train": 32, "n_test": 16},
    "input_shape": None,
    "epoch": 3,
    "batch_size_train": 16,
    "mini_batch_train": 16,
    "cutout": 0,
    "train_portion": 1.0,
    "context": "cpu",
    "network.settings": [[8, 1, 2]],
    "network.width_mult": 0.25,
    "network.stem_stride": 2,
    "network.genotype": None,
}


def main() -> int:
    """Run the benchmark and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = write_study(folder, arguments.runs, arguments.jobs)
        began = time.monotonic()
        quiet([*command, "-o", str(folder / "whole")])
        seconds = time.monotonic() - began
        kills = kill_again_and_again(
            [*command, "-o", str(folder / "killed")],
            arguments.kills,
            random.Random(arguments.seed),
            1.5 * seconds / arguments.kills,
        )
        quiet([*command, "-o", str(folder / "killed")])
        report = compare(folder, arguments.runs)
    print(f"runs: {arguments.runs}, {arguments.jobs} at a time")
    print(", ".join(f"{kind}: {n}" for kind, n in kills.items()))
    for what, n in report.items():
        print(f"{what}: {n}")
    return 1 if any(report.values()) else 0


def write_study(folder: Path, runs: int, jobs: int) -> list[str]:
    """Write a study of tiny trainings and return its command.

    Args:
        folder: where.
        runs: how many seeds.
        jobs: runs at a time.
    """
    study = {
        "experiments": {"tiny": {"file": str(EXPERIMENT), "set": VALUES}},
        "seeds": list(range(runs)),
        "compare": None,
    }
    (folder / "study.json").write_text(json.dumps(study))
    program = [sys.executable, "-m", "nnabla_nas", "study", str(folder / "study.json")]
    return [*program, "--jobs", str(jobs)]


def quiet(command: list[str]) -> None:
    """Run a study to its end."""
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)


def kill_again_and_again(
    command: list[str], kills: int, rng: random.Random, longest: float
) -> dict[str, int]:
    """Start a study and kill it, or its runs, until that was done often enough.

    Args:
        command: the study's.
        kills: how often.
        rng: draws moments and victims.
        longest: most seconds before a kill.

    Returns:
        How many studies and how many runs were killed.
    """
    killed = {"studies killed": 0, "runs killed": 0}
    study = start(command)
    for _ in range(kills):
        time.sleep(rng.uniform(0.0, longest))
        runs = children(study.pid)
        victims = [pid for pid in runs if rng.random() < 0.5]
        if rng.random() < 0.7:
            study.kill()
            study.wait()
            killed["studies killed"] += 1
        for pid in victims:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed["runs killed"] += 1
        if study.poll() is not None:
            study = start(command)
    study.kill()
    study.wait()
    return killed


def start(command: list[str]) -> subprocess.Popen[bytes]:
    """Start a study without waiting."""
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(one) for one in text.split()]


def compare(folder: Path, runs: int) -> dict[str, int]:
    """Return how many runs are lost, were done twice, or came out otherwise.

    Args:
        folder: of both studies.
        runs: how many each should hold.
    """
    report = {"lost": 0, "done twice": 0, "other bytes": 0}
    for seed in range(runs):
        whole, killed = (
            RunFolder(folder / name / "tiny" / f"seed-{seed}") for name in ("whole", "killed")
        )
        if not killed.result.exists():
            report["lost"] += 1
            continue
        said = (folder / "killed" / ".study" / "tiny" / f"seed-{seed}.txt").read_text()
        # So says a run that is started although it is finished.
        report["done twice"] += "nothing to resume" in said
        report["other bytes"] += outcome(whole) != outcome(killed)
    return report


def outcome(folder: RunFolder) -> list[Any]:
    """Return what must be the same, times apart."""
    result = json.loads(folder.result.read_text())
    kept = {key: value for key, value in result.items() if not key.endswith("seconds")}
    with folder.trajectory.open() as file:
        rows = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
    return [kept, rows, folder.weights.read_bytes(), folder.arch_json.read_bytes()]


if __name__ == "__main__":
    sys.exit(main())
