"""Latencies: measured once, added up, kept in a table."""

from __future__ import annotations

import itertools
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
from nnabla_nas.estimator.active_path import build_active_path
from nnabla_nas.estimator.decomposition import functions_of
from nnabla_nas.estimator.latency_file import Latency, key_of, operation_key, read_latencies
from nnabla_nas.search_space import darts, pnas
from nnabla_nas.search_space.mobilenet import SearchNet
from nnabla_nas.search_space.model import Model

SHAPE = (1, 8, 8)
CPU = nn.Context(["cpu:float"], "CpuCachedArray", "0")


@pytest.fixture
def model() -> SearchNet:
    return SearchNet(
        10, 1, [[16, 2, 1], [24, 1, 2]], candidates=["MB1 3x3", "MB3 5x5"], in_channels=1
    )


def quick() -> LatencyEstimator:
    return LatencyEstimator("cpu", n_run=3, n_warmup=1)


def test_the_median_and_the_spread_ignore_an_outlier() -> None:
    latency = stopwatch.latency_of([4, 1, 1000, 2, 3])
    assert latency.median == pytest.approx(3)
    assert latency.spread == pytest.approx(2)
    assert latency.cautious == pytest.approx(5)
    assert Latency(3.0).cautious == 3


def relu_chain(n: int, features: int = 1000) -> nn.Variable:
    y = nn.Variable.from_numpy_array(np.ones((1, features)))
    for _ in range(n):
        y = F.relu(y)
    return y


def test_networks_and_the_operations_in_them_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    # A clock that every look at it moves on by 1 ms.
    ticks = itertools.count()
    for clock in ("perf_counter", "thread_time"):
        monkeypatch.setattr(stopwatch.time, clock, lambda: next(ticks) / 1000)
    timing = stopwatch.Stopwatch(n_run=3, n_warmup=2).measure(
        CPU, [relu_chain(2), relu_chain(1, 7)], [relu_chain(4)]
    )
    assert timing.networks == [Latency(pytest.approx(1), pytest.approx(0, abs=1e-9))]
    keys = {operation_key("ReLU", {"inplace": False}, [(1, n)]) for n in (1000, 7)}
    assert timing.operations.keys() == keys
    medians = [one.median for one in timing.operations.values()]
    assert medians == pytest.approx([1, 1])
    assert next(ticks) == 2 * (3 + 2) * (2 + 1 + 1)


def test_a_larger_convolution_takes_longer() -> None:
    medians = []
    for channels in (2, 64):
        x = nn.Variable.from_numpy_array(np.ones((1, channels, 16, 16)))
        w = nn.Variable.from_numpy_array(np.ones((channels, channels, 3, 3)))
        timing = stopwatch.Stopwatch(5, 1).measure(CPU, [F.convolution(x, w, pad=(1, 1))])
        (latency,) = timing.operations.values()
        medians.append(latency.median)
    assert 0 < medians[0] < medians[1]


def test_what_cannot_be_run_is_an_error() -> None:
    class Broken:
        def forward(self, function_pre_hook: Any, **more: Any) -> None:
            function_pre_hook(relu_chain(1).parent)
            raise RuntimeError("no\nkernel")

    for networks in ({"inside": [Broken()]}, {"whole": [Broken()]}):
        with pytest.raises(NasError, match="ReLU could not be measured: no kernel"):
            stopwatch.Stopwatch(1, 0).measure(CPU, **networks)


class Counting:
    """Stands in for a stopwatch: an operation takes 1 ms more than the one before."""

    n_run, n_warmup = 1, 0

    def __init__(self) -> None:
        self.measured: list[str] = []
        self.calls = 0

    def measure(self, context: Any, inside: Any = (), whole: Any = ()) -> stopwatch.Timing:
        self.calls += 1
        found: dict[str, Latency] = {}
        for output in inside:
            for function in functions_of(output):
                key = key_of(function)
                if key not in self.measured:
                    self.measured.append(key)
                found[key] = Latency(1.0 + self.measured.index(key), 0.5)
        return stopwatch.Timing(found, [Latency(float(k)) for k in range(len(whole))])


@pytest.mark.parametrize("mode", ["sample", "full"])
def test_each_operation_is_measured_once_at_each_shape(mode: str) -> None:
    model = SearchNet(
        10, 1, [[16, 2, 1], [24, 1, 2]], candidates=["MB1 3x3", "MB3 5x5"], mode=mode, in_channels=1
    )
    estimator = quick()
    estimator.stopwatch = counting = Counting()
    model.set_architecture([1, 0, 1])
    table = estimator.cost_table(model, SHAPE)
    assert [choice.active for choice in model.choices().values()] == [1, 0, 1]
    assert counting.measured
    assert set(counting.measured) == estimator.latencies.keys()
    for architecture in ([0, 0, 0], [2, 1, 0], [1, 2, 1]):
        model.set_architecture(architecture)
        functions = functions_of(build_active_path(model, SHAPE))
        known = (estimator.latencies[key_of(f)].median for f in functions)
        assert estimator.estimate(model, SHAPE) == pytest.approx(sum(known))
        assert table.total(architecture) == pytest.approx(estimator.estimate(model, SHAPE))
    assert estimator.cost_table(model, SHAPE).fixed == table.fixed
    assert counting.calls == 1


def test_what_a_table_lacks_is_measured_in_the_network_that_needs_it(model: SearchNet) -> None:
    estimator = quick()
    value = estimator.estimate(model, SHAPE)
    functions = functions_of(build_active_path(model, SHAPE))
    assert value == pytest.approx(sum(estimator.latencies[key_of(f)].median for f in functions))
    assert estimator.latencies.keys() == {key_of(f) for f in functions}
    kept = dict(estimator.latencies)
    estimator.cost_table(model, SHAPE)
    assert kept.items() <= estimator.latencies.items(), "a known latency was measured anew"
    assert kept.keys() < estimator.latencies.keys()


def test_a_whole_network_is_its_slowest_graph(model: SearchNet) -> None:
    estimator = quick()
    estimator.stopwatch = Counting()
    assert estimator.measure_whole(model, SHAPE).median == 2
    assert quick().measure_whole(model, SHAPE).median > 0


@pytest.mark.parametrize(
    "model",
    [
        SearchNet(10, 1, [[16, 2, 1], [24, 1, 2]], in_channels=1, mode="full"),
        darts.Darts.SearchNet(1, 4, 3, 10, 2, 2, shared=True),
        pnas.Pnas.SearchNet(1, 4, 2, 10, 2, 2),
    ],
    ids=["mobilenet", "darts", "pnas"],
)
def test_random_networks_are_measured_beside_the_sums(model: Model) -> None:
    alphas = {path: p.d.copy() for path, p in model.get_arch_parameters().items()}
    active = [choice.active for choice in model.choices().values()]
    estimator = LatencyEstimator("cpu", n_run=2, n_warmup=0)
    pairs = estimator.compare(model, SHAPE, 3)
    assert len({total for total, _ in pairs}) == 3
    assert all(total > 0 and whole.median > 0 for total, whole in pairs)
    assert [choice.active for choice in model.choices().values()] == active
    for path, parameter in model.get_arch_parameters().items():
        np.testing.assert_array_equal(parameter.d, alphas[path])
    known = set(estimator.latencies)
    estimator.cost_table(model, SHAPE)
    assert set(estimator.latencies) == known, "random networks have operations of their own"


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
    short += ["--networks", "4"]
    assert main(["profile", "-f", str(config), "-o", str(table), *short]) == 0
    assert "against 2 whole networks: rank correlation" in capsys.readouterr().out
    error = json.loads(table.read_text())["table_error"]
    assert (len(error["fitted_on"]), len(error["held_out"])) == (2, 2)
    assert error["held_out"][0]["whole_ms"] > 0
    assert main(flags) == 0
    words = json.loads((tmp_path / "run" / "arch.json").read_text())["constraints"]["speed"]
    assert (words["unit"], words["met"]) == ("ms", False)
    assert words["value"] > 0.01
    assert main(["profile", "-f", str(config), "-o", str(table), "--n-run", "0"]) == 2
    assert main(["profile", "-f", str(config), "-o", str(table), "--networks", "1"]) == 2
    assert main(["profile", "-f", str(config), "-o", str(tmp_path / "no" / "t.json")]) == 2
