"""Layers against plain numpy."""

from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.module as Mo
from nnabla_nas import random


def convolve(x, weight, pad, stride, dilation, group):
    batch, channels, height, width = x.shape
    out, _, kh, kw = weight.shape
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    oh = (height + 2 * pad - dilation * (kh - 1) - 1) // stride + 1
    ow = (width + 2 * pad - dilation * (kw - 1) - 1) // stride + 1
    y = np.zeros((batch, out, oh, ow))
    per_in, per_out = channels // group, out // group
    for o in range(out):
        first = o // per_out * per_in
        for i in range(oh):
            for j in range(ow):
                rows = i * stride + dilation * np.arange(kh)
                cols = j * stride + dilation * np.arange(kw)
                patch = padded[:, first : first + per_in][:, :, rows][:, :, :, cols]
                y[:, o, i, j] = (patch * weight[o]).sum((1, 2, 3))
    return y


@pytest.mark.parametrize("group", [1, 2, 6])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2)])
def test_convolution(group: int, stride: int, dilation: int) -> None:
    rng = np.random.default_rng(0)
    conv = Mo.Conv(
        6, 6, (3, 3), pad=(2, 2), stride=(stride,) * 2, dilation=(dilation,) * 2, group=group
    )
    conv._b.d = rng.normal(size=6)
    x = nn.Variable.from_numpy_array(rng.normal(size=(2, 6, 5, 7)))
    y = conv(x)
    y.forward()
    expected = convolve(x.d, conv._W.d, 2, stride, dilation, group)
    np.testing.assert_allclose(y.d, expected + conv._b.d[:, None, None], rtol=1e-4, atol=1e-5)
    assert conv._W.shape == (6, 6 // group, 3, 3)


def test_convolution_weights_start_within_glorot_limits_of_one_group() -> None:
    weights = Mo.Conv(64, 64, (3, 3), group=64, with_bias=False)._W.d
    limit = np.sqrt(6 / (9 + 9))
    assert 0.95 * limit < np.abs(weights).max() <= limit
    assert Mo.Conv(2, 2, (1, 1), with_bias=False)._b is None
    with pytest.raises(ValueError, match="group 3"):
        Mo.Conv(4, 6, (1, 1), group=3)


def test_weights_come_from_the_runs_stream() -> None:
    def draw(seed: int) -> np.ndarray:
        with random.use(random.Streams(seed)):
            return Mo.Linear(4, 4)._W.d.copy()

    np.testing.assert_array_equal(draw(1), draw(1))
    assert (draw(1) != draw(2)).any()
    np.testing.assert_array_equal(
        Mo.Linear(4, 4, rng=np.random.default_rng(3))._W.d,
        Mo.Linear(4, 4, rng=np.random.default_rng(3))._W.d,
    )


def test_batch_normalization_uses_the_batch_in_training_and_the_running_statistics_else() -> None:
    rng = np.random.default_rng(0)
    norm = Mo.BatchNormalization(3, 4)
    norm._gamma.d, norm._beta.d = rng.normal(size=(2, 1, 3, 1, 1))
    x = nn.Variable.from_numpy_array(rng.normal(2, 3, size=(4, 3, 5, 5)))
    mean = x.d.mean((0, 2, 3), keepdims=True)
    var = x.d.var((0, 2, 3), keepdims=True)

    def expected(mean, var):
        return (x.d - mean) / np.sqrt(var + 1e-5) * norm._gamma.d + norm._beta.d

    y = norm(x)
    y.forward()
    np.testing.assert_allclose(y.d, expected(mean, var), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(norm._mean.d, 0.1 * mean, rtol=1e-4)
    n = x.size // 3
    np.testing.assert_allclose(norm._var.d, 0.9 + 0.1 * var * n / (n - 1), rtol=1e-4)
    y = norm.apply(training=False)(x)
    y.forward()
    np.testing.assert_allclose(y.d, expected(norm._mean.d, norm._var.d), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("training", [True, False])
def test_private_statistics_use_the_batch_and_leave_no_trace(training: bool) -> None:
    norm = Mo.BatchNormalization(3, 4).apply(training=training, private_statistics=True)
    norm._mean.d, norm._var.d = 5, 7
    x = nn.Variable.from_numpy_array(np.random.default_rng(0).normal(2, 3, size=(4, 3, 5, 5)))
    y = norm(x)
    y.forward()
    y.forward()
    np.testing.assert_allclose(y.d.mean((0, 2, 3)), 0, atol=1e-5)
    assert (norm._mean.d == 5).all()
    assert (norm._var.d == 7).all()


def test_dropout_scales_what_it_keeps_and_draws_from_the_runs_stream() -> None:
    drop = Mo.Dropout(0.25)
    x = nn.Variable.from_numpy_array(np.ones((100, 100)))
    with random.use(random.Streams(0)):
        y = drop(x)
        y.forward()
        first = y.d.copy()
        drop.refill()
        y.forward()
    assert set(np.unique(first)) == {0, np.float32(1 / 0.75)}
    assert abs((first == 0).mean() - 0.25) < 0.02
    assert (first != y.d).any()
    with random.use(random.Streams(0)):
        again = Mo.Dropout(0.25)(x)
    again.forward()
    np.testing.assert_array_equal(again.d, first)
    assert drop.apply(training=False)(x) is x
    with pytest.raises(ValueError, match="drop_prob"):
        Mo.Dropout(1.0)


def test_zero_subsamples() -> None:
    x = nn.Variable.from_numpy_array(np.ones((2, 3, 5, 4)))
    y = Mo.Zero((2, 2))(x)
    y.forward()
    assert y.shape == (2, 3, 3, 2)
    assert not y.d.any()


def test_activations_and_pooling() -> None:
    values = np.array([[-1.0, 0.0, 3.0, 6.0, 8.0]])
    x = nn.Variable.from_numpy_array(values)
    for module, expected in ((Mo.ReLU(), np.maximum(values, 0)), (Mo.ReLU6(), values.clip(0, 6))):
        y = module(x)
        y.forward()
        np.testing.assert_array_equal(y.d, expected)
    image = nn.Variable.from_numpy_array(np.arange(24.0).reshape(1, 2, 3, 4))
    y = Mo.GlobalAvgPool()(image)
    y.forward()
    np.testing.assert_allclose(y.d.ravel(), [5.5, 17.5])
