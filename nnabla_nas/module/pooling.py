"""Pooling."""

from __future__ import annotations

import nnabla as nn

import nnabla_nas.function as function
from nnabla_nas.module.module import Module


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
