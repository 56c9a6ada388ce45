"""Mixing images: beside an independent one on the same draws, and its loss beside both targets'."""

from __future__ import annotations

import math
from typing import Any

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

import nnabla_nas.module as Mo
from nnabla_nas.dataset import Batch
from nnabla_nas.runner.graph import Graph
from nnabla_nas.runner.mixing import Mixing
from nnabla_nas.search_space import ClassificationModel


def batch(n: int = 6) -> Batch:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(n, 2, 10, 12)).astype(np.float32)
    return Batch(inputs, np.arange(n, dtype=np.int32).reshape(-1, 1))


def draws(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("mixup", "cutmix"), [(0.4, None), (None, 1.0), (0.4, 0.7)])
def test_a_batch_is_mixed_with_itself(mixup: Any, cutmix: Any, seed: int) -> None:
    given = batch()
    mixed = Mixing(mixup, cutmix)(given, draws(seed))
    rng = draws(seed)
    pasted = cutmix is not None if not (mixup and cutmix) else rng.random() < 0.5
    share = rng.beta(*(2 * [cutmix if pasted else mixup]))
    order, (u, v) = rng.permutation(6), rng.random(2)
    expected = np.empty_like(given.inputs)
    own = np.ones((10, 12))
    if pasted:
        h, w = math.floor(10 * math.sqrt(1 - share)), math.floor(12 * math.sqrt(1 - share))
        y, x = math.floor(10 * u), math.floor(12 * v)
        for row, column in np.ndindex(10, 12):
            inside = y - h // 2 <= row < y + h // 2 and x - w // 2 <= column < x + w // 2
            own[row, column] = 0.0 if inside else 1.0
        share = own.mean()
    else:
        own *= share
    for image in range(6):
        expected[image] = own * given.inputs[image] + (1 - own) * given.inputs[order[image]]
    np.testing.assert_allclose(mixed.inputs, expected, atol=1e-6)
    assert mixed.share == pytest.approx(share)
    assert mixed.others is not None
    np.testing.assert_array_equal(mixed.others[:, 0], order)
    np.testing.assert_array_equal(mixed.targets, given.targets)
    np.testing.assert_array_equal(given.inputs, batch().inputs)
    assert mixed.inputs.dtype == np.float32


def test_both_kinds_come_up() -> None:
    shares = {Mixing(0.4, 1.0)(batch(), draws(seed)).share for seed in range(20)}
    whole = {round(120 * share, 6).is_integer() for share in shares}
    assert whole == {True, False}


class Linear(ClassificationModel):
    label_smoothing = 0.1

    def __init__(self) -> None:
        self._linear = Mo.Linear(240, 6)

    def call(self, x: nn.Variable) -> nn.Variable:
        return self._linear(F.reshape(x, (x.shape[0], -1)))


def test_the_loss_is_that_of_both_targets_in_parts_of_a_batch_too() -> None:
    model = Linear()
    mixed = Mixing(0.4, None)(batch(), draws(1))
    assert mixed.others is not None
    graph = Graph(model, (2, 10, 12), 3, "train", mixed=True)
    plain = Graph(model, (2, 10, 12), 6, "train")
    weight = model.get_parameters()["_linear/_W"]
    values = []
    for targets in (mixed.targets, mixed.others):
        weight.grad.zero()
        score = plain.accumulate(Batch(mixed.inputs, targets))
        values.append((*score, weight.g.copy()))
    weight.grad.zero()
    loss, error = graph.accumulate(mixed)
    parts = [mixed.share, 1 - mixed.share]
    for index, found in enumerate((loss, error, weight.g)):
        expected = sum(part * one[index] for part, one in zip(parts, values, strict=True))
        np.testing.assert_allclose(found, expected, atol=1e-6)
