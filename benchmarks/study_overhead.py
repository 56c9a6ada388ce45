"""Time a study of short runs beside the same runs in shell loops, start-up included in both.

    ./run.sh python benchmarks/study_overhead.py --runs 200 --jobs 2

Loops and study take turns in `--rounds`; the ratio printed is that of the medians. Beside other
work the processor time of all processes says more than the time on the clock.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

import nnabla_nas

sys.path.insert(0, str(Path(__file__).parent))
study_kills = importlib.import_module("study_kills")

ROOT = Path(nnabla_nas.__file__).parents[1]


def main() -> int:
    """Run the benchmark and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    loops, studies = [], []
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            command = study_kills.write_study(folder, arguments.runs, arguments.jobs)
            began = used()
            run_loops(folder, arguments.runs, arguments.jobs)
            between = used()
            study_kills.quiet([*command, "-o", str(folder / "study")])
            loops.append(between - began)
            studies.append(used() - between)
    (loop, loop_cpu), (study, study_cpu) = np.median(loops, axis=0), np.median(studies, axis=0)
    print(f"{arguments.runs} runs, {arguments.jobs} at a time, {arguments.rounds} rounds")
    print(f"shell loops: {loop:.1f} s, {loop / arguments.runs * arguments.jobs:.2f} s a run")
    print(f"study: {study:.1f} s")
    print(
        f"study / loops: {study / loop:.3f} on the clock, {study_cpu / loop_cpu:.3f} of processor"
    )
    return 0 if study <= 1.1 * loop else 1


def used() -> npt.NDArray[np.float64]:
    """Return the time on the clock, and that of the processes that have ended, in seconds."""
    times = os.times()
    return np.array([time.monotonic(), times.children_user + times.children_system])


def run_loops(folder: Path, runs: int, jobs: int) -> None:
    """Run all in loops of the shell that share the runs.

    Args:
        folder: where the experiment lies.
        runs: how many runs there are.
        jobs: how many loops.
    """
    words = [sys.executable, "main.py", "-f", str(study_kills.EXPERIMENT), "--threads", "1"]
    for key, value in study_kills.VALUES.items():
        words += ["-x", f"{key}={json.dumps(value)}"]
    line = f"{shlex.join(words)} --seed $seed -o {shlex.quote(str(folder))}/loop/$seed >/dev/null"
    shells = [
        subprocess.Popen(
            [
                "sh",
                "-c",
                f"for seed in {' '.join(map(str, range(n, runs, jobs)))}; do {line}; done",
            ],
            cwd=ROOT,
        )
        for n in range(jobs)
    ]
    for shell in shells:
        shell.wait()


if __name__ == "__main__":
    sys.exit(main())
