"""Pooling as functions of the graph, on activations (C, H, W, B)."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnabla_nas.function.cpu.cpu_function import CpuFunction, read, write
from nnabla_nas.function.cpu.depthwise import depthwise, depthwise_input
from nnabla_nas.function.cpu.pooling import (
    maximum,
    maximum_backward,
    mean_of_image,
    mean_of_image_backward,
)
from nnabla_nas.function.window import Window


class _Pooling(CpuFunction):
    """One value per window.

    Args:
        window: the windows.
    """

    def __init__(self, window: Window) -> None:
        super().__init__()
        self._window = window

    def setup_impl(self, inputs: Any, outputs: Any) -> None:
        """Find all shapes.

        Args:
            inputs: x, (C, H, W, B).
            outputs: y, (C, H_out, W_out, B).
        """
        channels, height, width, batch = inputs[0].shape
        sides = self._window.output(height, width)
        self._geometry = self._window.geometry(inputs[0].shape)
        outputs[0].reset_shape((channels, *sides, batch), True)

    def grad_depends_input_data(self, i: int, j: int) -> bool:
        """Return that the gradient does not need the input.

        Args:
            i: index of an input.
            j: index of an input.
        """
        return False


class MaxPooling(_Pooling):
    """The largest value of every window."""

    def setup_impl(self, inputs: Any, outputs: Any) -> None:
        """Find all shapes.

        Args:
            inputs: as of the base.
            outputs: as of the base.
        """
        super().setup_impl(inputs, outputs)
        self._places = np.empty(outputs[0].shape, np.uint8)

    def forward_impl(self, inputs: Any, outputs: Any) -> None:
        """Pool.

        Args:
            inputs: x.
            outputs: y.
        """
        maximum(read(inputs[0].data), write(outputs[0].data), self._places, self._geometry)

    def backward_impl(
        self, inputs: Any, outputs: Any, propagate_down: list[bool], accum: list[bool]
    ) -> None:
        """Give each window's gradient to where its value came from.

        Args:
            inputs: x.
            outputs: y.
            propagate_down: whether x needs a gradient.
            accum: whether to add to the gradient that is there.
        """
        if propagate_down[0]:
            gx = read(inputs[0].grad) if accum[0] else write(inputs[0].grad)
            maximum_backward(
                read(outputs[0].grad), self._places, gx, self._geometry, bool(accum[0])
            )


class AveragePooling(_Pooling):
    """The mean of every window, padding counting as zeros: filters that are all alike."""

    def setup_impl(self, inputs: Any, outputs: Any) -> None:
        """Find all shapes.

        Args:
            inputs: as of the base.
            outputs: as of the base.
        """
        super().setup_impl(inputs, outputs)
        kernel = self._window.kernel
        share = 1 / (kernel[0] * kernel[1])
        self._filters = np.full((inputs[0].shape[0], *kernel), share, np.float32)
        self._filters_at = self._filters.ctypes.data

    def forward_impl(self, inputs: Any, outputs: Any) -> None:
        """Pool.

        Args:
            inputs: x.
            outputs: y.
        """
        x, y = read(inputs[0].data), write(outputs[0].data)
        depthwise(x, self._filters_at, y, self._geometry, False)

    def backward_impl(
        self, inputs: Any, outputs: Any, propagate_down: list[bool], accum: list[bool]
    ) -> None:
        """Spread each window's gradient.

        Args:
            inputs: x.
            outputs: y.
            propagate_down: whether x needs a gradient.
            accum: whether to add to the gradient that is there.
        """
        if propagate_down[0]:
            gx = read(inputs[0].grad) if accum[0] else write(inputs[0].grad)
            depthwise_input(
                gx, self._filters_at, read(outputs[0].grad), gx, self._geometry,
                False, accum[0],
            )  # fmt: skip


class MeanOfImage(CpuFunction):
    """The mean over height and width: (C, H, W, B) to (B, C, 1, 1)."""

    def setup_impl(self, inputs: Any, outputs: Any) -> None:
        """Find all shapes.

        Args:
            inputs: x, (C, H, W, B).
            outputs: y, (B, C, 1, 1).
        """
        channels, height, width, batch = inputs[0].shape
        self._shape = (channels, height * width, batch)
        outputs[0].reset_shape((batch, channels, 1, 1), True)

    def forward_impl(self, inputs: Any, outputs: Any) -> None:
        """Average.

        Args:
            inputs: x.
            outputs: y.
        """
        mean_of_image(read(inputs[0].data), write(outputs[0].data), *self._shape)

    def backward_impl(
        self, inputs: Any, outputs: Any, propagate_down: list[bool], accum: list[bool]
    ) -> None:
        """Spread the gradient over the pixels.

        Args:
            inputs: x.
            outputs: y.
            propagate_down: whether x needs a gradient.
            accum: whether to add to the gradient that is there.
        """
        if propagate_down[0]:
            gx = read(inputs[0].grad) if accum[0] else write(inputs[0].grad)
            mean_of_image_backward(read(outputs[0].grad), gx, *self._shape, bool(accum[0]))

    def grad_depends_input_data(self, i: int, j: int) -> bool:
        """Return that the gradient does not need the input.

        Args:
            i: index of an input.
            j: index of an input.
        """
        return False
