"""Choices side by side: in which order they run, what they keep alive, which of them are found."""

from __future__ import annotations

from itertools import product

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

import nnabla_nas.module as Mo
from nnabla_nas.estimator import ActivationMemoryEstimator
from nnabla_nas.estimator.constraint import Constraint
from nnabla_nas.estimator.hard_bounds import HardBounds
from nnabla_nas.estimator.peak_row import peak_row
from nnabla_nas.estimator.switched_graph import SwitchedGraph
from nnabla_nas.search_space import ClassificationModel
from nnabla_nas.search_space.model import Model

SHAPE = (1, 8, 8)
NAME = "ActivationMemoryEstimator"


def through(channels: int) -> Mo.Module:
    first = Mo.Conv(4, channels, (1, 1), with_bias=False)
    return Mo.Sequential(first, Mo.Conv(channels, 4, (1, 1), with_bias=False))


class Sum(ClassificationModel):
    """Two choices, summed."""

    def __init__(self) -> None:
        self.entrance = Mo.Conv(1, 4, (1, 1), with_bias=False)
        self.left = Mo.MixedOp([through(n) for n in (4, 7, 9, 12)], "sample")
        self.right = Mo.MixedOp([through(n) for n in (6, 5, 8, 11)], "sample")

    def call(self, x: nn.Variable) -> nn.Variable:
        x = self.entrance(x)
        return self.left(x) + self.right(x)


class Residual(Sum):
    """Two choices, the first of them summed with what is there anyway."""

    def call(self, x: nn.Variable) -> nn.Variable:
        x = self.entrance(x)
        return (x + self.left(x)) + self.right(x)


@pytest.mark.parametrize(("build", "differs"), [(Sum, True), (Residual, False)])
def test_choices_summed_with_nothing_else_are_added_by_rank(
    build: type[Model], differs: bool
) -> None:
    graph = SwitchedGraph(build(), SHAPE)
    orders = [graph.follow([0, 0], {0: rank, 1: 0.5}).operations for rank in (0.4, 0.6)]
    assert (orders[0] != orders[1]) == differs
    assert graph.follow([0, 0]).operations == orders[1]


class Joined(ClassificationModel):
    """The most is alive where the result of the choice is read; its first candidate adds none."""

    def __init__(self) -> None:
        self.entrance = Mo.Conv(1, 4, (1, 1), with_bias=False)
        convolution = Mo.Conv(4, 4, (1, 1), with_bias=False)
        self.choice = Mo.MixedOp([Mo.Identity(), convolution], "sample")

    def call(self, x: nn.Variable) -> nn.Variable:
        x = self.entrance(x)
        return F.concatenate(self.choice(x), x, axis=1)


def test_a_candidate_counts_what_is_alive_while_its_result_is_read() -> None:
    table = ActivationMemoryEstimator().cost_table(Joined(), SHAPE)
    assert [table.total([n]) for n in range(2)] == [4 * 64 * 12, 4 * 64 * 16]
    for p in (0.0, 0.3, 1.0):
        expected = table.expected([np.array([p, 1 - p])])
        assert expected == pytest.approx(4 * 64 * (12 * p + 16 * (1 - p)))


class Reshaping(Mo.Module):
    """A convolution that gives its weight another shape."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._weight = Mo.Parameter((channels, 4))

    def call(self, x: nn.Variable) -> nn.Variable:
        weight = F.reshape(self._weight, (2, 2, self._channels))
        return F.convolution(x, F.reshape(weight, (self._channels, 4, 1, 1)))


class Reshaped(ClassificationModel):
    """A choice of convolutions that give their weights another shape."""

    def __init__(self) -> None:
        self.entrance = Mo.Conv(1, 4, (1, 1), with_bias=False)
        widths = (3, 5)
        pairs = [(Reshaping(n), Mo.Conv(n, 1, (1, 1), with_bias=False)) for n in widths]
        self.choice = Mo.MixedOp([Mo.Sequential(*pair) for pair in pairs], "sample")

    def call(self, x: nn.Variable) -> nn.Variable:
        return self.choice(self.entrance(x))


def test_weights_of_another_shape_are_not_counted() -> None:
    table = ActivationMemoryEstimator().cost_table(Reshaped(), SHAPE)
    assert [table.total([n]) for n in range(2)] == [4 * 64 * (4 + n) for n in (3, 5)]


class Renamed(ClassificationModel):
    """While a result waits its input is alive under another name, under which it is not chosen."""

    def __init__(self) -> None:
        self.entrance = Mo.Conv(1, 4, (1, 1), with_bias=False)
        convolution = Mo.Conv(4, 4, (1, 1), with_bias=False)
        self.choice = Mo.MixedOp([convolution, Mo.Identity()], "sample")
        self.wide = through(9)

    def call(self, x: nn.Variable) -> nn.Variable:
        x = self.entrance(x)
        return self.choice(x) + self.wide(F.reshape(x, x.shape))


class Twice(Sum):
    """Two choices that may both hand on what is not needed otherwise, read where the most is."""

    def __init__(self) -> None:
        self.entrance = Mo.Conv(1, 4, (1, 1), with_bias=False)
        convolutions = [Mo.Conv(4, 4, (1, 1), with_bias=False) for _ in range(2)]
        self.left = Mo.MixedOp([convolutions[0], Mo.Identity()], "sample")
        self.right = Mo.MixedOp([convolutions[1], Mo.Identity()], "sample")


@pytest.mark.parametrize("build", [Renamed, Twice])
def test_what_is_alive_under_another_name_counts_once(build: type[Model]) -> None:
    model = build()
    graph = SwitchedGraph(model, SHAPE)
    traces = [graph.follow(one) for one in product(range(2), repeat=len(model.choices()))]
    for trace in traces:
        for step, live in enumerate(trace.live):
            row = peak_row(graph, trace, step)
            assert row.total(trace.indices) == live
            assert all(row.total(other.indices) <= other.peak for other in traces)


class Optional(Renamed):
    """A value is read for a choice last."""

    def call(self, x: nn.Variable) -> nn.Variable:
        x = self.entrance(x)
        return F.relu(F.reshape(x, x.shape)) + self.wide(x) + self.choice(x)


class Needed(Renamed):
    """It is read so under another name, and then once more, whether that is dropped or not."""

    def call(self, x: nn.Variable) -> nn.Variable:
        x = self.entrance(x)
        y = F.reshape(x, x.shape)
        return F.relu(y) + self.wide(x) + self.choice(y) + x


@pytest.mark.parametrize("build", [Optional, Needed])
def test_what_a_dropped_choice_needs_does_not_count(build: type[Model]) -> None:
    graph = SwitchedGraph(build(), SHAPE)
    kept, dropped = graph.follow([0]), graph.follow([None])
    before = range(5)
    assert [kept.operations[step] for step in before] == dropped.operations[:5]
    for step in before:
        row = peak_row(graph, kept, step, {0})
        assert row.total([0]) == kept.live[step]
        assert row.total([None]) == dropped.live[step]


def test_where_the_search_is_given_up_it_is_said_that_none_was_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def bound_hard(bound: float) -> HardBounds:
        estimator = ActivationMemoryEstimator()
        return HardBounds([Constraint("memory", NAME, estimator, bound, 0.1, model, SHAPE)], model)

    model = Sum()
    for choice in model.choices().values():
        choice.alpha.d.reshape(-1)[3] = 5.0
    table = ActivationMemoryEstimator().cost_table(model, SHAPE)
    peaks = [table.total(one) for one in product(range(4), repeat=2)]
    (line,) = bound_hard(0.5 * min(peaks)).excess()
    assert line.startswith("regularizer.memory: no architecture of this space is within all hard")
    monkeypatch.setattr("nnabla_nas.estimator.decoder._ATTEMPTS", 1)
    (line,) = bound_hard(0.5 * min(peaks)).excess()
    assert line.startswith("regularizer.memory: no architecture was found within all hard bounds")
    # An architecture drawn at random is there to fall back on.
    hard = bound_hard(table.total(table.smallest[0]))
    assert (hard.factor, hard.excess()) == (1, [])
