"""Measure how long a comparison of many runs takes.

    ./run.sh python benchmarks/compare_many.py

Run folders are generated: searches and trainings of several experiments, 20 seeds each, with a
trajectory of 20 epochs. Importing what computes and draws is measured apart. Seconds are those of
the processor; beside other work the clock shows more.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from nnabla_nas.testing.run_folders import write_run

_SEEDS = 20


def main() -> int:
    """Print seconds of reading, of the text and of the files; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1000, help="run folders (default: 1000)")
    parser.add_argument("--limit", type=float, default=5.0, help="seconds allowed (default: 5)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_runs(folder / "runs", arguments.runs)
        start = time.process_time()
        _import_all()
        imported = time.process_time()
        from nnabla_nas.report import compare

        comparison = compare([folder / "runs"], against="experiment-a1")
        computed = time.process_time()
        comparison.text()
        told = time.process_time()
        comparison.write(folder / "out")
        written = time.process_time()
        size = (folder / "out" / "report.html").stat().st_size
    print(f"{len(comparison.runs)} runs in {len(comparison.groups)} groups")
    print(f"importing scipy, matplotlib and the rest  {imported - start:5.2f} s")
    print(f"reading and computing                     {computed - imported:5.2f} s")
    print(f"text for the console                      {told - computed:5.2f} s")
    print(
        f"compare.csv, compare.json, report.html    {written - told:5.2f} s ({size / 1e6:.1f} MB)"
    )
    print(f"in all, imports apart                     {written - imported:5.2f} s")
    return int(written - imported > arguments.limit)


def write_runs(folder: Path, n: int) -> None:
    """Write run folders: of each experiment some seeds, every fifth experiment a search.

    Args:
        folder: where.
        n: how many.
    """
    stream = np.random.default_rng(0)
    for number in range(n):
        experiment, seed = divmod(number, _SEEDS)
        write_run(
            folder / f"experiment-a{experiment}" / f"seed-{seed}",
            seed,
            float(0.1 + 0.002 * experiment + 0.01 * stream.random()),
            search=experiment % 5 == 0,
            changes={"network.width_mult": 1 + experiment},
            epochs=20,
            result={"multiply_adds": int(stream.integers(10_000, 90_000))},
        )


def _import_all() -> None:
    import jinja2  # noqa: F401
    import scipy.stats  # noqa: F401

    import nnabla_nas.report  # noqa: F401
    from nnabla_nas.artifact.plotting import load

    load()


if __name__ == "__main__":
    sys.exit(main())
