"""The parts of the speed benchmark, on toy networks; PyTorch's only where there is one.

TORCH_PYTHON names an interpreter that has PyTorch, where this one has not.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TORCH_PYTHON = os.environ.get("TORCH_PYTHON") or (
    sys.executable if importlib.util.find_spec("torch") else None
)
CELLS = {"init_channels": 4, "num_cells": 3}
CHAIN = {"settings": [[8, 1, 1], [16, 2, 2]]}
TOYS: dict[str, dict[str, Any]] = {
    "darts": CELLS,
    "darts_second_order": CELLS,
    "proxyless": CHAIN,
    "zoph": {
        "stem_channels": 4,
        "cells": ["ZophCell", "ZophCell"],
        "cell_depth": [1, 2],
        "cell_channels": [4, 6],
        "reducing": [False, True],
    },
    "random_wired": {"n_vertices": 6, "min_channels": 4, "max_channels": 8},
    "train_mobilenet": CHAIN,
    "train_darts": CELLS,
}


@pytest.fixture(autouse=True)
def _benchmarks_on_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    yield
    for name in [one for one in sys.modules if one.partition(".")[0] in ("speed", "steps")]:
        del sys.modules[name]


def part(name: str) -> Any:
    return importlib.import_module(name)


def toy(name: str) -> Any:
    """Return a small version of a workload of the benchmark."""
    workload = {one.name: one for one in part("steps.workload").WORKLOADS}[name]
    return replace(workload.with_network(name, **TOYS[name]), batch_train=2, batch_valid=3)


def test_every_workload_has_a_toy() -> None:
    assert [one.name for one in part("steps.workload").WORKLOADS] == list(TOYS)


@pytest.mark.parametrize("name", TOYS)
def test_an_update_is_the_runner_s_own(name: str, tmp_path: Path) -> None:
    ours, workload = part("steps.ours"), toy(name)
    with ours.build(ours.read(workload, tmp_path, 1)) as runner:
        before = {path: p.d.copy() for path, p in runner.net_parameters.items()}
        update = ours.update_of(runner)
        update()
        described = ours.describe(runner)
        assert runner.progress.step == 1
        assert runner.progress.examples == workload.batch_train
        assert any((before[k] != p.d).any() for k, p in runner.net_parameters.items())
    assert described["parameters"] == sum(p.size for p in runner.net_parameters.values())
    assert described["multiply_adds"] > 0


def test_parameters_and_multiply_adds_are_the_published_ones(tmp_path: Path) -> None:
    ours, workloads = part("steps.ours"), part("steps.workload").WORKLOADS
    trainer = {one.name: one for one in workloads}["train_darts"]
    # The head has one 1×1 and one 2×2 convolution, normalised, and a linear layer.
    head = 576 * 128 + 128 * 768 * 4 + 2 * (128 + 768) + 768 * 10 + 10
    small = replace(trainer, batch_train=1, batch_valid=1)
    with ours.build(ours.read(small, tmp_path, 1)) as runner:
        # 3.3 million, says table 1 of the paper; the number in full is that of its code.
        assert ours.describe(runner)["parameters"] - head == 3_349_342


def test_steps_take_turns_and_ratios_are_of_pairs() -> None:
    measurement, report = part("steps.measurement"), part("steps.report")
    found = measurement.Measurement(toy("darts"), 1, 1234, 2e9, memory=10**9)
    plain = report.line(found.__class__(toy("darts"), 1, 1234, 2e9, [4.0, 1.0, 2.0]), {1: 4e9})
    assert "| 2.00 | 0.00 | 1,234 | 2.0 | 25% |" in plain
    found.ours, found.theirs = [1.0, 4.0, 9.0], [2.0, 2.0, 3.0]
    found.torch_memory = 2 * 10**9
    assert found.ratio == 2.0
    row = report.line(found, {1: 4e9})
    assert row.endswith("| 2.00 | 2.00 |")
    assert row.count("|") == report.header(True).splitlines()[0].count("|")
    assert plain.count("|") == report.header(False).splitlines()[0].count("|")


def test_the_command_prints_a_row_of_a_process_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    speed = part("speed")
    monkeypatch.setattr(speed, "WORKLOADS", (toy("train_mobilenet"),))
    monkeypatch.setattr(speed, "measured_peak", lambda python, threads: 1e9)
    arguments = ["--only", "train_mobilenet", "--repeats", "2", "--memory-after", "5"]
    assert speed.main(arguments) == 0
    said = capsys.readouterr().out
    assert said.startswith("`python benchmarks/speed.py --only train_mobilenet --repeats 2")
    cells = said.splitlines()[-1].split(" | ")
    assert float(cells[2]) >= 0
    # nnabla alone takes more than 50 MB.
    assert 0.05 < float(cells[3]) < 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "dart"], "unknown 'dart'"),
        (["--against", "torch"], "belong together"),
        (["--torch-python", "python"], "belong together"),
    ],
)
def test_a_wrong_command_line_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        part("speed").main(arguments)


def test_scaling_goes_over_batch_cells_and_candidates(tmp_path: Path) -> None:
    ours, found = part("steps.ours"), part("steps.workload").scaling()
    by_name = {one.name: one for one in found}
    assert len(by_name) == len(found) == 4 + 4 + 5 + 6
    assert by_name["proxyless_batch_128"].batch_valid == 256
    experiment = ours.read(by_name["proxyless_candidates_7"], tmp_path, 1)
    assert len(experiment.network.arguments["candidates"]) == 7
    assert ours.read(by_name["darts_cells_20"], tmp_path, 1).network.arguments["num_cells"] == 20


def test_a_process_that_ends_early_says_why() -> None:
    child = part("steps.child")
    with pytest.raises(SystemExit, match="No module named"):
        child.Child(sys.executable, "steps.no_such_part", {})


def test_a_difference_between_the_networks_ends_the_comparison() -> None:
    require_same = part("steps.measurement").require_same
    ours = {"parameters": 10, "alphas": 0, "multiply_adds": 1e9}
    require_same("x", ours, {**ours, "multiply_adds": 1e9 * (1 + 1e-12)})
    with pytest.raises(SystemExit, match="parameters differ: 10 here, 11 in PyTorch"):
        require_same("x", ours, {**ours, "parameters": 11})


def test_the_start_is_measured() -> None:
    start = part("steps.start")
    assert 0 < start.help_seconds() < start.first_update_seconds()


@pytest.mark.skipif(TORCH_PYTHON is None, reason="no interpreter with PyTorch (TORCH_PYTHON)")
@pytest.mark.parametrize("name", TOYS)
def test_pytorch_has_the_same_network(name: str, tmp_path: Path) -> None:
    assert TORCH_PYTHON is not None
    ours, measurement, workload = part("steps.ours"), part("steps.measurement"), toy(name)
    with ours.build(ours.read(workload, tmp_path, 1)) as runner:
        network = ours.describe(runner)
    asked = {"workload": asdict(workload), "threads": 1, "network": network}
    with measurement.torch_child(TORCH_PYTHON, {**asked, "format": "contiguous"}) as child:
        measurement.require_same(name, network, child.describe())
        assert child.step() > 0
