"""Images whose channels are the last axis, where a device's functions want them in front."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F


def channels_to_front(x: nn.Variable, base_axis: int = 1) -> nn.Variable:
    """Move the last axis in front of the spatial ones.

    Args:
        x: (B, H, W, C).
        base_axis: the first axis that is not a batch axis.

    Returns:
        (B, C, H, W).
    """
    spatial = range(base_axis, x.ndim - 1)
    return F.transpose(x, (*range(base_axis), x.ndim - 1, *spatial))


def channels_to_back(x: nn.Variable, base_axis: int = 1) -> nn.Variable:
    """Move the axis in front of the spatial ones behind them.

    Args:
        x: (B, C, H, W).
        base_axis: the first axis that is not a batch axis.

    Returns:
        (B, H, W, C).
    """
    return F.transpose(x, (*range(base_axis), *range(base_axis + 1, x.ndim), base_axis))
