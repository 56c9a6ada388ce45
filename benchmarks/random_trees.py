"""Compare random trees of modules in the compiled forms with nnabla's own functions.

    ./run.sh python benchmarks/random_trees.py --trees 2000

Every tree has a graph for training and one for evaluation, which take turns while choices change.
Outputs, what modules keep, gradients and running statistics are compared. A tree that differs is
printed with its seed, and `--first SEED --trees 1` tries it alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import numpy as np

from nnabla_nas import random
from nnabla_nas.testing import check_forms, random_module

_SHAPE = (2, 4, 5, 6)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison.

    Args:
        arguments: of the command line; by default those of the process.

    Returns:
        0 if all trees agree, else 1.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trees", type=int, default=2000, help="how many (default: 2000)")
    parser.add_argument("--first", type=int, default=1000, help="the first seed (default: 1000)")
    parser.add_argument("--size", type=int, default=14, help="most layers of one (default: 14)")
    options = parser.parse_args(arguments)
    wrong, start = 0, time.monotonic()
    for seed in range(options.first, options.first + options.trees):
        generator = np.random.default_rng(seed)
        with random.use(random.Streams(seed)):
            module = random_module(generator, int(generator.integers(1, options.size + 1)))
        try:
            check_forms(module, _SHAPE, seed)
        except AssertionError as error:
            wrong += 1
            print(f"seed {seed}: {error}\n", flush=True)
    print(f"{wrong} of {options.trees} trees differ; {time.monotonic() - start:.0f} s")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
