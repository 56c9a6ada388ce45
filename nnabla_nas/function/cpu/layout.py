"""Moving the batch axis between the front, where modules see it, and the back."""

from __future__ import annotations

from typing import Any

from nnabla_nas.function.cpu.cpu_function import CpuFunction, read, write
from nnabla_nas.function.cpu.transposition import batch_to_back, batch_to_front


class BatchToBack(CpuFunction):
    """(B, C, H, W) to (C, H, W, B)."""

    def setup_impl(self, inputs: Any, outputs: Any) -> None:
        """Find all shapes.

        Args:
            inputs: x, (B, C, H, W).
            outputs: y, (C, H, W, B).
        """
        batch, channels, height, width = inputs[0].shape
        self._shape = (batch, channels, height * width)
        outputs[0].reset_shape((channels, height, width, batch), True)

    def forward_impl(self, inputs: Any, outputs: Any) -> None:
        """Transpose.

        Args:
            inputs: x.
            outputs: y.
        """
        batch_to_back(read(inputs[0].data), write(outputs[0].data), *self._shape, False)

    def backward_impl(
        self, inputs: Any, outputs: Any, propagate_down: list[bool], accum: list[bool]
    ) -> None:
        """Transpose the gradient.

        Args:
            inputs: x.
            outputs: y.
            propagate_down: whether x needs a gradient.
            accum: whether to add to the gradient that is there.
        """
        if propagate_down[0]:
            gx = read(inputs[0].grad) if accum[0] else write(inputs[0].grad)
            batch_to_front(read(outputs[0].grad), gx, *self._shape, bool(accum[0]))

    def grad_depends_input_data(self, i: int, j: int) -> bool:
        """Return that the gradient does not need the input.

        Args:
            i: index of an input.
            j: index of an input.
        """
        return False


class BatchToFront(CpuFunction):
    """(C, H, W, B) to (B, C, H, W)."""

    def setup_impl(self, inputs: Any, outputs: Any) -> None:
        """Find all shapes.

        Args:
            inputs: x, (C, H, W, B).
            outputs: y, (B, C, H, W).
        """
        channels, height, width, batch = inputs[0].shape
        self._shape = (batch, channels, height * width)
        outputs[0].reset_shape((batch, channels, height, width), True)

    def forward_impl(self, inputs: Any, outputs: Any) -> None:
        """Transpose.

        Args:
            inputs: x.
            outputs: y.
        """
        batch_to_front(read(inputs[0].data), write(outputs[0].data), *self._shape, False)

    def backward_impl(
        self, inputs: Any, outputs: Any, propagate_down: list[bool], accum: list[bool]
    ) -> None:
        """Transpose the gradient.

        Args:
            inputs: x.
            outputs: y.
            propagate_down: whether x needs a gradient.
            accum: whether to add to the gradient that is there.
        """
        if propagate_down[0]:
            gx = read(inputs[0].grad) if accum[0] else write(inputs[0].grad)
            batch_to_back(read(outputs[0].grad), gx, *self._shape, bool(accum[0]))

    def grad_depends_input_data(self, i: int, j: int) -> bool:
        """Return that the gradient does not need the input.

        Args:
            i: index of an input.
            j: index of an input.
        """
        return False
