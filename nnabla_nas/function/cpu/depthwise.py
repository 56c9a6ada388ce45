"""Depthwise convolution of activations that lie (C, H, W, B) in memory.

A row of the image is one run of W · B numbers, so every tap of a filter is a multiplication of a
long vector by a scalar. With a stride, columns are sorted by their remainder first.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from nnabla_nas.function.cpu.compilation import ZERO, floats, inlined, parallel, serial

# Channels are divided among the threads in so many parts, each with a padded image of its own.
_PARTS = 8


@inlined
def _add_1(y, a, w):
    for t in range(y.shape[0]):
        y[t] += w * a[t]


@inlined
def _add_3(y, a, b, c, w, i):
    w0, w1, w2 = w[i], w[i + 1], w[i + 2]
    for t in range(y.shape[0]):
        y[t] += w0 * a[t] + w1 * b[t] + w2 * c[t]


@inlined
def _add_5(y, a, b, c, d, e, w, i):
    w0, w1, w2, w3, w4 = w[i], w[i + 1], w[i + 2], w[i + 3], w[i + 4]
    for t in range(y.shape[0]):
        y[t] += w0 * a[t] + w1 * b[t] + w2 * c[t] + w3 * d[t] + w4 * e[t]


@inlined
def _add_7(y, a, b, c, d, e, f, g, w, i):
    w0, w1, w2, w3 = w[i], w[i + 1], w[i + 2], w[i + 3]
    w4, w5, w6 = w[i + 4], w[i + 5], w[i + 6]
    for t in range(y.shape[0]):
        y[t] += (w0 * a[t] + w1 * b[t] + w2 * c[t] + w3 * d[t]) + (
            w4 * e[t] + w5 * f[t] + w6 * g[t]
        )


@inlined
def _dot_1(g, a, out, i):
    r = ZERO
    for t in range(g.shape[0]):
        r += g[t] * a[t]
    out[i] += r


@inlined
def _dot_3(g, a, b, c, out, i):
    r0 = r1 = r2 = ZERO
    for t in range(g.shape[0]):
        v = g[t]
        r0 += v * a[t]
        r1 += v * b[t]
        r2 += v * c[t]
    out[i] += r0
    out[i + 1] += r1
    out[i + 2] += r2


@inlined
def _dot_5(g, a, b, c, d, e, out, i):
    r0 = r1 = r2 = r3 = r4 = ZERO
    for t in range(g.shape[0]):
        v = g[t]
        r0 += v * a[t]
        r1 += v * b[t]
        r2 += v * c[t]
        r3 += v * d[t]
        r4 += v * e[t]
    out[i] += r0
    out[i + 1] += r1
    out[i + 2] += r2
    out[i + 3] += r3
    out[i + 4] += r4


@serial
def _add_row(y, x, at, w):
    """y[t] += Σ_j w[j] · x[at[j] + t] over the taps of one row of a filter."""
    n, taps, j = y.shape[0], w.shape[0], 0
    if taps == 7:
        _add_7(
            y, x[at[0] : at[0] + n], x[at[1] : at[1] + n], x[at[2] : at[2] + n],
            x[at[3] : at[3] + n], x[at[4] : at[4] + n], x[at[5] : at[5] + n],
            x[at[6] : at[6] + n], w, 0,
        )  # fmt: skip
        return
    while j + 5 <= taps:
        _add_5(
            y, x[at[j] : at[j] + n], x[at[j + 1] : at[j + 1] + n], x[at[j + 2] : at[j + 2] + n],
            x[at[j + 3] : at[j + 3] + n], x[at[j + 4] : at[j + 4] + n], w, j,
        )  # fmt: skip
        j += 5
    while j + 3 <= taps:
        _add_3(
            y, x[at[j] : at[j] + n], x[at[j + 1] : at[j + 1] + n], x[at[j + 2] : at[j + 2] + n],
            w, j,
        )  # fmt: skip
        j += 3
    while j < taps:
        _add_1(y, x[at[j] : at[j] + n], w[j])
        j += 1


@serial
def _dot_row(g, x, at, out):
    """out[j] += Σ_t g[t] · x[at[j] + t] over the taps of one row of a filter."""
    n, taps, j = g.shape[0], out.shape[0], 0
    while j + 5 <= taps:
        _dot_5(
            g, x[at[j] : at[j] + n], x[at[j + 1] : at[j + 1] + n], x[at[j + 2] : at[j + 2] + n],
            x[at[j + 3] : at[j + 3] + n], x[at[j + 4] : at[j + 4] + n], out, j,
        )  # fmt: skip
        j += 5
    while j + 3 <= taps:
        _dot_3(
            g, x[at[j] : at[j] + n], x[at[j + 1] : at[j + 1] + n], x[at[j + 2] : at[j + 2] + n],
            out, j,
        )  # fmt: skip
        j += 3
    while j < taps:
        _dot_1(g, x[at[j] : at[j] + n], out, j)
        j += 1


@serial
def pad_image(x, padded, top, left, stride, rectify):
    """Copy x (H, W, B) into `padded` (rows, stride, columns · B), columns sorted by remainder."""
    height, width, batch = x.shape
    for h in range(height):
        for w in range(width):
            column = w + left
            start = column // stride * batch
            target, source = padded[h + top, column % stride, start : start + batch], x[h, w]
            if rectify:
                for t in range(batch):
                    v = source[t]
                    target[t] = ZERO if v <= ZERO else v
            else:
                for t in range(batch):
                    target[t] = source[t]


@serial
def tap_starts(taps, stride, dilation, columns, batch):
    """Return where in a padded row the run of each tap starts."""
    at = np.empty(taps, np.int64)
    for j in range(taps):
        column = j * dilation
        at[j] = (column % stride * columns + column // stride) * batch
    return at


@inlined
def shape_of(geometry):
    """Return (C, H, W, B, H_out, W_out)."""
    return geometry[0], geometry[1], geometry[2], geometry[3], geometry[4], geometry[5]


@inlined
def window_of(geometry):
    """Return kernel, stride, dilation and pad, each vertical and horizontal."""
    return (
        geometry[6], geometry[7], geometry[8], geometry[9],
        geometry[10], geometry[11], geometry[12], geometry[13],
    )  # fmt: skip


@serial
def store(source, x, target, rectify, add):
    """Write a gradient, or add it; with `rectify` only where the input x was not negative or 0."""
    n = source.shape[0]
    if rectify and add:
        for t in range(n):
            target[t] += ZERO if x[t] <= ZERO else source[t]
    elif rectify:
        for t in range(n):
            target[t] = ZERO if x[t] <= ZERO else source[t]
    elif add:
        for t in range(n):
            target[t] += source[t]
    else:
        for t in range(n):
            target[t] = source[t]


@parallel
def depthwise(x_at, w_at, y_at, geometry, rectify):
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
    kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, top, left = window_of(geometry)
    x = floats(x_at, (channels, height, width, batch))
    weights = floats(w_at, (channels, kernel_h, kernel_w))
    y = floats(y_at, (channels, out_height, out_width * batch))
    rows = height + 2 * top
    columns = (width + 2 * left + stride_w - 1) // stride_w + 1
    at = tap_starts(kernel_w, stride_w, dilation_w, columns, batch)
    padded = np.zeros((rows, stride_w, columns * batch), np.float32)
    flat = padded.reshape(rows, stride_w * columns * batch)
    for c in range(channels * part // parts, channels * (part + 1) // parts):
        pad_image(x[c], padded, top, left, stride_w, rectify)
        for h in range(out_height):
            line = y[c, h]
            for t in range(line.shape[0]):
                line[t] = ZERO
            for i in range(kernel_h):
                _add_row(line, flat[h * stride_h + i * dilation_h], at, weights[c, i])


@parallel
def depthwise_filters(x_at, g_at, out_at, geometry, rectify):
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
        _depthwise_filters_part(x_at, g_at, out_at, geometry, rectify, part, parts)


@serial
def _depthwise_filters_part(x_at, g_at, out_at, geometry, rectify, part, parts):
    channels, height, width, batch, out_height, out_width = shape_of(geometry)
    kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, top, left = window_of(geometry)
    x = floats(x_at, (channels, height, width, batch))
    g = floats(g_at, (channels, out_height, out_width * batch))
    out = floats(out_at, (channels, kernel_h, kernel_w))
    rows = height + 2 * top
    columns = (width + 2 * left + stride_w - 1) // stride_w + 1
    at = tap_starts(kernel_w, stride_w, dilation_w, columns, batch)
    padded = np.zeros((rows, stride_w, columns * batch), np.float32)
    flat = padded.reshape(rows, stride_w * columns * batch)
    for c in range(channels * part // parts, channels * (part + 1) // parts):
        pad_image(x[c], padded, top, left, stride_w, rectify)
        for i in range(kernel_h):
            for h in range(out_height):
                _dot_row(g[c, h], flat[h * stride_h + i * dilation_h], at, out[c, i])


@parallel
def depthwise_input(x_at, w_at, g_at, gx_at, geometry, rectify, add):
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
        _depthwise_input_part(x_at, w_at, g_at, gx_at, geometry, rectify, add, part, parts)


@serial
def _depthwise_input_part(x_at, w_at, g_at, gx_at, geometry, rectify, add, part, parts):
    channels, height, width, batch, out_height, out_width = shape_of(geometry)
    kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, top, left = window_of(geometry)
    x = floats(x_at, (channels, height, width, batch))
    weights = floats(w_at, (channels, kernel_h, kernel_w))
    g = floats(g_at, (channels, out_height, out_width, batch))
    gx = floats(gx_at, (channels, height, width, batch))
    more_h, more_w = dilation_h * (kernel_h - 1) - top, dilation_w * (kernel_w - 1) - left
    # With stride 1 it is the correlation of the gradient with the filters turned around.
    turned = stride_h == 1 and stride_w == 1 and more_h >= 0 and more_w >= 0
    if turned:
        rows, columns = out_height + 2 * more_h, out_width + 2 * more_w
        steps = 1
    else:
        rows = height + 2 * top
        columns = (width + 2 * left + stride_w - 1) // stride_w + 1
        steps = stride_w
    padded = np.zeros((rows, steps, columns * batch), np.float32)
    flat = padded.reshape(rows, steps * columns * batch)
    at = tap_starts(kernel_w, steps, dilation_w, columns, batch)
    line = np.empty(width * batch, np.float32)
    filters = np.empty((kernel_h, kernel_w), np.float32)
    n = out_width * batch
    for c in range(channels * part // parts, channels * (part + 1) // parts):
        if turned:
            pad_image(g[c], padded, more_h, more_w, 1, False)
            for i in range(kernel_h):
                for j in range(kernel_w):
                    filters[i, j] = weights[c, kernel_h - 1 - i, kernel_w - 1 - j]
            for h in range(height):
                for t in range(line.shape[0]):
                    line[t] = ZERO
                for i in range(kernel_h):
                    _add_row(line, flat[h + i * dilation_h], at, filters[i])
                store(line, x[c, h].reshape(width * batch),
                      gx[c, h].reshape(width * batch), rectify, add)  # fmt: skip
        else:
            for r in range(rows):
                for t in range(flat.shape[1]):
                    flat[r, t] = ZERO
            for h in range(out_height):
                gradient = g[c, h].reshape(n)
                for i in range(kernel_h):
                    row = flat[h * stride_h + i * dilation_h]
                    for j in range(kernel_w):
                        _add_1(row[at[j] : at[j] + n], gradient, weights[c, i, j])
            for h in range(height):
                for w in range(width):
                    column = w + left
                    start = column // stride_w * batch
                    store(padded[h + top, column % stride_w, start : start + batch],
                          x[c, h, w], gx[c, h, w], rectify, add)  # fmt: skip
