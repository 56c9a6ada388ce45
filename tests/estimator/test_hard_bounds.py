"""Networks decoded within bounds."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from nnabla_nas.errors import InputError
from nnabla_nas.estimator import FLOPsEstimator, ParameterEstimator
from nnabla_nas.estimator.constraint import Constraint
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


def test_genotypes_are_refused() -> None:
    model = darts.Darts.SearchNet(1, 4, 3, 10, 2, 2, shared=True)
    with pytest.raises(InputError, match=r"regularizer\.speed\.hard: got true; allowed false"):
        HardBounds(constraints(model, 1e9, 1e9), model)
