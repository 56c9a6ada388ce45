"""Filters and pooling equal a plain loop over the taps, where rows are long and strides wide."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_nas.function.cpu.depthwise import depthwise
from nnabla_nas.function.cpu.depthwise_gradients import depthwise_filters, depthwise_input
from nnabla_nas.function.cpu.pooling import maximum, maximum_backward
from nnabla_nas.function.window import Window

# Rows of less than a strip, of several, and with a rest of every kind.
SIDES = [(5, 3, 1), (9, 7, 3), (6, 9, 8), (11, 13, 16)]
WINDOWS = [
    Window((3, 3), (1, 1), (1, 1), (1, 1)),
    Window((5, 5), (1, 1), (2, 2), (4, 4)),
    Window((7, 7), (2, 2), (1, 1), (3, 3)),
    Window((3, 2), (2, 3), (1, 2), (1, 0)),
    Window((2, 3), (3, 1), (2, 1), (0, 1)),
]


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def problem(window: Window, sides: tuple[int, int, int]) -> list[np.ndarray]:
    """Return an image, filters, and what has the output's shape."""
    shapes = ((3, *sides), (3, *window.kernel), (3, *window.output(*sides[:2]), sides[2]))
    return [normal(seed, *shape) for seed, shape in enumerate(shapes)]


def taps(window: Window, sides: tuple[int, int]):
    """Yield every tap's number and the slices of the padded image that it reads."""
    reach = [(n - 1) * step + 1 for n, step in zip(sides, window.stride, strict=True)]
    for i in range(window.kernel[0]):
        for j in range(window.kernel[1]):
            h, w = i * window.dilation[0], j * window.dilation[1]
            rows = slice(h, h + reach[0], window.stride[0])
            yield (i, j), rows, slice(w, w + reach[1], window.stride[1])


def padded(x: np.ndarray, window: Window, value: float) -> np.ndarray:
    pads = ((0, 0), *((p, p) for p in window.pad), (0, 0))
    return np.pad(x.astype(np.float64), pads, constant_values=value)


def inside(image: np.ndarray, window: Window, shape: tuple[int, ...]) -> np.ndarray:
    (top, left), (height, width) = window.pad, shape[1:3]
    return image[:, top : top + height, left : left + width]


@pytest.mark.parametrize("rectify", [False, True])
@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("window", WINDOWS)
class TestDepthwise:
    def test_forward(self, assert_close, window, sides, rectify) -> None:
        x, w, y = problem(window, sides)
        expected = np.zeros(y.shape)
        image = padded(np.maximum(x, 0) if rectify else x, window, 0)
        for tap, rows, columns in taps(window, y.shape[1:3]):
            expected += w[(slice(None), *tap)].reshape(3, 1, 1, 1) * image[:, rows, columns]
        geometry = window.geometry(x.shape)
        depthwise(x.ctypes.data, w.ctypes.data, y.ctypes.data, geometry, rectify)
        assert_close(y, expected)

    def test_gradient_of_filters(self, assert_close, window, sides, rectify) -> None:
        x, w, g = problem(window, sides)
        expected = w.astype(np.float64)
        image = padded(np.maximum(x, 0) if rectify else x, window, 0)
        for tap, rows, columns in taps(window, g.shape[1:3]):
            expected[(slice(None), *tap)] += (g * image[:, rows, columns]).sum((1, 2, 3))
        geometry = window.geometry(x.shape)
        depthwise_filters(x.ctypes.data, g.ctypes.data, w.ctypes.data, geometry, rectify)
        assert_close(w, expected)

    @pytest.mark.parametrize("add", [False, True])
    def test_gradient_of_input(self, assert_close, window, sides, rectify, add) -> None:
        x, w, g = problem(window, sides)
        image = padded(np.zeros_like(x), window, 0)
        for tap, rows, columns in taps(window, g.shape[1:3]):
            image[:, rows, columns] += w[(slice(None), *tap)].reshape(3, 1, 1, 1) * g
        found = np.ones_like(x)
        expected = inside(image, window, x.shape) * (x > 0 if rectify else 1) + add
        geometry = window.geometry(x.shape)
        addresses = (a.ctypes.data for a in (x, w, g, found))
        depthwise_input(*addresses, geometry, rectify, add)
        assert_close(found, expected)


@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("window", [Window((3, 3), (s, s), pad=(1, 1)) for s in (1, 2, 3)])
@pytest.mark.parametrize("ties", [False, True])
def test_maximum(assert_close, window, sides, ties) -> None:
    x = normal(0, 3, *sides)
    x = np.round(x) if ties else x
    image = padded(x, window, -np.inf)
    shape = (3, *window.output(*sides[:2]), sides[2])
    best, place = np.full(shape, -np.inf), np.full(shape, 255)
    for (i, j), rows, columns in taps(window, shape[1:3]):
        larger = image[:, rows, columns] > best
        best = np.where(larger, image[:, rows, columns], best)
        place = np.where(larger, 3 * i + j, place)
    y, places = np.empty(shape, np.float32), np.empty(shape, np.uint8)
    geometry = window.geometry(x.shape)
    maximum(x.ctypes.data, y.ctypes.data, places, geometry)
    np.testing.assert_array_equal(y, best)
    np.testing.assert_array_equal(places, place)
    g, found = normal(1, *shape), np.ones_like(x)
    image = padded(np.ones_like(x), window, 0)
    for (i, j), rows, columns in taps(window, shape[1:3]):
        image[:, rows, columns] += np.where(place == 3 * i + j, g, 0)
    maximum_backward(g.ctypes.data, places, found.ctypes.data, geometry, True)
    assert_close(found, inside(image, window, x.shape))
