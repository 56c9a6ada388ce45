"""Gradients of depthwise convolution, of activations that lie (C, H, W, B) in memory."""

from __future__ import annotations

import numpy as np
from numba import prange

from nnabla_nas.function.cpu.compilation import ZERO, Geometry, floats, inlined, parallel, serial
from nnabla_nas.function.cpu.gradient_rows import find_readers, gradient_line, spread_run
from nnabla_nas.function.cpu.lanes import WIDTH, add_totals, load, multiply_add, spread
from nnabla_nas.function.cpu.rows import (
    copy_run,
    filter_row,
    pad_rows,
    padding,
    shape_of,
)

# Channels are divided among the threads in so many parts, each with a padded image of its own.
_PARTS = 8
# Taps whose sums are held in registers at once.
_TAPS = 5
# Numbers of rows of the output that all taps read before the next: the fastest cache holds them.
_BAND = 2048


@parallel
def depthwise_filters(x_at: int, g_at: int, out_at: int, geometry: Geometry, rectify: bool):
    """Add the gradient of the filters to `out`.

    Args:
        x_at: address of x, (C, H, W, B).
        g_at: address of y's gradient, (C, H_out, W_out, B).
        out_at: address of the sum, (C, kernel height, kernel width).
        geometry: as of `depthwise`.
        rectify: whether x went through a ReLU first.
    """
    parts = min(_PARTS, geometry[0])
    for part in prange(parts):
        _filters_part(x_at, g_at, out_at, geometry, rectify, part, parts)


@serial
def _filters_part(x_at, g_at, out_at, geometry, rectify, part, parts):
    channels, height, width, batch, out_height, out_width = shape_of(geometry)
    taps, stride = geometry[6] * geometry[7], geometry[8]
    reach = (geometry[6] - 1) * geometry[10] - geometry[12] + 1
    image, n = height * width * batch, out_width * batch
    x = floats(x_at, (channels * image,))
    g = floats(g_at, (channels * out_height * n,))
    out = floats(out_at, (channels, taps))
    padded, line, starts = padding(geometry, ZERO)
    # Sums are written in fours, behind the last tap too.
    sums = np.empty(taps + 2 * _TAPS, np.float32)
    band = max(1, _BAND // n)
    for c in range(channels * part // parts, channels * (part + 1) // parts):
        filled = 0
        sums[:] = ZERO
        for first in range(0, out_height, band):
            last = min(out_height, first + band)
            reached = (last - 1) * stride + reach
            filled = pad_rows(x, c * image, filled, reached, geometry, padded, rectify)
            for k in range(0, taps, _TAPS):
                _add_dots(
                    g, c * out_height * n, padded, starts, taps, k, first, last, n, stride * line,
                    sums,
                )  # fmt: skip
        for k in range(taps):
            out[c, k] += sums[k]


@serial
def _add_dots(g, g_at, x, starts, taps, k, first, last, n, apart, sums):
    """sums[k + i] += Σ g · x over rows of the output, for five taps."""
    s0, s1, s2 = starts[k], starts[min(k + 1, taps - 1)], starts[min(k + 2, taps - 1)]
    s3, s4 = starts[min(k + 3, taps - 1)], starts[min(k + 4, taps - 1)]
    zero = spread(ZERO)
    a = b = c = d = e = p = q = r = s = t = zero
    whole = n // (2 * WIDTH) * (2 * WIDTH)
    for h in range(first, last):
        row, at = g_at + h * n, h * apart
        for i in range(0, whole, 2 * WIDTH):
            u, v, j = load(g, row + i), load(g, row + i + WIDTH), at + i
            a, p = _pair(x, j + s0, u, v, a, p)
            b, q = _pair(x, j + s1, u, v, b, q)
            c, r = _pair(x, j + s2, u, v, c, r)
            d, s = _pair(x, j + s3, u, v, d, s)
            e, t = _pair(x, j + s4, u, v, e, t)
        for i in range(whole, n):
            for m in range(k, min(taps, k + _TAPS)):
                sums[m] += g[row + i] * x[at + starts[m] + i]
    add_totals(sums, k, a, b, c, d)
    add_totals(sums, k, p, q, r, s)
    # What is added behind the fifth is zero.
    add_totals(sums, k + 4, e, zero, zero, zero)
    add_totals(sums, k + 4, t, zero, zero, zero)


@inlined
def _pair(x, at, u, v, a, p):
    return multiply_add(u, load(x, at), a), multiply_add(v, load(x, at + WIDTH), p)


@parallel
def depthwise_input(
    x_at: int, w_at: int, g_at: int, gx_at: int, geometry: Geometry, rectify: bool, add: bool
):
    """Write the gradient of the input, or add it.

    Args:
        x_at: address of x, (C, H, W, B), read with `rectify` only.
        w_at: address of the filters, (C, kernel height, kernel width).
        g_at: address of y's gradient, (C, H_out, W_out, B).
        gx_at: address of x's gradient.
        geometry: as of `depthwise`.
        rectify: whether x went through a ReLU first.
        add: whether to add to what is there.
    """
    parts = min(_PARTS, geometry[0])
    for part in prange(parts):
        _input_part(x_at, w_at, g_at, gx_at, geometry, rectify, add, part, parts)


@serial
def _input_part(x_at, w_at, g_at, gx_at, geometry, rectify, add, part, parts):
    channels, height, width, batch, out_height, out_width = shape_of(geometry)
    stride, taps = geometry[9], geometry[6] * geometry[7]
    image, n = height * width * batch, out_width * batch
    x = floats(x_at, (channels * image,))
    weights = floats(w_at, (channels, taps))
    g = floats(g_at, (channels * out_height * n,))
    gx = floats(gx_at, (channels * image,))
    before, line = gradient_line(geometry)
    padded = np.zeros(out_height * line, np.float32)
    order, starts, readers = find_readers(geometry)
    values = np.empty(taps, np.float32)
    run = np.empty(width * batch, np.float32)
    for c in range(channels * part // parts, channels * (part + 1) // parts):
        for k in range(taps):
            values[k] = weights[c, order[k]]
        for h in range(out_height):
            copy_run(g, (c * out_height + h) * n, padded, h * line + before, n, False)
        for h in range(height):
            for first in range(min(stride, width)):
                base, k, last = readers[h, first]
                pixels = (width - first + stride - 1) // stride
                filter_row(padded, base, starts[k:], values[k:], last - k, run, 0, pixels * batch)
                at = c * image + (h * width + first) * batch
                spread_run(run, x, gx, at, pixels, stride, batch, rectify, add)
