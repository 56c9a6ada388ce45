"""The operation that computes nothing."""

from __future__ import annotations

import nnabla as nn

import nnabla_nas.function as function
from nnabla_nas.module.module import Module


class Zero(Module):
    """Return zeros in the shape the input has after subsampling.

    Args:
        stride: per spatial axis; more than 1 keeps every stride-th pixel.
    """

    def __init__(self, stride: tuple[int, int] = (1, 1)) -> None:
        self._stride = tuple(stride)

    def call(self, x: nn.Variable) -> nn.Variable:
        """Return zeros.

        Args:
            x: (B, C, H, W).

        Returns:
            (B, C, ⌈H / stride⌉, ⌈W / stride⌉).
        """
        return function.zeros_like(x, self._stride)

    def extra_repr(self) -> str:
        """Return the stride."""
        return f"stride={self._stride}"
