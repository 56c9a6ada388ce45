"""Kernels write all of their outputs and nothing else, and read nothing beside their inputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nnabla_nas.function.cpu.activation import RELU, RELU6, activate, activate_backward, add_to
from nnabla_nas.function.cpu.bias import add_bias, add_sums
from nnabla_nas.function.cpu.dense import dense, dense_filters, dense_input
from nnabla_nas.function.cpu.depthwise import depthwise
from nnabla_nas.function.cpu.depthwise_gradients import depthwise_filters, depthwise_input
from nnabla_nas.function.cpu.mixture import mix, mix_backward, scale_examples
from nnabla_nas.function.cpu.normalization import NO_ACTIVATION, normalize, normalize_backward
from nnabla_nas.function.cpu.pooling import (
    maximum,
    maximum_backward,
    mean_of_image,
    mean_of_image_backward,
)
from nnabla_nas.function.cpu.product import add_outer, multiply
from nnabla_nas.function.cpu.transposition import batch_to_back, batch_to_front
from nnabla_nas.function.window import Window

# What lies in front of each array and behind it: longer than a row of any here.
_BAND = 1024
BATCHES = [1, 3, 7, 8, 9, 17]
WINDOWS = [
    Window((3, 3), pad=(1, 1)),
    Window((3, 3), (2, 2), (2, 2), (2, 2)),
    Window((5, 5), (2, 2), pad=(2, 2)),
    Window((5, 5), (1, 1), (2, 2), (4, 4)),
    Window((7, 7), (2, 2), (2, 2), (6, 6)),
    Window((7, 7), pad=(3, 3)),
    Window((2, 3), (2, 1)),
]


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def unwritten(*shape: int) -> np.ndarray:
    return np.full(shape, np.nan, np.float32)


def check(call: Callable[..., object], inputs: list[np.ndarray], outputs: list[np.ndarray]) -> None:
    """Assert that all of the outputs becomes numbers, and that nothing else changes.

    Args:
        call: takes the addresses of inputs and outputs, which lie in one memory.
        inputs: what is read.
        outputs: what is there before; NaN where it is to be overwritten.
    """
    arrays = [*inputs, *outputs]
    # A NaN that is read shows in the output; written over a NaN it would not.
    values = [np.nan] * len(inputs) + [7.0] * len(outputs)
    pieces = [
        np.pad(array.ravel(), _BAND, constant_values=value)
        for array, value in zip(arrays, values, strict=True)
    ]
    memory = np.concatenate(pieces)
    ends = np.cumsum([piece.size for piece in pieces]) - _BAND
    places = [slice(end - array.size, end) for end, array in zip(ends, arrays, strict=True)]
    before = memory.copy()
    call(*(memory[place].ctypes.data for place in places))
    for place in places[len(inputs) :]:
        assert np.isfinite(memory[place]).all()
        memory[place] = before[place]
    assert memory.tobytes() == before.tobytes()


def target(add: bool, *shape: int) -> np.ndarray:
    return np.ones(shape, np.float32) if add else unwritten(*shape)


@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("sides", [(5, 7), (8, 3)])
@pytest.mark.parametrize("batch", BATCHES)
class TestWindows:
    """Gradients are added where, and an input is rectified where, `add` says so."""

    def problem(self, window: Window, sides: tuple[int, int], batch: int, filters: int):
        x, y = (5, *sides, batch), (filters, *window.output(*sides), batch)
        return normal(*x), normal(*y), window.geometry(x)

    def test_depthwise(self, batch, sides, window, add) -> None:
        x, g, geometry = self.problem(window, sides, batch, 5)
        w = normal(5, *window.kernel)
        check(lambda *at: depthwise(*at, geometry, add), [x, w], [unwritten(*g.shape)])
        check(lambda *at: depthwise_filters(*at, geometry, add), [x, g], [w])
        check(
            lambda *at: depthwise_input(*at, geometry, add, add),
            [x, w, g], [target(add, *x.shape)],
        )  # fmt: skip

    def test_dense(self, batch, sides, window, add) -> None:
        x, g, geometry = self.problem(window, sides, batch, 3)
        w = normal(3, 5, *window.kernel)
        check(lambda *at: dense(*at, geometry, 3, add), [x, w], [unwritten(*g.shape)])
        check(lambda *at: dense_filters(*at, geometry, 3, add), [x, g], [w])
        check(
            lambda *at: dense_input(*at, geometry, 3, add, add),
            [x, w, g], [target(add, *x.shape)],
        )  # fmt: skip

    def test_maximum(self, batch, sides, window, add) -> None:
        x, g, geometry = self.problem(window, sides, batch, 5)
        bytes_ = np.full(g.size + 2 * _BAND, 77, np.uint8)
        places = bytes_[_BAND:-_BAND].reshape(g.shape)
        check(lambda x_at, y_at: maximum(x_at, y_at, places, geometry), [x], [unwritten(*g.shape)])
        # Every window holds a pixel, so all places are written and none is nowhere.
        assert (places < window.kernel[0] * window.kernel[1]).all()
        check(
            lambda g_at, gx_at: maximum_backward(g_at, places, gx_at, geometry, add),
            [g], [target(add, *x.shape)],
        )  # fmt: skip
        assert (bytes_[:_BAND] == 77).all()
        assert (bytes_[-_BAND:] == 77).all()


@pytest.mark.parametrize("rectify", [False, True])
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (3, 2, 7), (5, 4, 25), (4, 1, 24), (7, 97, 701), (13, 100, 9)]
)
def test_products(shape, rectify) -> None:
    rows, inner, columns = shape
    w, x, g = normal(rows, inner), normal(inner, columns), normal(rows, columns)
    check(lambda *at: multiply(*at, *shape, rectify), [w, x], [unwritten(rows, columns)])
    check(lambda *at: add_outer(*at, *shape, rectify), [g, x], [w])


@pytest.mark.parametrize("n", [1, 7, 8, 9, 17, 4097])
class TestValues:
    @pytest.mark.parametrize("activation", [RELU, RELU6])
    @pytest.mark.parametrize("add", [False, True])
    def test_activation(self, n, activation, add) -> None:
        x = normal(n)
        check(lambda *at: activate(*at, n, activation), [x], [unwritten(n)])
        check(lambda *at: activate_backward(*at, n, activation, add), [x, x], [target(add, n)])
        check(lambda *at: add_to(*at, n), [x], [x])

    @pytest.mark.parametrize("branches", [1, 2, 3])
    def test_mixture(self, n, branches) -> None:
        weights, inner = normal(branches), unwritten(branches)
        values = [normal(n)] * branches
        check(lambda *at: mix(np.array(at[:-1]), weights, at[-1], n), values, [unwritten(n)])
        add = np.arange(branches) % 2 == 0

        def backward(*at: int) -> None:
            own, g, gradients = at[:branches], at[branches], at[branches + 1 :]
            mix_backward(np.array(own), np.array(gradients), weights, g, n, add, inner)

        check(backward, [*values, normal(n)], [target(one, n) for one in add])
        assert np.isfinite(inner).all()

    @pytest.mark.parametrize("activation", [NO_ACTIVATION, RELU, RELU6])
    @pytest.mark.parametrize("by_batch", [False, True])
    def test_normalization(self, n, activation, by_batch) -> None:
        x, ones = normal(3, n), np.ones(3, np.float32)

        def forward(x_at: int, beta: int, gamma: int, y: int, used: int, mean: int, v: int) -> None:
            rates = np.float32(0.9), np.float32(1e-5)
            normalize(x_at, beta, gamma, mean, v, y, used, 3, n, *rates, by_batch, activation)

        check(forward, [x, ones, ones], [unwritten(3, n), unwritten(2, 3), ones, ones])
        check(
            lambda *at: normalize_backward(*at, 3, n, by_batch, activation),
            [x, ones, ones, np.ones((2, 3), np.float32), x],
            [unwritten(3, n), ones, ones],
        )

    def test_bias(self, n) -> None:
        check(lambda bias, y: add_bias(y, bias, 3, n), [normal(3)], [normal(3, n)])
        check(lambda *at: add_sums(*at, 3, n), [normal(3, n)], [normal(3)])


@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("pixels", [1, 35, 65])
@pytest.mark.parametrize("batch", BATCHES)
def test_layouts(batch, pixels, add) -> None:
    shape, x, means = (3, pixels, batch), normal(3, pixels, batch), normal(batch, 3)
    turned = (batch, 3, pixels)
    check(lambda *at: batch_to_front(*at, *turned, add), [x], [target(add, *turned)])
    check(lambda *at: batch_to_back(*at, *turned, add), [x], [target(add, *shape)])
    check(lambda *at: mean_of_image(*at, *shape), [x], [unwritten(batch, 3)])
    check(lambda *at: mean_of_image_backward(*at, *shape, add), [means], [target(add, *shape)])
    check(
        lambda *at: scale_examples(*at, 3 * pixels, batch, add),
        [x, normal(batch)], [target(add, *shape)],
    )  # fmt: skip
