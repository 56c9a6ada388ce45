"""Pooling as steps of a program."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnabla_nas.function.cpu.depthwise import depthwise
from nnabla_nas.function.cpu.depthwise_gradients import depthwise_input
from nnabla_nas.function.cpu.operation import Back, Export, Operation, Value
from nnabla_nas.function.cpu.pooling import (
    maximum,
    maximum_backward,
    mean_of_image,
    mean_of_image_backward,
)
from nnabla_nas.function.window import Window


class _Pooling(Operation):
    """One value per window.

    Args:
        x: the input.
        window: the windows.
    """

    def __init__(self, x: Value, window: Window) -> None:
        channels, height, width, batch = x.shape
        super().__init__([x], (channels, *window.output(height, width), batch))
        self._geometry = window.geometry(x.shape)


class MaxPooling(_Pooling):
    """The largest value of every window.

    Args:
        x: the input.
        window: the windows.
    """

    def __init__(self, x: Value, window: Window) -> None:
        super().__init__(x, window)
        self._places = np.empty(self.output.shape, np.uint8)

    def forward(self, x: Sequence[int], y: int, keep: bool) -> None:
        """Pool, noting where each value came from; see the base."""
        maximum(x[0], y, self._places, self._geometry)

    def backward(self, back: Back) -> None:
        """Give each window's gradient to where its value came from; see the base."""
        (gradient,), (add,) = back.gradients, back.add
        if gradient:
            maximum_backward(back.g, self._places, gradient, self._geometry, add)


class AveragePooling(_Pooling):
    """The mean of every window, padding counting as zeros: filters that are all alike.

    Args:
        x: the input.
        window: the windows.
    """

    def __init__(self, x: Value, window: Window) -> None:
        super().__init__(x, window)
        share = 1 / (window.kernel[0] * window.kernel[1])
        self._filters = np.full((x.shape[0], *window.kernel), share, np.float32)
        self._filters_at = self._filters.ctypes.data

    def forward(self, x: Sequence[int], y: int, keep: bool) -> None:
        """Pool; see the base."""
        depthwise(x[0], self._filters_at, y, self._geometry, False)

    def backward(self, back: Back) -> None:
        """Spread each window's gradient; see the base."""
        (gradient,), (add,) = back.gradients, back.add
        if gradient:
            # Without a ReLU the kernel reads no input.
            depthwise_input(
                gradient, self._filters_at, back.g, gradient, self._geometry, False, add
            )


class MeanOfImage(Export):
    """The mean over height and width, (B, C, 1, 1).

    Args:
        source: the activation.
    """

    def __init__(self, source: Value) -> None:
        channels, height, width, batch = source.shape
        super().__init__(source, (batch, channels, 1, 1))
        self._shape = (channels, height * width, batch)

    def forward(self, x: int, y: int) -> None:
        """Average; see the base."""
        mean_of_image(x, y, *self._shape)

    def backward(self, g: int, gradient: int, add: bool) -> None:
        """Spread the gradient over the pixels; see the base."""
        mean_of_image_backward(g, gradient, *self._shape, add)
