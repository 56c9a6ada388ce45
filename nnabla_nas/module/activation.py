"""Activations."""

from __future__ import annotations

import nnabla as nn

import nnabla_nas.function as function
from nnabla_nas.module.module import Module


class ReLU6(Module):
    """Return min(max(x, 0), 6)."""

    def call(self, x: nn.Variable) -> nn.Variable:
        """Apply the activation.

        Args:
            x: any shape.
        """
        return function.relu6(x)


class ReLU(Module):
    """Return max(x, 0).

    Args:
        inplace: accepted so that signatures agree; the graph decides about memory.
    """

    def __init__(self, inplace: bool = False) -> None:
        self._inplace = inplace

    def call(self, x: nn.Variable) -> nn.Variable:
        """Apply the activation.

        Args:
            x: any shape.
        """
        return function.relu(x)
