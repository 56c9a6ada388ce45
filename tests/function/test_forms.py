"""Every form equals nnabla's own function, forward and backward."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnabla_nas.function as function


def outputs_and_gradients(build, arrays: list[np.ndarray]) -> list[np.ndarray]:
    inputs = [nn.Variable.from_numpy_array(a.astype(np.float32)) for a in arrays]
    for v in inputs:
        v.need_grad = True
        v.grad.zero()
    y = build(*inputs)
    y.forward()
    weights = np.random.default_rng(5).normal(size=y.shape).astype(np.float32)
    y.backward(nn.NdArray.from_numpy_array(weights))
    return [y.d.copy(), *(v.g.copy() for v in inputs)]


def assert_same(build, arrays: list[np.ndarray]) -> None:
    fast = outputs_and_gradients(build, arrays)
    with function.plain():
        plain = outputs_and_gradients(build, arrays)
    for a, b in zip(fast, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * max(1.0, np.abs(b).max()))


@settings(max_examples=25, deadline=None)
@given(
    batch=st.integers(1, 3),
    channels=st.integers(2, 5),
    height=st.integers(3, 9),
    width=st.integers(3, 9),
    kernel=st.sampled_from([1, 3, 5]),
    stride=st.integers(1, 2),
    dilation=st.integers(1, 2),
)
def test_depthwise_convolution(batch, channels, height, width, kernel, stride, dilation) -> None:
    rng = np.random.default_rng(0)
    pad = dilation * (kernel // 2)
    x = rng.normal(size=(batch, channels, height, width))
    w = rng.normal(size=(channels, 1, kernel, kernel))
    b = rng.normal(size=channels)

    def build(x, w, b):
        return function.convolution(
            x, w, b, pad=(pad,) * 2, stride=(stride,) * 2, dilation=(dilation,) * 2, group=channels
        )

    assert_same(build, [x, w, b])


def test_the_depthwise_form_is_the_one_that_runs_on_the_cpu() -> None:
    x, w = nn.Variable((1, 4, 8, 8)), nn.Variable((4, 1, 3, 3))
    assert function.convolution(x, w, group=4).parent.info.type_name == "DepthwiseConvolution"
    with function.plain():
        assert function.convolution(x, w, group=4).parent.info.type_name == "Convolution"


@pytest.mark.parametrize("n", [1, 2, 7])
def test_mix(n: int) -> None:
    rng = np.random.default_rng(n)
    branches = [rng.normal(size=(2, 3, 4, 5)) for _ in range(n)]
    alpha = rng.normal(size=(n, 1, 1, 1, 1))
    assert_same(lambda alpha, *b: function.mix(b, alpha), [alpha, *branches])


@pytest.mark.parametrize("scale", [1.0, 6.0])
def test_relu6_with_ties_at_both_ends(scale: float) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4, 5)) * scale
    x[0, 0, :2] = 0.0, 6.0
    assert_same(function.relu6, [x])
    assert_same(lambda v: function.relu6(v) + function.relu6(v * 2.0) * v, [x])


def test_relu6_lets_a_nan_through() -> None:
    y = function.relu6(nn.Variable.from_numpy_array(np.array([np.nan, 1.0])))
    y.forward()
    assert np.isnan(y.d[0])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_and_error_against_numpy(smoothing: float) -> None:
    rng = np.random.default_rng(0)
    logits = nn.Variable.from_numpy_array(rng.normal(size=(6, 4)))
    targets = nn.Variable.from_numpy_array(rng.integers(4, size=(6, 1)))
    loss = function.cross_entropy(logits, targets, smoothing)
    error = function.top_1_error(logits, targets)
    nn.forward_all([loss, error])
    log_p = logits.d - np.log(np.exp(logits.d).sum(1, keepdims=True))
    q = np.full((6, 4), smoothing / 4)
    labels = targets.d.astype(int).ravel()
    q[np.arange(6), labels] += 1 - smoothing
    np.testing.assert_allclose(loss.d, -(q * log_p).sum(1).mean(), rtol=1e-5)
    assert error.d == pytest.approx((logits.d.argmax(1) != labels).mean())


def test_choosing_runs_one_branch_only() -> None:
    ran = []

    def branch(name: str, x: nn.Variable) -> nn.Variable:
        return F.mul_scalar(x, 1.0 + len(name))

    x = nn.Variable.from_numpy_array(np.ones((2, 2)))
    chosen = function.choose([branch(n, x) for n in ("", "a", "bb")], 2)
    chosen.forward(function_pre_hook=lambda f: ran.append(f.info.type_name))
    assert (chosen.d == 3).all()
    assert ran.count("MulScalar") == 1
    function.switch(chosen).set_active(0)
    chosen.forward()
    assert (chosen.d == 1).all()
