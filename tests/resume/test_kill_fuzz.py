"""Ten of the kills that the benchmark does two hundred of."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kill_fuzz.py"


@pytest.fixture
def kill_fuzz(monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("kill_fuzz", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "kill_fuzz", module)
    spec.loader.exec_module(module)
    return module


def test_ten_kills_change_nothing(
    kill_fuzz: Any, tmp_path: Path, tiny_search: dict[str, Any]
) -> None:
    config = tmp_path / "experiment.json"
    config.write_text(json.dumps({**tiny_search, "epoch": 6}))
    report = kill_fuzz.fuzz(["-f", str(config), "--no-visualize"], tmp_path, 10, seed=0)
    assert sum(report.counts.values()) == 10
    assert all(report.counts.values())
    assert report.is_good(), report.table()


def test_a_broken_promise_is_seen(kill_fuzz: Any) -> None:
    report = kill_fuzz.Report(runs=1, longest_epoch=2)
    assert report.is_good()
    for name in ("different", "unreadable"):
        assert not kill_fuzz.Report(**{name: 1}).is_good()
    assert not kill_fuzz.Report(most_lost=3, longest_epoch=2).is_good()
