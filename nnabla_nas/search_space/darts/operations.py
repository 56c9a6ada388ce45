"""The operations of the DARTS space.

Source: Liu et al., "DARTS: Differentiable Architecture Search", 2019, section 3.1 and appendix A.1.
"""

from __future__ import annotations

from collections.abc import Sequence

import nnabla as nn

import nnabla_nas.function as function
import nnabla_nas.module as Mo

# The position of a name is its number in arch.json and its place in an architecture parameter.
OPERATIONS = (
    "dil_conv_3x3",
    "dil_conv_5x5",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "none",
)
SKIP_CONNECT = OPERATIONS.index("skip_connect")
NONE = OPERATIONS.index("none")


class ReLUConvBN(Mo.Module):
    """ReLU, convolution, batch normalisation.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel: side lengths of the filters.
        pad: zeros on both sides, per spatial axis.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: Sequence[int] = (1, 1),
        pad: Sequence[int] | None = None,
    ) -> None:
        self._operators = Mo.Sequential(
            Mo.ReLU(),
            Mo.Conv(in_channels, out_channels, kernel, pad=pad, with_bias=False),
            Mo.BatchNormalization(out_channels, 4),
        )

    def call(self, x: nn.Variable) -> nn.Variable:
        """Apply the three.

        Args:
            x: (B, in_channels, H, W).

        Returns:
            (B, out_channels, H, W).
        """
        return self._operators(x)


class _ShiftedConv(Mo.Conv):
    """A 1×1 convolution of every second pixel that starts at the second row and column."""

    def call(self, x: nn.Variable) -> nn.Variable:
        """Convolve.

        Args:
            x: (B, C_in, H, W).

        Returns:
            (B, C_out, ⌈H / 2⌉, ⌈W / 2⌉).
        """
        return function.shifted_convolution(x, self._W, shift=1, stride=2)


class FactorizedReduce(Mo.Module):
    """Halve the resolution; each half of the output channels sees another half of the pixels.

    ReLU, two 1×1 convolutions with stride 2, the second on the input shifted by one pixel,
    concatenated, batch normalisation. An odd side is continued by one zero, so that both halves
    have the same size.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output, even.

    Raises:
        ValueError: if `out_channels` is odd.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        if out_channels % 2:
            raise ValueError(f"out_channels must be even, got {out_channels}")
        self._conv_1 = Mo.Conv(
            in_channels, out_channels // 2, (1, 1), stride=(2, 2), with_bias=False
        )
        self._conv_2 = _ShiftedConv(
            in_channels, out_channels // 2, (1, 1), stride=(2, 2), with_bias=False
        )
        self._bn = Mo.BatchNormalization(out_channels, 4)

    def call(self, x: nn.Variable) -> nn.Variable:
        """Halve the resolution.

        Args:
            x: (B, in_channels, H, W).

        Returns:
            (B, out_channels, ⌈H / 2⌉, ⌈W / 2⌉).
        """
        x = function.relu(x)
        return self._bn(function.concatenate([self._conv_1(x), self._conv_2(x)]))


class DilConv(Mo.Module):
    """ReLU, depthwise convolution of dilation 2, 1×1 convolution, batch normalisation.

    Args:
        channels: channels of input and output.
        kernel: side length of the depthwise filters, odd.
        stride: of the depthwise filters.
    """

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        self._conv = Mo.Sequential(*_separable(channels, kernel, stride, dilation=2))

    def call(self, x: nn.Variable) -> nn.Variable:
        """Apply the operation.

        Args:
            x: (B, channels, H, W).

        Returns:
            (B, channels, ⌈H / stride⌉, ⌈W / stride⌉).
        """
        return self._conv(x)


class SepConv(Mo.Module):
    """ReLU, depthwise convolution, 1×1 convolution, batch normalisation, all of it twice.

    Args:
        channels: channels of input and output.
        kernel: side length of the depthwise filters, odd.
        stride: of the first depthwise filters.
    """

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        self._conv = Mo.Sequential(
            *_separable(channels, kernel, stride), *_separable(channels, kernel, 1)
        )

    def call(self, x: nn.Variable) -> nn.Variable:
        """Apply the operation.

        Args:
            x: (B, channels, H, W).

        Returns:
            (B, channels, ⌈H / stride⌉, ⌈W / stride⌉).
        """
        return self._conv(x)


def _separable(channels: int, kernel: int, stride: int, dilation: int = 1) -> list[Mo.Module]:
    pad = dilation * (kernel // 2)
    return [
        Mo.ReLU(),
        Mo.Conv(
            channels,
            channels,
            (kernel, kernel),
            pad=(pad, pad),
            stride=(stride, stride),
            dilation=(dilation, dilation),
            group=channels,
            with_bias=False,
        ),
        Mo.Conv(channels, channels, (1, 1), with_bias=False),
        Mo.BatchNormalization(channels, 4),
    ]


def build_operation(operation: int, channels: int, stride: int) -> Mo.Module:
    """Build one of `OPERATIONS`.

    Args:
        operation: its number.
        channels: channels of input and output.
        stride: 1, or 2 to halve the resolution.
    """
    name = OPERATIONS[operation]
    kind, kernel = name.rpartition("_")[::2]
    if kind == "dil_conv":
        return DilConv(channels, int(kernel[0]), stride)
    if kind == "sep_conv":
        return SepConv(channels, int(kernel[0]), stride)
    if kind == "max_pool":
        return Mo.MaxPool((3, 3), stride=(stride, stride), pad=(1, 1))
    if kind == "avg_pool":
        return Mo.AvgPool((3, 3), stride=(stride, stride), pad=(1, 1))
    if operation == NONE:
        return Mo.Zero((stride, stride))
    return Mo.Identity() if stride == 1 else FactorizedReduce(channels, channels)
