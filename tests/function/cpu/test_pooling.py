"""Pooling equals nnabla's own functions."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import nnabla_nas.function as function

few = settings(max_examples=15, deadline=None, derandomize=True)
IMAGES = {
    "batch": st.sampled_from([1, 3, 16]),
    "channels": st.sampled_from([1, 5]),
    "sides": st.tuples(st.integers(3, 10), st.integers(3, 10)),
}
WINDOWS = {
    "kernel": st.tuples(st.integers(2, 3), st.integers(2, 3)),
    "stride": st.tuples(st.integers(1, 3), st.integers(1, 3)),
    "pad": st.tuples(st.integers(0, 1), st.integers(0, 1)),
}


@few
@given(**IMAGES, **WINDOWS, ties=st.booleans())
def test_max_pooling(compare, batch, channels, sides, kernel, stride, pad, ties) -> None:
    rng = np.random.default_rng(0)
    shape = (batch, channels, *sides)
    x = rng.integers(-2, 1, size=shape) if ties else rng.normal(size=shape)
    compare(lambda x: function.max_pooling(x, kernel, stride, pad), [x])


@few
@given(**IMAGES, **WINDOWS)
def test_average_pooling(compare, batch, channels, sides, kernel, stride, pad) -> None:
    x = np.random.default_rng(0).normal(size=(batch, channels, *sides))
    compare(lambda x: function.average_pooling(x, kernel, stride, pad), [x])


@few
@given(**IMAGES)
def test_mean_of_image(compare, batch, channels, sides) -> None:
    x = np.random.default_rng(0).normal(size=(batch, channels, *sides))
    compare(function.global_average_pooling, [x])
