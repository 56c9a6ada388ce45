from __future__ import annotations

import itertools
import json
from typing import Any

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.module as Mo
import nnabla_nas.module.static as smo
from nnabla_nas import random
from nnabla_nas.errors import GenotypeError, InputError, WeightsError
from nnabla_nas.estimator import FLOPsEstimator, ParameterEstimator
from nnabla_nas.module.parameter_file import write_parameters
from nnabla_nas.search_space import Model
from nnabla_nas.search_space.zoph import SearchNet, TrainNet, ZophBlock, ZophCell
from nnabla_nas.search_space.zoph.operations import ZOPH_CANDIDATES, SepConv, SepConvBN

SHAPE = (1, 8, 8)
SMALL: dict[str, Any] = {
    "input_shape": SHAPE,
    "n_classes": 4,
    "stem_channels": 4,
    "cells": ["ZophCell", ZophCell],
    "cell_depth": [2, 3],
    "cell_channels": [4, 6],
    "reducing": [False, True],
}
NAMES = [
    "SepConv3x3",
    "SepConv5x5",
    "DilSepConv3x3",
    "DilSepConv5x5",
    "MaxPool3x3",
    "AveragePool3x3",
    "Identity",
    "Zero",
]
BLOCKS = ["3/2", "3/3", "4/2", "4/3", "4/4"]


def image(batch: int = 4) -> nn.Variable:
    values = np.random.default_rng(0).normal(size=(batch, *SHAPE))
    return nn.Variable.from_numpy_array(values.astype(np.float32))


def with_random_parameters(model: Model, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    for alpha in model.get_arch_parameters().values():
        alpha.d = rng.normal(size=alpha.shape)
    for p in model.get_net_parameters().values():
        p.d = p.d + 0.1 * rng.random(p.shape)
    return model


def test_the_candidates_are_in_order() -> None:
    assert [candidate.__name__ for candidate in ZOPH_CANDIDATES] == NAMES
    assert all(choice.names == NAMES for choice in SearchNet(**SMALL).choices().values())


def test_every_block_has_one_architecture_parameter_saved_once(tmp_path) -> None:
    model = SearchNet(**SMALL)
    assert list(model.choices()) == BLOCKS
    alphas = model.get_arch_parameters()
    assert list(alphas) == [f"{block}/_join_parameters" for block in BLOCKS]
    assert all(a.shape == (8,) and not a.d.any() for a in alphas.values())
    assert [p for p in model.get_parameters() if "join" in p] == list(alphas)
    assert not set(alphas) & set(model.get_net_parameters())
    path = str(tmp_path / "arch.h5")
    with_random_parameters(model, 0)
    write_parameters(path, alphas)
    other = SearchNet(**SMALL)
    other.load_parameters(path)
    for name, alpha in alphas.items():
        np.testing.assert_array_equal(other.get_arch_parameters()[name].d, alpha.d)


def test_the_default_network_has_three_cells_of_seven_blocks() -> None:
    model = SearchNet()
    assert list(model.choices()) == [f"{c}/{b}" for c in (3, 4, 5) for b in range(2, 9)]
    cells = [model.graph[position] for position in (3, 4, 5)]
    assert [cell.shape for cell in cells] == [
        (1, 9 * 128, 32, 32),
        (1, 9 * 256, 16, 16),
        (1, 9 * 512, 8, 8),
    ]
    assert {len(block) for cell in cells for block in cell.blocks} == {11}
    assert model.graph.shape == (1, 10)


def test_weights_of_a_separable_convolution_twice() -> None:
    source = smo.Input(nn.Variable((2, 3, 8, 8)))
    shapes = {
        p: v.shape for p, v in SepConvBN([source], 5, (3, 3), (2, 2)).get_parameters().items()
    }
    assert shapes == {
        "0/0/_W": (3, 3, 3),
        "0/1/_W": (5, 3, 1, 1),
        "1/0/_W": (5, 3, 3),
        "1/1/_W": (5, 5, 1, 1),
        "2/_beta": (1, 5, 1, 1),
        "2/_gamma": (1, 5, 1, 1),
        "2/_mean": (1, 5, 1, 1),
        "2/_var": (1, 5, 1, 1),
    }
    biased = SepConv([source], 3, 5, (5, 5), (2, 2), (1, 1), True)
    assert sorted(biased.get_parameters()) == ["0/_W", "0/_b", "1/_W", "1/_b"]
    assert biased.shape == (2, 5, 8, 8)


@pytest.mark.parametrize("candidate", ZOPH_CANDIDATES, ids=NAMES)
def test_a_candidate_keeps_the_shape(candidate: type[smo.Module]) -> None:
    node = candidate([smo.Input(image())], 1, name="op", eval_prob=0.5)  # type: ignore[call-arg]
    y = node() * 1.0
    y.forward()
    assert y.shape == node.shape == (4, *SHAPE)
    assert (node.name, node.eval_prob) == ("op", 0.5)
    assert (y.d == 0).all() == (candidate.__name__ == "Zero")


@pytest.mark.parametrize(
    ("sides", "reducing", "expected"),
    [
        ([(8, 8), (8, 8)], False, (8, 8)),
        ([(9, 7), (4, 3)], False, (4, 3)),
        ([(9, 7), (4, 3)], True, (2, 1)),
        ([(5, 5), (3, 3)], False, (3, 3)),
        ([(1, 1), (1, 1)], True, (1, 1)),
    ],
)
def test_a_cell_pools_to_its_smallest_parent_and_halves_when_reducing(
    sides, reducing, expected
) -> None:
    parents = [smo.Input(nn.Variable((2, 3 + index, *side))) for index, side in enumerate(sides)]
    cell = ZophCell(parents, ZOPH_CANDIDATES, 4, n_modules=2, reducing=reducing)
    assert cell.shape == (2, 4 * 4, *expected)
    added = ZophCell(parents, ZOPH_CANDIDATES, 4, reducing=reducing, merging_mode="add")
    assert added().shape == (2, 4, *expected)
    assert len(added.blocks) == 3


@pytest.mark.parametrize("merging_mode", ["concat", "add"])
@pytest.mark.parametrize("seed", range(2))
def test_the_decoded_network_computes_what_the_masked_super_network_computes(
    tmp_path, seed: int, merging_mode: str
) -> None:
    search = with_random_parameters(SearchNet(**SMALL, merging_mode=merging_mode), seed)
    best = search.most_probable_architecture()
    search.set_architecture(best)
    write_parameters(tmp_path / "arch.h5", search.get_arch_parameters())
    (tmp_path / "arch.json").write_text(json.dumps(search.decode()))
    train = TrainNet(**SMALL, merging_mode=merging_mode, param_path=str(tmp_path / "arch.h5"))
    assert train.architecture == best
    for other in ("arch.json", "arch.h5"):
        again = TrainNet(**SMALL, genotype=str(tmp_path / other))
        assert again.decode() == train.decode()
    found = [(c["path"], c["operation"], c["index"]) for c in search.decode()["choices"]]
    built = [(c["path"], c["operation"], c["index"]) for c in train.decode()["choices"]]
    assert built == found

    # The chosen candidate k is the module 2 + k of a block, and the module 2 of a decoded one.
    chosen = {f"{path}/{2 + k}": f"{path}/2" for path, k in zip(BLOCKS, best, strict=True)}
    values = {}
    for path, p in search.get_net_parameters().items():
        parts = path.split("/")
        operation = "/".join(parts[:3])
        if operation in chosen:
            path = path.replace(operation, chosen[operation], 1)
        elif "/".join(parts[:2]) in BLOCKS and parts[2] != "1":
            continue
        values[path] = p
    train.set_parameters(values, raise_if_missing=True)
    x = image()
    a, b = search.apply(training=False)(x), train.apply(training=False)(x)
    nn.forward_all([a, b])
    np.testing.assert_array_equal(a.d, b.d)
    assert np.ptp(a.d) > 0
    for estimator in (FLOPsEstimator(), ParameterEstimator()):
        assert estimator.estimate(search, SHAPE) == estimator.estimate(train, SHAPE) > 0
    flops = FLOPsEstimator()
    flops.estimate(train, SHAPE)
    assert flops.uncounted == []
    assert ParameterEstimator().estimate(train, SHAPE) == sum(
        p.size for p in train.get_net_parameters(grad_only=True).values()
    )


def test_multiply_adds_of_a_block_are_those_of_its_convolutions() -> None:
    cost = {
        name: FLOPsEstimator().estimate(TrainNet(**SMALL, candidates=[name]), SHAPE)
        for name in ("SepConv3x3", "SepConv5x5", "Zero")
    }
    # Two depthwise filters a block: 2 blocks of 4 channels at 8x8, 3 of 6 channels at 4x4.
    filters = 2 * (2 * 4 * 64 + 3 * 6 * 16)
    assert cost["SepConv5x5"] - cost["SepConv3x3"] == filters * (25 - 9)
    pointwise = 2 * (2 * 4 * 4 * 64 + 3 * 6 * 6 * 16)
    assert cost["SepConv3x3"] - cost["Zero"] == filters * 9 + pointwise


def test_every_active_tensor_gets_a_gradient_and_some_architecture_reaches_each() -> None:
    model = SearchNet(**SMALL)
    targets = nn.Variable.from_numpy_array(np.arange(4).reshape(4, 1))
    loss = model.loss(model(image()), targets)
    trained = model.get_net_parameters(grad_only=True)
    reached = set()
    for index in range(8):
        model.set_architecture([index] * 5)
        for p in trained.values():
            p.grad.zero()
        loss.forward()
        loss.backward()
        active = {path for path, p in trained.items() if not p.grad.zeroing}
        operations = {path.split("/")[2] for path in active if path[:3] in BLOCKS}
        assert operations <= {"1", str(2 + index)}
        reached |= {path for path in active if np.abs(trained[path].g).max() > 0}
    assert reached == set(trained)


def test_masks_equal_a_freshly_built_network() -> None:
    architecture = [4, 0, 7, 2, 6]

    def run(masked: bool) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        with random.use(random.Streams(1)):
            model = SearchNet(**SMALL)
        if masked:
            y = model(image())
            model.set_architecture(architecture)
        else:
            model.set_architecture(architecture)
            model.apply(active_only=True)
            y = model(image())
        y.forward()
        return y.d.copy(), {path: p.d.copy() for path, p in model.get_parameters().items()}

    (a, before), (b, after) = run(True), run(False)
    np.testing.assert_array_equal(a, b)
    for path, value in before.items():
        np.testing.assert_array_equal(value, after[path], err_msg=path)


def test_a_linear_block_weights_all_candidates() -> None:
    source = [smo.Input(image()), smo.Input(image())]
    alpha = Mo.Parameter((8,), initializer=np.linspace(-1, 1, 8))
    block = ZophBlock(source, ZOPH_CANDIDATES, 3, join_parameters=alpha, mode="linear")
    assert len(block) == 11
    y = block.apply(training=False)()
    branches = [candidate.output for candidate in block[2:-1]]
    nn.forward_all([y, *branches])
    p = np.exp(alpha.d) / np.exp(alpha.d).sum()
    expected = np.tensordot(p, np.stack([b.d for b in branches]), 1)
    np.testing.assert_allclose(y.d, expected, rtol=1e-4, atol=1e-5)
    alpha.grad.zero()
    y.backward(1)
    assert np.abs(alpha.g).max() > 0


def test_another_batch_size_is_another_graph_of_the_same_weights() -> None:
    model = SearchNet(**SMALL).apply(training=False)
    small, large = model(image(2)), model(image(4))
    assert (small.shape, large.shape) == ((2, 4), (4, 4))
    # In evaluation an example does not depend on the others of its batch.
    model.set_architecture([1] * 5)
    x = image(4)
    small, large = (model(nn.Variable.from_numpy_array(x.d[:n])) for n in (2, 4))
    nn.forward_all([small, large])
    np.testing.assert_allclose(small.d, large.d[:2], rtol=1e-5, atol=1e-6)


def test_sharing_an_architecture_parameter() -> None:
    shared = Mo.Parameter((8,))
    model = SearchNet(**SMALL, join_parameters=[[shared, None], [shared, None, shared]])
    assert list(model.get_arch_parameters()) == [
        f"{block}/_join_parameters" for block in ("3/2", "3/3", "4/3")
    ]
    shared.d = np.eye(8)[3]
    assert model.most_probable_architecture() == [3, 0, 3, 0, 3]
    train = TrainNet(**SMALL, join_parameters=[[shared, None], [shared, None, shared]])
    assert train.architecture == [3, 0, 3, 0, 3]


def test_without_a_file_the_architecture_follows_the_seed() -> None:
    def draw(seed: int, **arguments: Any) -> list[int]:
        with random.use(random.Streams(seed)):
            return TrainNet(**SMALL, **arguments).architecture

    assert draw(1) == draw(1, random_init=True)
    assert draw(1, random_init=True) != draw(2, random_init=True)
    drawn = [tuple(draw(seed)) for seed in range(12)]
    assert {index for architecture in drawn for index in architecture} == set(range(8))
    assert max(draw(3, candidates=["Identity", "MaxPool3x3"])) == 1


def test_every_argument_of_the_network_to_train_counts() -> None:
    def weights(**arguments: Any) -> int:
        model = TrainNet(**{**SMALL, "candidates": ["SepConv3x3"], **arguments})
        return sum(p.size for p in model.get_net_parameters(grad_only=True).values())

    base = weights()
    assert weights(candidates=["SepConv5x5"]) > base
    assert weights(cell_channels=[4, 8]) > base
    assert weights(merging_mode="add") < base
    assert weights(stem_channels=5) > base
    assert weights(cell_depth=[2, 4]) > base
    assert weights(n_classes=5) > base
    assert weights(candidates=[ZOPH_CANDIDATES[0]]) == base
    smoothed = TrainNet(**SMALL, label_smoothing=0.3)
    assert smoothed.label_smoothing == 0.3


def test_weights_start_a_network_and_must_fit(tmp_path) -> None:
    path = str(tmp_path / "weights.h5")
    first = with_random_parameters(TrainNet(**SMALL, candidates=["SepConv3x3"]), 0)
    write_parameters(path, first.get_net_parameters())
    again = TrainNet(**SMALL, candidates=["SepConv3x3"], weights=path)
    for name, p in first.get_parameters().items():
        np.testing.assert_array_equal(again.get_parameters()[name].d, p.d)
    with pytest.raises(WeightsError, match=r"weights\.h5"):
        TrainNet(**SMALL, candidates=["SepConv5x5"], weights=path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.h5", None),
        ("text.h5", b"hello"),
        ("text.json", b"hello"),
        ("words.json", b'{"choices": [{"path": 3, "operation": []}]}'),
    ],
)
def test_a_bad_architecture_file_is_one_line(tmp_path, name: str, content: bytes | None) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(GenotypeError, match=name.replace(".", r"\.")) as caught:
        TrainNet(**SMALL, param_path=str(path))
    assert len(caught.value.faults) == 1


def test_an_architecture_of_another_network_is_refused(tmp_path) -> None:
    path = str(tmp_path / "arch.h5")
    write_parameters(path, SearchNet(**SMALL).get_arch_parameters())
    for change, words in (
        ({"cell_depth": [2, 4]}, "4/5/_join_parameters"),
        ({"cell_depth": [2, 2]}, "4/4/_join_parameters"),
        ({"candidates": ["Zero", "Identity"]}, "shape"),
    ):
        with pytest.raises(GenotypeError, match=words):
            TrainNet(**{**SMALL, **change}, param_path=path)


def test_two_architectures_are_a_fault() -> None:
    assert TrainNet.check_arguments({**SMALL, "param_path": "a", "genotype": "a"}) == []
    for arguments, key in (
        ({"param_path": "a.h5", "genotype": "b.h5"}, "genotype"),
        ({"param_path": "a.h5", "random_init": True}, "random_init"),
        ({"genotype": "a.h5", "random_init": True}, "random_init"),
    ):
        ((named, text),) = TrainNet.check_arguments({**SMALL, **arguments})
        assert named == key
        assert "allowed" in text
        with pytest.raises(InputError, match=key):
            TrainNet(**SMALL, **arguments)


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({"cells": ["ZophCell", "DartsCell"]}, "cells.1"),
        ({"cells": [3, "ZophCell"]}, "cells.0"),
        ({"candidates": []}, "candidates"),
        ({"candidates": ["Zero", "SepConv3x4"]}, "candidates.1"),
        ({"candidates": ["Zero", "Zero"]}, "candidates.1"),
        ({"cell_depth": [2]}, "cell_depth"),
        ({"cell_depth": [2, 0]}, "cell_depth.1"),
        ({"cell_channels": [2, -1]}, "cell_channels.1"),
        ({"reducing": [True, True, True]}, "reducing"),
        ({"stem_channels": 0}, "stem_channels"),
        ({"n_classes": 0}, "n_classes"),
        ({"label_smoothing": 1.0}, "label_smoothing"),
        ({"join_parameters": [[None], [None]]}, "join_parameters"),
    ],
)
def test_faults_of_arguments_name_the_key(arguments: dict[str, Any], key: str) -> None:
    for network in (SearchNet, TrainNet):
        assert network.check_arguments(SMALL) == []
        ((named, text),) = network.check_arguments({**SMALL, **arguments})
        assert named == key
        assert "allowed" in text


def test_the_drawing_frames_the_cells(tmp_path) -> None:
    model = SearchNet(**SMALL)
    model.choices()["4/4"].alpha.d = np.eye(8)[7]
    diagram = model.diagram()
    assert [len(group.nodes) for group in diagram.groups] == [2 + 1, 3 + 1]
    # Short enough for the arrow that enters the frame to pass beside it.
    assert [group.title for group in diagram.groups] == ["cell 0", "cell 1"]
    lines = {node.name: node.lines for node in diagram.nodes}
    assert lines["3/2"] == ("0: SepConv3x3", "p = 0.12")
    assert lines["4/4"] == ("2: Zero", "p = 0.28")
    assert lines["cell 1/output"] == ("concat", "30 channels, 4x4")
    model.visualize(tmp_path / "arch.png")
    assert (tmp_path / "arch.png").stat().st_size > 1000
    train = TrainNet(**SMALL, random_init=True)
    assert all("p =" not in line for node in train.diagram().nodes for line in node.lines)


def test_the_network_as_a_graph_of_modules() -> None:
    model = SearchNet(**SMALL)
    graph = model.graph
    pairs = itertools.pairwise(graph[:5])
    assert all(before in after.parents for before, after in pairs)
    block = graph[4].blocks[0]
    assert [one.eval_prob for one in block[2:-1]] == [pytest.approx(1 / 8)] * 8
    dot = str(graph.get_gv_graph())
    assert dot.count("label=SepConv3x3") == 5
    assert "MaxPool3x3" not in dot
