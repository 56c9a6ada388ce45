from __future__ import annotations

import json
from typing import Any

import nnabla as nn
import numpy as np
import pytest

from nnabla_nas import random
from nnabla_nas.errors import GenotypeError
from nnabla_nas.estimator import FLOPsEstimator, ParameterEstimator
from nnabla_nas.module.parameter_file import write_parameters
from nnabla_nas.search_space import darts
from nnabla_nas.search_space.pnas import SearchNet, TrainNet

SMALL: dict[str, Any] = {
    "in_channels": 2,
    "init_channels": 4,
    "num_cells": 3,
    "num_classes": 3,
    "num_choices": 2,
    "multiplier": 2,
}


def searched(seed: int) -> SearchNet:
    rng = np.random.default_rng(seed)
    search = SearchNet(**SMALL)
    for alpha in search.get_arch_parameters().values():
        alpha.d = rng.normal(size=alpha.shape)
    for p in search.get_net_parameters().values():
        p.d = p.d + 0.1 * rng.random(p.shape)
    return search


def save(search: SearchNet, path) -> str:
    write_parameters(path, search.get_arch_parameters())
    return str(path)


@pytest.mark.parametrize("training", [True, False])
def test_the_decoded_network_is_the_masked_super_network(tmp_path, training: bool) -> None:
    search = searched(0)
    indices = search.most_probable_architecture()
    assert 7 in indices
    train = TrainNet(**SMALL, genotype=save(search, tmp_path / "arch.h5"))
    assert [choice["index"] for choice in train.decode()["choices"]] == indices
    (tmp_path / "arch.json").write_text(json.dumps(search.decode()))
    assert TrainNet(**SMALL, genotype=str(tmp_path / "arch.json")).decode() == train.decode()

    search.set_architecture(indices)
    copied, choices = {}, list(search.choices())
    for path, p in search.get_net_parameters().items():
        for choice, index in zip(choices, indices, strict=True):
            path = path.replace(f"{choice}/_ops/{index}/", f"{choice}/")
        copied[path] = p
    copied = {path: p for path, p in copied.items() if "/_ops/" not in path}
    assert list(copied) == list(train.get_parameters())
    train.set_parameters(copied, raise_if_missing=True)
    x = nn.Variable.from_numpy_array(np.random.default_rng(1).normal(size=(4, 2, 8, 8)))
    a, b = search.apply(training=training)(x), train.apply(training=training)(x)
    nn.forward_all([a, b])
    np.testing.assert_array_equal(a.d, b.d)

    flops, parameters = FLOPsEstimator(), ParameterEstimator()
    assert flops.estimate(search.derived(), (2, 8, 8)) == flops.estimate(train, (2, 8, 8))
    assert flops.uncounted == []
    assert parameters.estimate(search, (2, 8, 8)) == parameters.estimate(train, (2, 8, 8))


def test_the_super_network_is_that_of_darts_sampled() -> None:
    search = SearchNet(**SMALL)
    assert isinstance(search, darts.SearchNet)
    assert {choice.mode for choice in search.choices().values()} == {"sample"}
    ((key, text),) = SearchNet.check_arguments({**SMALL, "shared": True})
    assert key == "shared"
    assert "allowed: false" in text


def test_a_file_that_does_not_fit_is_refused_by_name(tmp_path) -> None:
    path = tmp_path / "arch.h5"
    shared = darts.SearchNet(**SMALL, shared=True)
    write_parameters(path, shared.get_arch_parameters())
    missing = "_cells/0/_blocks/0/_mixed/_alpha"
    with pytest.raises(GenotypeError, match=f"no parameter '{missing}'"):
        TrainNet(**SMALL, genotype=str(path))
    alphas = searched(0).get_arch_parameters()
    del alphas["_cells/1/_blocks/3/_mixed/_alpha"]
    write_parameters(path, alphas)
    with pytest.raises(GenotypeError, match="_cells/1/_blocks/3/_mixed/_alpha"):
        TrainNet(**SMALL, genotype=str(path))
    write_parameters(path, searched(0).get_arch_parameters())
    with pytest.raises(GenotypeError, match="_cells/2/_blocks/0/_mixed/_alpha"):
        TrainNet(**{**SMALL, "num_cells": 2}, genotype=str(path))
    with pytest.raises(GenotypeError, match="no such architecture file"):
        TrainNet(**SMALL, genotype=str(tmp_path / "missing.h5"))


def test_drop_path_and_the_auxiliary_head() -> None:
    model = TrainNet(**SMALL, drop_path=0.5, drop_path_schedule="constant", auxiliary=True)
    x = nn.Variable.from_numpy_array(np.random.default_rng(1).normal(size=(4, 2, 32, 32)))
    logits, auxiliary = model(x)
    nn.forward_all([logits, auxiliary])
    before = logits.d.copy()
    model.refill_random_inputs()
    logits.forward()
    assert auxiliary.shape == (4, 3)
    assert np.any(logits.d != before)
    assert model.apply(training=False)(x).shape == (4, 3)


def test_without_a_genotype_the_architecture_follows_the_seed() -> None:
    def draw(seed: int) -> list[int]:
        with random.use(random.Streams(seed)):
            return [c["index"] for c in TrainNet(3, 4, 6, 10).decode()["choices"]]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    assert set(draw(1)) == set(range(8))


@pytest.mark.parametrize("network", [searched, lambda seed: TrainNet(**SMALL)])
def test_the_drawing_shows_a_cell_of_each_kind(tmp_path, network: Any) -> None:
    model = network(0)
    diagram = model.diagram()
    titles = [group.title for group in diagram.groups]
    assert titles == ["cell 0, normal cell", "cell 1, reduction cell"]
    positions = len(model.decode()["choices"]) // 10
    note = f"2 of {positions} cells are drawn; each of the others has its own operations"
    assert (note in diagram.notes) == (positions > 2)
    chosen = [c["operation"] for c in model.decode()["choices"][:10] if c["operation"] != "none"]
    drawn = [node.lines[0] for node in diagram.nodes if "_" in node.kind]
    assert drawn == chosen
    model.visualize(tmp_path / "arch.png")
    assert (tmp_path / "arch.png").stat().st_size > 5000
