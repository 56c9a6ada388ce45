"""Pooling and subsampling."""

from __future__ import annotations

from collections.abc import Sequence

import nnabla as nn
import nnabla.functions as F


def global_average_pooling(x: nn.Variable) -> nn.Variable:
    """Return the mean over height and width.

    Args:
        x: (B, C, H, W).

    Returns:
        (B, C, 1, 1).
    """
    return F.global_average_pooling(x)


def subsample(x: nn.Variable, stride: Sequence[int]) -> nn.Variable:
    """Return every stride-th pixel, the first one included.

    Args:
        x: (B, C, H, W).
        stride: per spatial axis.

    Returns:
        (B, C, ⌈H / stride⌉, ⌈W / stride⌉).
    """
    return x[:, :, :: stride[0], :: stride[1]]
