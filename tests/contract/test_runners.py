"""Every runner of the package, with every way to learn, runs through the contract."""

from __future__ import annotations

from typing import Any

import pytest

from nnabla_nas.registry import runners
from nnabla_nas.testing import TOY_SPACE, check_runner

RUNNERS: dict[str, dict[str, Any]] = {
    "reinforce": {"name": "ProxylessNasSearcher", "arch_samples": 2},
    "gate": {"name": "ProxylessNasSearcher", "update": "gate"},
    "first order": {"name": "DartsSearcher"},
    "second order": {"name": "DartsSearcher", "order": 2},
    "running statistics": {"name": "DartsSearcher", "arch_batch_stat": "running"},
    "trainer": {"name": "Trainer"},
    "uniform paths": {"name": "OneShotTrainer"},
    "fair paths": {"name": "OneShotTrainer", "sampling": "fair"},
    "sandwich": {"name": "OneShotTrainer", "sampling": "sandwich"},
}
HALVING = {"name": "Train", "epoch": [1, 2]}
SYNFLOW = {"name": "ZeroCost", "proxy": "synflow"}
JACOB_COV = {"name": "ZeroCost", "proxy": "jacob_cov"}
# With every evaluator that needs no file; no architecture is judged twice, so there must be many.
JUDGING: dict[str, dict[str, Any]] = {
    "RandomSearcher": {"evaluator": "Train"},
    "RegularizedEvolutionSearcher": {"evaluator": HALVING, "population": 2, "sample": 2},
    "LocalSearcher": {"evaluator": JACOB_COV},
    "TpeSearcher": {"evaluator": HALVING, "startup": 2},
    "NsgaSearcher": {"evaluator": SYNFLOW, "population": 2},
}
MANY = {"search_space": TOY_SPACE, "n_blocks": 6}


def test_no_runner_is_left_out() -> None:
    ours = {
        name
        for name in runners.names()
        if runners.entry(name).load().__module__.startswith("nnabla_nas.runner")
    }
    assert ours == {algorithm["name"] for algorithm in RUNNERS.values()} | {*JUDGING}


@pytest.mark.parametrize("name", RUNNERS)
def test_a_runner_satisfies_the_contract(name: str) -> None:
    one_shot = RUNNERS[name]["name"] == "OneShotTrainer"
    check_runner(RUNNERS[name], MANY if one_shot else None)


@pytest.mark.parametrize("name", JUDGING)
def test_a_searcher_that_judges_satisfies_the_contract(name: str) -> None:
    check_runner({"name": name, "evaluations": 5, **JUDGING[name]}, MANY)
