"""Networks decoded within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np
import pytest

from nnabla_nas.estimator import FLOPsEstimator, ParameterEstimator
from nnabla_nas.estimator.constraint import Constraint
from nnabla_nas.estimator.decoder import Decoder
from nnabla_nas.estimator.hard_bounds import HardBounds
from nnabla_nas.search_space import darts, mobilenet, pnas
from nnabla_nas.search_space.model import Model

SHAPE = (1, 8, 8)


def constraints(model: Model, flops: float, parameters: float) -> list[Constraint]:
    return [
        Constraint("speed", "FLOPsEstimator", FLOPsEstimator(), flops, 0.1, model, SHAPE, True),
        Constraint(
            "size", "ParameterEstimator", ParameterEstimator(), parameters, 0.1, model, SHAPE, True
        ),
    ]


@pytest.fixture
def model() -> mobilenet.SearchNet:
    settings = [[16, 2, 1], [24, 1, 2]]
    candidates = ["MB1 3x3", "MB3 3x3", "MB3 5x5"]
    return mobilenet.SearchNet(10, 1, settings, candidates=candidates, in_channels=1)


def test_the_decoded_network_is_the_most_probable_within_both_bounds(model) -> None:
    generator = np.random.default_rng(1)
    choices = list(model.choices().values())
    architectures = list(product(*(range(len(choice.names)) for choice in choices)))
    costs = []
    for architecture in architectures:
        model.set_architecture(architecture)
        costs.append([e.estimate(model, SHAPE) for e in (FLOPsEstimator(), ParameterEstimator())])
    for _ in range(10):
        for choice in choices:
            choice.alpha.d = generator.normal(scale=2, size=choice.alpha.shape)
        bounds = [
            float(np.quantile(np.array(costs)[:, i], generator.uniform(0.2, 0.9))) for i in (0, 1)
        ]
        within = [
            a for a, c in zip(architectures, costs, strict=True) if np.all(c <= np.array(bounds))
        ]
        hard = HardBounds(constraints(model, *bounds), model)
        if not within:
            assert hard.factor > 1
            continue
        best = max(
            within,
            key=lambda a: sum(np.log(c.probabilities[i]) for c, i in zip(choices, a, strict=True)),
        )
        assert hard.decode() == list(best)
        assert (hard.factor, hard.excess()) == (1, [])
        model.decoder = hard.decode
        assert [entry["index"] for entry in model.decode()["choices"]] == list(best)
        derived = model.derived()
        assert all(one.in_words(derived)["met"] for one in constraints(model, *bounds))


def test_what_cannot_be_met_is_told_by_how_much(model) -> None:
    table = FLOPsEstimator().cost_table(model, SHAPE)
    least = table.fixed + sum(c.min() for c in table.candidates)
    hard = HardBounds(constraints(model, 0.8 * least, 1e9), model)
    assert table.total(hard.decode()) == least
    (line,) = hard.excess()
    assert line.startswith("regularizer.speed: no architecture")
    assert "(25.00%) above the bound" in line
    assert "multiply-adds" in line


def test_cells_that_keep_all_edges_are_bound_and_drawn(tmp_path) -> None:
    model = pnas.Pnas.SearchNet(1, 4, 2, 10, 2, 2)
    for alpha in model.get_arch_parameters().values():
        alpha.d = np.random.default_rng(0).normal(size=alpha.shape)
    flops = FLOPsEstimator()
    model.derived()
    bound = 0.85 * flops.estimate(model, SHAPE)
    before = model.most_probable_architecture()
    model.decoder = HardBounds(constraints(model, bound, 1e9), model).decode
    assert model.most_probable_architecture() != before
    assert flops.estimate(model.derived(), SHAPE) <= bound
    assert model.visualize(tmp_path / "arch.png")


def test_choices_that_share_a_parameter_decode_alike() -> None:
    model = mobilenet.SearchNet(10, 1, [[16, 3, 1]], in_channels=1)
    _, second, third = model.choices().values()
    third._alpha = second.alpha
    second.alpha.d = np.arange(7.0)[::-1].reshape(second.alpha.shape)
    hard = HardBounds(constraints(model, 1e9, 1e9), model)
    assert hard.decode() == [0, 0, 0]
    table = FLOPsEstimator().cost_table(model, SHAPE)
    tight = HardBounds(constraints(model, table.total([0, 0, 0]) - 1, 1e9), model)
    indices = tight.decode()
    assert indices[1] == indices[2]
    assert table.total(indices) < table.total([0, 0, 0])


def genotypes(model: darts.Darts.SearchNet) -> Iterator[tuple[float, list[int | None]]]:
    """Yield every genotype as per choice its candidate, with its log-probability."""
    choices = list(model.choices().values())
    per_decision = []
    for decision in model.decisions():
        options = []
        for pair in combinations(range(len(decision.edges)), 2):
            for operations in product(range(7), repeat=2):
                value, kept = 0.0, {}
                for edge, operation in zip(pair, operations, strict=True):
                    positions = decision.edges[edge]
                    p = np.mean([choices[i].probabilities[operation] for i in positions])
                    value += np.log(p)
                    kept |= dict.fromkeys(positions, operation)
                options.append((value, kept))
        per_decision.append(options)
    for together in product(*per_decision):
        kept = {}
        for _, one in together:
            kept |= one
        yield sum(value for value, _ in together), [kept.get(i) for i in range(len(choices))]


# Of two cells both are reductions: one kind, two nodes. Of three cells one is normal: two kinds.
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(("n_cells", "n_nodes", "n_outputs"), [(2, 2, 2), (2, 2, 1), (3, 1, 1)])
def test_the_decoded_genotype_is_the_most_probable_within_both_bounds(
    n_cells: int, n_nodes: int, n_outputs: int, shared: bool
) -> None:
    model = darts.Darts.SearchNet(1, 4, n_cells, 10, n_nodes, n_outputs, shared=shared)
    generator = np.random.default_rng(n_cells)
    for alpha in model.get_arch_parameters().values():
        alpha.d = generator.normal(scale=2, size=alpha.shape)
    ordinary = model.decode()
    every = sorted(genotypes(model), key=lambda one: -one[0])
    counters = (FLOPsEstimator(), ParameterEstimator())
    tables = [one.cost_table(model, SHAPE) for one in counters]
    costs = np.array([[table.total(one) for table in tables] for _, one in every])
    decoder = Decoder(model, tables)
    assert [decoder.least_cost(i) for i in (0, 1)] == pytest.approx(costs.min(axis=0))
    for share in (1.0, 0.8, 0.5, 0.2, 0.02):
        bounds = [float(np.quantile(costs[:, i], share)) for i in (0, 1)]
        within = [v for (v, _), cost in zip(every, costs, strict=True) if np.all(cost <= bounds)]
        hard = HardBounds(constraints(model, *bounds), model)
        if not within:
            assert hard.factor > 1
            continue
        model.decoder = hard.decode
        found = hard.decode()
        value = next(v for v, one in every if one == found)
        assert value == pytest.approx(within[0], abs=1e-8)
        derived = model.derived()
        for one, table, bound in zip(counters, tables, bounds, strict=True):
            assert one.estimate(derived, SHAPE) == table.total(found) <= bound
        assert (model.decode() == ordinary) == (found == every[0][1])
        model.decoder = None


def test_a_genotype_that_cannot_be_met_is_told_by_how_much() -> None:
    model = darts.Darts.SearchNet(1, 4, 3, 10, 2, 2, shared=True)
    one = constraints(model, 1.0, 1e9)
    table = one[0].table
    # The cheapest genotype costs nothing but the fixed layers.
    one[0].bound = table.fixed / 2
    hard = HardBounds(one, model)
    assert hard.factor == pytest.approx(2)
    assert table.total(hard.decode()) == table.fixed
    (line,) = hard.excess()
    assert "(100.00%) above the bound" in line


def test_the_least_factor_is_that_of_the_best_compromise() -> None:
    model = mobilenet.SearchNet(10, 1, [[16, 2, 1], [24, 1, 2]], in_channels=1)
    one = constraints(model, 5e4, 500)
    tables = [constraint.table for constraint in one]
    sizes = [range(len(choice.names)) for choice in model.choices().values()]
    ratios = [
        max(t.total(a) / c.bound for t, c in zip(tables, one, strict=True)) for a in product(*sizes)
    ]
    assert min(ratios) > 1
    assert HardBounds(one, model).factor == pytest.approx(min(ratios), rel=1e-6)


@pytest.mark.parametrize("n_bounds", [1, 2])
def test_very_many_choices_are_decided_as_few_are(
    n_bounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = mobilenet.SearchNet(10, 1, [[16, 3, 1], [24, 3, 2], [32, 2, 2]], in_channels=1)
    generator = np.random.default_rng(4)
    for alpha in model.get_arch_parameters().values():
        alpha.d = generator.normal(size=alpha.shape)
    decoder = Decoder(model, [one.table for one in constraints(model, 1, 1)][:n_bounds])
    tables = [one.table for one in constraints(model, 1, 1)][:n_bounds]
    most = [table.total(decoder.most_probable()) for table in tables]
    for share in (0.1, 0.4, 0.7, 0.9):
        bounds = [(1 - share) * decoder.least_cost(i) + share * cost for i, cost in enumerate(most)]
        monkeypatch.setattr("nnabla_nas.estimator.decoder._MOST_CHOICES", 40)
        few = decoder.within(bounds)
        monkeypatch.setattr("nnabla_nas.estimator.decoder._MOST_CHOICES", 0)
        assert few is not None
        assert decoder.within(bounds) == few != decoder.most_probable()


# Alphas that softmax takes for equal, and the same ones in every cell.
TIES = (0.0, 1e-20, 0.0, 1e-20)


def test_bounds_that_do_not_bind_decide_nothing_between_equals() -> None:
    model = mobilenet.SearchNet(10, 1, [[16, 3, 1], [24, 3, 2]], in_channels=1)
    for alpha in model.get_arch_parameters().values():
        alpha.d = np.resize(TIES, alpha.shape)
    free = model.most_probable_architecture()
    assert set(free) == {1}
    cost = FLOPsEstimator().cost_table(model, SHAPE).total(free)
    model.decoder = HardBounds(constraints(model, cost, 1e9), model).decode
    assert model.most_probable_architecture() == free


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(("n_nodes", "n_outputs"), [(3, 1), (4, 3)])
def test_a_bound_that_the_genotype_keeps_changes_nothing(
    n_nodes: int, n_outputs: int, shared: bool
) -> None:
    model = darts.Darts.SearchNet(1, 4, 3, 10, n_nodes, n_outputs, shared=shared)
    generator = np.random.default_rng(n_nodes)
    flops = FLOPsEstimator()
    for number in range(6):
        for alpha in model.get_arch_parameters().values():
            equals = np.resize(TIES, alpha.shape)
            alpha.d = equals if number == 0 else generator.normal(size=alpha.shape)
        ordinary, cost = model.decode(), flops.estimate(model.derived(), SHAPE)
        hard = HardBounds(constraints(model, cost, 1e9), model)
        assert hard.factor == 1
        model.decoder = hard.decode
        assert model.decode() == ordinary
        model.decoder = None
