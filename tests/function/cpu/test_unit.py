"""Units of any stages equal nnabla's own functions, one after the other."""

from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnabla_nas.function as function

few = settings(max_examples=15, deadline=None, derandomize=True)
ACTIVATIONS = {"none": lambda x: x, "relu": function.relu, "relu6": function.relu6}
CHANNELS = st.sampled_from([1, 3, 8, 32, 33, 40])
SIDE = st.integers(5, 10)


def statistics(rng: np.random.Generator, channels: int) -> list[np.ndarray]:
    """Return shift, scale, running mean and variance."""
    shape = (1, channels, 1, 1)
    return [
        rng.normal(size=shape) + 1,
        rng.normal(size=shape) * 2,
        rng.normal(size=shape),
        rng.uniform(0.5, 2, size=shape),
    ]


def window_arguments(kernel: int, stride: int, dilation: int) -> dict[str, tuple[int, int]]:
    pad = dilation * (kernel // 2)
    return {"pad": (pad,) * 2, "stride": (stride,) * 2, "dilation": (dilation,) * 2}


@few
@given(
    batch=st.sampled_from([1, 2, 5, 16]),
    channels=st.sampled_from([1, 3, 8, 33]),
    sides=st.tuples(SIDE, SIDE),
    kernel=st.sampled_from([3, 5, 7]),
    stride=st.integers(1, 2),
    dilation=st.integers(1, 2),
    rectify=st.booleans(),
)
def test_depthwise(compare, batch, channels, sides, kernel, stride, dilation, rectify) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, channels, *sides))
    w = rng.normal(size=(channels, 1, kernel, kernel))
    arguments = window_arguments(kernel, stride, dilation)

    def build(x: nn.Variable, w: nn.Variable) -> nn.Variable:
        y = function.relu(x) if rectify else x
        if channels > 1:
            return function.convolution(y, w, group=channels, **arguments)
        filters = nn.functions.reshape(w, (channels, kernel, kernel))
        return function.depthwise_convolution(y, filters, **arguments)

    compare(build, [x, w])


@few
@given(
    batch=st.sampled_from([1, 5, 16]),
    channels=st.tuples(CHANNELS, CHANNELS),
    kernel=st.sampled_from([1, 3]),
    depthwise=st.booleans(),
    normalized=st.booleans(),
)
def test_bias(compare, batch, channels, kernel, depthwise, normalized) -> None:
    rng = np.random.default_rng(0)
    rows, inner = (channels[0], 1) if depthwise else channels
    x = rng.normal(size=(batch, channels[0] if depthwise else inner, 7, 6))
    w = rng.normal(size=(rows, inner, kernel, kernel)) / np.sqrt(inner)
    arguments = {"group": rows if depthwise else 1, "pad": (kernel // 2,) * 2}

    def build(
        x: nn.Variable, w: nn.Variable, b: nn.Variable, *parameters: nn.Variable
    ) -> nn.Variable:
        y = function.convolution(function.relu(x), w, b, **arguments)
        if normalized:
            y = function.batch_normalization(y, *parameters, batch_stat=False)
        return y

    arrays = [x, w, rng.normal(size=rows), *statistics(rng, rows)]
    compare(build, arrays if normalized else arrays[:3], fixed=[5, 6])


@few
@given(
    batch=st.sampled_from([1, 2, 16]),
    channels=st.tuples(CHANNELS, CHANNELS),
    sides=st.tuples(SIDE, SIDE),
    rectify=st.booleans(),
)
def test_pointwise(compare, batch, channels, sides, rectify) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, channels[0], *sides))
    w = rng.normal(size=(channels[1], channels[0], 1, 1)) / np.sqrt(channels[0])

    def build(x: nn.Variable, w: nn.Variable) -> nn.Variable:
        return function.convolution(function.relu(x) if rectify else x, w)

    compare(build, [x, w])


@few
@given(
    batch=st.sampled_from([1, 3, 16]),
    channels=st.tuples(st.sampled_from([1, 3, 8]), st.sampled_from([1, 6, 33])),
    sides=st.tuples(SIDE, SIDE),
    kernel=st.sampled_from([2, 3, 5]),
    stride=st.integers(1, 2),
    dilation=st.integers(1, 2),
    rectify=st.booleans(),
)
def test_dense(compare, batch, channels, sides, kernel, stride, dilation, rectify) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, channels[0], *sides))
    w = rng.normal(size=(channels[1], channels[0], kernel, kernel)) / kernel
    arguments = window_arguments(kernel, stride, dilation)

    def build(x: nn.Variable, w: nn.Variable) -> nn.Variable:
        return function.convolution(function.relu(x) if rectify else x, w, **arguments)

    compare(build, [x, w])


@few
@given(
    batch=st.sampled_from([1, 2, 16]),
    channels=CHANNELS,
    sides=st.tuples(SIDE, SIDE),
    activation=st.sampled_from(list(ACTIVATIONS)),
    by_batch=st.booleans(),
)
def test_normalization(compare, batch, channels, sides, activation, by_batch) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, channels, *sides)) * 2 + 1

    def build(x: nn.Variable, *parameters: nn.Variable) -> nn.Variable:
        y = function.batch_normalization(x, *parameters, batch_stat=by_batch)
        return ACTIVATIONS[activation](y)

    compare(build, [x, *statistics(rng, channels)], fixed=[3, 4])


@few
@given(
    batch=st.sampled_from([1, 2, 5, 16]),
    channels=st.tuples(st.sampled_from([2, 8, 33]), st.sampled_from([1, 6, 32, 40])),
    sides=st.tuples(SIDE, SIDE),
    kernel=st.sampled_from([3, 5, 7]),
    stride=st.integers(1, 2),
    dilation=st.integers(1, 2),
    rectify=st.booleans(),
    pointwise=st.booleans(),
    activation=st.sampled_from(list(ACTIVATIONS)),
    by_batch=st.booleans(),
)
def test_all_stages(
    compare, batch, channels, sides, kernel, stride, dilation, rectify, pointwise, activation,
    by_batch,
) -> None:  # fmt: skip
    rng = np.random.default_rng(1)
    inner, outer = channels if pointwise else (channels[0],) * 2
    x = rng.normal(size=(batch, inner, *sides))
    filters = rng.normal(size=(inner, 1, kernel, kernel)) / kernel
    mixing = rng.normal(size=(outer, inner, 1, 1)) / np.sqrt(inner)
    arguments = window_arguments(kernel, stride, dilation)

    def build(x: nn.Variable, w: nn.Variable, *rest: nn.Variable) -> nn.Variable:
        y = function.relu(x) if rectify else x
        y = function.convolution(y, w, group=inner, **arguments)
        if pointwise:
            y = function.convolution(y, rest[0])
        y = function.batch_normalization(y, *rest[-4:], batch_stat=by_batch)
        return ACTIVATIONS[activation](y)

    arrays = [x, filters, *([mixing] if pointwise else []), *statistics(rng, outer)]
    compare(build, arrays, fixed=[len(arrays) - 2, len(arrays) - 1])


@pytest.mark.parametrize("activation", [function.relu, function.relu6])
def test_activations_with_ties_at_both_ends(compare, activation) -> None:
    x = np.random.default_rng(0).integers(-2, 9, size=(3, 4, 5, 7))
    assert {0, 6} <= set(x.ravel())
    compare(activation, [x])


@pytest.mark.parametrize("activation", ["relu", "relu6"])
@pytest.mark.parametrize("by_batch", [True, False])
def test_normalized_values_with_ties_at_both_ends(compare, activation, by_batch) -> None:
    rng = np.random.default_rng(0)
    parameters = statistics(rng, 4)
    parameters[0][0, :, 0, 0] = 0, 6, -1, 7
    parameters[1][...] = 0

    def build(x: nn.Variable, *parameters: nn.Variable) -> nn.Variable:
        y = function.batch_normalization(x, *parameters, batch_stat=by_batch)
        return ACTIVATIONS[activation](y)

    compare(build, [rng.normal(size=(3, 4, 5, 6)), *parameters], fixed=[3, 4])


@few
@given(
    batch=st.sampled_from([1, 2, 16]),
    channels=st.tuples(st.sampled_from([1, 5, 33]), st.sampled_from([1, 6, 33])),
    sides=st.tuples(st.integers(2, 9), st.integers(2, 9)),
    shift=st.integers(0, 1),
    rectify=st.booleans(),
)
def test_shifted_convolution(compare, batch, channels, sides, shift, rectify) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, channels[0], *sides))
    w = rng.normal(size=(channels[1], channels[0], 1, 1)) / np.sqrt(channels[0])

    def build(x: nn.Variable, w: nn.Variable) -> nn.Variable:
        y = function.relu(x) if rectify else x
        return function.shifted_convolution(y, w, shift, stride=2)

    compare(build, [x, w])


@pytest.mark.parametrize("fixed", [(0,), (1,), (2,), (0, 1), (1, 2)])
def test_inputs_that_need_no_gradient(compare, fixed) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s) for s in ((2, 4, 6, 7), (4, 1, 3, 3), (5, 4, 1, 1))]

    def build(x: nn.Variable, w: nn.Variable, v: nn.Variable, *rest: nn.Variable) -> nn.Variable:
        y = function.convolution(function.relu(x), w, group=4, pad=(1, 1))
        return function.batch_normalization(function.convolution(y, v), *rest)

    compare(build, [*arrays, *statistics(rng, 5)], fixed=[*fixed, 5, 6])
