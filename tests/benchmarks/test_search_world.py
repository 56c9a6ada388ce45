"""The benchmark of searches whose truth is known: its figures, on a table of its form."""

from __future__ import annotations

import importlib
import json
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
BLOCKS = 8


@pytest.fixture(scope="module")
def search_world() -> Any:
    # Once: it registers a search space.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
        return importlib.import_module("search_world")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a table of the benchmark's form: more is better, but for the last operation."""
    path = tmp_path_factory.mktemp("world") / "table.json"
    rows = {}
    for code in product(range(3), repeat=BLOCKS):
        mean = 60 + sum(code[:-1]) + (0, 5, 3)[code[-1]]
        accuracies = [mean - 0.5, mean, mean + 0.5]
        flops = 1000 * (1 + sum(code))
        key = "".join(map(str, code))
        rows[key] = {"test_acc": accuracies, "mean_acc": float(mean), "flops": flops}
    path.write_text(json.dumps(rows))
    return path


def test_regret_is_that_of_the_best_seen(search_world: Any) -> None:
    truth = {(0,): 0.1, (1,): 0.2, (2,): 0.4}
    # The second looks better than it is, and stays what would be returned.
    found = [((2,), 0.4), ((1,), 0.05), ((0,), 0.1)]
    assert search_world.regrets(found, truth) == pytest.approx([30, 10, 10])


def test_the_interval_of_a_median_holds_it(search_world: Any) -> None:
    values = np.random.default_rng(0).normal(size=50)
    low, high = search_world.interval(values)
    assert low <= np.median(values) <= high
    assert 0 < high - low < 2


def test_it_prints_a_line_per_searcher(
    search_world: Any, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "RegularizedEvolutionSearcher"
    search_world.run([str(table), "--seeds", "1", "--algorithms", name])
    _, _, line, largest, _ = capsys.readouterr().out.splitlines()
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert (cells[0], cells[-1]) == (name, "1 of 1")
    regrets = [float(cell.split()[0]) for cell in cells[1:-1]]
    # Twice 0.5 is what chance adds to two trainings: so far apart they cannot be told.
    assert regrets[-1] <= 2
    assert largest == "the network of most multiply-adds: regret 2.000"
