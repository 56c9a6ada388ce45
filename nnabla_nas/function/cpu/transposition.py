"""Between (B, C, H, W) and (C, H, W, B)."""

from __future__ import annotations

from numba import prange

from nnabla_nas.function.cpu.compilation import floats, parallel, serial

# Pixels per block: a block of the one layout and of the other fit the fastest cache.
_BLOCK = 64


@parallel
def batch_to_back(x_at: int, y_at: int, batch: int, channels: int, pixels: int, add: bool):
    """y[c, p, b] = x[b, c, p], or added to what is there.

    Args:
        x_at: address of x, (B, C, pixels).
        y_at: address of y, (C, pixels, B).
        batch: B.
        channels: C.
        pixels: height times width.
        add: whether to add.
    """
    for c in prange(channels):
        _batch_to_back_part(x_at, y_at, batch, channels, pixels, add, c)


@serial
def _batch_to_back_part(x_at, y_at, batch, channels, pixels, add, c):
    x, y = floats(x_at, (batch, channels, pixels)), floats(y_at, (channels, pixels, batch))
    for first in range(0, pixels, _BLOCK):
        for b in range(batch):
            for p in range(first, min(pixels, first + _BLOCK)):
                y[c, p, b] = y[c, p, b] + x[b, c, p] if add else x[b, c, p]


@parallel
def batch_to_front(y_at: int, x_at: int, batch: int, channels: int, pixels: int, add: bool):
    """x[b, c, p] = y[c, p, b], or added to what is there.

    Args:
        y_at: address of y, (C, pixels, B).
        x_at: address of x, (B, C, pixels).
        batch: B.
        channels: C.
        pixels: height times width.
        add: whether to add.
    """
    for c in prange(channels):
        _batch_to_front_part(y_at, x_at, batch, channels, pixels, add, c)


@serial
def _batch_to_front_part(y_at, x_at, batch, channels, pixels, add, c):
    x, y = floats(x_at, (batch, channels, pixels)), floats(y_at, (channels, pixels, batch))
    for first in range(0, pixels, _BLOCK):
        for b in range(batch):
            for p in range(first, min(pixels, first + _BLOCK)):
                x[b, c, p] = x[b, c, p] + y[c, p, b] if add else y[c, p, b]
