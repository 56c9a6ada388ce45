"""Convolutions and the fully connected layer."""

from __future__ import annotations

from collections.abc import Sequence

import nnabla as nn
import nnabla.functions as F

from nnabla_nas.function.building import builder, connected
from nnabla_nas.function.channel_order import channels_to_back, channels_to_front
from nnabla_nas.function.form import fast_on_cpu, on_cpu
from nnabla_nas.function.master_weights import kept_in_float
from nnabla_nas.function.pooling import subsample
from nnabla_nas.function.window import Window, check_stride, pair


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

    Raises:
        ValueError: if a stride is below 1.
    """
    check_stride(stride)
    if channel_last and on_cpu():
        # nnabla's CPU code convolves images with channels in front only.
        x, weight = channels_to_front(connected(x), base_axis), channels_to_front(weight)
        y = convolution(x, weight, bias, base_axis, pad, stride, dilation, group)
        return channels_to_back(connected(y), base_axis)
    depthwise = group > 1 and group == weight.shape[0] == x.shape[base_axis] and weight.ndim == 4
    fast = builder(x) if base_axis == 1 and not channel_last else None
    if fast is not None and (depthwise or group == 1):
        window = _window(weight, pad, stride, dilation)
        if weight.shape[1:-2] == (x.shape[1] // group,) and _fits(x, weight, window, bias):
            return fast.convolution(x, weight, window, bias, depthwise)
    x = connected(x)
    if depthwise and not channel_last and fast_on_cpu():
        filters = F.reshape(weight, (weight.shape[0], *weight.shape[2:]))
        return F.depthwise_convolution(x, filters, bias, base_axis, pad, stride, dilation)
    weight, bias = kept_in_float(weight), kept_in_float(bias)
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

    Raises:
        ValueError: if a stride is below 1.
    """
    check_stride(stride)
    fast = builder(x) if base_axis == 1 and multiplier == 1 else None
    if fast is not None and weight.shape[:-2] == (x.shape[1],):
        window = _window(weight, pad, stride, dilation)
        if _fits(x, weight, window, bias):
            return fast.convolution(x, weight, window, bias, depthwise=True)
    weight, bias = kept_in_float(weight), kept_in_float(bias)
    return F.depthwise_convolution(
        connected(x), weight, bias, base_axis, pad, stride, dilation, multiplier
    )


def _window(
    weight: nn.Variable,
    pad: Sequence[int] | None,
    stride: Sequence[int] | None,
    dilation: Sequence[int] | None,
) -> Window:
    return Window(weight.shape[-2:], pair(stride, 1), pair(dilation, 1), pair(pad, 0))


def _fits(x: nn.Variable, weight: nn.Variable, window: Window, bias: nn.Variable | None) -> bool:
    """Return whether the window fits x, and the bias the filters."""
    return window.fits(*x.shape[2:]) and (bias is None or bias.shape == weight.shape[:1])


def shifted_convolution(
    x: nn.Variable, weight: nn.Variable, shift: int, stride: int
) -> nn.Variable:
    """Mix the channels of every stride-th pixel by a 1×1 convolution, from a later pixel on.

    An image that ends before its last window is continued by zeros, so that the output has the
    sides of the convolution that starts at the first pixel.

    Args:
        x: (B, C_in, H, W).
        weight: (C_out, C_in, 1, 1).
        shift: row and column of the first pixel, below the stride.
        stride: of both axes.

    Returns:
        (B, C_out, ⌈H / stride⌉, ⌈W / stride⌉).

    Raises:
        ValueError: if the stride is below 1.
    """
    check_stride((stride, stride))
    height, width = x.shape[2:]
    sides = -(-height // stride), -(-width // stride)
    fast = builder(x)
    if fast is not None and weight.shape[1:] == (x.shape[1], 1, 1):
        window = Window((1, 1), (stride, stride), pad=(-shift, -shift), sides=sides)
        return fast.convolution(x, weight, window)
    needed = [(side - 1) * stride + shift + 1 for side in sides]
    missing = [need - have for need, have in zip(needed, (height, width), strict=True)]
    if max(missing) > 0:
        x = F.pad(connected(x), (0, max(missing[0], 0), 0, max(missing[1], 0)))
    return convolution(subsample(x, (stride, stride), first=(shift, shift)), weight)


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
    return F.affine(connected(x), kept_in_float(weight), kept_in_float(bias), base_axis)
