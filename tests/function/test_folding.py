"""Batch normalisation in the weights of the layer before it: the same function without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.function as function


def variable(rng: np.random.Generator, *shape: int) -> nn.Variable:
    return nn.Variable.from_numpy_array(rng.normal(size=shape).astype(np.float32))


def layers(rng: np.random.Generator) -> dict[str, Callable[[nn.Variable], nn.Variable]]:
    bias = variable(rng, 6)
    full, grouped = variable(rng, 6, 4, 3, 3), variable(rng, 6, 2, 3, 3)
    single, matrix = variable(rng, 8, 3, 3), variable(rng, 4 * 5 * 5, 6)
    return {
        "convolution": lambda x: function.convolution(x, full, pad=(1, 1), stride=(2, 1)),
        "with bias": lambda x: function.convolution(x, full, bias, dilation=(2, 2)),
        "grouped": lambda x: function.convolution(x, grouped, bias, group=2),
        "depthwise": lambda x: function.depthwise_convolution(x, single, multiplier=2),
        "affine": lambda x: function.affine(x, matrix, bias),
    }


def normalised(y: nn.Variable, rng: np.random.Generator, **options: Any) -> Any:
    shape = (1, y.shape[1], *[1] * (y.ndim - 2))
    beta, gamma, mean, variance = (variable(rng, *shape) for _ in range(4))
    variance.d = np.abs(variance.d) + 0.1
    options = {"batch_stat": False, "eps": 0.01, **options}
    return function.batch_normalization(y, beta, gamma, mean, variance, **options)


def functions(output: nn.Variable) -> list[str]:
    names: list[str] = []
    output.visit(lambda one: names.append(one.info.type_name))
    return names


@pytest.mark.parametrize("name", ["convolution", "with bias", "grouped", "depthwise", "affine"])
def test_a_folded_layer_computes_the_same(name: str) -> None:
    x = variable(np.random.default_rng(0), 2, 4, 5, 5)
    outputs = []
    for fold in (False, True):
        layer = layers(np.random.default_rng(1))[name]
        rng = np.random.default_rng(2)
        with function.plain():
            if fold:
                with function.fold_batch_normalization():
                    y = normalised(layer(x), rng)
            else:
                y = normalised(layer(x), rng)
        assert ("BatchNormalization" in functions(y)) != fold
        y.forward()
        outputs.append(y.d.copy())
    np.testing.assert_allclose(outputs[1], outputs[0], rtol=1e-4, atol=1e-5)


def test_what_is_no_part_of_a_layer_stays() -> None:
    rng = np.random.default_rng(0)
    x, weight = variable(rng, 2, 4, 5, 5), variable(rng, 6, 4, 1, 1)
    with function.plain(), function.fold_batch_normalization():
        pooled = normalised(function.max_pooling(x, (2, 2)), rng)
        of_the_input = normalised(x, rng)
        by_the_batch = normalised(function.convolution(x, weight), rng, batch_stat=True)
    for output in (pooled, of_the_input, by_the_batch):
        assert "BatchNormalization" in functions(output)
    with function.plain():
        outside = normalised(function.convolution(x, weight), rng)
    assert "BatchNormalization" in functions(outside)


@pytest.mark.parametrize("first", [(0, 0), (1, 2)])
def test_every_other_pixel_whatever_the_batch_size(first: tuple[int, int]) -> None:
    x = variable(np.random.default_rng(0), 2, 3, 5, 6)
    y = function.subsample(x, (2, 3), first)
    y.forward()
    np.testing.assert_array_equal(y.d, x.d[:, :, first[0] :: 2, first[1] :: 3])
    # Slices of all axes would end at the batch size that they were built for.
    assert len(y.parent.info.args["stop"]) == 2


def test_plain_sums_are_sums_of_two() -> None:
    rng = np.random.default_rng(0)
    terms = [variable(rng, 2, 3) for _ in range(4)]
    with function.plain():
        plain = function.add(terms)
    other = function.add(terms)
    assert functions(plain) == ["Add2"] * 3
    assert functions(other) == ["AddN"]
    nn.forward_all([plain, other])
    np.testing.assert_allclose(plain.d, other.d, atol=1e-6)
