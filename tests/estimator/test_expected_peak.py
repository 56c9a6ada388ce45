"""The expected peak of live activations, against all architectures and finite differences."""

from __future__ import annotations

from itertools import product

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.module as Mo
from nnabla_nas.estimator import ActivationMemoryEstimator
from nnabla_nas.estimator.constraint import Constraint
from nnabla_nas.estimator.expected_maximum import expected_maximum
from nnabla_nas.estimator.peak_table import PeakTable
from nnabla_nas.search_space import ClassificationModel, darts, mobilenet, pnas
from nnabla_nas.search_space.decision import Decision
from nnabla_nas.search_space.model import Model

SHAPE = (1, 16, 16)
ROWS = [np.array([1.0, 5.0, 2.0]), np.array([0.0, 8.0]), np.array([3.0, 5.0])]


def every(weights: list[np.ndarray], floor: float) -> float:
    """Return the expected maximum over all draws, nothing drawn with what is missing of one."""
    total = 0.0
    for picks in product(*(range(len(row) + 1) for row in ROWS)):
        p, values = 1.0, [floor]
        for row, weight, index in zip(ROWS, weights, picks, strict=True):
            p *= 1 - weight.sum() if index == len(row) else weight[index]
            values += [] if index == len(row) else [row[index]]
        total += p * max(values)
    return total


@pytest.mark.parametrize("floor", [0.0, 2.5, 9.0])
@pytest.mark.parametrize("share", [1.0, 0.4])
def test_the_expected_maximum_is_that_over_all_draws(floor: float, share: float) -> None:
    generator = np.random.default_rng(1)
    weights = [share * generator.dirichlet(np.ones(len(row))) for row in ROWS]
    value, gradient = expected_maximum(floor, ROWS, weights)
    assert value == pytest.approx(every(weights, floor))
    for row, derivative in zip(weights, gradient, strict=True):
        for index in range(len(row)):
            row[index] += 1e-4
            difference = (every(weights, floor) - value) / 1e-4
            assert difference == pytest.approx(derivative[index], abs=1e-9)
            row[index] -= 1e-4


def test_what_is_certain_has_no_spread() -> None:
    value, gradient = expected_maximum(1.0, [np.array([3.0, 0.0])], [np.array([1.0, 0.0])])
    assert value == 3
    assert gradient[0].tolist() == [2, 0]
    assert expected_maximum(7.0, [], []) == (7, [])


def mobile() -> Model:
    names = ["MB1 3x3", "MB3 3x3", "MB6 3x3"]
    settings = [[16, 2, 1], [24, 1, 2], [32, 1, 2]]
    return mobilenet.SearchNet(10, 1, settings, candidates=names, in_channels=1)


def constraint(model: Model, bound: float) -> Constraint:
    name = "ActivationMemoryEstimator"
    return Constraint("memory", name, ActivationMemoryEstimator(), bound, 0.7, model, SHAPE)


def scatter(model: Model) -> None:
    generator = np.random.default_rng(2)
    for alpha in model.get_arch_parameters().values():
        alpha.d = generator.normal(size=alpha.shape)


def test_in_a_chain_it_is_the_mean_over_all_architectures() -> None:
    model = mobile()
    scatter(model)
    choices = list(model.choices().values())
    one = constraint(model, 1.0)
    mean = 0.0
    for indices in product(*(range(len(choice.names)) for choice in choices)):
        model.set_architecture(indices)
        p = np.prod([c.probabilities[i] for c, i in zip(choices, indices, strict=True)])
        peak = one.estimator.estimate(model, SHAPE)
        mean += float(p) * peak
        assert one.factor(indices) == pytest.approx((1 / peak) ** 0.7)
    assert one.expected(choices) == pytest.approx(mean)


class Narrowed(ClassificationModel):
    """A choice of which decoding may keep the two wider candidates only."""

    def __init__(self) -> None:
        convolutions = [Mo.Conv(1, n, (1, 1), with_bias=False) for n in (2, 8, 6)]
        back = [Mo.Conv(n, 1, (1, 1), with_bias=False) for n in (2, 8, 6)]
        pairs = zip(convolutions, back, strict=True)
        self.choice = Mo.MixedOp([Mo.Sequential(*pair) for pair in pairs], "sample")

    def call(self, x: nn.Variable) -> nn.Variable:
        return self.choice(x)

    def decisions(self) -> list[Decision]:
        return [Decision(((0,),), ((1, 2),))]


def test_about_the_smallest_peak_is_that_of_what_may_be_kept() -> None:
    table = constraint(Narrowed(), 1.0).table
    assert isinstance(table, PeakTable)
    assert [table.total([n]) for n in range(3)] == [4 * 256 * (n + 1) for n in (2, 8, 6)]
    assert table.least() == table.total([2])


SPACES = {
    "mobilenet": mobile,
    "pnas": lambda: pnas.Pnas.SearchNet(1, 4, 3, 10, 2, 1, stem_multiplier=1),
    "darts": lambda: darts.Darts.SearchNet(1, 4, 3, 10, 2, 1, stem_multiplier=1),
    "darts, shared": lambda: darts.Darts.SearchNet(
        1, 4, 3, 10, 2, 1, shared=True, stem_multiplier=1
    ),
}


@pytest.mark.parametrize("space", SPACES)
def test_the_gradient_of_the_penalty_is_that_of_finite_differences(space: str) -> None:
    model = SPACES[space]()
    scatter(model)
    choices = list(model.choices().values())
    one = constraint(model, 1000.0)
    summed: dict[int, np.ndarray] = {}
    for choice, gradient in zip(choices, one.gradient(choices), strict=True):
        summed[id(choice.alpha)] = summed.get(id(choice.alpha), 0.0) + gradient
    assert any(np.abs(gradient).max() > 1e-6 for gradient in summed.values())
    for alpha in {id(c.alpha): c.alpha for c in choices}.values():
        for index in range(0, alpha.size, 3):
            values = []
            for step in (1e-2, -1e-2):
                before = alpha.d.copy()
                alpha.d.reshape(-1)[index] += step
                values.append(one.penalty(choices))
                alpha.d = before
            difference = (values[0] - values[1]) / 2e-2
            assert summed[id(alpha)][index] == pytest.approx(difference, rel=2e-3, abs=1e-4)


def test_of_cells_it_is_close_to_the_mean_of_sampled_networks() -> None:
    model = SPACES["pnas"]()
    scatter(model)
    choices = list(model.choices().values())
    table, generator = constraint(model, 1.0).table, np.random.default_rng(3)
    peaks = [
        table.sampled([int(generator.choice(8, p=choice.probabilities)) for choice in choices])
        for _ in range(150)
    ]
    assert len(set(peaks)) > 1
    assert table.expected([c.probabilities for c in choices]) == pytest.approx(
        np.mean(peaks), rel=0.02
    )


def test_of_genotypes_it_is_close_to_the_mean_at_equal_probabilities() -> None:
    model = SPACES["darts"]()
    choices = list(model.choices().values())
    table, generator = constraint(model, 1.0).table, np.random.default_rng(4)
    peaks = []
    for _ in range(60):
        indices: list[int | None] = [None] * len(choices)
        for decision in model.decisions():
            for edge in generator.choice(len(decision.edges), 2, replace=False):
                candidate = int(generator.integers(7))
                for position in decision.edges[edge]:
                    indices[position] = candidate
        peaks.append(table.total(indices))
    assert np.std(peaks) > 0
    assert table.expected([c.probabilities for c in choices]) == pytest.approx(
        np.mean(peaks), rel=0.08
    )
    # What a genotype keeps of a path is not known: a path costs what its genotypes are expected to.
    one_hot = [np.eye(8)[2]] * len(choices)
    assert table.sampled([2] * len(choices)) == table.expected(one_hot)
