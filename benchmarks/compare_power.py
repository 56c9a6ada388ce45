"""Measure how often comparisons find a difference, and how often their intervals hold.

    ./run.sh python benchmarks/compare_power.py

Two groups of normal values are drawn, one better by some standard deviations, and compared as
`compare` does: once with the same seeds, whose values are independent all the same, once with
others. `found` is the share of comparisons with p <= 0.05, `covered` the share whose bootstrap
95 % interval of a group's mean holds the true mean.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from nnabla_nas.report.statistics import LEVEL, summarize, test

_COUNTS = (5, 6, 8, 10, 15, 20)
_SIZES = (0.0, 0.5, 1.0, 1.5)


def main() -> int:
    """Print a table of shares; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--draws", type=int, default=400, help="comparisons each (default: 400)")
    arguments = parser.parse_args()
    heads = "".join(f"{f'{size:g} sd':>9}" for size in _SIZES)
    print(f"{'n':>3}  {'test':<13}{heads}{'covered':>10}")
    for n in _COUNTS:
        for same in (True, False):
            found = [share(n, size, same, arguments.draws) for size in _SIZES]
            shown = "".join(f"{one:>9.2f}" for one in found)
            last = f"{covered(n, arguments.draws):>10.2f}" if same else ""
            print(f"{n:>3}  {'Wilcoxon' if same else 'Mann-Whitney':<13}{shown}{last}", flush=True)
    return 0


def share(n: int, size: float, same_seeds: bool, draws: int) -> float:
    """Return the share of comparisons that find a difference.

    Args:
        n: repetitions of each group.
        size: the true difference in standard deviations.
        same_seeds: whether both groups have the same seeds.
        draws: how many comparisons.
    """
    stream = np.random.default_rng([n, round(100 * size), same_seeds])
    found = 0
    for _ in range(draws):
        group, reference = stream.normal(size=(2, n))
        first = 0 if same_seeds else n
        one = {str(seed): float(v - size) for seed, v in enumerate(group)}
        other = {str(seed): float(v) for seed, v in enumerate(reference, first)}
        found += test(one, other)[1] <= LEVEL
    return found / draws


def covered(n: int, draws: int) -> float:
    """Return the share of intervals of a mean that hold the true one.

    Args:
        n: repetitions.
        draws: how many intervals.
    """
    stream = np.random.default_rng(n)
    intervals = [summarize(list(map(float, stream.normal(size=n)))).interval for _ in range(draws)]
    return float(np.mean([one is not None and one[0] <= 0 <= one[1] for one in intervals]))


if __name__ == "__main__":
    sys.exit(main())
