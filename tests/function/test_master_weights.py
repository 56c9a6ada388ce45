"""Parameters stay float32 where a network computes in half precision."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

import nnabla_nas.function as function

HALF = nn.Context(["cudnn:half", "cudnn:float", "cpu:half", "cpu:float"], "CpuCachedArray", "0")
# Next to 1 half precision has steps of 2^-10.
FINE = np.float32(1 + 2**-20)


def parameter(*shape: int) -> nn.Variable:
    made = nn.Variable(shape, need_grad=True)
    made.d = FINE
    made.grad.zero()
    return made


def image() -> nn.Variable:
    x = nn.Variable((2, 3, 4, 4))
    x.d = np.random.default_rng(0).normal(size=x.shape)
    return x


def normalization(beta: nn.Variable, gamma: nn.Variable) -> nn.Variable:
    mean, variance = nn.Variable((1, 3, 1, 1)), nn.Variable((1, 3, 1, 1))
    mean.d, variance.d = 0, 1
    return function.batch_normalization(image(), beta, gamma, mean, variance)


CASES = {
    "convolution": (lambda *p: function.convolution(image(), *p), [(4, 3, 1, 1), (4,)]),
    "depthwise convolution": (
        lambda *p: function.depthwise_convolution(image(), *p),
        [(3, 3, 3), (3,)],
    ),
    "affine": (lambda *p: function.affine(image(), *p), [(48, 5), (5,)]),
    "batch normalisation": (normalization, [(1, 3, 1, 1), (1, 3, 1, 1)]),
    "mixture": (lambda alpha: function.mix([image(), image()], alpha), [(2, 1, 1, 1, 1)]),
}


@pytest.mark.parametrize("name", CASES)
def test_parameters_and_their_gradients_are_float32(name: str) -> None:
    build, shapes = CASES[name]
    parameters = [parameter(*shape) for shape in shapes]
    with nn.context_scope(HALF):
        y = build(*parameters)
        loss = F.sum(y)
        for _ in range(2):
            loss.forward(clear_no_need_grad=True)
            loss.backward(clear_buffer=True)
    assert loss.data.dtype == np.float16
    for one in parameters:
        assert one.data.dtype == np.float32
        assert one.grad.dtype == np.float32
        assert (one.d == FINE).all()


def test_without_it_nnabla_rounds_a_parameter() -> None:
    weight = parameter(48, 5)
    with nn.context_scope(HALF):
        F.affine(image(), weight).forward()
    assert (weight.d == 1).all()


def test_where_the_run_computes_in_float_nothing_is_copied() -> None:
    weight = parameter(3)
    assert function.kept_in_float(weight) is weight
    assert function.kept_in_float(None) is None
