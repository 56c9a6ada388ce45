"""What searchers find in a world whose truth is known: NAS-Bench-Macro's 6,561 networks.

Every searcher that judges whole architectures runs as a user runs it, with the evaluator `Table` on
the benchmark's file: an architecture is judged by one of its three trainings, drawn from the seed.
The regret of a search after so many evaluations is how many points of mean test accuracy the
architecture it would then return lies below the best of all. Beside the searchers: the network of
most multiply-adds, which needs no evaluation.

    ./run.sh python benchmarks/search_world.py nas-bench-macro_cifar10.json --seeds 20

The file is that of its authors (Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree
Search", 2021); it is no part of this project. A few seconds a search. The searchers' defaults were
chosen on the seeds 1000 to 1059.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import nnabla as nn
import numpy as np

import nnabla_nas.module as Mo
from nnabla_nas.cli import main
from nnabla_nas.registry import register_search_space
from nnabla_nas.runner.evaluator.benchmark import Benchmark
from nnabla_nas.search_space import ClassificationModel
from nnabla_nas.search_space.encoding import Code

ALGORITHMS = (
    "RandomSearcher",
    "RegularizedEvolutionSearcher",
    "TpeSearcher",
    "NsgaSearcher",
    "LocalSearcher",
)
CHECKED = (25, 50, 100, 200)
BLOCKS = 8
TOP = 0.1


class Choices(ClassificationModel):
    """Eight choices between three operations that compute nothing: the table knows what is true.

    All cost the same, so that NSGA-II too has the error alone to go by.
    """

    def __init__(self, num_classes: int = 2) -> None:
        self.choices_in_a_row = Mo.Sequential(
            *(Mo.MixedOp([Mo.Identity() for _ in range(3)], "sample") for _ in range(BLOCKS))
        )
        self.classifier = Mo.Linear(16, num_classes)

    def call(self, x: nn.Variable) -> nn.Variable:
        """Return logits.

        Args:
            x: (B, 1, 4, 4).
        """
        return self.classifier(self.choices_in_a_row(x))


@register_search_space("macro_world")
class World:
    """As many choices as NAS-Bench-Macro's networks have."""

    SearchNet = Choices


def experiment(algorithm: str, table: Path, seed: int) -> dict[str, Any]:
    """Return a search.

    Args:
        algorithm: the searcher.
        table: the benchmark's file.
        seed: of the search.
    """
    evaluator = {"name": "Table", "path": str(table), "single": True}
    return {
        "dataset": {"name": "synthetic", "n_classes": 2, "n_train": 8, "n_test": 2},
        "input_shape": [1, 4, 4],
        "algorithm": {"name": algorithm, "evaluations": CHECKED[-1], "evaluator": evaluator},
        "seed": seed,
        "epoch": 1,
        "batch_size_train": 2,
        "batch_size_valid": 2,
        "context": "cpu",
        "print_frequency": 1000,
        "network": {"search_space": "macro_world"},
    }


def judged(algorithm: str, table: Path, seed: int) -> list[tuple[Code, float]]:
    """Run a search and return what it judged, in order: architectures and errors.

    Args:
        algorithm: the searcher.
        table: the benchmark's file.
        seed: of the search.

    Raises:
        SystemExit: if it fails, with what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        path, output = Path(folder, "search.json"), Path(folder, "run")
        path.write_text(json.dumps(experiment(algorithm, table, seed)))
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            code = main(["-f", str(path), "-o", str(output), "--no-visualize"])
        if code:
            raise SystemExit(f"{algorithm} with seed {seed} ended with {code}\n{said.getvalue()}")
        with (output / "candidates.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
    return [(tuple(map(int, row["code"].split("-"))), float(row["error"])) for row in rows]


def regrets(found: list[tuple[Code, float]], truth: dict[Code, float]) -> list[float]:
    """Return the regret of what a search would return after each of its evaluations, in points.

    Args:
        found: what it judged, in order.
        truth: per architecture its true error.
    """
    best, least = min(truth.values()), float("inf")
    values: list[float] = []
    for code, error in found:
        if error < least:
            least, regret = error, 100 * (truth[code] - best)
        values.append(regret)
    return values


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return the ends of the 95 % bootstrap interval of a median.

    Args:
        values: one per seed, (seeds,).
    """
    draws = np.random.default_rng(0).integers(len(values), size=(2000, len(values)))
    low, high = np.quantile(np.median(values[draws], axis=1), [0.025, 0.975])
    return float(low), float(high)


def largest(path: Path, truth: dict[Code, float]) -> float:
    """Return the regret of the network of most multiply-adds, in points.

    Args:
        path: the benchmark's file.
        truth: per architecture its true error.
    """
    rows = json.loads(path.read_text())
    key = max(rows, key=lambda one: rows[one]["flops"])
    return 100 * (truth[tuple(map(int, key))] - min(truth.values()))


def run(arguments: list[str] | None = None) -> None:
    """Search with every algorithm and seed, and print the table.

    Args:
        arguments: of the command line; by default this process's.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("table", type=Path, help="the benchmark's JSON file")
    parser.add_argument("--seeds", type=int, default=20, help="how many seeds, from --first on")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--algorithms", nargs="+", choices=ALGORITHMS, default=ALGORITHMS)
    options = parser.parse_args(arguments)
    if options.seeds < 1 or options.first < 0:
        parser.error("--seeds must be at least 1 and --first at least 0")
    truth = dict(Benchmark(options.table).errors)
    top = float(np.quantile(list(truth.values()), TOP))
    began = time.perf_counter()
    print(f"| median regret (points) after | {' | '.join(map(str, CHECKED))} | in the top 10 % |")
    print(f"|---|{'---|' * len(CHECKED)}---|")
    for algorithm in options.algorithms:
        rows, in_top = [], 0
        for seed in range(options.first, options.first + options.seeds):
            found = judged(algorithm, options.table.resolve(), seed)
            rows.append([regrets(found, truth)[n - 1] for n in CHECKED])
            returned = min(found, key=lambda one: one[1])[0]
            in_top += truth[returned] <= top
        cells = []
        for column in np.array(rows).T:
            low, high = interval(column)
            cells.append(f"{np.median(column):.3f} ({low:.3f} to {high:.3f})")
        line = f"| {algorithm} | {' | '.join(cells)} | {in_top} of {options.seeds} |"
        print(line, flush=True)
    print(f"the network of most multiply-adds: regret {largest(options.table, truth):.3f}")
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    run()
