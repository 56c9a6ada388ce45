"""Convolutions and the fully connected layer."""

from __future__ import annotations

from collections.abc import Sequence

import nnabla as nn
import nnabla.functions as F

from nnabla_nas.function.channel_order import channels_to_back, channels_to_front
from nnabla_nas.function.form import fast_on_cpu, on_cpu


def convolution(
    x: nn.Variable,
    weight: nn.Variable,
    bias: nn.Variable | None = None,
    base_axis: int = 1,
    pad: Sequence[int] | None = None,
    stride: Sequence[int] | None = None,
    dilation: Sequence[int] | None = None,
    group: int = 1,
    channel_last: bool = False,
) -> nn.Variable:
    """Convolve; one filter per channel takes nnabla's depthwise form on the CPU, twice as fast.

    Args:
        x: (B, C_in, H, W), or (B, H, W, C_in) with `channel_last`.
        weight: (C_out, C_in / group, kernel height, kernel width), or (C_out, kernel height,
            kernel width, C_in / group) with `channel_last`.
        bias: (C_out,) or None.
        base_axis: the first axis that is not a batch axis.
        pad: zeros on both sides, per spatial axis.
        stride: per spatial axis.
        dilation: per spatial axis.
        group: into how many independent groups the channels are divided.
        channel_last: whether channels are the last axis.

    Returns:
        (B, C_out, H_out, W_out), channels last if asked for.
    """
    if channel_last and on_cpu():
        # nnabla's CPU code convolves images with channels in front only.
        x, weight = channels_to_front(x, base_axis), channels_to_front(weight)
        y = convolution(x, weight, bias, base_axis, pad, stride, dilation, group)
        return channels_to_back(y, base_axis)
    depthwise = group > 1 and group == weight.shape[0] == x.shape[base_axis] and weight.ndim == 4
    if depthwise and not channel_last and fast_on_cpu():
        filters = F.reshape(weight, (weight.shape[0], *weight.shape[2:]))
        return F.depthwise_convolution(x, filters, bias, base_axis, pad, stride, dilation)
    return F.convolution(
        x, weight, bias, base_axis, pad, stride, dilation, group=group, channel_last=channel_last
    )


def depthwise_convolution(
    x: nn.Variable,
    weight: nn.Variable,
    bias: nn.Variable | None = None,
    base_axis: int = 1,
    pad: Sequence[int] | None = None,
    stride: Sequence[int] | None = None,
    dilation: Sequence[int] | None = None,
    multiplier: int = 1,
) -> nn.Variable:
    """Convolve every channel on its own, with `multiplier` filters each.

    Source: Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", 2017.

    Args:
        x: (B, C, H, W).
        weight: (C · multiplier, kernel height, kernel width); those of one channel side by side.
        bias: (C · multiplier,) or None.
        base_axis: the first axis that is not a batch axis.
        pad: zeros on both sides, per spatial axis.
        stride: per spatial axis.
        dilation: per spatial axis.
        multiplier: output channels per input channel.

    Returns:
        (B, C · multiplier, H_out, W_out).
    """
    return F.depthwise_convolution(x, weight, bias, base_axis, pad, stride, dilation, multiplier)


def affine(
    x: nn.Variable, weight: nn.Variable, bias: nn.Variable | None = None, base_axis: int = 1
) -> nn.Variable:
    """Return x · weight + bias.

    Args:
        x: (B, …); the axes from `base_axis` on are flattened.
        weight: (features in, features out).
        bias: (features out,) or None.
        base_axis: the first axis that is not a batch axis.
    """
    return F.affine(x, weight, bias, base_axis)
