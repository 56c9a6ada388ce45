"""How filters and pooling windows move over an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pair = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """How filters move over an image; every field is (vertical, horizontal).

    Args:
        kernel: side lengths.
        stride: pixels between windows.
        dilation: pixels between taps.
        pad: zeros on both sides; negative values leave pixels out.
        sides: height and width of the output; by default what pad and kernel leave.
    """

    kernel: Pair
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    pad: Pair = (0, 0)
    sides: Pair | None = None

    def output(self, height: int, width: int) -> Pair:
        """Return height and width of the output.

        Args:
            height: of the input.
            width: of the input.
        """
        if self.sides is not None:
            return self.sides
        sides = zip((height, width), self.kernel, self.stride, self.dilation, self.pad, strict=True)
        h, w = ((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, d, p in sides)
        return h, w

    def fits(self, height: int, width: int) -> bool:
        """Return whether kernels can move over an image so: they check nothing.

        Args:
            height: of the input.
            width: of the input.
        """
        sides = self.output(height, width)
        return min(self.pad) >= 0 and min(self.dilation) >= 1 and min(sides) >= 1

    def geometry(self, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
        """Return the fourteen numbers that kernels take.

        Args:
            shape: of the input, (C, H, W, B).
        """
        sides = self.output(shape[1], shape[2])
        moves = (*self.kernel, *self.stride, *self.dilation, *self.pad)
        return np.array([*shape, *sides, *moves], np.int64)


def pair(values: Sequence[int] | None, default: int) -> Pair:
    """Return two numbers.

    Args:
        values: two numbers, or None.
        default: what None stands for.
    """
    return (default, default) if values is None else (int(values[0]), int(values[1]))


def check_stride(stride: Sequence[int] | None) -> None:
    """Raise an error if windows would not move.

    Args:
        stride: per spatial axis, or None.

    Raises:
        ValueError: if one is below 1.
    """
    if stride is not None and min(stride, default=1) < 1:
        raise ValueError(f"stride must be at least 1, got {tuple(stride)}")
