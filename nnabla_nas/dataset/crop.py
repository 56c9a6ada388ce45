"""Which part of a photograph is seen: a random one while learning, the middle in evaluation."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

_ATTEMPTS = 10
_SMALLEST_SHARE = 0.08
_LARGEST_RATIO = 4 / 3
_CENTRAL_SHARE = 224 / 256

Box = tuple[float, float, float, float]
"""Left, upper, right and lower edge in pixels."""

WholeBox = tuple[int, int, int, int]
"""The same, between pixels."""

Draws = npt.NDArray[np.float64]


def draw(n: int, rng: np.random.Generator) -> Draws:
    """Draw what the random boxes of n photographs depend on, before their sizes are known.

    Args:
        n: number of photographs.
        rng: drawn from once.

    Returns:
        Numbers of [0, 1), (n, 10, 4): area, shape, left and upper edge of ten attempts each.
    """
    return rng.random((n, _ATTEMPTS, 4))


def random_box(width: int, height: int, draws: Draws) -> WholeBox:
    """Return a box of 8 to 100 % of the area with sides of 3:4 to 4:3, anywhere inside.

    The first attempt that fits is taken, else the largest central part with allowed sides.
    C. Szegedy et al., Going Deeper with Convolutions (2015), section 6.

    Args:
        width: of the photograph, in pixels.
        height: the same.
        draws: one row of `draw`, (10, 4).
    """
    for area, shape, left, upper in draws:
        pixels = width * height * (_SMALLEST_SHARE + (1 - _SMALLEST_SHARE) * area)
        ratio = _LARGEST_RATIO ** (2 * shape - 1)
        w, h = round(math.sqrt(pixels * ratio)), round(math.sqrt(pixels / ratio))
        if 0 < w <= width and 0 < h <= height:
            x, y = int(left * (width - w + 1)), int(upper * (height - h + 1))
            return x, y, x + w, y + h
    w = min(width, max(1, round(height * _LARGEST_RATIO)))
    h = min(height, max(1, round(width * _LARGEST_RATIO)))
    x, y = (width - w) // 2, (height - h) // 2
    return x, y, x + w, y + h


def central_box(width: int, height: int) -> Box:
    """Return the central square whose side is 224/256 of the shorter side.

    Scaled to 224 pixels it is the usual view: shorter side scaled to 256, middle 224x224.

    Args:
        width: of the photograph, in pixels.
        height: the same.
    """
    side = _CENTRAL_SHARE * min(width, height)
    x, y = (width - side) / 2, (height - side) / 2
    return x, y, x + side, y + side
