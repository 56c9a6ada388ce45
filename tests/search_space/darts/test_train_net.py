from __future__ import annotations

import json
from typing import Any

import nnabla as nn
import numpy as np
import pytest

from nnabla_nas import random
from nnabla_nas.errors import InputError
from nnabla_nas.search_space.darts import DropPath, TrainNet
from nnabla_nas.search_space.darts.cell import FixedCell, Position

SMALL: dict[str, Any] = {
    "in_channels": 2,
    "init_channels": 4,
    "num_cells": 3,
    "num_classes": 3,
    "num_choices": 2,
    "multiplier": 2,
}


def images(n: int = 4, side: int = 32) -> nn.Variable:
    return nn.Variable.from_numpy_array(np.random.default_rng(0).normal(size=(n, 2, side, side)))


@pytest.fixture(autouse=True)
def streams():
    with random.use(random.Streams(0)) as streams:
        yield streams


@pytest.mark.parametrize("p", [0.0, 0.1, 0.4])
def test_drop_path_leaves_out_whole_examples_and_keeps_the_mean(p: float) -> None:
    n = 20_000
    y = DropPath(p)(nn.Variable.from_numpy_array(np.ones((n, 2, 3, 1))))
    y.forward()
    assert np.all(y.d == y.d[:, :1, :1])
    values = y.d[:, 0, 0, 0]
    kept = values != 0
    np.testing.assert_allclose(values[kept], 1 / (1 - p), rtol=1e-6)
    # Five standard errors of a binomial share.
    assert abs(kept.mean() - (1 - p)) <= 5 * np.sqrt(p * (1 - p) / n)


def test_paths_are_dropped_independently_and_anew_each_pass() -> None:
    drop = DropPath(0.5)
    x = nn.Variable.from_numpy_array(np.ones((4000, 1, 1, 1)))
    first, second = drop(x), drop(x)
    nn.forward_all([first, second])
    before = first.d.copy()
    assert abs(np.corrcoef(first.d.ravel(), second.d.ravel())[0, 1]) < 0.08
    drop.refill()
    first.forward()
    assert abs(np.corrcoef(first.d.ravel(), before.ravel())[0, 1]) < 0.08
    assert drop.apply(training=False)(x) is x


def test_drop_path_follows_the_seed() -> None:
    def draw(seed: int) -> np.ndarray:
        with random.use(random.Streams(seed)):
            y = DropPath(0.5)(nn.Variable.from_numpy_array(np.ones((50, 1, 1, 1))))
            y.forward()
            return y.d.copy()

    np.testing.assert_array_equal(draw(1), draw(1))
    assert np.any(draw(1) != draw(2))


def test_a_probability_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="drop_prob"):
        DropPath(1.0)


@pytest.mark.parametrize(
    ("operation", "reduces", "dropped"),
    [(0, False, True), (4, False, True), (6, False, False), (7, False, False), (6, True, True)],
)
def test_every_operation_is_dropped_but_those_that_keep_or_zero_their_input(
    operation: int, reduces: bool, dropped: bool
) -> None:
    drop = DropPath(0.9)
    nodes = [[(operation, 0), (operation, 1)]]
    cell = FixedCell(nodes, 1, Position((3, 3, 2), (False, reduces)), drop)
    x = nn.Variable.from_numpy_array(np.random.default_rng(0).normal(size=(16, 3, 4, 4)))
    y = cell(x, x)
    y.forward()
    before = y.d.copy()
    drop.refill()
    y.forward()
    assert np.any(y.d != before) == dropped
    assert np.any(np.all(before == 0, axis=(1, 2, 3))) == (dropped or operation == 7)


@pytest.mark.parametrize(
    ("schedule", "expected"), [("linear", [0.0, 0.1, 0.2]), ("constant", [0.2, 0.2, 0.2])]
)
def test_the_schedule(schedule: Any, expected: list[float]) -> None:
    model = TrainNet(**SMALL, drop_path=0.2, drop_path_schedule=schedule)
    (drop,) = [module for _, module in model.get_modules() if isinstance(module, DropPath)]
    found = [drop.drop_prob]
    for fraction in (0.5, 1.0):
        model.set_training_progress(fraction)
        found.append(drop.drop_prob)
    assert found == pytest.approx(expected)


def test_without_drop_path_training_is_not_random() -> None:
    model = TrainNet(**SMALL)
    y = model(images(side=8))
    y.forward()
    before = y.d.copy()
    model.refill_random_inputs()
    y.forward()
    np.testing.assert_array_equal(y.d, before)


def test_the_auxiliary_head_is_there_in_training_alone() -> None:
    model = TrainNet(**SMALL, auxiliary=True)
    shapes = {path: p.shape for path, p in model.get_parameters().items() if "_auxiliary" in path}
    assert shapes["_auxiliary_head/_feature/2/_W"] == (128, 32, 1, 1)
    assert shapes["_auxiliary_head/_feature/3/_gamma"] == (1, 128, 1, 1)
    assert shapes["_auxiliary_head/_feature/5/_W"] == (768, 128, 2, 2)
    assert shapes["_auxiliary_head/_feature/6/_var"] == (1, 768, 1, 1)
    assert shapes["_auxiliary_head/_classifier/_W"] == (768, 3)
    logits, auxiliary = model(images())
    assert logits.shape == auxiliary.shape == (4, 3)
    assert model.apply(training=False)(images()).shape == (4, 3)
    assert model.apply(private_statistics=True)(images()).shape == (4, 3)


def test_the_auxiliary_loss_reaches_the_cells_before_it_and_no_other() -> None:
    model = TrainNet(**{**SMALL, "num_cells": 6}, auxiliary=True)
    targets = nn.Variable.from_numpy_array(np.arange(4).reshape(4, 1) % 3)
    _, auxiliary = model(images())
    for p in model.get_parameters(grad_only=True).values():
        p.grad.zero()
    loss = model.loss(auxiliary, targets)
    loss.forward()
    loss.backward()
    reached = {p for p, v in model.get_parameters(grad_only=True).items() if not v.grad.zeroing}
    expected = {
        path
        for path in model.get_parameters(grad_only=True)
        if path.split("/")[:2] != ["_cells", "5"] and not path.startswith("_linear")
    }
    assert reached == expected


def test_a_larger_map_under_the_auxiliary_head_is_averaged() -> None:
    logits, auxiliary = TrainNet(**SMALL, auxiliary=True)(images(side=64))
    assert logits.shape == auxiliary.shape == (4, 3)


@pytest.mark.parametrize("training", [True, False])
def test_images_too_small_for_the_auxiliary_head_are_one_line(training: bool) -> None:
    model = TrainNet(**SMALL, auxiliary=True).apply(training=training)
    with pytest.raises(InputError, match=r"16x16.*4x4.*8x8") as caught:
        model(images(side=16))
    assert len(caught.value.faults) == 1


def test_without_a_genotype_the_architecture_follows_the_seed() -> None:
    def draw(seed: int) -> dict[str, Any]:
        with random.use(random.Streams(seed)):
            return TrainNet(**SMALL).decode()

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_an_architecture_of_a_training_can_be_trained_again(tmp_path) -> None:
    path = tmp_path / "arch.json"
    first = TrainNet(**SMALL)
    path.write_text(json.dumps(first.decode()))
    assert TrainNet(**SMALL, genotype=str(path)).decode() == first.decode()


def test_the_paths_of_operations_and_the_drawing(tmp_path) -> None:
    path = tmp_path / "arch.json"
    nodes = {"2": [[2, 0], [6, 1]], "3": [[0, 2], [4, 0]]}
    path.write_text(json.dumps({"normal_alpha": nodes, "reduce_alpha": nodes}))
    model = TrainNet(**SMALL, genotype=str(path))
    shapes = {path: p.shape for path, p in model.get_parameters().items()}
    assert shapes["_cells/0/_blocks/0/_conv/5/_W"] == (4, 1, 3, 3)
    assert shapes["_cells/0/_blocks/2/_conv/2/_W"] == (4, 4, 1, 1)
    assert shapes["_cells/1/_blocks/1/_conv_2/_W"] == (4, 8, 1, 1)
    assert not any(path.startswith("_cells/0/_blocks/1/") for path in shapes)
    diagram = model.diagram()
    assert [group.title for group in diagram.groups] == ["normal cell", "reduction cell"]
    kinds = [node.kind for node in diagram.nodes if "_" in node.kind]
    assert kinds == ["sep_conv_3x3", "skip_connect", "dil_conv_3x3", "max_pool_3x3"] * 2
    model.visualize(tmp_path / "arch.png")
    assert (tmp_path / "arch.png").stat().st_size > 5000
