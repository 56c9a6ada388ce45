"""The building blocks of mobile networks.

Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018.
"""

from __future__ import annotations

import nnabla as nn

import nnabla_nas.function as function
import nnabla_nas.module as Mo


class ConvBNReLU(Mo.Sequential):
    """Convolution without bias, batch normalisation, ReLU6; the resolution changes by stride only.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel: side length, odd.
        stride: of both axes.
        group: into how many independent groups the channels are divided.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, group: int = 1
    ) -> None:
        super().__init__(
            Mo.Conv(
                in_channels,
                out_channels,
                (kernel, kernel),
                pad=(kernel // 2, kernel // 2),
                stride=(stride, stride),
                group=group,
                with_bias=False,
            ),
            Mo.BatchNormalization(out_channels, 4),
            Mo.ReLU6(),
        )


class InvertedResidual(Mo.Module):
    """Expand by a 1×1, filter each channel, project by a 1×1; add the input where shapes agree.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel: side length of the depthwise filters, odd.
        stride: of the depthwise filters.
        expansion: ratio of inner to input channels; 1 leaves the first convolution out.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int, expansion: int
    ) -> None:
        inner = in_channels * expansion
        layers: list[Mo.Module] = []
        if expansion != 1:
            layers.append(ConvBNReLU(in_channels, inner, 1))
        layers += [
            ConvBNReLU(inner, inner, kernel, stride, group=inner),
            Mo.Conv(inner, out_channels, (1, 1), with_bias=False),
            Mo.BatchNormalization(out_channels, 4),
        ]
        self._conv = Mo.Sequential(*layers)
        self._residual = stride == 1 and in_channels == out_channels

    def call(self, x: nn.Variable) -> nn.Variable:
        """Apply the block.

        Args:
            x: (B, in_channels, H, W).

        Returns:
            (B, out_channels, ⌈H / stride⌉, ⌈W / stride⌉).
        """
        y = self._conv(x)
        return function.add([x, y]) if self._residual else y
