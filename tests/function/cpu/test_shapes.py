"""What does not fit the kernels is left to nnabla's functions: they compute it, or say why not."""

from __future__ import annotations

from collections.abc import Callable

import nnabla as nn
import numpy as np
import pytest

import nnabla_nas.function as function


def variable(*shape: int) -> nn.Variable:
    return nn.Variable(shape, need_grad=True)


def image(*shape: int) -> nn.Variable:
    """Return an activation that is computed by the forms for the CPU where they are used."""
    return function.relu(variable(*(shape or (2, 4, 5, 5))))


WRONG = {
    "channels of 1x1 filters": lambda: function.convolution(image(), variable(3, 5, 1, 1)),
    "channels of filters": lambda: function.convolution(image(), variable(3, 5, 3, 3)),
    "filters of one axis": lambda: function.convolution(image(), variable(3, 4, 3)),
    "a kernel larger than the image": lambda: function.convolution(image(), variable(3, 4, 7, 7)),
    "a depthwise kernel larger than the image": lambda: function.convolution(
        image(), variable(4, 1, 7, 7), group=4
    ),
    "depthwise filters over two channels": lambda: function.convolution(
        image(), variable(4, 2, 3, 3), group=4
    ),
    "number of depthwise filters": lambda: function.depthwise_convolution(
        image(), variable(3, 3, 3)
    ),
    "bias": lambda: function.convolution(image(), variable(3, 4, 3, 3), variable(2)),
    "bias of depthwise filters": lambda: function.depthwise_convolution(
        image(), variable(4, 3, 3), variable(2)
    ),
    "channels of a shifted convolution": lambda: function.shifted_convolution(
        image(), variable(3, 5, 1, 1), 1, 2
    ),
    "statistics": lambda: function.batch_normalization(
        image(), *(variable(1, 3, 1, 1) for _ in range(4))
    ),
    "sides of mixed branches": lambda: function.mix([image(), image(2, 4, 5, 4)], variable(2)),
    "sides of branches to choose from": lambda: function.choose(
        [image(), image(2, 4, 5, 4)], active=0
    ),
    "sides of terms": lambda: function.add([image(), image(2, 4, 5, 4)]),
    "sides of what is concatenated": lambda: function.concatenate([image(), image(2, 4, 5, 4)]),
    "factors": lambda: function.scale_examples(image(), variable(3, 1, 1, 1)),
    "a gate's values": lambda: function.gate(image(), variable(2, 1)),
}


@pytest.mark.parametrize("build", WRONG.values(), ids=WRONG.keys())
def test_a_shape_that_is_wrong_is_an_error_in_both_forms(build: Callable[[], object]) -> None:
    with function.plain(), pytest.raises((RuntimeError, ValueError)) as expected:
        build()
    with pytest.raises(expected.type), function.Building(lambda: True):
        build()


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape)


@pytest.mark.parametrize("group", [1, 4])
def test_a_pad_that_leaves_pixels_out(compare, group) -> None:
    compare(
        lambda x, w: function.convolution(function.relu(x), w, pad=(-1, -1), group=group),
        [normal(2, 4, 6, 7), normal(4, 4 // group, 3, 3)],
    )


@pytest.mark.parametrize("pooling", [function.max_pooling, function.average_pooling])
def test_a_window_larger_than_the_image(compare, pooling) -> None:
    compare(lambda x: pooling(function.relu(x), (7, 7)), [normal(2, 3, 5, 5)])


def test_a_window_of_more_places_than_a_byte_tells(compare) -> None:
    compare(
        lambda x: function.max_pooling(function.relu(x), (17, 16), (1, 1)), [normal(1, 1, 18, 18)]
    )


@pytest.mark.parametrize("pooling", [function.max_pooling, function.average_pooling])
def test_windows_in_which_nothing_but_padding_lies(compare, pooling) -> None:
    compare(lambda x: pooling(function.relu(x), (3, 2), (1, 1), (1, 2)), [normal(2, 3, 4, 5)])


def test_factors_of_every_channel(compare) -> None:
    compare(
        lambda x, y: function.scale_examples(function.relu(x), y),
        [normal(2, 3, 4, 4), normal(2, 3, 1, 1)],
    )


STILL = {
    "convolution": lambda s: function.convolution(image(), variable(3, 4, 3, 3), stride=s),
    "depthwise": lambda s: function.depthwise_convolution(image(), variable(4, 3, 3), stride=s),
    "shifted": lambda s: function.shifted_convolution(image(), variable(3, 4, 1, 1), 0, s[1]),
    "maximum": lambda s: function.max_pooling(image(), (2, 2), s),
    "average": lambda s: function.average_pooling(image(), (2, 2), s),
    "subsampling": lambda s: function.subsample(image(), s),
    "zeros": lambda s: function.zeros_like(image(), s),
}


@pytest.mark.parametrize("build", STILL.values(), ids=STILL.keys())
@pytest.mark.parametrize("stride", [(1, 0), (1, -2)])
def test_windows_that_do_not_move_are_named(build: Callable[[object], object], stride) -> None:
    wrong = pytest.raises(ValueError, match="stride must be at least 1, got ")
    with wrong, function.plain():
        build(stride)
    with wrong, function.Building(lambda: True):
        build(stride)
