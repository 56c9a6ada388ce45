"""The candidate operations of the zoph space.

Source: Zoph et al., "Learning Transferable Architectures for Scalable Image Recognition", 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import nnabla_nas.module as Mo
import nnabla_nas.module.static as smo


class SepConv(smo.Graph):
    """Filter each channel, then mix the channels by a 1×1 convolution; the resolution stays.

    Args:
        parents: one node, (B, in_channels, H, W).
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel: side lengths of the depthwise filters.
        pad: zeros on both sides, per spatial axis.
        dilation: of the depthwise filters, per spatial axis.
        with_bias: whether both convolutions have a bias.
        name: what drawings call it.
        eval_prob: the probability that it is evaluated.
    """

    def __init__(
        self,
        parents: Sequence[Mo.Module],
        in_channels: int,
        out_channels: int,
        kernel: Sequence[int],
        pad: Sequence[int],
        dilation: Sequence[int],
        with_bias: bool,
        name: str = "",
        eval_prob: float | None = None,
    ) -> None:
        super().__init__(parents, name, eval_prob)
        depthwise = smo.DwConv(
            parents, in_channels, kernel, pad=pad, dilation=dilation, with_bias=with_bias
        )
        pointwise = smo.Conv([depthwise], in_channels, out_channels, (1, 1), with_bias=with_bias)
        self.extend([depthwise, pointwise])


class SepConvBN(smo.Graph):
    """Two separable convolutions, batch normalisation, ReLU; the resolution stays.

    Args:
        parents: one node, (B, C, H, W).
        out_channels: channels of the output.
        kernel: side lengths of the depthwise filters, odd.
        dilation: of the depthwise filters, per spatial axis.
        name: what drawings call it.
        eval_prob: the probability that it is evaluated.
    """

    def __init__(
        self,
        parents: Sequence[smo.Module],
        out_channels: int,
        kernel: Sequence[int],
        dilation: Sequence[int],
        name: str = "",
        eval_prob: float | None = None,
    ) -> None:
        super().__init__(parents, name, eval_prob)
        pad = [step * (side // 2) for side, step in zip(kernel, dilation, strict=True)]
        in_channels = parents[0].shape[1]
        first = SepConv(parents, in_channels, out_channels, kernel, pad, dilation, False)
        second = SepConv([first], out_channels, out_channels, kernel, pad, dilation, False)
        norm = smo.BatchNormalization([second], out_channels, 4)
        self.extend([first, second, norm, smo.ReLU([norm])])


class _FixedSepConv(SepConvBN):
    """A SepConvBN whose filters the class says.

    Args:
        parents: one node, (B, C, H, W).
        channels: channels of the output.
        name: what drawings call it.
        eval_prob: the probability that it is evaluated.
    """

    kernel: ClassVar[tuple[int, int]]
    dilation: ClassVar[tuple[int, int]]

    def __init__(
        self,
        parents: Sequence[smo.Module],
        channels: int,
        name: str = "",
        eval_prob: float | None = None,
    ) -> None:
        super().__init__(parents, channels, self.kernel, self.dilation, name, eval_prob)


class SepConv3x3(_FixedSepConv):
    """SepConvBN with 3×3 filters."""

    kernel, dilation = (3, 3), (1, 1)


class SepConv5x5(_FixedSepConv):
    """SepConvBN with 5×5 filters."""

    kernel, dilation = (5, 5), (1, 1)


class DilSepConv3x3(_FixedSepConv):
    """SepConvBN with 3×3 filters of dilation 2."""

    kernel, dilation = (3, 3), (2, 2)


class DilSepConv5x5(_FixedSepConv):
    """SepConvBN with 5×5 filters of dilation 2."""

    kernel, dilation = (5, 5), (2, 2)


class _Pool3x3(smo.Graph):
    """3×3 pooling of stride 1, batch normalisation, ReLU.

    Args:
        parents: one node, (B, channels, H, W).
        channels: channels of input and output.
        name: what drawings call it.
        eval_prob: the probability that it is evaluated.
    """

    pool: ClassVar[type[smo.MaxPool] | type[smo.AvgPool]]

    def __init__(
        self,
        parents: Sequence[smo.Module],
        channels: int,
        name: str = "",
        eval_prob: float | None = None,
    ) -> None:
        super().__init__(parents, name, eval_prob)
        pool = self.pool(parents, (3, 3), stride=(1, 1), pad=(1, 1))
        norm = smo.BatchNormalization([pool], channels, 4)
        self.extend([pool, norm, smo.ReLU([norm])])


class MaxPool3x3(_Pool3x3):
    """3×3 max pooling of stride 1, batch normalisation, ReLU."""

    pool = smo.MaxPool


class AveragePool3x3(_Pool3x3):
    """3×3 average pooling of stride 1, batch normalisation, ReLU."""

    pool = smo.AvgPool


class _WithoutWeights(smo.Module):
    """What takes channels as all candidates do, but does not need them.

    Args:
        parents: one node.
        channels: channels of input and output.
        name: what drawings call it.
        eval_prob: the probability that it is evaluated.
    """

    def __init__(
        self,
        parents: Sequence[Mo.Module],
        channels: int,
        name: str = "",
        eval_prob: float | None = None,
    ) -> None:
        super().__init__(parents, name=name, eval_prob=eval_prob)


class Identity(_WithoutWeights, smo.Identity):
    """Return the input."""


class Zero(_WithoutWeights, smo.Zero):
    """Return zeros."""


ZOPH_CANDIDATES: tuple[type[smo.Module], ...] = (
    SepConv3x3,
    SepConv5x5,
    DilSepConv3x3,
    DilSepConv5x5,
    MaxPool3x3,
    AveragePool3x3,
    Identity,
    Zero,
)
