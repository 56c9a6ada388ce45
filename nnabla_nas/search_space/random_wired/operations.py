"""What a vertex may do to the sum of its inputs.

An operation is built for the (height, width) of its input and keeps the number of channels.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import nnabla as nn

import nnabla_nas.module as Mo

Side = tuple[int, int]


def strided(side: Side, stride: int) -> Side:
    """Return the side behind an operation; one that is below the stride stays.

    Args:
        side: (height, width).
        stride: of both axes.
    """
    height, width = (pixels // stride if pixels >= stride else pixels for pixels in side)
    return height, width


class Operation(Mo.Module):
    """What a vertex computes.

    Attributes:
        kind: what drawings colour it by.
        stride: by what it divides height and width.

    Args:
        channels: of its input and its output.
        side: (height, width) of its input.
    """

    kind: ClassVar[str]
    stride: ClassVar[int] = 1

    def __init__(self, channels: int, side: Side) -> None:
        self._layers = Mo.Sequential(*self.layers(channels, side))

    @abstractmethod
    def layers(self, channels: int, side: Side) -> list[Mo.Module]:
        """Return what is applied, in order.

        Args:
            channels: of the input and the output.
            side: (height, width) of the input.
        """

    def call(self, x: nn.Variable) -> nn.Variable:
        """Apply the operation.

        Args:
            x: (B, channels, H, W).

        Returns:
            (B, channels, H / stride, W / stride), rounded down; a side below the stride stays.
        """
        return self._layers(x)


class SepConv3x3(Operation):
    """Depthwise 3×3 convolution, 1×1 convolution, batch normalisation, ReLU."""

    kind = "sep_conv_3x3"

    def layers(self, channels: int, side: Side) -> list[Mo.Module]:
        """Return what is applied, in order."""
        return separable_layers(channels, 3)


class SepConv5x5(Operation):
    """Depthwise 5×5 convolution, 1×1 convolution, batch normalisation, ReLU."""

    kind = "sep_conv_5x5"

    def layers(self, channels: int, side: Side) -> list[Mo.Module]:
        """Return what is applied, in order."""
        return separable_layers(channels, 5)


class Conv3x3(Operation):
    """3×3 convolution, batch normalisation, ReLU."""

    kind = "conv_3x3"

    def layers(self, channels: int, side: Side) -> list[Mo.Module]:
        """Return what is applied, in order."""
        return convolution_layers(channels, channels, 3)


class MaxPool2x2(Operation):
    """The largest of 2×2 pixels, with stride 2; the identity where the side is below 2."""

    kind = "max_pool_2x2"
    stride = 2

    def layers(self, channels: int, side: Side) -> list[Mo.Module]:
        """Return what is applied, in order."""
        return [Mo.MaxPool(window(side))]


class AveragePool2x2(Operation):
    """The mean of 2×2 pixels, with stride 2; the identity where the side is below 2."""

    kind = "avg_pool_2x2"
    stride = 2

    def layers(self, channels: int, side: Side) -> list[Mo.Module]:
        """Return what is applied, in order."""
        return [Mo.AvgPool(window(side))]


OPERATIONS: dict[str, type[Operation]] = {
    operation.__name__: operation
    for operation in (SepConv3x3, SepConv5x5, Conv3x3, MaxPool2x2, AveragePool2x2)
}
RANDOM_CANDIDATES = tuple(OPERATIONS)


def window(side: Side) -> Side:
    """Return the kernel of a 2×2 pooling; an axis shorter than that is left as it is.

    Args:
        side: (height, width) of the input.
    """
    return min(2, side[0]), min(2, side[1])


def convolution_layers(in_channels: int, out_channels: int, kernel: int) -> list[Mo.Module]:
    """Return a convolution without bias that keeps the resolution, batch normalisation and ReLU.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel: side length, odd.
    """
    pad = kernel // 2
    return [
        Mo.Conv(in_channels, out_channels, (kernel, kernel), pad=(pad, pad), with_bias=False),
        Mo.BatchNormalization(out_channels, 4),
        Mo.ReLU(),
    ]


def separable_layers(channels: int, kernel: int) -> list[Mo.Module]:
    """Return a depthwise convolution, a 1×1 convolution, batch normalisation and ReLU.

    Args:
        channels: of the input and the output.
        kernel: side length of the depthwise filters, odd.
    """
    pad = kernel // 2
    depthwise = Mo.DwConv(channels, (kernel, kernel), pad=(pad, pad), with_bias=False)
    return [depthwise, *convolution_layers(channels, channels, 1)]


def pooled_to(side: Side, target: Side) -> Mo.Module:
    """Return a max-pooling between two sides of a network that only ever halves them.

    Args:
        side: (height, width) of the input.
        target: (height, width) of the output.
    """
    if side == target:
        return Mo.Identity()
    # The ratio rounded down fits: halving, rounded down, loses less than a pixel of the target.
    return Mo.MaxPool((side[0] // target[0], side[1] // target[1]))
