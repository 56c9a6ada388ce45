"""Scores without training, against closed forms."""

from __future__ import annotations

from math import log
from typing import Any

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.module as Mo
from nnabla_nas import random
from nnabla_nas.runner.evaluator.proxies import jacob_cov, synflow
from nnabla_nas.search_space import ClassificationModel, mobilenet


class _Two(ClassificationModel):
    """Two linear layers, a ReLU in between."""

    def __init__(self, activation: Mo.Module) -> None:
        self.first = Mo.Linear(6, 4)
        self.activation = activation
        self.second = Mo.Linear(4, 3)

    def call(self, x: nn.Variable) -> nn.Variable:
        return self.second(self.activation(self.first(x)))


def two(activation: Mo.Module | None = None) -> _Two:
    with random.use(random.Streams(3)):
        model = _Two(activation or Mo.ReLU())
    model.first._b.d = np.arange(4)
    return model


def test_synflow_is_the_sum_over_all_paths() -> None:
    model = two()
    first, second = (np.abs(layer._W.d.astype(float)) for layer in (model.first, model.second))
    # Each layer's share is R itself: the sum of the products along all paths.
    expected = log(2 * (first.sum(axis=0) @ second.sum(axis=1)))
    before = {path: p.d.copy() for path, p in model.get_parameters().items()}
    assert synflow(model, (1, 2, 3)) == pytest.approx(expected, rel=1e-5)
    for path, parameter in model.get_parameters().items():
        assert np.array_equal(parameter.d, before[path])


def test_synflow_is_not_clipped_by_relu6() -> None:
    model, clipped = two(), two(Mo.ReLU6())
    for one in (model, clipped):
        one.first._W.d = 1e4 * np.abs(one.first._W.d)
    assert synflow(clipped, (1, 2, 3)) == pytest.approx(synflow(model, (1, 2, 3)), rel=1e-4)


def test_synflow_survives_where_a_large_network_would_overflow() -> None:
    with random.use(random.Streams(0)):
        model: Any = mobilenet.SearchNet(10, 1, [[32, 3, 1], [64, 3, 2]], in_channels=1)
    scores = []
    for name in ("MB6 7x7", "MB3 3x3", "skip_connect"):
        choices = model.choices().values()
        model.set_architecture([c.names.index(name) if name in c.names else 0 for c in choices])
        scores.append(synflow(model, (1, 8, 8)))
    assert all(np.isfinite(scores))
    assert len(set(scores)) == 3


def test_jacob_cov_knows_inputs_that_are_answered_alike() -> None:
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(5, 1, 2, 3)).astype(np.float32)
    # Without a bend all inputs have the same gradient: one eigenvalue is 5, the others are 0.
    eigenvalues = np.array([5, 0, 0, 0, 0]) + 1e-5
    expected = -np.sum(np.log(eigenvalues) + 1 / eigenvalues)
    straight = jacob_cov(two(Mo.Identity()), inputs)
    assert straight == pytest.approx(expected, rel=1e-3)
    assert jacob_cov(two(), inputs) > straight


def test_jacob_cov_of_a_known_network() -> None:
    model = two()
    inputs = np.random.default_rng(1).normal(size=(4, 1, 2, 3)).astype(np.float32)
    first, second = model.first._W.d.astype(float), model.second._W.d.astype(float)
    active = (inputs.reshape(4, 6) @ first + np.arange(4)) > 0
    jacobian = (active * second.sum(axis=1)) @ first.T
    eigenvalues = np.maximum(np.linalg.eigvalsh(np.corrcoef(jacobian)), 0) + 1e-5
    expected = -np.sum(np.log(eigenvalues) + 1 / eigenvalues)
    assert jacob_cov(model, inputs) == pytest.approx(expected, rel=1e-2)
