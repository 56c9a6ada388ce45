from __future__ import annotations

import json
from typing import Any

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.module as Mo
from nnabla_nas import random
from nnabla_nas.estimator import FLOPsEstimator, ParameterEstimator
from nnabla_nas.module.parameter_file import write_parameters
from nnabla_nas.search_space.darts import OPERATIONS, Cell, SearchNet, TrainNet

SMALL: dict[str, Any] = {
    "in_channels": 2,
    "init_channels": 4,
    "num_cells": 3,
    "num_classes": 3,
    "num_choices": 2,
    "multiplier": 2,
}
NONE = 7


def weights(model) -> int:
    return sum(p.size for p in model.get_net_parameters(grad_only=True).values())


def scatter(model, seed: int) -> None:
    """Move every parameter away from where it starts."""
    rng = np.random.default_rng(seed)
    for alpha in model.get_arch_parameters().values():
        alpha.d = rng.normal(size=alpha.shape)
    for p in model.get_net_parameters().values():
        p.d = p.d + 0.1 * rng.random(p.shape)


def images(seed: int, n: int = 4, side: int = 8) -> nn.Variable:
    return nn.Variable.from_numpy_array(np.random.default_rng(seed).normal(size=(n, 2, side, side)))


def test_the_published_super_network() -> None:
    model = SearchNet(3, 16, 8, 10, shared=True)
    assert weights(model) == 1_987_194
    alphas = model.get_arch_parameters()
    assert list(alphas) == [f"{kind}/{edge}" for kind in (0, 1) for edge in range(14)]
    assert all(a.shape == (8, 1, 1, 1, 1) and not a.d.any() for a in alphas.values())
    assert len(model.choices()) == 8 * 14
    assert not set(alphas) & set(model.get_net_parameters())


def test_a_larger_one_in_which_every_cell_has_its_own_architecture() -> None:
    model = SearchNet(3, 36, 15, 10, mode="sample")
    assert weights(model) == 14_595_670
    assert list(model.get_arch_parameters()) == [
        f"_cells/{cell}/_blocks/{block}/_mixed/_alpha" for cell in range(15) for block in range(14)
    ]


def test_parameter_paths() -> None:
    shapes = {path: p.shape for path, p in SearchNet(3, 4, 5, 10).get_parameters().items()}
    assert shapes["_stem/_conv/0/_W"] == (12, 3, 3, 3)
    assert shapes["_stem/_conv/1/_var"] == (1, 12, 1, 1)
    # Cell 1 reduces, so does cell 3; the first input behind a reduction is reduced as well.
    assert shapes["_cells/0/_prep/0/_operators/1/_W"] == (4, 12, 1, 1)
    assert shapes["_cells/1/_prep/1/_operators/2/_beta"] == (1, 8, 1, 1)
    assert shapes["_cells/2/_prep/0/_conv_1/_W"] == (4, 16, 1, 1)
    assert shapes["_cells/2/_prep/0/_conv_2/_W"] == (4, 16, 1, 1)
    assert shapes["_cells/2/_prep/0/_bn/_gamma"] == (1, 8, 1, 1)
    assert shapes["_cells/0/_blocks/13/_mixed/_ops/0/_conv/1/_W"] == (4, 1, 3, 3)
    assert shapes["_cells/0/_blocks/13/_mixed/_ops/3/_conv/5/_W"] == (4, 1, 5, 5)
    assert shapes["_cells/1/_blocks/0/_mixed/_ops/6/_conv_1/_W"] == (4, 8, 1, 1)
    assert "_cells/1/_blocks/2/_mixed/_ops/6/_conv_1/_W" in shapes
    assert "_cells/1/_blocks/4/_mixed/_ops/6/_conv_1/_W" not in shapes
    assert shapes["_linear/_W"] == (64, 10)
    assert shapes["_linear/_b"] == (10,)


def test_cells_at_one_and_two_thirds_reduce() -> None:
    model = SearchNet(**{**SMALL, "num_cells": 8})
    model.apply(training=False)(images(0, side=16))
    sides = []
    for path, module in model.get_modules():
        if isinstance(module, Mo.Module) and path.endswith("_blocks/4/_mixed"):
            sides.append(module.input_shapes[0][2])
    assert sides == [16, 16, 8, 8, 8, 4, 4, 4]


def test_a_cell_of_its_own() -> None:
    alphas = [Mo.Parameter((8, 1, 1, 1, 1)) for _ in range(14)]
    cell = Cell(4, 3, (6, 10, 4), (True, True), "sample", alphas)
    y = cell(nn.Variable((2, 6, 16, 16)), nn.Variable((2, 10, 8, 8)))
    assert y.shape == (2, 12, 4, 4)
    assert [choice.alpha for choice in cell.choices] == alphas


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("file", ["arch.h5", "arch.json"])
def test_a_search_is_decoded_as_it_is_loaded(tmp_path, shared: bool, file: str) -> None:
    search = SearchNet(**SMALL, shared=shared)
    scatter(search, 3)
    words = search.decode()
    write_parameters(tmp_path / "arch.h5", search.get_arch_parameters())
    (tmp_path / "arch.json").write_text(json.dumps(words))
    train = TrainNet(**{**SMALL, "num_cells": 7}, genotype=str(tmp_path / file))
    assert train.decode() == {key: words[key] for key in ("normal_alpha", "reduce_alpha")}


def test_words_hold_operations_probabilities_and_choices() -> None:
    search = SearchNet(**SMALL, shared=True)
    alphas = search.get_arch_parameters()
    alphas["0/1"].d = np.log([1, 1, 6, 1, 1, 1, 1, 8]).reshape(-1, 1, 1, 1, 1)
    words = search.decode()
    assert words["normal_alpha"]["2"] == [[2, 1], [0, 0]]
    (p, source), (q, other) = words["normal_prob"]["2"]
    assert (source, other) == (1, 0)
    assert (p, q) == (pytest.approx(0.3), pytest.approx(1 / 8))
    assert words["normal_choice"] == {"0": 0, "1": 7, "2": 0, "3": 0, "4": 0}
    assert len(words["choices"]) == 15
    assert words["choices"][1]["operation"] == "none"


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("seed", range(2))
def test_the_decoded_network_computes_what_the_masked_super_network_computes(
    tmp_path, seed: int, training: bool
) -> None:
    search = SearchNet(**SMALL, shared=True, mode="sample")
    scatter(search, seed)
    write_parameters(tmp_path / "arch.h5", search.get_arch_parameters())
    train = TrainNet(**SMALL, genotype=str(tmp_path / "arch.h5"))
    words = train.decode()

    indices, values = [], {}
    for path in search.choices():
        cell, edge = int(path.split("/")[1]), int(path.split("/")[3])
        kind = "normal_alpha" if cell == 0 else "reduce_alpha"
        node, source = ("2", edge) if edge < 2 else ("3", edge - 2)
        kept = {i: (position, op) for position, (op, i) in enumerate(words[kind][node])}
        position, op = kept.get(source, (None, NONE))
        indices.append(op)
        if position is not None:
            block = position + 2 * (int(node) - 2)
            values[f"{path}/_ops/{op}/"] = f"_cells/{cell}/_blocks/{block}/"
    search.set_architecture(indices)
    copied = {}
    for path, p in search.get_net_parameters().items():
        for old, new in values.items():
            if path.startswith(old):
                path = new + path[len(old) :]
        copied[path] = p
    copied = {path: p for path, p in copied.items() if "/_ops/" not in path}
    train.set_parameters(copied, raise_if_missing=True)
    assert set(copied) == set(train.get_parameters())
    a = search.apply(training=training)(images(seed))
    b = train.apply(training=training)(images(seed))
    nn.forward_all([a, b])
    np.testing.assert_array_equal(a.d, b.d)


def test_masks_choose_what_a_network_built_for_it_would_compute() -> None:
    rng = np.random.default_rng(0)
    search = SearchNet(**SMALL, mode="sample")
    scatter(search, 0)
    x = images(0)
    masked = search.apply(training=False)(x)
    for _ in range(3):
        search.set_architecture(rng.integers(8, size=15))
        search.apply(active_only=True)
        alone = search(x)
        search.apply(active_only=False)
        nn.forward_all([masked, alone])
        np.testing.assert_array_equal(masked.d, alone.d)


def gradients(model, loss: nn.Variable) -> set[str]:
    for p in model.get_parameters(grad_only=True).values():
        p.grad.zero()
    loss.forward()
    loss.backward()
    return {p for p, v in model.get_parameters(grad_only=True).items() if not v.grad.zeroing}


def loss_of(model) -> nn.Variable:
    targets = nn.Variable.from_numpy_array(np.arange(4).reshape(4, 1) % 3)
    return model.loss(model(images(1)), targets)


def test_gradients_reach_every_active_operation_and_no_other() -> None:
    model = SearchNet(**SMALL, mode="sample")
    loss = loss_of(model)
    reached = set()
    for op in range(7):
        model.set_architecture([op] * 15)
        found = gradients(model, loss)
        assert {path.split("/")[6] for path in found if "/_ops/" in path} <= {str(op)}
        reached |= found
    assert reached == set(model.get_net_parameters(grad_only=True))


@pytest.mark.parametrize("shared", [False, True])
def test_the_mixture_trains_weights_and_alphas_at_once(shared: bool) -> None:
    model = SearchNet(**SMALL, shared=shared)
    scatter(model, 0)
    assert gradients(model, loss_of(model)) == set(model.get_parameters(grad_only=True))
    assert all(np.any(alpha.g) for alpha in model.get_arch_parameters().values())


@pytest.mark.parametrize(
    "arguments", [{"shared": True}, {"shared": True, "mode": "sample"}, {"shared": False}]
)
def test_costs_are_those_of_the_network_to_train(tmp_path, arguments: dict[str, Any]) -> None:
    search = SearchNet(**SMALL, **arguments)
    scatter(search, 5)
    write_parameters(tmp_path / "arch.h5", search.get_arch_parameters())
    train = TrainNet(**SMALL, genotype=str(tmp_path / "arch.h5"))
    streams = random.Streams(0)
    with random.use(streams):
        derived = search.derived()
    # Its weights are thrown away: the run's streams must not notice.
    assert streams.state_dict() == {}
    flops = FLOPsEstimator()
    assert flops.estimate(derived, (2, 8, 8)) == flops.estimate(train, (2, 8, 8))
    assert flops.uncounted == []
    assert ParameterEstimator().estimate(derived, (2, 8, 8)) == weights(train)
    assert search.retrain_arguments() == {}


def test_where_cells_differ_and_paths_are_sampled_all_edges_stay() -> None:
    search = SearchNet(**SMALL, mode="sample")
    scatter(search, 5)
    assert search.derived() is search
    assert [c.active for c in search.choices().values()] == search.most_probable_architecture()
    assert search.retrain_arguments() == {"network.search_space": "pnas"}
    assert len(search.kept_operations()) == 15


def test_the_operations_watched_for_collapse_are_those_of_the_normal_cell() -> None:
    search = SearchNet(**SMALL, shared=True)
    for path, alpha in search.get_arch_parameters().items():
        alpha.d = 2.0 * (np.arange(8).reshape(-1, 1, 1, 1, 1) == (6 if path < "0/2" else 1))
    assert search.kept_operations() == ["skip_connect"] * 2 + ["dil_conv_5x5"] * 2
    assert search.n_skip_connects() == 2


def test_a_network_without_normal_cells_keeps_both_lists(tmp_path) -> None:
    search = SearchNet(**{**SMALL, "num_cells": 2}, shared=True)
    assert len(search.get_arch_parameters()) == 10
    assert not [path for path in search.get_net_parameters() if path[:2] in ("0/", "1/")]
    assert search.decode()["normal_alpha"]["2"] == [[0, 0], [0, 1]]
    assert search(images(0)).shape == (4, 3)


def test_weights_start_a_network(tmp_path) -> None:
    path = str(tmp_path / "weights.h5")
    first = SearchNet(**SMALL, shared=True)
    write_parameters(path, first.get_net_parameters())
    again = SearchNet(**SMALL, shared=True, weights=path).get_net_parameters()
    for name, p in first.get_net_parameters().items():
        np.testing.assert_array_equal(again[name].d, p.d)


@pytest.mark.parametrize("shared", [False, True])
def test_alphas_load_from_the_file_of_a_search(tmp_path, shared: bool) -> None:
    first, again = (SearchNet(**SMALL, shared=shared) for _ in range(2))
    scatter(first, 2)
    write_parameters(tmp_path / "arch.h5", first.get_arch_parameters())
    again.load_parameters(str(tmp_path / "arch.h5"))
    assert again.decode() == first.decode()
    assert again.most_probable_architecture() == first.most_probable_architecture()


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({"num_cells": 0}, "num_cells"),
        ({"init_channels": -1}, "init_channels"),
        ({"num_choices": 2}, "multiplier"),
        ({"num_choices": 5, "multiplier": 6}, "multiplier"),
        ({"label_smoothing": 1.0}, "label_smoothing"),
        ({"drop_path": 1.0}, "drop_path"),
    ],
)
def test_faults_of_arguments_name_the_key(arguments: dict[str, Any], key: str) -> None:
    ((named, text),) = TrainNet.check_arguments(arguments)
    assert named == key
    assert "allowed" in text


def test_the_drawing_shows_both_cells(tmp_path) -> None:
    search = SearchNet(**SMALL, shared=True)
    scatter(search, 0)
    diagram = search.diagram()
    assert [group.title for group in diagram.groups] == ["normal cell", "reduction cell"]
    kept = [op for kind in ("normal", "reduce") for op in drawn(search.decode(), kind)]
    assert sorted(node.lines[0] for node in diagram.nodes if "p = " in node.lines[-1]) == sorted(
        kept
    )
    search.visualize(tmp_path / "arch.png")
    assert (tmp_path / "arch.png").stat().st_size > 5000


def drawn(words: dict[str, Any], kind: str) -> list[str]:
    return [OPERATIONS[op] for edges in words[f"{kind}_alpha"].values() for op, _ in edges]
