from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.module as Mo
from nnabla_nas.search_space.darts import OPERATIONS, DilConv, FactorizedReduce, SepConv
from nnabla_nas.search_space.darts.operations import build_operation


def evaluated(module: Mo.Module, x: np.ndarray) -> np.ndarray:
    y = module.apply(training=False)(nn.Variable.from_numpy_array(x))
    y.forward()
    return y.d.copy()


def test_the_order_is_that_of_the_architecture_parameter() -> None:
    assert OPERATIONS == (
        "dil_conv_3x3",
        "dil_conv_5x5",
        "sep_conv_3x3",
        "sep_conv_5x5",
        "max_pool_3x3",
        "avg_pool_3x3",
        "skip_connect",
        "none",
    )


@pytest.mark.parametrize("operation", range(8))
@pytest.mark.parametrize("side", [1, 7, 8])
@pytest.mark.parametrize("stride", [1, 2])
def test_every_operation_gives_the_same_shape(operation: int, side: int, stride: int) -> None:
    y = build_operation(operation, 4, stride)(nn.Variable((2, 4, side, side + 1)))
    assert y.shape == (2, 4, -(-side // stride), -(-(side + 1) // stride))


def impulse_response(module: Mo.Module) -> np.ndarray:
    """Return where a single pixel is seen, all weights being 1."""
    for path, p in module.get_parameters(grad_only=True).items():
        if path.endswith("_W"):
            p.d = 1
    x = np.zeros((1, 1, 17, 17))
    x[0, 0, 8, 8] = 1
    y = evaluated(module, x)
    return np.argwhere(y[0, 0] > 0.5) - 8


@pytest.mark.parametrize(("kernel", "reach"), [(3, [-2, 0, 2]), (5, [-4, -2, 0, 2, 4])])
def test_a_dilated_convolution_skips_every_second_pixel(kernel: int, reach: list[int]) -> None:
    seen = impulse_response(DilConv(1, kernel, 1))
    assert seen.tolist() == [[i, j] for i in reach for j in reach]


@pytest.mark.parametrize(("kernel", "reach"), [(3, 2), (5, 4)])
def test_a_separable_convolution_filters_twice(kernel: int, reach: int) -> None:
    seen = impulse_response(SepConv(1, kernel, 1))
    side = range(-reach, reach + 1)
    assert seen.tolist() == [[i, j] for i in side for j in side]


@pytest.mark.parametrize(("height", "width"), [(6, 8), (7, 8), (5, 7)])
def test_factorized_reduce_sees_every_pixel_with_one_half_of_the_channels(
    height: int, width: int
) -> None:
    module = FactorizedReduce(3, 4)
    x = np.random.default_rng(0).normal(size=(2, 3, height, width))
    y = evaluated(module, x)
    weights = {path: p.d[:, :, 0, 0] for path, p in module.get_parameters().items() if "_W" in path}
    positive = np.pad(np.maximum(x, 0), ((0, 0), (0, 0), (0, height % 2), (0, width % 2)))
    even, odd = positive[:, :, ::2, ::2], positive[:, :, 1::2, 1::2]
    expected = np.concatenate(
        [
            np.einsum("oc,bchw->bohw", weights["_conv_1/_W"], even),
            np.einsum("oc,bchw->bohw", weights["_conv_2/_W"], odd),
        ],
        axis=1,
    )
    np.testing.assert_allclose(y, expected / np.sqrt(1 + 1e-5), rtol=1e-5, atol=1e-6)


def test_factorized_reduce_needs_an_even_number_of_channels() -> None:
    with pytest.raises(ValueError, match="even, got 5"):
        FactorizedReduce(4, 5)


def test_parameter_paths_and_the_shape_of_depthwise_weights() -> None:
    shapes = {path: p.shape for path, p in SepConv(6, 5, 2).get_parameters().items()}
    assert [path for path in shapes if path.endswith("_W")] == [
        "_conv/1/_W",
        "_conv/2/_W",
        "_conv/5/_W",
        "_conv/6/_W",
    ]
    assert shapes["_conv/1/_W"] == (6, 1, 5, 5)
    assert shapes["_conv/2/_W"] == (6, 6, 1, 1)
    assert shapes["_conv/7/_gamma"] == (1, 6, 1, 1)
    assert not any(path.endswith("_b") for path in shapes)
    assert list(DilConv(6, 3, 1).get_parameters())[-1] == "_conv/3/_var"
