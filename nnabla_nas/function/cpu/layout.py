"""Where activations enter a program and leave it, and what only moves values."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import nnabla as nn

from nnabla_nas.function.cpu.operation import BYTES, Back, Export, Operation, Value, move
from nnabla_nas.function.cpu.transposition import batch_to_back, batch_to_front
from nnabla_nas.function.host_values import address


class FromFront(Operation):
    """What a variable (B, C, H, W) of nnabla's holds.

    Args:
        variable: the variable.
    """

    def __init__(self, variable: nn.Variable) -> None:
        batch, channels, height, width = variable.shape
        super().__init__((), (channels, height, width, batch), [variable])
        self._shape = (batch, channels, height * width)

    def forward(self, x: Sequence[int], y: int, keep: bool) -> None:
        """Transpose; see the base."""
        batch_to_back(address(self.variables[0].data), y, *self._shape, False)

    def backward(self, back: Back) -> None:
        """Transpose the gradient; see the base."""
        target = back.targets.of(self.variables[0])
        if target:
            batch_to_front(back.g, target, *self._shape, True)


class Concatenation(Operation):
    """The channels of all inputs behind each other.

    Args:
        inputs: activations that agree in all but channels.
    """

    def __init__(self, inputs: Sequence[Value]) -> None:
        channels = sum(value.shape[0] for value in inputs)
        super().__init__(inputs, (channels, *inputs[0].shape[1:]))

    def forward(self, x: Sequence[int], y: int, keep: bool) -> None:
        """Copy; see the base."""
        for value, source in zip(self.inputs, x, strict=True):
            move(source, y, value.size, False)
            y += BYTES * value.size

    def backward(self, back: Back) -> None:
        """Take the gradient apart; see the base."""
        g = back.g
        for value, gradient, add in zip(self.inputs, back.gradients, back.add, strict=True):
            if gradient:
                move(g, gradient, value.size, add)
            g += BYTES * value.size


class Zeros(Operation):
    """Zeros; what they replace is touched.

    Args:
        shape: (C, H, W, B).
    """

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__((), shape)

    def forward(self, x: Sequence[int], y: int, keep: bool) -> None:
        """Write zeros; see the base."""
        ctypes.memset(y, 0, BYTES * self.output.size)

    def backward(self, back: Back) -> None:
        """Do nothing: there is no input; see the base."""


class ToFront(Export):
    """An activation as (B, C, H, W).

    Args:
        source: the activation.
    """

    def __init__(self, source: Value) -> None:
        channels, height, width, batch = source.shape
        super().__init__(source, (batch, channels, height, width))
        self._shape = (batch, channels, height * width)

    def forward(self, x: int, y: int) -> None:
        """Transpose; see the base."""
        batch_to_front(x, y, *self._shape, False)

    def backward(self, g: int, gradient: int, add: bool) -> None:
        """Transpose the gradient; see the base."""
        batch_to_back(g, gradient, *self._shape, add)
