"""Every runner of the package, with every way to learn, runs through the contract."""

from __future__ import annotations

from typing import Any

import pytest

from nnabla_nas.registry import runners
from nnabla_nas.testing import check_runner

RUNNERS: dict[str, dict[str, Any]] = {
    "reinforce": {"name": "ProxylessNasSearcher", "arch_samples": 2},
    "gate": {"name": "ProxylessNasSearcher", "update": "gate"},
    "first order": {"name": "DartsSearcher"},
    "second order": {"name": "DartsSearcher", "order": 2},
    "running statistics": {"name": "DartsSearcher", "arch_batch_stat": "running"},
    "trainer": {"name": "Trainer"},
}


def test_no_runner_is_left_out() -> None:
    ours = {
        name
        for name in runners.names()
        if runners.entry(name).load().__module__.startswith("nnabla_nas.runner")
    }
    assert ours == {algorithm["name"] for algorithm in RUNNERS.values()}


@pytest.mark.parametrize("name", RUNNERS)
def test_a_runner_satisfies_the_contract(name: str) -> None:
    check_runner(RUNNERS[name])
