"""Pooling and depthwise convolution against plain loops."""

from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.function as function
import nnabla_nas.module as Mo
from nnabla_nas import random


def windows(x, kernel, stride, pad, fill):
    """Yield (row, column, window) over a padded (B, C, H, W)."""
    (kh, kw), (sh, sw), (ph, pw) = kernel, stride, pad
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=fill)
    for i in range((padded.shape[2] - kh) // sh + 1):
        for j in range((padded.shape[3] - kw) // sw + 1):
            yield i, j, padded[:, :, i * sh : i * sh + kh, j * sw : j * sw + kw]


def pooled(x, kernel, stride, pad, reduce, fill):
    values = {(i, j): reduce(w, (2, 3)) for i, j, w in windows(x, kernel, stride, pad, fill)}
    height, width = (1 + max(index) for index in zip(*values, strict=True))
    y = np.zeros((*x.shape[:2], height, width))
    for (i, j), value in values.items():
        y[:, :, i, j] = value
    return y


SHAPES = [
    ((2, 2), None, None),
    ((3, 3), (1, 1), (1, 1)),
    ((3, 3), (2, 2), (1, 1)),
    ((3, 2), (2, 1), (1, 0)),
    ((5, 5), (3, 3), None),
]


@pytest.mark.parametrize("channel_last", [False, True])
@pytest.mark.parametrize(("kernel", "stride", "pad"), SHAPES)
@pytest.mark.parametrize(
    ("make", "reduce", "fill"), [(Mo.MaxPool, np.max, -np.inf), (Mo.AvgPool, np.mean, 0.0)]
)
def test_pooling(make, reduce, fill, kernel, stride, pad, channel_last: bool) -> None:
    # Negative throughout: zeros of the padding would be the largest.
    array = np.random.default_rng(0).normal(-9, 1, size=(2, 3, 8, 7)).astype(np.float32)
    expected = pooled(array, kernel, stride or kernel, pad or (0, 0), reduce, fill)
    if channel_last:
        array, expected = array.transpose(0, 2, 3, 1), expected.transpose(0, 2, 3, 1)
    y = make(kernel, stride, pad, channel_last)(nn.Variable.from_numpy_array(array))
    y.forward()
    assert y.shape == expected.shape
    np.testing.assert_allclose(y.d, expected, rtol=1e-5)


def test_average_over_the_pixels_that_exist() -> None:
    x = nn.Variable.from_numpy_array(np.full((1, 1, 4, 4), 3.0))
    y = function.average_pooling(x, (3, 3), (1, 1), (1, 1), including_pad=False)
    y.forward()
    np.testing.assert_allclose(y.d, 3, rtol=1e-6)


def test_a_pool_says_its_windows() -> None:
    assert (
        str(Mo.MaxPool((3, 3), pad=(1, 0))) == "MaxPool(kernel=(3, 3), stride=(3, 3), pad=(1, 0))"
    )
    assert "stride=(2, 2), pad=(0, 0)" in str(Mo.AvgPool((2, 2)))


@pytest.mark.parametrize("multiplier", [1, 3])
@pytest.mark.parametrize(("stride", "dilation"), [((1, 1), (1, 1)), ((2, 1), (1, 2))])
def test_depthwise_convolution(multiplier: int, stride, dilation) -> None:
    rng = np.random.default_rng(0)
    conv = Mo.DwConv(4, (3, 3), (1, 2), stride, dilation, multiplier)
    conv._b.d = rng.normal(size=4 * multiplier)
    x = nn.Variable.from_numpy_array(rng.normal(size=(2, 4, 7, 8)))
    y = conv(x)
    y.forward()
    reach = tuple(2 * d + 1 for d in dilation)
    expected = np.zeros(y.shape)
    for i, j, window in windows(x.d, reach, stride, (1, 2), 0.0):
        taps = window[:, :, :: dilation[0], :: dilation[1]]
        for channel in range(4 * multiplier):
            value = (taps[:, channel // multiplier] * conv._W.d[channel]).sum((1, 2))
            expected[:, channel, i, j] = value + conv._b.d[channel]
    np.testing.assert_allclose(y.d, expected, rtol=1e-4, atol=1e-5)
    assert conv._W.shape == (4 * multiplier, 3, 3)


def test_depthwise_weights_start_within_glorot_limits_and_come_from_the_runs_stream() -> None:
    def draw(seed: int, **arguments) -> np.ndarray:
        with random.use(random.Streams(seed)):
            return Mo.DwConv(64, (3, 3), **arguments)._W.d.copy()

    limit = np.sqrt(6 / (9 + 2 * 9))
    assert 0.95 * limit < np.abs(draw(0, multiplier=2)).max() <= limit
    np.testing.assert_array_equal(draw(1), draw(1))
    assert (draw(1) != draw(2)).any()
    given = Mo.DwConv(2, (3, 3), w_init=np.ones, with_bias=False, fix_parameters=True)
    assert (given._W.d == 1).all()
    assert given._b is None
    assert str(given) == "DwConv(2, kernel=(3, 3))"
    assert not given.get_parameters(grad_only=True)


def test_convolution_with_channels_last_equals_the_one_with_channels_first() -> None:
    rng = np.random.default_rng(0)
    arguments = {"pad": (1, 1), "stride": (2, 2), "group": 2, "b_init": np.ones}
    first = Mo.Conv(4, 6, (3, 3), **arguments)
    last = Mo.Conv(4, 6, (3, 3), **arguments, channel_last=True)
    last._W.d = first._W.d.transpose(0, 2, 3, 1)
    assert last._W.shape == (6, 3, 3, 2)
    image = rng.normal(size=(2, 4, 8, 7))
    y = first(nn.Variable.from_numpy_array(image))
    z = last(nn.Variable.from_numpy_array(image.transpose(0, 2, 3, 1)))
    nn.forward_all([y, z])
    np.testing.assert_allclose(z.d, y.d.transpose(0, 2, 3, 1), rtol=1e-5, atol=1e-6)


def test_a_graph_for_a_gpu_leaves_the_order_of_channels_to_nnabla(monkeypatch) -> None:
    monkeypatch.setattr("nnabla_nas.function.pooling.on_cpu", lambda: False)
    y = Mo.MaxPool((2, 2), channel_last=True)(nn.Variable((1, 4, 4, 3)))
    assert y.shape == (1, 2, 2, 3)
    assert y.parent.info.type_name == "MaxPooling"
    assert y.parent.arguments["channel_last"]
