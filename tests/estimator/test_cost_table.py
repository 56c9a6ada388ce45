"""What candidates cost one by one, against whole networks."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest

import nnabla_nas.module as Mo
from nnabla_nas import random
from nnabla_nas.errors import InputError
from nnabla_nas.estimator import (
    ActivationMemoryEstimator,
    Estimator,
    FLOPsEstimator,
    ParameterEstimator,
)
from nnabla_nas.estimator.constraint import Constraint, add_penalty_gradients
from nnabla_nas.estimator.cost_table import CostTable
from nnabla_nas.search_space import darts, mobilenet, pnas, zoph
from nnabla_nas.search_space.decision import computed_shares, needed_nodes
from nnabla_nas.search_space.model import Model

SPACES = {
    "mobilenet": (
        lambda: mobilenet.SearchNet(10, 1, [[16, 3, 1], [24, 2, 2]], in_channels=1),
        (1, 8, 8),
    ),
    "pnas": (lambda: pnas.Pnas.SearchNet(1, 4, 3, 10, 3, 3), (1, 8, 8)),
    "zoph": (
        lambda: zoph.Zoph.SearchNet(
            "", (1, 8, 8), 10, 4, cell_depth=(2, 2, 2), cell_channels=[4] * 3
        ),
        (1, 8, 8),
    ),
}
COUNTERS = (FLOPsEstimator, ParameterEstimator)


def draw(model: Model, generator: np.random.Generator) -> list[int]:
    return [int(generator.integers(len(choice.names))) for choice in model.choices().values()]


@pytest.mark.parametrize("estimator", COUNTERS)
@pytest.mark.parametrize("space", SPACES)
def test_candidates_and_fixed_layers_add_up_to_whole_networks(
    space: str, estimator: type[Estimator]
) -> None:
    build, shape = SPACES[space]
    model, one, generator = build(), estimator(), np.random.default_rng(3)
    table = one.cost_table(model, shape)
    for _ in range(8):
        architecture = draw(model, generator)
        model.set_architecture(architecture)
        assert table.total(architecture) == one.estimate(model, shape)


@pytest.mark.parametrize("n_outputs", [1, 2, 3])
@pytest.mark.parametrize("estimator", [*COUNTERS, ActivationMemoryEstimator])
def test_a_genotype_costs_what_its_network_costs(
    estimator: type[Estimator], n_outputs: int
) -> None:
    model = darts.Darts.SearchNet(1, 4, 3, 10, 3, n_outputs, shared=True)
    generator = np.random.default_rng(5)
    one = estimator()
    table = one.cost_table(model, (1, 8, 8))
    for _ in range(4):
        for alpha in model.get_arch_parameters().values():
            alpha.d = generator.normal(size=alpha.shape)
        words = model.decode()
        indices: list[int | None] = []
        for cell in ("normal", "reduce", "reduce"):
            for node in range(3):
                kept = {source: op for op, source in words[f"{cell}_alpha"][str(node + 2)]}
                indices += [kept.get(source) for source in range(node + 2)]
        # Of three cells those at one and at two thirds are reductions.
        assert [position.kind for position in model._positions] == ["normal", "reduce", "reduce"]
        assert table.total(indices) == one.estimate(model.derived(), (1, 8, 8))


def test_choices_count_by_how_many_genotypes_compute_them() -> None:
    model = darts.Darts.SearchNet(1, 4, 3, 10, 3, 3, shared=True)
    shares = model.kept_shares()
    assert shares[:9] == pytest.approx([1, 1, *[2 / 3] * 3, *[0.5] * 4])
    # Where the last node alone is the output, all genotypes are counted.
    model = darts.Darts.SearchNet(1, 4, 3, 10, 3, 1, shared=True)
    decisions = model.decisions()[:3]
    sets = [list(combinations(range(node + 2), 2)) for node in range(3)]
    counts = np.zeros(3)
    for kept in product(*sets):
        edges = [
            [n in one for n in range(len(d.edges))] for one, d in zip(kept, decisions, strict=True)
        ]
        counts += needed_nodes(decisions, edges)
    n = np.prod([len(one) for one in sets])
    assert computed_shares(decisions) == pytest.approx(list(counts / n))
    expected = [counts[node] / n * 2 / (node + 2) for node in range(3) for _ in range(node + 2)]
    assert model.kept_shares() == pytest.approx(expected * 3)


def test_the_general_way_by_differences_finds_the_same_costs() -> None:
    class Slow(Estimator):
        unit = "multiply-adds"

        def estimate(self, model, input_shape):
            return FLOPsEstimator().estimate(model, input_shape)

    model = mobilenet.SearchNet(10, 1, [[16, 2, 1]], in_channels=1)
    model.set_architecture([2, 1])
    slow, fast = (one.cost_table(model, (1, 8, 8)) for one in (Slow(), FLOPsEstimator()))
    assert [choice.active for choice in model.choices().values()] == [2, 1]
    for architecture in ([0, 0], [3, 5], [5, 6]):
        assert slow.total(architecture) == fast.total(architecture)


def test_costs_that_do_not_add_up_are_refused() -> None:
    class Product(Estimator):
        unit = "things"

        def estimate(self, model, input_shape):
            return float(np.prod([2 + choice.active for choice in model.choices().values()]))

    model = mobilenet.SearchNet(10, 1, [[16, 2, 1]], in_channels=1)
    with pytest.raises(InputError, match=r"Product: .* things, .* do not add up"):
        Product().cost_table(model, (1, 8, 8))


TABLE = CostTable(10.0, (np.array([1.0, 5.0, 2.0]), np.array([0.0, 8.0])), (1.0, 0.5))


def test_the_expected_cost_is_the_mean_over_all_architectures() -> None:
    p = [np.array([0.2, 0.5, 0.3]), np.array([0.6, 0.4])]
    mean = sum(p[0][i] * p[1][k] * TABLE.sampled([i, k]) for i in range(3) for k in range(2))
    assert TABLE.expected(p) == pytest.approx(mean)
    assert TABLE.expected(p) == pytest.approx(10 + (0.2 + 2.5 + 0.6) + 0.5 * 3.2)
    assert TABLE.total([1, 1]) == 23
    assert TABLE.total([1, None]) == 15


class _Fixed(Estimator):
    unit = "things"

    def estimate(self, model, input_shape):
        return TABLE.total([choice.active for choice in model.choices().values()])

    def cost_table(self, model, input_shape):
        return TABLE


class _Choices(Model):
    def __init__(self) -> None:
        self.first = Mo.MixedOp([Mo.Identity() for _ in range(3)], "sample")
        self.second = Mo.MixedOp([Mo.Identity() for _ in range(2)], "sample")


def constraint(bound: float) -> tuple[Constraint, list[Mo.Choice]]:
    model = _Choices()
    model.first.alpha.d = np.array([0.3, 0.1, -0.4]).reshape(model.first.alpha.shape)
    model.second.alpha.d = np.array([-0.2, 0.6]).reshape(model.second.alpha.shape)
    one = Constraint("mine", "Fixed", _Fixed(), bound, 0.7, model, (1, 8, 8))
    return one, list(model.choices().values())


def test_the_gradient_of_the_penalty_is_that_of_finite_differences() -> None:
    one, choices = constraint(bound=12.0)
    assert one.penalty(choices) == pytest.approx(0.7 * (one.expected(choices) / 12 - 1))
    for choice, gradient in zip(choices, one.gradient(choices), strict=True):
        for index in range(len(gradient)):
            values = []
            for step in (1e-3, -1e-3):
                alpha = choice.alpha.d.copy()
                choice.alpha.d[index] += step
                values.append(one.penalty(choices))
                choice.alpha.d = alpha
            assert gradient[index] == pytest.approx((values[0] - values[1]) / 2e-3, abs=1e-4)


def test_within_the_bound_nothing_is_added() -> None:
    one, choices = constraint(bound=20.0)
    assert one.penalty(choices) == 0
    for choice in choices:
        choice.alpha.grad.zero()
    add_penalty_gradients([one], choices)
    assert all(not choice.alpha.g.any() for choice in choices)
    assert one.factor([0, 0]) == 1


def test_gradients_are_added_to_those_of_the_loss() -> None:
    one, choices = constraint(bound=12.0)
    expected = one.gradient(choices)
    choices[0].alpha.grad.zero()  # the loss did not reach it
    choices[1].alpha.g = 2.0
    add_penalty_gradients([one], choices)
    np.testing.assert_allclose(choices[0].alpha.g.ravel(), expected[0], rtol=1e-6)
    np.testing.assert_allclose(choices[1].alpha.g.ravel(), 2 + expected[1], rtol=1e-6)


def test_a_costly_path_loses_reward_by_the_weighted_ratio() -> None:
    one, _ = constraint(bound=12.0)
    assert one.factor([1, 1]) == pytest.approx((12 / (10 + 5 + 4)) ** 0.7)
    assert one.factor([0, 0]) == 1


def test_what_is_said_of_an_architecture() -> None:
    one, choices = constraint(bound=12.0)
    choices[0].active, choices[1].active = 1, 0
    with random.use(random.Streams(0)):
        words = one.in_words(one.model)
    assert words == {
        "estimator": "Fixed",
        "value": 15,
        "unit": "things",
        "bound": 12,
        "weight": 0.7,
        "hard": False,
        "met": False,
        "missed_by": 0.25,
    }
