"""Pooling and subsampling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import nnabla as nn
import nnabla.functions as F

from nnabla_nas.function.building import builder, connected
from nnabla_nas.function.channel_order import channels_to_back, channels_to_front
from nnabla_nas.function.form import on_cpu
from nnabla_nas.function.window import Window, check_stride, pair

# The kernel notes in a byte where in its window the largest value was.
_MOST_PLACES = 255


def max_pooling(
    x: nn.Variable,
    kernel: Sequence[int],
    stride: Sequence[int] | None = None,
    pad: Sequence[int] | None = None,
    channel_last: bool = False,
) -> nn.Variable:
    """Return the largest value of every window; padding is never the largest.

    Args:
        x: (B, C, H, W), or (B, H, W, C) with `channel_last`.
        kernel: the window's side lengths, per spatial axis.
        stride: per spatial axis; by default the kernel.
        pad: on both sides, per spatial axis; by default none.
        channel_last: whether channels are the last axis.

    Returns:
        (B, C, H_out, W_out), channels last if asked for; windows that do not fit are left out.

    Raises:
        ValueError: if a stride is below 1.
    """
    check_stride(kernel if stride is None else stride)
    fast = None if channel_last else builder(x)
    if fast is not None:
        window = _window(kernel, stride, pad)
        if window.fits(*x.shape[2:]) and _have_largest(window):
            return fast.pooling(x, window, largest=True)
    return _pool(F.max_pooling, x, kernel, stride, pad, channel_last)


def average_pooling(
    x: nn.Variable,
    kernel: Sequence[int],
    stride: Sequence[int] | None = None,
    pad: Sequence[int] | None = None,
    channel_last: bool = False,
    including_pad: bool = True,
) -> nn.Variable:
    """Return the mean of every window.

    Args:
        x: (B, C, H, W), or (B, H, W, C) with `channel_last`.
        kernel: the window's side lengths, per spatial axis.
        stride: per spatial axis; by default the kernel.
        pad: on both sides, per spatial axis; by default none.
        channel_last: whether channels are the last axis.
        including_pad: whether padding counts as zeros, as nnabla has it by default; otherwise the
            mean is over the pixels that exist.

    Returns:
        (B, C, H_out, W_out), channels last if asked for; windows that do not fit are left out.

    Raises:
        ValueError: if a stride is below 1.
    """
    check_stride(kernel if stride is None else stride)

    def pooling(x: nn.Variable, *arguments: object, channel_last: bool) -> nn.Variable:
        return F.average_pooling(
            x, *arguments, channel_last=channel_last, including_pad=including_pad
        )

    fast = builder(x) if including_pad and not channel_last else None
    if fast is not None:
        window = _window(kernel, stride, pad)
        if window.fits(*x.shape[2:]):
            return fast.pooling(x, window, largest=False)
    return _pool(pooling, x, kernel, stride, pad, channel_last)


def _window(
    kernel: Sequence[int], stride: Sequence[int] | None, pad: Sequence[int] | None
) -> Window:
    return Window(pair(kernel, 1), pair(kernel if stride is None else stride, 1), pad=pair(pad, 0))


def _have_largest(window: Window) -> bool:
    """Return whether each place of the window has a number, and no window holds but padding."""
    reaches = all(pad < side for pad, side in zip(window.pad, window.kernel, strict=True))
    return reaches and prod(window.kernel) <= _MOST_PLACES


def _pool(
    pooling: Callable[..., nn.Variable],
    x: nn.Variable,
    kernel: Sequence[int],
    stride: Sequence[int] | None,
    pad: Sequence[int] | None,
    channel_last: bool,
) -> nn.Variable:
    # ignore_border: a window counts only if it lies within the padded image.
    arguments = (tuple(kernel), stride, True, pad)
    if channel_last and on_cpu():
        # nnabla's CPU code pools images with channels in front only.
        y = pooling(channels_to_front(connected(x)), *arguments, channel_last=False)
        return channels_to_back(y)
    return pooling(connected(x), *arguments, channel_last=channel_last)


def global_average_pooling(x: nn.Variable) -> nn.Variable:
    """Return the mean over height and width.

    Args:
        x: (B, C, H, W).

    Returns:
        (B, C, 1, 1).
    """
    fast = builder(x)
    return F.global_average_pooling(x) if fast is None else fast.mean_of_image(x)


def zeros_like(x: nn.Variable, stride: Sequence[int]) -> nn.Variable:
    """Return zeros in the shape of every stride-th pixel.

    Args:
        x: (B, C, H, W).
        stride: per spatial axis.

    Returns:
        (B, C, ⌈H / stride⌉, ⌈W / stride⌉).

    Raises:
        ValueError: if a stride is below 1.
    """
    check_stride(stride)
    fast = builder(x)
    if fast is not None:
        return fast.zeros(x, stride)
    return F.mul_scalar(subsample(x, stride) if max(stride) > 1 else x, 0.0)


def subsample(x: nn.Variable, stride: Sequence[int], first: Sequence[int] = (0, 0)) -> nn.Variable:
    """Return every stride-th pixel.

    Args:
        x: (B, C, H, W).
        stride: per spatial axis.
        first: row and column of the first pixel.

    Returns:
        (B, C, ⌈(H - first row) / stride⌉, ⌈(W - first column) / stride⌉).

    Raises:
        ValueError: if a stride is below 1.
    """
    check_stride(stride)
    # Of the last two axes alone: slices of all would hold the batch size they were built for.
    return F.slice(connected(x), start=tuple(first), stop=x.shape[2:], step=tuple(stride))
