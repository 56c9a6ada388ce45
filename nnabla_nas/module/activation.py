"""Activations."""

from __future__ import annotations

import nnabla as nn

import nnabla_nas.function as function
from nnabla_nas.module.module import Module


class ReLU(Module):
    """Return max(x, 0).

    Args:
        inplace: accepted and without effect: nnabla has no in-place form, the output has memory of
            its own.
    """

    def __init__(self, inplace: bool = False) -> None:
        self._inplace = inplace

    def call(self, x: nn.Variable) -> nn.Variable:
        """Apply the activation.

        Args:
            x: any shape.
        """
        return function.relu(x)


class ReLU6(Module):
    """Return min(max(x, 0), 6)."""

    def call(self, x: nn.Variable) -> nn.Variable:
        """Apply the activation.

        Args:
            x: any shape.
        """
        return function.relu6(x)


class LeakyReLU(Module):
    """Return x where it is positive and alpha · x elsewhere.

    Args:
        alpha: the slope of the negative side.
        inplace: accepted and without effect, as in ReLU.
    """

    def __init__(self, alpha: float = 0.1, inplace: bool = False) -> None:
        self._alpha = alpha
        self._inplace = inplace

    def call(self, x: nn.Variable) -> nn.Variable:
        """Apply the activation.

        Args:
            x: any shape.
        """
        return function.leaky_relu(x, self._alpha)

    def extra_repr(self) -> str:
        """Return the slope."""
        return f"alpha={self._alpha}"


class Hsigmoid(Module):
    """Return relu6(x + 3) / 6, as MobileNetV3 has it; nnabla's hard_sigmoid has another slope."""

    def call(self, x: nn.Variable) -> nn.Variable:
        """Apply the activation.

        Args:
            x: any shape.
        """
        return function.hard_sigmoid(x)


class Hswish(Module):
    """Return x · relu6(x + 3) / 6, as MobileNetV3 has it."""

    def call(self, x: nn.Variable) -> nn.Variable:
        """Apply the activation.

        Args:
            x: any shape.
        """
        return function.hard_swish(x)
