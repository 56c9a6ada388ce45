"""Convolution."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import nnabla as nn

import nnabla_nas.function as function
from nnabla_nas.module.initialization import glorot_uniform
from nnabla_nas.module.module import Module
from nnabla_nas.module.parameter import Initializer, Parameter


def window_text(**settings: Sequence[int] | None) -> str:
    """Return `, name=(values)` for every setting that differs from its default.

    Args:
        settings: values per spatial axis by name; None is the default.
    """
    return "".join(f", {name}={tuple(v)}" for name, v in settings.items() if v is not None)


class Conv(Module):
    """Convolve.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel: side lengths, per spatial axis.
        pad: zeros on both sides, per spatial axis; by default none.
        stride: per spatial axis; by default 1.
        dilation: per spatial axis; by default 1.
        group: into how many independent groups the channels are divided.
        w_init: initializer of the weights; by default Glorot-uniform, a group on its own.
        b_init: initializer of the bias; by default zeros.
        base_axis: the first axis that is not a batch axis.
        fix_parameters: whether weights and bias are not trained.
        rng: generator of the default initializer; by default the run's stream `weights`.
        with_bias: whether there is a bias.
        channel_last: whether channels are the last axis; the weights then are
            (C_out, *kernel, C_in / group).

    Raises:
        ValueError: if the group does not divide the channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: Sequence[int],
        pad: Sequence[int] | None = None,
        stride: Sequence[int] | None = None,
        dilation: Sequence[int] | None = None,
        group: int = 1,
        w_init: Initializer | None = None,
        b_init: Initializer | None = None,
        base_axis: int = 1,
        fix_parameters: bool = False,
        rng: Any = None,
        with_bias: bool = True,
        channel_last: bool = False,
    ) -> None:
        if in_channels % group or out_channels % group:
            raise ValueError(
                f"group {group} must divide in_channels {in_channels} "
                f"and out_channels {out_channels}"
            )
        self._in_channels = in_channels
        self._out_channels = out_channels
        self._kernel = tuple(kernel)
        self._pad = pad
        self._stride = stride
        self._dilation = dilation
        self._group = group
        self._base_axis = base_axis
        self._channel_last = channel_last
        area = prod(self._kernel)
        if w_init is None:
            w_init = glorot_uniform(in_channels // group * area, out_channels // group * area, rng)
        if channel_last:
            shape = (out_channels, *self._kernel, in_channels // group)
        else:
            shape = (out_channels, in_channels // group, *self._kernel)
        self._W = Parameter(shape, not fix_parameters, w_init)
        self._b = Parameter((out_channels,), not fix_parameters, b_init) if with_bias else None

    def call(self, x: nn.Variable) -> nn.Variable:
        """Convolve.

        Args:
            x: (B, C_in, H, W).

        Returns:
            (B, C_out, H_out, W_out).
        """
        return function.convolution(
            x,
            self._W,
            self._b,
            base_axis=self._base_axis,
            pad=self._pad,
            stride=self._stride,
            dilation=self._dilation,
            group=self._group,
            channel_last=self._channel_last,
        )

    def extra_repr(self) -> str:
        """Return channels, kernel and what differs from the defaults."""
        text = f"{self._in_channels}, {self._out_channels}, kernel={self._kernel}"
        text += window_text(stride=self._stride, pad=self._pad, dilation=self._dilation)
        return text + (f", group={self._group}" if self._group > 1 else "")
