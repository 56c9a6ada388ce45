"""A vertex of a randomly wired network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import nnabla as nn

import nnabla_nas.module as Mo
from nnabla_nas.search_space.random_wired.operations import Side, convolution_layers, pooled_to


@dataclass(frozen=True)
class Shape:
    """What a vertex hands on, one example of it.

    Args:
        channels: number of channels.
        side: (height, width).
    """

    channels: int
    side: Side


def smallest(inputs: Sequence[Shape]) -> Side:
    """Return the least height and width of several inputs.

    Args:
        inputs: their shapes.
    """
    return min(s.side[0] for s in inputs), min(s.side[1] for s in inputs)


class Vertex(Mo.Module):
    """Project the inputs, pool them to the smallest, sum them, and apply an operation.

    Args:
        inputs: shapes of the inputs.
        channels: channels that every input is projected to.
        operation: what happens to the sum, (B, channels, *smallest side).
    """

    def __init__(self, inputs: Sequence[Shape], channels: int, operation: Mo.Module) -> None:
        side = smallest(inputs)
        self._projections = Mo.ModuleList(
            Mo.Sequential(
                *convolution_layers(shape.channels, channels, 1),
                pooled_to(shape.side, side),
            )
            for shape in inputs
        )
        self._sum = Mo.Merging("add")
        self._operation = operation

    def call(self, *inputs: nn.Variable) -> nn.Variable:
        """Compute the vertex.

        Args:
            inputs: (B, C, H, W) each, in the order of the shapes.

        Returns:
            What the operation makes of the sum.
        """
        projected = [p(x) for p, x in zip(self._projections, inputs, strict=True)]
        return self._operation(self._sum(*projected))
