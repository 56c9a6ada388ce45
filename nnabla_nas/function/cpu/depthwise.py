"""Depthwise convolution of activations that lie (C, H, W, B) in memory."""

from __future__ import annotations

from numba import prange

from nnabla_nas.function.cpu.compilation import ZERO, Geometry, floats, parallel, serial
from nnabla_nas.function.cpu.rows import (
    filter_row,
    pad_rows,
    padding,
    shape_of,
)

# Channels are divided among the threads in so many parts, each with a padded image of its own.
_PARTS = 8


@parallel
def depthwise(x_at: int, w_at: int, y_at: int, geometry: Geometry, rectify: bool):
    """y[c] = filter c over x[c].

    Args:
        x_at: address of x, (C, H, W, B).
        w_at: address of the filters, (C, kernel height, kernel width).
        y_at: address of y, (C, H_out, W_out, B).
        geometry: (C, H, W, B, H_out, W_out, kernel, stride, dilation, pad), the last four
            (vertical, horizontal).
        rectify: whether x goes through a ReLU first.
    """
    parts = min(_PARTS, geometry[0])
    for part in prange(parts):
        _depthwise_part(x_at, w_at, y_at, geometry, rectify, part, parts)


@serial
def _depthwise_part(x_at, w_at, y_at, geometry, rectify, part, parts):
    channels, height, width, batch, out_height, out_width = shape_of(geometry)
    taps, stride, top = geometry[6] * geometry[7], geometry[8], geometry[12]
    reach = (geometry[6] - 1) * geometry[10] - top + 1
    image, n = height * width * batch, out_width * batch
    x = floats(x_at, (channels * image,))
    weights = floats(w_at, (channels, taps))
    y = floats(y_at, (channels * out_height * n,))
    padded, line, starts = padding(geometry, ZERO)
    for c in range(channels * part // parts, channels * (part + 1) // parts):
        filled = 0
        for h in range(out_height):
            # Rows are copied just before they are read, and are still in the fastest cache.
            last = h * stride + reach
            filled = pad_rows(x, c * image, filled, last, geometry, padded, rectify)
            target = (c * out_height + h) * n
            filter_row(padded, h * stride * line, starts, weights[c], taps, y, target, n)
