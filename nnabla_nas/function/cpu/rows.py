"""Rows of images that lie (C, H, W, B) in memory: each is one run of W · B numbers.

Every tap of a filter is then a multiplication of a long vector by a number. With a stride, columns
are sorted by their remainder first.
"""

from __future__ import annotations

import numpy as np

from nnabla_nas.function.cpu.compilation import ZERO, inlined, serial
from nnabla_nas.function.cpu.lanes import WIDTH, load, multiply_add, passed, spread, store

# Numbers of a row that are filtered at once, held in registers.
_STRIP = 8 * WIDTH


@serial
def shape_of(geometry):
    """Return (C, H, W, B, H_out, W_out)."""
    return geometry[0], geometry[1], geometry[2], geometry[3], geometry[4], geometry[5]


@serial
def window_of(geometry):
    """Return kernel, stride, dilation and pad, each vertical and horizontal."""
    return (
        geometry[6], geometry[7], geometry[8], geometry[9],
        geometry[10], geometry[11], geometry[12], geometry[13],
    )  # fmt: skip


@serial
def padded_shape(geometry):
    """Return rows, and columns of each remainder, of a padded image."""
    top, left, stride = geometry[12], geometry[13], geometry[9]
    return geometry[1] + 2 * top, (geometry[2] + 2 * left + stride - 1) // stride + 1


@serial
def padding(geometry, value):
    """Return a padded image of one value, its numbers per row, and `tap_starts`."""
    rows, columns = padded_shape(geometry)
    line = geometry[9] * columns * geometry[3]
    return np.full(rows * line, value, np.float32), line, tap_starts(geometry)


@serial
def pad_rows(x, x_at, filled, last, geometry, padded, rectify):
    """Copy rows of x's image at x_at to `padded` (rows, stride, columns, B), up to the last.

    Returns:
        how many rows are filled then.
    """
    height, width, batch, stride = geometry[1], geometry[2], geometry[3], geometry[9]
    top, left = geometry[12], geometry[13]
    columns = padded_shape(geometry)[1] * batch
    last = max(filled, min(last, height))
    # Without a stride a row is one run, else a pixel is.
    run = width * batch if stride == 1 else batch
    for h in range(filled, last):
        source, target = x_at + h * width * batch, (h + top) * stride * columns
        for first in range(min(stride, width)):
            at = target + (first + left) % stride * columns + (first + left) // stride * batch
            for pixel in range(source + first * batch, source + width * batch, stride * run):
                copy_run(x, pixel, padded, at, run, rectify)
                at += run
    return last


@inlined
def copy_run(x, x_at, y, y_at, n, rectify):
    """y[:n] = x[:n], negative values as zero with `rectify`."""
    whole = n // WIDTH * WIDTH
    for t in range(0, whole, WIDTH):
        v = load(x, x_at + t)
        store(y, y_at + t, passed(v, v) if rectify else v)
    for t in range(whole, n):
        w = x[x_at + t]
        y[y_at + t] = ZERO if rectify and w <= ZERO else w


@serial
def tap_starts(geometry):
    """Return where in a padded image the run of each tap starts, (kernel h · kernel w,)."""
    kernel_h, kernel_w, _, stride, dilation_h, dilation_w, _, _ = window_of(geometry)
    columns, batch = padded_shape(geometry)[1], geometry[3]
    at = np.empty(kernel_h * kernel_w, np.int64)
    for i in range(kernel_h):
        for j in range(kernel_w):
            column = j * dilation_w
            run = (i * dilation_h * stride + column % stride) * columns + column // stride
            at[i * kernel_w + j] = run * batch
    return at


@serial
def filter_row(x, x_at, starts, weights, taps, y, y_at, n):
    """y[t] = Σ_k weights[k] · x[starts[k] + t] over n numbers."""
    if n >= _STRIP:
        for t in range(0, n, _STRIP):
            # The last strip computes numbers of the one before it again.
            at = min(t, n - _STRIP)
            _filter_strip(x, x_at + at, starts, weights, taps, y, y_at + at)
        return
    whole = n // WIDTH * WIDTH
    for t in range(0, whole, WIDTH):
        _filter_lanes(x, x_at + t, starts, weights, taps, y, y_at + t)
    for t in range(whole, n):
        r = ZERO
        for k in range(taps):
            r += weights[k] * x[x_at + starts[k] + t]
        y[y_at + t] = r


@inlined
def _filter_lanes(x, x_at, starts, weights, taps, y, y_at):
    a = spread(ZERO)
    for k in range(taps):
        a = multiply_add(spread(weights[k]), load(x, x_at + starts[k]), a)
    store(y, y_at, a)


@inlined
def _filter_strip(x, x_at, starts, weights, taps, y, y_at):
    a = b = c = d = e = f = g = h = spread(ZERO)
    for k in range(taps):
        v, t = spread(weights[k]), x_at + starts[k]
        a, b = multiply_add(v, load(x, t), a), multiply_add(v, load(x, t + WIDTH), b)
        c = multiply_add(v, load(x, t + 2 * WIDTH), c)
        d = multiply_add(v, load(x, t + 3 * WIDTH), d)
        e = multiply_add(v, load(x, t + 4 * WIDTH), e)
        f = multiply_add(v, load(x, t + 5 * WIDTH), f)
        g = multiply_add(v, load(x, t + 6 * WIDTH), g)
        h = multiply_add(v, load(x, t + 7 * WIDTH), h)
    store(y, y_at, a)
    store(y, y_at + WIDTH, b)
    store(y, y_at + 2 * WIDTH, c)
    store(y, y_at + 3 * WIDTH, d)
    store(y, y_at + 4 * WIDTH, e)
    store(y, y_at + 5 * WIDTH, f)
    store(y, y_at + 6 * WIDTH, g)
    store(y, y_at + 7 * WIDTH, h)
