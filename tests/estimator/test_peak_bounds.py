"""Networks whose peak of live activations is bound hard, against networks that are built."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.module as Mo
import nnabla_nas.module.static as smo
from nnabla_nas.errors import InputError
from nnabla_nas.estimator import ActivationMemoryEstimator, FLOPsEstimator
from nnabla_nas.estimator.activation_memory import peak_live_bytes
from nnabla_nas.estimator.active_path import build_active_path
from nnabla_nas.estimator.constraint import Constraint
from nnabla_nas.estimator.cost_table import CostTable
from nnabla_nas.estimator.decoder import Decoder
from nnabla_nas.estimator.hard_bounds import HardBounds
from nnabla_nas.estimator.pareto import sweep
from nnabla_nas.estimator.peak_row import peak_row
from nnabla_nas.estimator.switched_graph import SwitchedGraph
from nnabla_nas.search_space import ClassificationModel, darts, mobilenet, pnas, zoph
from nnabla_nas.search_space.model import Model

SHAPE = (1, 16, 16)
PEAK = ActivationMemoryEstimator()


def mobile() -> Model:
    names = ["MB1 3x3", "MB3 3x3", "MB6 3x3"]
    return mobilenet.SearchNet(
        10, 1, [[16, 2, 1], [24, 1, 2], [32, 1, 2]], candidates=names, in_channels=1
    )


class Wide(smo.Graph):
    """Many channels between two convolutions: it needs more than what stands around it."""

    def __init__(self, parents: Any, channels: int, name: str = "") -> None:
        super().__init__(parents, name)
        wide = smo.Conv(parents, channels, 12 * channels, (1, 1))
        self.extend([wide, smo.Conv([wide], 12 * channels, channels, (1, 1))])


def cells() -> Model:
    candidates = ["SepConv3x3", Wide, "Identity"]
    return zoph.Zoph.SearchNet(
        "", SHAPE, 10, 2, cell_depth=(2, 1, 1), cell_channels=[4] * 3, candidates=candidates
    )


class Branches(ClassificationModel):
    """Two branches side by side: what the first hands on lives while the second is computed."""

    def __init__(self) -> None:
        def wide(channels: int) -> Mo.Module:
            first = Mo.Conv(4, channels, (1, 1), with_bias=False)
            return Mo.Sequential(first, Mo.Conv(channels, 4, (1, 1), with_bias=False))

        # Two of them handed on are one buffer, of which none need be alive otherwise.
        self.entrance = Mo.Conv(1, 4, (1, 1), with_bias=False)
        self.left = Mo.MixedOp([wide(4), Mo.Identity(), wide(9), wide(12)], "sample")
        self.right = Mo.MixedOp([wide(6), wide(8), Mo.Identity(), wide(11)], "sample")
        self.behind = Mo.MixedOp([Mo.Identity(), wide(10), wide(3)], "sample")

    def call(self, x: nn.Variable) -> nn.Variable:
        x = self.entrance(x)
        return self.behind(self.left(x) + self.right(x))


class OneCandidate(Branches):
    """The first choice has one candidate, to which all that is before it seems to belong."""

    def __init__(self) -> None:
        super().__init__()
        first = Mo.Conv(4, 5, (1, 1), with_bias=False)
        second = Mo.Conv(5, 4, (1, 1), with_bias=False)
        self.left = Mo.MixedOp([Mo.Sequential(first, second)], "sample")


SPACES: dict[str, Callable[[], Model]] = {
    "mobilenet": mobile,
    "zoph": cells,
    "pnas": lambda: pnas.Pnas.SearchNet(1, 4, 3, 10, 2, 1, stem_multiplier=1),
    "branches": Branches,
    "one candidate": OneCandidate,
}


def draw(model: Model, generator: np.random.Generator) -> list[int | None]:
    """Draw what decoding may keep, and probabilities."""
    for alpha in model.get_arch_parameters().values():
        alpha.d = generator.normal(scale=2, size=alpha.shape)
    indices: list[int | None] = [None] * len(model.choices())
    for decision in model.decisions():
        for edge in generator.choice(len(decision.edges), decision.kept, replace=False):
            candidate = int(generator.choice(decision.candidates[edge]))
            for position in decision.edges[edge]:
                indices[position] = candidate
    return indices


def rebuilt(model: Model, indices: list[int | None]) -> float:
    """Return the peak of an architecture, of its network built afresh."""
    before, model.decoder = model.decoder, lambda: list(indices)
    try:
        return PEAK.estimate(model.derived(), SHAPE)
    finally:
        model.decoder = before


def bound_hard(model: Model, bound: float, flops: float | None = None) -> HardBounds:
    name = "ActivationMemoryEstimator"
    one = [Constraint("memory", name, PEAK, bound, 0.1, model, SHAPE, True)]
    if flops is not None:
        speed = FLOPsEstimator()
        one.append(Constraint("speed", "FLOPsEstimator", speed, flops, 0.1, model, SHAPE, True))
    return HardBounds(one, model)


@pytest.mark.parametrize("space", [*SPACES, "darts"])
def test_what_is_followed_needs_what_is_built(space: str) -> None:
    model = (
        darts.Darts.SearchNet(1, 4, 4, 10, 3, 2, stem_multiplier=1)
        if space == "darts"
        else SPACES[space]()
    )
    table, generator = PEAK.cost_table(model, SHAPE), np.random.default_rng(0)
    peaks = []
    for _ in range(12):
        indices = draw(model, generator)
        peaks.append(rebuilt(model, indices))
        assert table.total(indices) == peaks[-1]
    assert len(set(peaks)) > 1


@pytest.mark.parametrize("space", SPACES)
def test_rows_are_what_is_alive_and_below_every_peak(space: str) -> None:
    model, generator = SPACES[space](), np.random.default_rng(1)
    graph = SwitchedGraph(model, SHAPE)
    traces = [graph.follow(draw(model, generator)) for _ in range(15)]
    for trace in traces[:5]:
        for step in (*range(0, len(trace.live), 3), len(trace.live) - 1):
            row = peak_row(graph, trace, step)
            assert row.total(trace.indices) == trace.live[step]
            assert all(row.total(other.indices) <= other.peak for other in traces)


@pytest.mark.parametrize("space", ["mobilenet", "zoph", "branches"])
def test_the_decoded_network_is_the_most_probable_within_the_bounds(space: str) -> None:
    model, generator = SPACES[space](), np.random.default_rng(2)
    choices = list(model.choices().values())
    every = list(product(*(range(len(choice.names)) for choice in choices)))
    flops = FLOPsEstimator().cost_table(model, SHAPE)
    costs = np.array([flops.total(one) for one in every])
    peaks = []
    for one in every:
        model.set_architecture(one)
        output = build_active_path(model, SHAPE)
        peaks.append(peak_live_bytes(output, set(model.get_parameters().values())))
    assert len(set(peaks)) > 2
    for n in range(6):
        draw(model, generator)
        logs = [np.log(choice.probabilities) for choice in choices]
        values = np.array([sum(lp[i] for lp, i in zip(logs, one, strict=True)) for one in every])
        bound = float(generator.choice(sorted(set(peaks))))
        limit = float(np.quantile(costs, generator.uniform(0.1, 0.9))) if n % 2 else None
        within = np.array(peaks) <= bound
        if limit is not None:
            within &= costs <= limit
        hard = bound_hard(model, bound, limit)
        if not within.any():
            assert hard.factor > 1
            continue
        found = hard.decode()
        assert values[every.index(tuple(found))] == pytest.approx(values[within].max())
        assert (hard.factor, hard.excess()) == (1, [])
        assert rebuilt(model, found) <= bound


def test_architectures_are_told_apart_where_no_row_does(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Branches()
    sizes = [len(choice.names) for choice in model.choices().values()]
    nothing = CostTable(0.0, tuple(np.zeros(n) for n in sizes), (1.0,) * 3)
    monkeypatch.setattr("nnabla_nas.estimator.peak_table.peak_row", lambda *_: nothing)
    draw(model, np.random.default_rng(7))
    table, decoder = PEAK.cost_table(model, SHAPE), Decoder(model, [])
    every = list(product(*map(range, sizes)))
    bound = sorted({table.total(one) for one in every})[1]
    within = [decoder.log_probability(one) for one in every if table.total(one) <= bound]
    found = bound_hard(model, bound).decode()
    assert table.total(found) <= bound
    assert decoder.log_probability(found) == pytest.approx(max(within))


def test_of_cells_none_within_the_bounds_is_more_probable() -> None:
    model, generator = SPACES["pnas"](), np.random.default_rng(3)
    others = [draw(model, generator) for _ in range(40)]
    table = PEAK.cost_table(model, SHAPE)
    peaks = [table.total(one) for one in others]
    for bound in sorted(set(peaks))[:2]:
        draw(model, generator)
        hard = bound_hard(model, bound)
        found, decoder = hard.decode(), Decoder(model, [])
        assert hard.excess() == []
        assert rebuilt(model, found) <= bound
        assert all(
            decoder.log_probability(one) <= decoder.log_probability(found)
            for one, peak in zip(others, peaks, strict=True)
            if peak <= bound
        )


@pytest.mark.parametrize("shared", [True, False])
def test_a_genotype_is_within_the_bounds(shared: bool) -> None:
    model = darts.Darts.SearchNet(1, 4, 3, 10, 2, 1, shared=shared, stem_multiplier=1)
    generator, flops = np.random.default_rng(4), FLOPsEstimator()
    peaks = sorted({rebuilt(model, draw(model, generator)) for _ in range(20)})
    assert len(peaks) > 3
    for n, bound in enumerate(peaks[-4:-1]):
        draw(model, generator)
        limit = 1.2 * flops.estimate(model.derived(), SHAPE) if n % 2 else None
        hard = bound_hard(model, bound, limit)
        assert (hard.factor, hard.excess()) == (1, [])
        sweep(hard.constraints[0], hard.constraints, model, hard.bounds, hard.decode())
        # Also when the probabilities, and so the order of the edges, have changed.
        for _ in range(2):
            model.decoder = hard.decode
            derived = model.derived()
            assert PEAK.estimate(derived, SHAPE) <= hard.factor * bound
            assert hard.factor > 1 or limit is None or flops.estimate(derived, SHAPE) <= limit
            assert (hard.factor == 1) == (hard.excess() == [])
            model.decoder = None
            draw(model, generator)


def test_without_bounds_that_bind_nothing_changes() -> None:
    for build in SPACES.values():
        model = build()
        draw(model, np.random.default_rng(5))
        assert bound_hard(model, 1e9).decode() == model.most_probable_architecture()


def test_a_peak_that_no_architecture_keeps_is_told_by_how_much() -> None:
    model = mobile()
    table = PEAK.cost_table(model, SHAPE)
    sizes = [range(len(choice.names)) for choice in model.choices().values()]
    least = min(table.total(one) for one in product(*sizes))
    hard = bound_hard(model, 0.8 * least)
    assert table.total(hard.decode()) == least
    (line,) = hard.excess()
    assert line.startswith("regularizer.memory: no architecture of this space is within all hard")
    assert f"costs {least:,.6g} bytes" in line
    assert "(25.00%) above the bound" in line


def test_of_genotypes_it_is_said_that_none_was_found() -> None:
    model = darts.Darts.SearchNet(1, 4, 2, 10, 2, 1, stem_multiplier=1)
    hard = bound_hard(model, 1000.0)
    (line,) = hard.excess()
    assert line.startswith("regularizer.memory: no architecture was found within all hard bounds")
    value = rebuilt(model, hard.decode())
    assert f"costs {value:,.6g} bytes" in line


def test_a_network_built_in_another_way_is_refused() -> None:
    class Other(Branches):
        def derived(self) -> Model:
            return mobile()

    with pytest.raises(InputError, match="built in another way") as caught:
        PEAK.cost_table(Other(), SHAPE)
    assert len(caught.value.faults) == 1


def test_learning_leaves_the_network_as_it_was() -> None:
    model = mobile()
    model.set_architecture([2, 1, 0, 1])
    draw(model, np.random.default_rng(6))
    before = [choice.probabilities for choice in model.choices().values()]
    PEAK.cost_table(model, SHAPE)
    assert [choice.active for choice in model.choices().values()] == [2, 1, 0, 1]
    after = [choice.probabilities for choice in model.choices().values()]
    np.testing.assert_array_equal(np.concatenate(before), np.concatenate(after))
    assert model.decoder is None
