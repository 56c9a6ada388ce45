"""Convolution over all channels of activations that lie (C, H, W, B) in memory.

The windows of a few rows of the image are laid out as columns and multiplied by the filters.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from nnabla_nas.function.cpu.compilation import ZERO, Geometry, floats, parallel, serial
from nnabla_nas.function.cpu.gradient_rows import write_gradient
from nnabla_nas.function.cpu.product import add_parts
from nnabla_nas.function.cpu.rows import shape_of, window_of

# Numbers of the laid-out windows of a block: they should fit the cache.
_BLOCK = 131072
# Partial sums of the filters' gradient.
_PARTS = 8


@serial
def _rows_of_block(inner, line):
    return max(1, _BLOCK // (inner * line))


@serial
def _lay_out(x, first, last, geometry, rectify, columns):
    """Copy the windows of the output's rows first … last to `columns`, (C · taps, rows · W · B)."""
    channels, height, width, batch = x.shape
    out_width = geometry[5]
    kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, top, left = window_of(geometry)
    for c in range(channels):
        for i in range(kernel_h):
            for j in range(kernel_w):
                row = columns[(c * kernel_h + i) * kernel_w + j]
                start = 0
                for h in range(first, last):
                    y = h * stride_h + i * dilation_h - top
                    for w in range(out_width):
                        z = w * stride_w + j * dilation_w - left
                        target = row[start : start + batch]
                        start += batch
                        if y < 0 or y >= height or z < 0 or z >= width:
                            for t in range(batch):
                                target[t] = ZERO
                        elif rectify:
                            source = x[c, y, z]
                            for t in range(batch):
                                v = source[t]
                                target[t] = ZERO if v <= ZERO else v
                        else:
                            source = x[c, y, z]
                            for t in range(batch):
                                target[t] = source[t]


@parallel
def dense(x_at: int, w_at: int, y_at: int, geometry: Geometry, filters: int, rectify: bool):
    """Convolve.

    Args:
        x_at: address of x, (C, H, W, B).
        w_at: address of the filters, (F, C, kernel height, kernel width).
        y_at: address of y, (F, H_out, W_out, B).
        geometry: (C, H, W, B, H_out, W_out, kernel, stride, dilation, pad), the last four
            (vertical, horizontal).
        filters: F.
        rectify: whether x goes through a ReLU first.
    """
    channels, _, _, batch, out_height, out_width = shape_of(geometry)
    inner = channels * geometry[6] * geometry[7]
    line = out_width * batch
    rows = _rows_of_block(inner, line)
    for block in prange((out_height + rows - 1) // rows):
        _dense_block(x_at, w_at, y_at, geometry, filters, rectify, block * rows)


@serial
def _dense_block(x_at, w_at, y_at, geometry, filters, rectify, first):
    channels, height, width, batch, out_height, out_width = shape_of(geometry)
    inner = channels * geometry[6] * geometry[7]
    x = floats(x_at, (channels, height, width, batch))
    weights = floats(w_at, (filters, inner))
    line = out_width * batch
    y = floats(y_at, (filters, out_height * line))
    last = min(out_height, first + _rows_of_block(inner, line))
    columns = np.empty((inner, (last - first) * line), np.float32)
    _lay_out(x, first, last, geometry, rectify, columns)
    product = np.dot(weights, columns)
    for f in range(filters):
        target, source = y[f, first * line : last * line], product[f]
        for t in range(source.shape[0]):
            target[t] = source[t]


@parallel
def dense_filters(
    x_at: int, g_at: int, out_at: int, geometry: Geometry, filters: int, rectify: bool
):
    """Add the gradient of the filters to `out`.

    Args:
        x_at: address of x, (C, H, W, B).
        g_at: address of y's gradient, (F, H_out, W_out, B).
        out_at: address of the sum, as the filters.
        geometry: as of `dense`.
        filters: F.
        rectify: whether x went through a ReLU first.
    """
    channels, _, _, batch, out_height, out_width = shape_of(geometry)
    inner = channels * geometry[6] * geometry[7]
    rows = _rows_of_block(inner, out_width * batch)
    parts = min(_PARTS, (out_height + rows - 1) // rows)
    partial = np.empty((parts, filters, inner), np.float32)
    for part in prange(parts):
        _filters_part(x_at, g_at, partial[part], geometry, rectify, part, parts)
    add_parts(partial, out_at)


@serial
def _filters_part(x_at, g_at, total, geometry, rectify, part, parts):
    channels, height, width, batch, out_height, out_width = shape_of(geometry)
    filters, inner = total.shape
    x = floats(x_at, (channels, height, width, batch))
    line = out_width * batch
    g = floats(g_at, (filters, out_height * line))
    rows = _rows_of_block(inner, line)
    blocks = (out_height + rows - 1) // rows
    total[:] = ZERO
    for block in range(blocks * part // parts, blocks * (part + 1) // parts):
        first, last = block * rows, min(out_height, (block + 1) * rows)
        columns = np.empty((inner, (last - first) * line), np.float32)
        _lay_out(x, first, last, geometry, rectify, columns)
        gradient = np.empty((filters, columns.shape[1]), np.float32)
        for f in range(filters):
            target, source = gradient[f], g[f, first * line : last * line]
            for t in range(source.shape[0]):
                target[t] = source[t]
        total += np.dot(gradient, columns.T)


@serial
def dense_input(
    x_at: int,
    w_at: int,
    g_at: int,
    gx_at: int,
    geometry: Geometry,
    filters: int,
    rectify: bool,
    add: bool,
):
    """Write the gradient of the input, or add it.

    Args:
        x_at: address of x, (C, H, W, B), read with `rectify` only.
        w_at: address of the filters, (F, C, kernel height, kernel width).
        g_at: address of y's gradient, (F, H_out, W_out, B).
        gx_at: address of x's gradient.
        geometry: as of `dense`.
        filters: F.
        rectify: whether x went through a ReLU first.
        add: whether to add to what is there.
    """
    channels, height, width, batch, out_height, out_width = shape_of(geometry)
    size = channels * height * width * batch
    x, gx = floats(x_at, (size,)), floats(gx_at, (size,))
    inner = channels * geometry[6] * geometry[7]
    turned = floats(w_at, (filters, inner)).T.copy()
    line = out_width * batch
    g = floats(g_at, (filters, out_height * line))
    total = np.zeros((channels, height, width, batch), np.float32)
    rows = _rows_of_block(inner, line)
    for first in range(0, out_height, rows):
        last = min(out_height, first + rows)
        columns = np.dot(turned, g[:, first * line : last * line].copy())
        _put_back(columns, first, last, geometry, total)
    write_gradient(total.reshape(size), 0, x, 0, gx, 0, size, rectify, add)


@serial
def _put_back(columns, first, last, geometry, total):
    """Add what `_lay_out` would have copied to where it came from."""
    channels, height, width, batch = total.shape
    out_width = geometry[5]
    kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, top, left = window_of(geometry)
    for c in range(channels):
        for i in range(kernel_h):
            for j in range(kernel_w):
                row = columns[(c * kernel_h + i) * kernel_w + j]
                start = 0
                for h in range(first, last):
                    y = h * stride_h + i * dilation_h - top
                    for w in range(out_width):
                        z = w * stride_w + j * dilation_w - left
                        source = row[start : start + batch]
                        start += batch
                        if 0 <= y < height and 0 <= z < width:
                            target = total[c, y, z]
                            for t in range(batch):
                                target[t] += source[t]
