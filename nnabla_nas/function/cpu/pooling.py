"""Pooling of activations that lie (C, H, W, B) in memory."""

from __future__ import annotations

import numpy as np
from numba import prange

from nnabla_nas.function.cpu.compilation import ZERO, floats, inlined, parallel, serial
from nnabla_nas.function.cpu.depthwise import pad_image, shape_of, tap_starts, window_of

# The place of a value that no window holds.
_NOWHERE = np.int32(255)


@parallel
def maximum(x_at, y_at, places, geometry):
    """y = the largest value of every window; padding is never the largest, a NaN always is.

    Args:
        x_at: address of x, (C, H, W, B).
        y_at: address of y, (C, H_out, W_out, B).
        places: (C, H_out, W_out, B) of bytes: where in its window the value was.
        geometry: (C, H, W, B, H_out, W_out, kernel, stride, dilation, pad), the last four
            (vertical, horizontal).
    """
    for c in prange(geometry[0]):
        _maximum_part(x_at, y_at, places, geometry, c)


@serial
def _maximum_part(x_at, y_at, places, geometry, c):
    channels, height, width, batch, out_height, out_width = shape_of(geometry)
    kernel_h, kernel_w, stride_h, stride_w, _, _, top, left = window_of(geometry)
    x = floats(x_at, (channels, height, width, batch))
    n = out_width * batch
    y = floats(y_at, (channels, out_height, n))
    rows = height + 2 * top
    columns = (width + 2 * left + stride_w - 1) // stride_w + 1
    padded = np.full((rows, stride_w, columns * batch), -np.inf, np.float32)
    pad_image(x[c], padded, top, left, stride_w, False)
    flat = padded.reshape(rows, stride_w * columns * batch)
    at = tap_starts(kernel_w, stride_w, 1, columns, batch)
    # As wide as the values: a loop over both is then done many at a time.
    place = np.empty(n, np.int32)
    for h in range(out_height):
        best = y[c, h]
        for t in range(n):
            best[t] = -np.inf
            place[t] = _NOWHERE
        for i in range(kernel_h):
            for j in range(kernel_w):
                row = flat[h * stride_h + i]
                _take_larger(best, place, row[at[j] : at[j] + n], np.int32(i * kernel_w + j))
        target = places[c, h].reshape(n)
        for t in range(n):
            target[t] = np.uint8(place[t])


@inlined
def _take_larger(best, place, values, number):
    for t in range(best.shape[0]):
        v, b = values[t], best[t]
        larger = v > b or v != v
        best[t] = v if larger else b
        place[t] = number if larger else place[t]


@parallel
def maximum_backward(g_at, places, gx_at, geometry, add):
    """Write the gradient of x, or add it.

    Args:
        g_at: address of y's gradient.
        places: what `maximum` wrote.
        gx_at: address of x's gradient.
        geometry: as of `maximum`.
        add: whether to add to what is there.
    """
    for c in prange(geometry[0]):
        _maximum_backward_part(g_at, places, gx_at, geometry, add, c)


@serial
def _maximum_backward_part(g_at, places, gx_at, geometry, add, c):
    channels, height, width, batch, out_height, out_width = shape_of(geometry)
    kernel_h, kernel_w, stride_h, stride_w, _, _, top, left = window_of(geometry)
    g = floats(g_at, (channels, out_height, out_width, batch))
    gx = floats(gx_at, (channels, height, width, batch))
    if not add:
        gx[c] = ZERO
    for h in range(out_height):
        for w in range(out_width):
            gradient, place = g[c, h, w], places[c, h, w]
            for i in range(kernel_h):
                row = h * stride_h + i - top
                if row < 0 or row >= height:
                    continue
                for j in range(kernel_w):
                    column = w * stride_w + j - left
                    if column < 0 or column >= width:
                        continue
                    target, number = gx[c, row, column], np.uint8(i * kernel_w + j)
                    for t in range(batch):
                        target[t] += gradient[t] if place[t] == number else ZERO


@parallel
def mean_of_image(x_at, y_at, channels, pixels, batch):
    """y[b, c] = mean over the pixels.

    Args:
        x_at: address of x, (C, pixels, B).
        y_at: address of y, (B, C).
        channels: C.
        pixels: height times width.
        batch: B.
    """
    for c in prange(channels):
        _mean_of_image_part(x_at, y_at, channels, pixels, batch, c)


@serial
def _mean_of_image_part(x_at, y_at, channels, pixels, batch, c):
    x, y = floats(x_at, (channels, pixels, batch)), floats(y_at, (batch, channels))
    total = np.zeros(batch, np.float32)
    for p in range(pixels):
        values = x[c, p]
        for b in range(batch):
            total[b] += values[b]
    for b in range(batch):
        y[b, c] = total[b] / np.float32(pixels)


@parallel
def mean_of_image_backward(g_at, gx_at, channels, pixels, batch, add):
    """Write the gradient of x, or add it.

    Args:
        g_at: address of y's gradient, (B, C).
        gx_at: address of x's gradient, (C, pixels, B).
        channels: C.
        pixels: height times width.
        batch: B.
        add: whether to add to what is there.
    """
    for c in prange(channels):
        _mean_of_image_backward_part(g_at, gx_at, channels, pixels, batch, add, c)


@serial
def _mean_of_image_backward_part(g_at, gx_at, channels, pixels, batch, add, c):
    g, gx = floats(g_at, (batch, channels)), floats(gx_at, (channels, pixels, batch))
    share = np.empty(batch, np.float32)
    for b in range(batch):
        share[b] = g[b, c] / np.float32(pixels)
    for p in range(pixels):
        target = gx[c, p]
        for b in range(batch):
            target[b] = target[b] + share[b] if add else share[b]
