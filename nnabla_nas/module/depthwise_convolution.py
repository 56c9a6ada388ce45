"""Convolution of every channel on its own."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import nnabla as nn

import nnabla_nas.function as function
from nnabla_nas.module.convolution import window_text
from nnabla_nas.module.initialization import glorot_uniform
from nnabla_nas.module.module import Module
from nnabla_nas.module.parameter import Initializer, Parameter


class DwConv(Module):
    """Convolve every channel on its own, with `multiplier` filters each.

    The weights are (in_channels · multiplier, *kernel), the filters of one channel side by side.

    Args:
        in_channels: channels of the input.
        kernel: side lengths, per spatial axis (one or two).
        pad: zeros on both sides, per spatial axis; by default none.
        stride: per spatial axis; by default 1.
        dilation: per spatial axis; by default 1.
        multiplier: output channels per input channel.
        w_init: initializer of the weights; by default Glorot-uniform, a channel on its own.
        b_init: initializer of the bias; by default zeros.
        base_axis: the first axis that is not a batch axis.
        fix_parameters: whether weights and bias are not trained.
        rng: generator of the default initializer; by default the run's stream `weights`.
        with_bias: whether there is a bias.
    """

    def __init__(
        self,
        in_channels: int,
        kernel: Sequence[int],
        pad: Sequence[int] | None = None,
        stride: Sequence[int] | None = None,
        dilation: Sequence[int] | None = None,
        multiplier: int = 1,
        w_init: Initializer | None = None,
        b_init: Initializer | None = None,
        base_axis: int = 1,
        fix_parameters: bool = False,
        rng: Any = None,
        with_bias: bool = True,
    ) -> None:
        self._in_channels = in_channels
        self._kernel = tuple(kernel)
        self._pad = pad
        self._stride = stride
        self._dilation = dilation
        self._multiplier = multiplier
        self._base_axis = base_axis
        if w_init is None:
            area = prod(self._kernel)
            w_init = glorot_uniform(area, multiplier * area, rng)
        filters, trained = in_channels * multiplier, not fix_parameters
        self._W = Parameter((filters, *self._kernel), trained, w_init)
        self._b = Parameter((filters,), trained, b_init) if with_bias else None

    def call(self, x: nn.Variable) -> nn.Variable:
        """Convolve.

        Args:
            x: (B, in_channels, H, W).

        Returns:
            (B, in_channels · multiplier, H_out, W_out).
        """
        return function.depthwise_convolution(
            x,
            self._W,
            self._b,
            self._base_axis,
            self._pad,
            self._stride,
            self._dilation,
            self._multiplier,
        )

    def extra_repr(self) -> str:
        """Return channels, kernel and what differs from the defaults."""
        text = f"{self._in_channels}, kernel={self._kernel}"
        text += window_text(stride=self._stride, pad=self._pad, dilation=self._dilation)
        return text + (f", multiplier={self._multiplier}" if self._multiplier > 1 else "")
