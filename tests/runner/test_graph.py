"""Passes of several graphs between each other's, also in threads."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.module as Mo
from nnabla_nas import random
from nnabla_nas.dataset.dataset import Batch
from nnabla_nas.runner.graph import Graph
from nnabla_nas.search_space import ClassificationModel

SHAPE = (3, 6, 6)


class Network(ClassificationModel):
    """A few convolutions."""

    def __init__(self) -> None:
        self._layers = Mo.Sequential(
            Mo.Conv(3, 4, (3, 3), pad=(1, 1), with_bias=False),
            Mo.BatchNormalization(4, 4),
            Mo.MixedOp([Mo.LeakyReLU(), Mo.ReLU(), Mo.Zero()]),
            Mo.DwConv(4, (3, 3)),
            Mo.GlobalAvgPool(),
            Mo.Linear(4, 2),
        )

    def call(self, x: nn.Variable) -> nn.Variable:
        return self._layers(x)

    def visualize(self, *_: object) -> str:
        return "not drawn"


@pytest.fixture(autouse=True)
def streams() -> Iterator[None]:
    with random.use(random.Streams(0)):
        yield


def batch(seed: int, n: int = 4) -> Batch:
    generator = np.random.default_rng(seed)
    inputs = generator.normal(size=(n, *SHAPE)).astype(np.float32)
    return Batch(inputs, generator.integers(0, 2, size=(n, 1)).astype(np.int32))


def gradients(model: Network) -> list[np.ndarray]:
    found = []
    for parameter in model.get_parameters(grad_only=True).values():
        found.append(parameter.g.copy())
        parameter.grad.zero()
    return found


def test_passes_of_two_graphs_between_each_other() -> None:
    model = Network()
    first, second = (Graph(model, SHAPE, 4, purpose) for purpose in ("train", "judge"))
    gradients(model)
    first.accumulate(batch(1))
    alone = gradients(model)
    second.accumulate(batch(2))
    other = gradients(model)
    first.forward(batch(1))
    second.forward(batch(2))
    second.backward(1.0)
    for a, b in zip(gradients(model), other, strict=True):
        np.testing.assert_array_equal(a, b)
    first.backward(1.0)
    for a, b in zip(gradients(model), alone, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_backward_pass_without_a_forward_pass_is_named() -> None:
    graph = Graph(Network(), SHAPE, 4, "train")
    with pytest.raises(RuntimeError, match="needs a forward pass of the same graph before it"):
        graph.backward(1.0)
    graph.accumulate(batch(1))
    with pytest.raises(RuntimeError, match="needs a forward pass of the same graph before it"):
        graph.backward(1.0)


@pytest.mark.parametrize("shared", [False, True])
def test_accumulating_in_two_threads(shared: bool) -> None:
    models = [Network()] * 2 if shared else [Network(), Network()]
    graphs = [Graph(model, SHAPE, 4, "judge") for model in models]
    for model in models:
        gradients(model)

    def work(index: int) -> None:
        for _ in range(20):
            graphs[index].accumulate(batch(index, 8))

    for index in range(2):
        work(index)
    expected = [gradients(model) for model in dict.fromkeys(models)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))
    found = [gradients(model) for model in dict.fromkeys(models)]
    for one, other in zip(found, expected, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
