"""Hard bounds on a measured latency: the whole network is measured, by a clock of the tests'."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import nnabla as nn
import numpy as np
import pytest

from nnabla_nas.cli import main
from nnabla_nas.estimator import LatencyEstimator, ParameterEstimator, latency
from nnabla_nas.estimator.constraint import Constraint
from nnabla_nas.estimator.decomposition import functions_of
from nnabla_nas.estimator.hard_bounds import HardBounds
from nnabla_nas.estimator.latency_file import Latency, key_of
from nnabla_nas.estimator.measured_decoding import settle
from nnabla_nas.estimator.stopwatch import Timing
from nnabla_nas.search_space import darts
from nnabla_nas.search_space.mobilenet import SearchNet

SHAPE = (1, 8, 8)


def duration(function: Any) -> float:
    """What an operation takes: a thousandth ms for each value it reads."""
    return 1e-3 * sum(float(np.prod(variable.shape)) for variable in function.inputs)


class Clockwork:
    """Stands in for the stopwatch: sums are exact, what a whole network takes is given."""

    whole: Callable[[float], float] = staticmethod(lambda total: total)

    def __init__(self, n_run: int, n_warmup: int) -> None:
        self.n_run, self.n_warmup = n_run, n_warmup

    def measure(self, context: nn.Context, inside: Any = (), whole: Any = ()) -> Timing:
        operations = {key_of(f): Latency(duration(f), 0.0) for o in inside for f in functions_of(o)}
        sums = [sum(duration(f) for f in functions_of(output)) for output in whole]
        return Timing(operations, [Latency(self.whole(total), 0.01) for total in sums])


@pytest.fixture
def clockwork(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[float], float]], None]:
    """Return what sets how long a whole network takes, by the sum of its operations."""
    monkeypatch.setattr(latency, "Stopwatch", Clockwork)
    return lambda whole: monkeypatch.setattr(Clockwork, "whole", staticmethod(whole))


class Setting:
    """A super-network with random probabilities, and what each of its architectures costs."""

    def __init__(self, seed: int, n_blocks: int = 2) -> None:
        settings = [[16, n_blocks, 1], [24, 1, 2]]
        names = ["MB1 3x3", "MB3 3x3", "MB3 5x5"]
        self.model = SearchNet(10, 1, settings, candidates=names, in_channels=1)
        self.choices = list(self.model.choices().values())
        generator = np.random.default_rng(seed)
        for choice in self.choices:
            choice.alpha.d = generator.normal(scale=2, size=choice.alpha.shape)
        self.speed = LatencyEstimator("cpu", n_run=1, n_warmup=0)
        self.times = self.speed.cost_table(self.model, SHAPE)
        self.sizes = ParameterEstimator().cost_table(self.model, SHAPE)
        every = product(*(range(len(choice.names)) for choice in self.choices))
        self.architectures = sorted(map(list, every), key=self.probability, reverse=True)
        self.totals = [self.times.total(one) for one in self.architectures]

    def probability(self, indices: list[int]) -> float:
        pairs = zip(self.choices, indices, strict=True)
        return sum(float(np.log(choice.probabilities[i])) for choice, i in pairs)

    def decode(self, bound: float, size: float = 1e9) -> tuple[HardBounds, Constraint, list[str]]:
        make = lambda key, estimator, limit: Constraint(  # noqa: E731
            key, type(estimator).__name__, estimator, limit, 0.1, self.model, SHAPE, True
        )
        speed = make("speed", self.speed, bound)
        hard = HardBounds([make("size", ParameterEstimator(), size), speed], self.model)
        self.model.decoder = hard.decode
        said: list[str] = []
        settle(hard, self.model, said.append)
        assert len(said) == len(speed.attempts)
        return hard, speed, said


def test_a_network_within_its_bound_is_measured_once(clockwork) -> None:
    clockwork(lambda total: total)
    setting = Setting(0)
    hard, speed, (line,) = setting.decode(max(setting.totals) + 1)
    assert (hard.decode(), hard.excess()) == (setting.architectures[0], [])
    assert line.startswith("regularizer.speed: attempt 1: operations add up to")
    words = speed.in_words(setting.model.derived())
    assert words["met"]
    assert words["attempts"] == [words["measured"]]
    assert words["measured"]["whole_median_ms"] == pytest.approx(setting.totals[0])


@pytest.mark.parametrize("seed", range(6))
def test_the_bound_is_tightened_until_the_whole_network_keeps_it(clockwork, seed: int) -> None:
    # The whole takes longer than the sum, by a share and by a constant.
    clockwork(lambda total: 1.1 * total + 2)
    setting = Setting(seed)
    bound = 1.1 * float(np.quantile(setting.totals, 0.5)) + 2.01
    size = float(np.quantile([setting.sizes.total(a) for a in setting.architectures], 0.7))
    hard, speed, _ = setting.decode(bound, size)
    indices = hard.decode()
    assert hard.excess() == []
    assert 1.1 * setting.times.total(indices) + 2.01 <= bound * (1 + 1e-9)
    assert setting.sizes.total(indices) <= size
    assert [one.total for one in speed.attempts] == sorted(
        (one.total for one in speed.attempts), reverse=True
    )
    assert speed.kept_attempt is speed.attempts[-1]
    # What was measured before the last one is over the bound; the last is the most probable
    # within the bound that the sum was held to.
    assert all(one.whole.cautious > bound for one in speed.attempts[:-1])
    limit = speed.attempts[-1].limit
    allowed = [
        a
        for a, total in zip(setting.architectures, setting.totals, strict=True)
        if total <= limit and setting.sizes.total(a) <= size
    ]
    assert indices == allowed[0] or total_is_least(setting, indices, size)


def total_is_least(setting: Setting, indices: list[int], size: float) -> bool:
    within = [a for a in setting.architectures if setting.sizes.total(a) <= size]
    return setting.times.total(indices) == min(setting.times.total(a) for a in within)


def test_the_fastest_is_measured_before_the_bound_is_given_up(clockwork) -> None:
    clockwork(lambda total: total + 50)
    setting = Setting(0)
    least = min(setting.totals)
    hard, speed, _ = setting.decode(least + 10)
    assert speed.attempts[-1].total == pytest.approx(least)
    assert hard.decode() == speed.attempts[-1].indices
    (line,) = hard.excess()
    assert line.startswith(
        f"regularizer.speed: the best of {len(speed.attempts)} architectures measured whole takes"
    )
    assert f"40.01 ms ({40.01 / (least + 10):.2%}) above the bound of" in line
    assert not speed.in_words(setting.model.derived())["met"]
    # With an offset of 10 the fastest is just within.
    clockwork(lambda total: total + 9.9)
    hard, speed, _ = Setting(0).decode(least + 10)
    assert hard.excess() == []
    assert speed.attempts[-1].total == pytest.approx(least)


def test_ten_attempts_are_enough(clockwork) -> None:
    setting = Setting(3, n_blocks=5)
    bound = max(setting.totals) + 1
    clockwork(lambda total: bound - 0.009 + 1e-6 * total)
    hard, speed, said = setting.decode(bound)
    assert len(speed.attempts) == len(said) == 10
    assert len({tuple(one.indices) for one in speed.attempts}) == 10
    assert hard.decode() == min(speed.attempts, key=lambda one: one.whole.median).indices
    assert "the best of 10 architectures" in hard.excess()[0]


def test_a_bound_below_every_sum_may_still_be_met(clockwork) -> None:
    clockwork(lambda total: 0.5 * total)
    setting = Setting(2)
    bound = 0.6 * min(setting.totals)
    size = float(np.quantile([setting.sizes.total(a) for a in setting.architectures], 0.3))
    hard, speed, _ = setting.decode(bound, size)
    assert hard.excess() == []
    assert len(speed.attempts) == 1
    assert setting.sizes.total(hard.decode()) <= size


def test_where_another_bound_lets_nothing_in_one_network_is_measured(clockwork) -> None:
    clockwork(lambda total: total)
    setting = Setting(3)
    hard, speed, _ = setting.decode(max(setting.totals) + 1, size=1)
    assert len(speed.attempts) == 1
    (line,) = hard.excess()
    assert line.startswith("regularizer.size: no architecture of this space")


def test_genotypes_are_measured_too(clockwork) -> None:
    clockwork(lambda total: total + 5)
    model = darts.Darts.SearchNet(1, 4, 3, 10, 2, 2, shared=True)
    generator = np.random.default_rng(0)
    for alpha in model.get_arch_parameters().values():
        alpha.d = generator.normal(scale=2, size=alpha.shape)
    speed = LatencyEstimator("cpu", n_run=1, n_warmup=0)
    bound = speed.estimate(model.derived(), SHAPE) + 1
    one = Constraint("speed", "LatencyEstimator", speed, bound, 0.1, model, SHAPE, True)
    hard = HardBounds([one], model)
    model.decoder = hard.decode
    settle(hard, model, lambda line: None)
    assert hard.excess() == []
    assert len(one.attempts) > 1
    assert None in one.attempts[0].operations
    assert speed.estimate(model.derived(), SHAPE) + 5 <= bound


def run(search_json: dict[str, Any], folder: Path, bound: float) -> tuple[int, dict[str, Any]]:
    speed = {"name": "LatencyEstimator", "bound": bound, "weight": 0.0, "hard": True}
    content = {**search_json, "epoch": 1, "warmup": 0, "regularizer": {"speed": speed}}
    # At the start the first candidates are the most probable: not the fastest ones.
    content["network"] |= {"candidates": ["MB3 3x3", "MB1 3x3"]}
    config = folder.with_name(f"{folder.name}.json")
    config.write_text(json.dumps(content))
    code = main(["-f", str(config), "-o", str(folder), "--no-visualize"])
    return code, json.loads((folder / "result.json").read_text())


def test_a_search_tells_what_it_measured(
    tmp_path: Path, search_json: dict[str, Any], clockwork
) -> None:
    clockwork(lambda total: total)
    code, free = run(search_json, tmp_path / "free", 1e6)
    assert code == 0
    (only,) = free["constraints"]["speed"]["attempts"]
    # That one now takes longer than its operations together, and what is faster does not.
    clockwork(lambda total: total + (5 if total > only["sum_ms"] - 1e-6 else 0))
    bound = only["sum_ms"] + 1
    code, bound_run = run(search_json, tmp_path / "bound", bound)
    words = bound_run["constraints"]["speed"]
    assert code == 0
    assert words["met"]
    assert len(words["attempts"]) > 1
    assert words["measured"]["whole_median_ms"] <= bound < words["attempts"][0]["whole_median_ms"]
    assert bound_run["metrics"]["valid"] != free["metrics"]["valid"]
    found = json.loads((tmp_path / "bound" / "arch.json").read_text())
    assert [c["operation"] for c in found["choices"]] == words["measured"]["operations"]
    assert "attempt 2: operations add up to" in (tmp_path / "bound" / "log.txt").read_text()


def test_a_bound_that_no_whole_network_keeps_is_exit_3(
    tmp_path: Path, search_json: dict[str, Any], clockwork, capsys: pytest.CaptureFixture[str]
) -> None:
    clockwork(lambda total: total + 1000)
    code, result = run(search_json, tmp_path / "run", 500.0)
    assert code == 3
    said = capsys.readouterr()
    assert "regularizer.speed: the best of" in said.out + said.err
    assert result["status"] == "finished"
    assert not result["constraints"]["speed"]["met"]
