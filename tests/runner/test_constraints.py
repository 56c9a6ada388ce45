"""Constraints in a search: they pull the architecture, and are told of."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nnabla_nas.cli import main
from nnabla_nas.errors import InputError
from nnabla_nas.estimator.latency_file import read_latencies
from nnabla_nas.runner.score import Score

FLOPS = {"name": "FLOPsEstimator", "bound": 40000, "weight": 5.0}


def expected(searcher: Any) -> float:
    return searcher.constraints[0].expected(searcher.choices)


def test_a_reward_is_accuracy_times_every_factor(build, search_json) -> None:
    memory = {"name": "MemoryEstimator", "bound": 500, "weight": 0.5}
    searcher = build(search_json, regularizer={"speed": FLOPS, "size": memory})
    indices = [0] * len(searcher.choices)
    searcher.model.set_architecture(indices)
    costs = searcher.record.costs()
    speed = min(1, 40000 / costs["multiply_adds"]) ** 5
    size = min(1, 500 / costs["parameters"]) ** 0.5
    assert speed * size < 0.9
    assert searcher.reward(0.2, indices) == pytest.approx(0.8 * speed * size)


@pytest.mark.parametrize(
    ("algorithm", "mode"),
    [
        ({"name": "ProxylessNasSearcher", "update": "gate"}, "sample"),
        ({"name": "DartsSearcher"}, "full"),
        ({"name": "DartsSearcher", "order": 2}, "full"),
    ],
)
def test_the_expected_cost_falls_where_gradients_decide(
    build, search_json, algorithm: dict[str, Any], mode: str
) -> None:
    search_json["network"]["mode"] = mode
    search_json["optimizer"]["valid"] = {"solver": {"name": "Sgd", "lr": 1.0}}
    costs = []
    for name, weight in (("without", 0.0), ("with", 50.0)):
        bound = {**FLOPS, "bound": 1000, "weight": weight}
        searcher = build(search_json, name, algorithm=algorithm, regularizer={"speed": bound})
        for _ in range(4):
            searcher.search_update()
        costs.append(expected(searcher))
    assert costs[1] < 0.97 * costs[0]


def test_the_expected_cost_falls_where_rewards_decide(build, search_json) -> None:
    searcher = build(search_json, regularizer={"speed": {**FLOPS, "bound": 25000}})
    searcher.judge_graph = SimpleNamespace(evaluate=lambda batch: Score((0.0, 0.5)))
    before = expected(searcher)
    for _ in range(60):
        searcher.architecture_step()
    assert expected(searcher) < 0.97 * before


def test_without_a_constraint_nothing_changes(build, search_json) -> None:
    alphas = []
    for name, changes in (("none", {}), ("loose", {"speed": {**FLOPS, "bound": 1e12}})):
        searcher = build(search_json, name, regularizer=changes)
        searcher.search_update()
        alphas.append(np.concatenate([p.d.ravel() for p in searcher.arch_parameters.values()]))
    np.testing.assert_array_equal(*alphas)


def test_a_run_tells_cost_unit_and_bound(build, search_json) -> None:
    searcher = build(search_json, regularizer={"speed": FLOPS}, epoch=1, warmup=0)
    points: dict[str, float] = {}
    searcher.record._board._tensorboard.scalars = lambda values, step: points.update(values)
    assert searcher.run() == 0
    folder = searcher.folder
    words = json.loads(folder.arch_json.read_text())
    assert words["constraints"]["speed"] == {
        "estimator": "FLOPsEstimator",
        "value": words["multiply_adds"],
        "unit": "multiply-adds",
        "bound": 40000,
        "weight": 5.0,
        "hard": False,
        "met": words["multiply_adds"] <= 40000,
        "missed_by": max(0.0, words["multiply_adds"] / 40000 - 1),
    }
    assert json.loads(folder.result.read_text())["constraints"] == words["constraints"]
    assert points["FLOPsEstimator"] == words["multiply_adds"]
    assert points["FLOPsEstimator/bound"] == 40000
    expected = searcher.constraints[0].expected(searcher.choices)
    assert points["FLOPsEstimator/expected"] == pytest.approx(expected)


PEAK = {"name": "ActivationMemoryEstimator", "bound": 1000.0, "weight": 2.0}


def test_a_peak_takes_from_the_reward_of_a_sampled_path(build, search_json) -> None:
    searcher = build(search_json, regularizer={"memory": PEAK})
    indices = [0] * len(searcher.choices)
    searcher.model.set_architecture(indices)
    peak = searcher.constraints[0].estimator.estimate(searcher.model, (1, 8, 8))
    assert peak > 1000
    assert searcher.reward(0.2, indices) == pytest.approx(0.8 * (1000 / peak) ** 2)


@pytest.mark.parametrize(
    ("algorithm", "mode"),
    [({"name": "ProxylessNasSearcher", "update": "gate"}, "sample"), ("DartsSearcher", "full")],
)
def test_the_expected_peak_falls_where_gradients_decide(
    build, search_json, algorithm: Any, mode: str
) -> None:
    # Few channels behind the choices and before them: they need the most.
    settings = [[16, 2, 1], [24, 1, 2], [32, 1, 2], [40, 1, 2]]
    search_json["network"] |= {"settings": settings, "stem_stride": 1, "mode": mode}
    search_json["network"]["candidates"] = ["MB6 3x3", "MB1 3x3"]
    search_json["optimizer"]["valid"] = {"solver": {"name": "Sgd", "lr": 1.0}}
    peaks = []
    for name, weight in (("without", 0.0), ("with", 50.0)):
        bound = {**PEAK, "weight": weight}
        searcher = build(search_json, name, algorithm=algorithm, regularizer={"memory": bound})
        for _ in range(4):
            searcher.search_update()
        peaks.append(expected(searcher))
    assert peaks[1] < 0.97 * peaks[0]


def test_a_peak_is_reported_by_a_training(build, search_json) -> None:
    peak = {"memory": {"name": "ActivationMemoryEstimator", "bound": 1e6}}
    trainer = build(search_json, "train", algorithm="Trainer", regularizer=peak)
    words = trainer.record.costs()["constraints"]["memory"]
    assert words["unit"] == "bytes"
    assert 0 < words["value"] < 1e6
    assert words["met"]


def test_a_run_keeps_what_it_measured_and_a_later_part_reads_it(build, search_json) -> None:
    speed = {"name": "LatencyEstimator", "bound": 1.0, "n_run": 2, "n_warmup": 0}
    first = build(search_json, regularizer={"speed": speed})
    first.record.describe("", first.experiment.to_json())
    kept = read_latencies(first.folder.latency)
    assert kept == first.constraints[0].estimator.latencies
    # A table as it was when the run began wins over what would be measured now.
    text = first.folder.latency.read_text()
    content = json.loads(text)
    for row in content["operations"]:
        row["median_ms"] = 1.0
    first.folder.latency.write_text(json.dumps(content))
    first.folder.config.unlink()
    first.folder.close()
    again = build(search_json, regularizer={"speed": speed})
    assert {one.median for one in again.constraints[0].estimator.latencies.values()} == {1.0}


def test_two_measured_latencies_would_share_a_table(build, search_json) -> None:
    speed = {"name": "LatencyEstimator", "bound": 1.0, "n_run": 1, "n_warmup": 0}
    with pytest.raises(InputError, match=r"regularizer: .* one LatencyEstimator"):
        build(search_json, regularizer={"a": speed, "b": {**speed, "context": "cpu"}})


def dry_run(content: dict[str, Any], folder: Path, regularizer: dict[str, Any]) -> int:
    path = folder / "dry.json"
    path.write_text(json.dumps({**content, "regularizer": {"speed": regularizer}}))
    return main(["-f", str(path), "-c", "cpu", "--dry-run"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("[1, 2", "it is no JSON"),
        ('{"version": 1, "unit": "s", "operations": []}', "not a latency table"),
        ('{"version": 1, "unit": "ms", "operations": []}', "lacks"),
    ],
)
def test_a_dry_run_reads_the_table(
    tmp_path: Path, search_json, capsys: pytest.CaptureFixture[str], text: str | None, words: str
) -> None:
    table = tmp_path / "table.json"
    if text is not None:
        table.write_text(text)
    bound = {"name": "LatencyTable", "path": str(table), "bound": 1.0}
    assert dry_run(search_json, tmp_path, bound) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {table}: ")
    assert words in line


def test_a_dry_run_measures_nothing(
    tmp_path: Path, search_json, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> None:
        raise AssertionError("measured")

    monkeypatch.setattr("nnabla_nas.estimator.stopwatch.Stopwatch.measure", refuse)
    bound = {"name": "LatencyEstimator", "bound": 1.0, "hard": True}
    assert dry_run(search_json, tmp_path, bound) == 0


def test_a_dry_run_of_a_training_without_its_genotype_asks_for_no_table_of_another(
    tmp_path: Path, search_json
) -> None:
    table = tmp_path / "table.json"
    table.write_text('{"version": 1, "unit": "ms", "operations": []}')
    bound = {"name": "LatencyTable", "path": str(table), "bound": 1.0}
    search_json["network"]["genotype"] = str(tmp_path / "arch.h5")
    assert dry_run({**search_json, "algorithm": "Trainer"}, tmp_path, bound) == 0
