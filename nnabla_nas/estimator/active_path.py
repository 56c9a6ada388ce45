"""The graph of the active architecture alone, as counting needs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nnabla as nn

import nnabla_nas.function as function
from nnabla_nas.search_space.model import Model


def build_active_path(
    model: Model, input_shape: Sequence[int], active_only: bool = True
) -> nn.Variable:
    """Return the output of the active architecture for one example, in nnabla's own functions.

    Args:
        model: the network; its active candidates are built, in evaluation.
        input_shape: (C, H, W) of one example.
        active_only: whether to build the active candidates alone, as counting needs it, or all.

    Returns:
        The outputs; where the network has several, those of auxiliary heads are left out.
    """
    training = model.training
    model.apply(active_only=active_only, training=False)
    try:
        with function.plain(), nn.auto_forward(False):
            outputs: Any = model(nn.Variable((1, *input_shape)))
    finally:
        model.apply(active_only=False, training=training)
    return outputs[0] if isinstance(outputs, (list, tuple)) else outputs
