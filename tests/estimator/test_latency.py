"""Latencies: measured once, added up, kept in a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_nas.cli import main
from nnabla_nas.errors import InputError, NasError
from nnabla_nas.estimator import LatencyEstimator, LatencyTable, stopwatch
from nnabla_nas.estimator import latency as latency_module
from nnabla_nas.estimator.active_path import build_active_path
from nnabla_nas.estimator.decomposition import functions_of
from nnabla_nas.estimator.latency_file import Latency, operation_key, read_latencies
from nnabla_nas.search_space.mobilenet import SearchNet

SHAPE = (1, 8, 8)


@pytest.fixture
def model() -> SearchNet:
    return SearchNet(
        10, 1, [[16, 2, 1], [24, 1, 2]], candidates=["MB1 3x3", "MB3 5x5"], in_channels=1
    )


def quick() -> LatencyEstimator:
    return LatencyEstimator("cpu", n_run=3, n_warmup=1)


def test_the_median_and_the_spread_ignore_an_outlier(monkeypatch: pytest.MonkeyPatch) -> None:
    # Five runs of 1, 2, 3, 4 and 1000 ms: starts and ends of a clock.
    ticks = iter(np.cumsum([0, 1, 0, 2, 0, 3, 0, 4, 0, 1000]) / 1000)
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: next(ticks))
    calls: list[int] = []
    cpu = nn.Context(["cpu:float"], "CpuCachedArray", "0")
    latency = stopwatch.measure(lambda: calls.append(1), cpu, n_run=5, n_warmup=2)
    assert latency.median == pytest.approx(3)
    assert latency.spread == pytest.approx(2)
    assert len(calls) == 7


def test_a_larger_convolution_takes_longer() -> None:
    cpu = nn.Context(["cpu:float"], "CpuCachedArray", "0")
    medians = []
    for channels in (2, 64):
        x, w = nn.Variable((1, channels, 16, 16)), nn.Variable((channels, channels, 3, 3))
        function = F.convolution(x, w, pad=(1, 1)).parent
        medians.append(stopwatch.measure_function(function, cpu, 5, 1).median)
    assert 0 < medians[0] < medians[1]


def test_what_cannot_be_run_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> Latency:
        raise RuntimeError("no\nkernel")

    monkeypatch.setattr(stopwatch, "measure", fail)
    function = F.relu(nn.Variable((1, 2))).parent
    with pytest.raises(NasError, match="ReLU could not be measured: no kernel"):
        stopwatch.measure_function(function, nn.get_current_context(), 1, 0)


def test_each_operation_is_measured_once_at_each_shape(
    model: SearchNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []

    def measure(function: Any, *rest: Any) -> Latency:
        measured.append(latency_module.key_of(function))
        return Latency(float(len(measured)), 0.5)

    monkeypatch.setattr(latency_module, "measure_function", measure)
    estimator = quick()
    table = estimator.cost_table(model, SHAPE)
    assert len(measured) == len(set(measured)) == len(estimator.latencies)
    before = len(measured)
    for architecture in ([0, 0, 0], [2, 1, 0], [1, 2, 1]):
        model.set_architecture(architecture)
        functions = functions_of(build_active_path(model, SHAPE))
        known = (estimator.latencies[latency_module.key_of(f)].median for f in functions)
        assert estimator.estimate(model, SHAPE) == pytest.approx(sum(known))
        assert table.total(architecture) == pytest.approx(estimator.estimate(model, SHAPE))
    assert len(measured) == before


def test_a_written_table_reads_back_to_the_same_costs(model: SearchNet, tmp_path: Path) -> None:
    estimator = quick()
    table = estimator.cost_table(model, SHAPE)
    content = json.loads(json.dumps(estimator.to_json()))
    assert (content["unit"], content["device"], content["n_run"]) == ("ms", "CPU", 3)
    assert content["environment"]["versions"]["nnabla"]
    assert {"median_ms", "spread_ms"} <= content["operations"][0].keys()
    path = tmp_path / "table.json"
    path.write_text(json.dumps(content))
    again = LatencyTable(str(path)).cost_table(model, SHAPE)
    assert again.fixed == table.fixed
    for mine, theirs in zip(again.candidates, table.candidates, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    other = SearchNet(10, 1, [[16, 1, 1]], candidates=["MB6 7x7"], in_channels=1)
    with pytest.raises(InputError, match=r"table.json: lacks \d+ operations of this network"):
        LatencyTable(str(path)).cost_table(other, SHAPE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "it is no JSON"),
        ("[]", "not a latency table; allowed an object with 'version' 1"),
        ('{"version": 1, "unit": "s", "operations": []}', "'unit' \"ms\""),
        (
            '{"version": 1, "unit": "ms", "operations": [{}]}',
            "operations.0: allowed an object with",
        ),
        (
            '{"version": 1, "unit": "ms", "operations": [{"operation": "ReLU", "arguments": {},'
            ' "input_shapes": [[1]], "median_ms": -1}]}',
            "operations.0.median_ms: allowed a number >= 0",
        ),
    ],
)
def test_a_damaged_table_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "table.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_latencies(path)
    (line,) = caught.value.faults
    assert line.startswith(str(path))
    assert message in line
    with pytest.raises(InputError, match="cannot be read"):
        read_latencies(tmp_path / "absent.json")


def test_a_key_does_not_depend_on_the_order_of_arguments() -> None:
    assert operation_key("A", {"x": 1, "y": [2]}, [(1, 2)]) == operation_key(
        "A", {"y": [2], "x": 1}, [[1, 2]]
    )


def test_profile_writes_what_a_search_reads(
    tmp_path: Path, search_json: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    table, config = tmp_path / "table.json", tmp_path / "search.json"
    speed = {"name": "LatencyTable", "path": str(table), "bound": 0.01}
    search_json |= {"epoch": 1, "warmup": 0, "regularizer": {"speed": speed}}
    config.write_text(json.dumps(search_json))
    flags = ["-f", str(config), "-o", str(tmp_path / "run"), "--no-visualize"]
    assert main(flags) == 2
    assert "table.json: cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    short = ["-c", "cpu", "--n-run", "2", "--n-warmup", "0"]
    assert main(["profile", "-f", str(config), "-o", str(table), *short]) == 0
    assert main(flags) == 0
    words = json.loads((tmp_path / "run" / "arch.json").read_text())["constraints"]["speed"]
    assert (words["unit"], words["met"]) == ("ms", False)
    assert words["value"] > 0.01
    assert main(["profile", "-f", str(config), "-o", str(table), "--n-run", "0"]) == 2
    assert main(["profile", "-f", str(config), "-o", str(tmp_path / "no" / "t.json")]) == 2
