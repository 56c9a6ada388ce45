"""The graph of the active architecture alone, as counting needs it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import nnabla as nn

import nnabla_nas.function as function
from nnabla_nas.module import Choice
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
    with _evaluating(model, active_only=active_only):
        return _built(model, input_shape)


def build_all_candidates(
    model: Model, input_shape: Sequence[int]
) -> tuple[nn.Variable, list[tuple[Choice, list[nn.Variable], nn.Variable]]]:
    """Return the output for one example, and what every candidate of every choice computes.

    Args:
        model: the network.
        input_shape: (C, H, W) of one example.

    Returns:
        The output, and per choice, inputs before what depends on them, its candidates' outputs
        and the one picked of them.
    """
    listing: list[tuple[Choice, list[nn.Variable], nn.Variable]] = []
    with _evaluating(model, listing=listing):
        return _built(model, input_shape), listing


@contextmanager
def _evaluating(model: Model, **properties: Any) -> Iterator[None]:
    """Switch a network to what counting needs, and back."""
    before = {"training": model.training, "private_statistics": model.private_statistics}
    model.apply(training=False, private_statistics=False, **properties)
    try:
        yield
    finally:
        model.apply(active_only=False, listing=None, **before)


def _built(model: Model, input_shape: Sequence[int]) -> nn.Variable:
    with function.plain(), nn.auto_forward(False):
        outputs: Any = model(nn.Variable((1, *input_shape)))
    return outputs[0] if isinstance(outputs, (list, tuple)) else outputs
