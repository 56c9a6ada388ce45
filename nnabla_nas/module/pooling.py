"""Pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import nnabla as nn

import nnabla_nas.function as function
from nnabla_nas.module.module import Module


class _WindowPool(Module):
    """One value per window.

    Args:
        kernel: the window's side lengths, per spatial axis.
        stride: per spatial axis; by default the kernel.
        pad: on both sides, per spatial axis; by default none.
        channel_last: whether channels are the last axis.
    """

    _function: ClassVar[Callable[..., nn.Variable]]

    def __init__(
        self,
        kernel: Sequence[int],
        stride: Sequence[int] | None = None,
        pad: Sequence[int] | None = None,
        channel_last: bool = False,
    ) -> None:
        self._kernel = tuple(kernel)
        self._stride = self._kernel if stride is None else tuple(stride)
        self._pad = (0,) * len(self._kernel) if pad is None else tuple(pad)
        self._channel_last = channel_last

    def call(self, x: nn.Variable) -> nn.Variable:
        """Pool.

        Args:
            x: (B, C, H, W), or (B, H, W, C) with `channel_last`.

        Returns:
            (B, C, H_out, W_out) with H_out = ⌊(H + 2 · pad − kernel) / stride⌋ + 1; channels last
            if asked for.
        """
        return self._function(x, self._kernel, self._stride, self._pad, self._channel_last)

    def extra_repr(self) -> str:
        """Return the windows."""
        return f"kernel={self._kernel}, stride={self._stride}, pad={self._pad}"


class MaxPool(_WindowPool):
    """Take the largest value of every window; padding is never the largest.

    Args:
        kernel: the window's side lengths, per spatial axis.
        stride: per spatial axis; by default the kernel.
        pad: on both sides, per spatial axis; by default none.
        channel_last: whether channels are the last axis.
    """

    _function = staticmethod(function.max_pooling)


class AvgPool(_WindowPool):
    """Take the mean of every window; padding counts as zeros, which is nnabla's default.

    Where the mean must be over the pixels that exist, use `function.average_pooling` with
    `including_pad=False`.

    Args:
        kernel: as of MaxPool, like all arguments.
        stride: see there.
        pad: see there.
        channel_last: see there.
    """

    _function = staticmethod(function.average_pooling)


class GlobalAvgPool(Module):
    """Average over height and width."""

    def call(self, x: nn.Variable) -> nn.Variable:
        """Average over height and width.

        Args:
            x: (B, C, H, W).

        Returns:
            (B, C, 1, 1).
        """
        return function.global_average_pooling(x)
