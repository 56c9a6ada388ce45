"""The benchmarks of comparisons, at a small size."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nnabla_nas.report import compare

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _benchmarks_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])


@pytest.mark.parametrize("same_seeds", [True, False])
def test_large_differences_are_found_and_absent_ones_are_not(same_seeds: bool) -> None:
    from compare_power import share

    assert share(10, 4.0, same_seeds, 20) == 1
    assert share(10, 0.0, same_seeds, 20) < 0.3
    assert share(5, 4.0, True, 5) == 0


def test_generated_runs_are_compared(tmp_path: Path) -> None:
    from compare_many import write_runs

    write_runs(tmp_path, 45)
    found = compare([tmp_path], against="experiment-a1")
    sizes = {one.name: len(one.group.finished) for one in found.groups}
    assert sizes == {"experiment-a1": 20, "experiment-a2": 5, "experiment-a0": 20}
