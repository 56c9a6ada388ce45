"""Activation functions."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F

from nnabla_nas.function.clipping import Relu6
from nnabla_nas.function.form import fast_on_cpu


def relu(x: nn.Variable) -> nn.Variable:
    """Return max(x, 0).

    Args:
        x: any shape.
    """
    return F.relu(x)


def relu6(x: nn.Variable) -> nn.Variable:
    """Return min(max(x, 0), 6); a NaN stays one, so that a divergence shows.

    Args:
        x: any shape.
    """
    return Relu6()(x) if fast_on_cpu() else F.relu6(x)
