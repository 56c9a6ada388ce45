"""Convolution over all channels of activations that lie (C, H, W, B) in memory.

The windows of some pixels are laid out as columns, packed, and multiplied by the filters.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from nnabla_nas.function.cpu.compilation import ZERO, Geometry, floats, parallel, serial
from nnabla_nas.function.cpu.gradient_rows import write_gradient
from nnabla_nas.function.cpu.lanes import WIDTH
from nnabla_nas.function.cpu.product import (
    GROUP,
    add_turned,
    multiply_packed,
    outer_block,
    outer_width,
    pack_columns,
    pack_in_triple,
    pack_row,
    pack_rows,
    strips_of,
    turned_row,
    turned_size,
)
from nnabla_nas.function.cpu.rows import copy_run, shape_of, window_of

# Numbers of the laid-out windows of a block: they should fit the cache.
_BLOCK = 65536
# Partial sums of the filters' gradient, and parts of the input's channels.
_PARTS = 8


@serial
def _sizes(geometry):
    """Return numbers per window, pixels of the output, and pixels per block."""
    inner = geometry[0] * geometry[6] * geometry[7]
    return inner, geometry[4] * geometry[5], max(1, _BLOCK // (inner * geometry[3]))


@serial
def _lay_out(x, tap, first, last, geometry, rectify, row):
    """Copy to `row` what a tap of the windows of pixels first … last reads."""
    height, width, batch, out_width = geometry[1], geometry[2], geometry[3], geometry[5]
    kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, top, left = window_of(geometry)
    c, i, j = tap // (kernel_h * kernel_w), tap // kernel_w % kernel_h, tap % kernel_w
    at = 0
    for pixel in range(first, last):
        h = pixel // out_width * stride_h + i * dilation_h - top
        w = pixel % out_width * stride_w + j * dilation_w - left
        if h < 0 or h >= height or w < 0 or w >= width:
            for t in range(at, at + batch):
                row[t] = ZERO
        else:
            copy_run(x, ((c * height + h) * width + w) * batch, row, at, batch, rectify)
        at += batch


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
    inner, pixels, block = _sizes(geometry)
    weights = pack_rows(floats(w_at, (filters, inner)))
    for number in prange((pixels + block - 1) // block):
        _dense_block(x_at, weights, y_at, geometry, filters, rectify, number * block)


@serial
def _dense_block(x_at, weights, y_at, geometry, filters, rectify, first):
    channels, height, width, batch, _, _ = shape_of(geometry)
    inner, pixels, block = _sizes(geometry)
    x = floats(x_at, (channels * height * width * batch,))
    y = floats(y_at, (filters * pixels * batch,))
    last = min(pixels, first + block)
    n = (last - first) * batch
    row, packed = np.empty(n, np.float32), np.empty(strips_of(n) * inner, np.float32)
    strip = strips_of(1)
    for tap in range(inner):
        _lay_out(x, tap, first, last, geometry, rectify, row)
        pack_row(row, 0, n, False, packed, tap * strip, inner * strip)
    multiply_packed(weights, packed, filters, inner, n, y, first * batch, pixels * batch)


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
    inner, pixels, _ = _sizes(geometry)
    block = max(1, outer_width(inner) // geometry[3])
    blocks = (pixels + block - 1) // block
    parts = min(_PARTS, blocks)
    partial = np.zeros((parts, turned_size(filters, inner)), np.float32)
    for part in prange(parts):
        first, last = blocks * part // parts * block, blocks * (part + 1) // parts * block
        _filters_part(
            x_at, g_at, partial[part], geometry, filters, rectify, first, min(pixels, last), block
        )
    add_turned(partial, turned_row(filters), floats(out_at, (filters, inner)))


@serial
def _filters_part(x_at, g_at, total, geometry, filters, rectify, begin, end, block):
    channels, height, width, batch, _, _ = shape_of(geometry)
    inner, pixels, _ = _sizes(geometry)
    x = floats(x_at, (channels * height * width * batch,))
    columns, apart = pixels * batch, turned_row(filters)
    g = floats(g_at, (filters * columns,))
    row = np.empty(block * batch, np.float32)
    packed = np.zeros((min(inner, GROUP) + 3) * block * batch, np.float32)
    for first in range(begin, end, block):
        last = min(end, first + block)
        n, start = (last - first) * batch, first * batch
        whole = n // WIDTH * WIDTH
        for group in range(0, inner, GROUP):
            high = min(GROUP, inner - group)
            for c in range(high):
                _lay_out(x, group + c, first, last, geometry, rectify, row)
                pack_in_triple(row, 0, c, whole, False, packed)
                for t in range(whole, n):
                    for f in range(filters):
                        total[(group + c) * apart + f] += g[f * columns + start + t] * row[t]
            outer_block(
                g, start, filters, columns, packed, high, whole, total, group * apart, apart
            )


@parallel
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
    parts = min(_PARTS, geometry[0])
    for part in prange(parts):
        _input_part(x_at, w_at, g_at, gx_at, geometry, filters, rectify, add, part, parts)


@serial
def _input_part(x_at, w_at, g_at, gx_at, geometry, filters, rectify, add, part, parts):
    channels, height, width, batch, _, _ = shape_of(geometry)
    inner, pixels, block = _sizes(geometry)
    taps, image = geometry[6] * geometry[7], height * width * batch
    low, high = channels * part // parts, channels * (part + 1) // parts
    rows = (high - low) * taps
    weights = pack_rows(floats(w_at, (filters, inner)).T[low * taps : high * taps])
    g = floats(g_at, (filters * pixels * batch,))
    total = np.zeros((high - low) * image, np.float32)
    block = max(1, _BLOCK // ((filters + rows) * batch))
    packed = np.empty(strips_of(block * batch) * filters, np.float32)
    columns = np.empty(rows * block * batch, np.float32)
    for first in range(0, pixels, block):
        last = min(pixels, first + block)
        n = (last - first) * batch
        pack_columns(g, first * batch, filters, pixels * batch, n, False, packed)
        multiply_packed(weights, packed, rows, filters, n, columns, 0, n)
        for row in range(rows):
            _put_back(columns, row, first, last, geometry, total)
    x, gx = floats(x_at, (channels * image,)), floats(gx_at, (channels * image,))
    at = low * image
    write_gradient(total, 0, x, at, gx, at, (high - low) * image, rectify, add)


@serial
def _put_back(columns, tap, first, last, geometry, total):
    """Add to `total` what `_lay_out` would have copied from there."""
    height, width, batch, out_width = geometry[1], geometry[2], geometry[3], geometry[5]
    kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, top, left = window_of(geometry)
    c, i, j = tap // (kernel_h * kernel_w), tap // kernel_w % kernel_h, tap % kernel_w
    source = tap * (last - first) * batch
    for pixel in range(first, last):
        h = pixel // out_width * stride_h + i * dilation_h - top
        w = pixel % out_width * stride_w + j * dilation_w - left
        if 0 <= h < height and 0 <= w < width:
            target = ((c * height + h) * width + w) * batch
            for t in range(batch):
                total[target + t] += columns[source + t]
        source += batch
