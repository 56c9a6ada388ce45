"""Pooling of activations that lie (C, H, W, B) in memory."""

from __future__ import annotations

import numpy as np
from numba import prange

from nnabla_nas.function.cpu.compilation import (
    ZERO,
    Geometry,
    Places,
    floats,
    inlined,
    parallel,
    serial,
)
from nnabla_nas.function.cpu.gradient_rows import find_readers, gradient_line, spread_run
from nnabla_nas.function.cpu.lanes import (
    WIDTH,
    add,
    load,
    load_bytes,
    spread,
    store,
    store_bytes,
    where_equal,
    where_larger,
)
from nnabla_nas.function.cpu.rows import (
    copy_run,
    pad_rows,
    padding,
    shape_of,
)

# Channels are divided among the threads in so many parts, each with a padded image of its own.
_PARTS = 8
# The place of a value that no window holds.
_NOWHERE = np.float32(255)
_LOWEST = np.float32(-np.inf)
# Numbers of a row that are compared at once.
_STRIP = 4 * WIDTH


@parallel
def maximum(x_at: int, y_at: int, places: Places, geometry: Geometry):
    """y = the largest value of every window; padding is never the largest, a NaN always is.

    Args:
        x_at: address of x, (C, H, W, B).
        y_at: address of y, (C, H_out, W_out, B).
        places: (C, H_out, W_out, B) of bytes: where in its window the value was.
        geometry: (C, H, W, B, H_out, W_out, kernel, stride, dilation, pad), the last four
            (vertical, horizontal).
    """
    parts, flat = min(_PARTS, geometry[0]), places.reshape(-1)
    for part in prange(parts):
        _maximum_part(x_at, y_at, flat, geometry, part, parts)


@serial
def _maximum_part(x_at, y_at, places, geometry, part, parts):
    channels, height, width, batch, out_height, out_width = shape_of(geometry)
    taps, stride, top = geometry[6] * geometry[7], geometry[8], geometry[12]
    reach = (geometry[6] - 1) * geometry[10] - top + 1
    image, n = height * width * batch, out_width * batch
    x = floats(x_at, (channels * image,))
    y = floats(y_at, (channels * out_height * n,))
    padded, line, starts = padding(geometry, _LOWEST)
    for c in range(channels * part // parts, channels * (part + 1) // parts):
        filled = 0
        for h in range(out_height):
            # Rows are copied just before they are read, and are still in the fastest cache.
            last = h * stride + reach
            filled = pad_rows(x, c * image, filled, last, geometry, padded, False)
            target = (c * out_height + h) * n
            _largest(padded, h * stride * line, starts, taps, y, target, places, n)


@serial
def _largest(x, x_at, starts, taps, y, y_at, places, n):
    """y[t] = the largest of x[starts[k] + t] over n numbers, places[t] = its k."""
    if n < _STRIP:
        for t in range(n):
            best, place = _LOWEST, _NOWHERE
            for k in range(taps):
                v = x[x_at + starts[k] + t]
                if v > best or v != v:
                    best, place = v, np.float32(k)
            y[y_at + t], places[y_at + t] = best, np.uint8(place)
        return
    for t in range(0, n, _STRIP):
        # The last strip computes numbers of the one before it again.
        at = min(t, n - _STRIP)
        _largest_strip(x, x_at + at, starts, taps, y, y_at + at, places)


@inlined
def _largest_strip(x, x_at, starts, taps, y, y_at, places):
    a = b = c = d = spread(_LOWEST)
    p = q = r = s = spread(_NOWHERE)
    for k in range(taps):
        at, number = x_at + starts[k], spread(np.float32(k))
        v, w = load(x, at), load(x, at + WIDTH)
        p, q = where_larger(v, a, number, p), where_larger(w, b, number, q)
        a, b = where_larger(v, a, v, a), where_larger(w, b, w, b)
        v, w = load(x, at + 2 * WIDTH), load(x, at + 3 * WIDTH)
        r, s = where_larger(v, c, number, r), where_larger(w, d, number, s)
        c, d = where_larger(v, c, v, c), where_larger(w, d, w, d)
    store(y, y_at, a)
    store(y, y_at + WIDTH, b)
    store(y, y_at + 2 * WIDTH, c)
    store(y, y_at + 3 * WIDTH, d)
    store_bytes(places, y_at, p)
    store_bytes(places, y_at + WIDTH, q)
    store_bytes(places, y_at + 2 * WIDTH, r)
    store_bytes(places, y_at + 3 * WIDTH, s)


@parallel
def maximum_backward(g_at: int, places: Places, gx_at: int, geometry: Geometry, add: bool):
    """Write the gradient of x, or add it.

    Args:
        g_at: address of y's gradient.
        places: what `maximum` wrote.
        gx_at: address of x's gradient.
        geometry: as of `maximum`.
        add: whether to add to what is there.
    """
    parts, flat = min(_PARTS, geometry[0]), places.reshape(-1)
    for part in prange(parts):
        _backward_part(g_at, flat, gx_at, geometry, add, part, parts)


@serial
def _backward_part(g_at, places, gx_at, geometry, more, part, parts):
    channels, height, width, batch, out_height, out_width = shape_of(geometry)
    stride, taps = geometry[9], geometry[6] * geometry[7]
    image, n = height * width * batch, out_width * batch
    g = floats(g_at, (channels * out_height * n,))
    gx = floats(gx_at, (channels * image,))
    before, line = gradient_line(geometry)
    padded, padded_places = np.zeros((2, out_height * line), np.float32)
    order, starts, readers = find_readers(geometry)
    numbers = np.empty(taps, np.float32)
    for k in range(taps):
        numbers[k] = order[k]
    run = np.empty(width * batch, np.float32)
    for c in range(channels * part // parts, channels * (part + 1) // parts):
        for h in range(out_height):
            source, target = (c * out_height + h) * n, h * line + before
            copy_run(g, source, padded, target, n, False)
            _copy_bytes(places, source, padded_places, target, n)
        for h in range(height):
            for first in range(min(stride, width)):
                base, k, last = readers[h, first]
                pixels = (width - first + stride - 1) // stride
                _gather(
                    padded, padded_places, base, starts[k:], numbers[k:], last - k, run,
                    pixels * batch,
                )  # fmt: skip
                at = c * image + (h * width + first) * batch
                spread_run(run, gx, gx, at, pixels, stride, batch, False, more)


@serial
def _copy_bytes(x, x_at, y, y_at, n):
    for t in range(0, n // WIDTH * WIDTH, WIDTH):
        store(y, y_at + t, load_bytes(x, x_at + t))
    for t in range(n // WIDTH * WIDTH, n):
        y[y_at + t] = x[x_at + t]


@serial
def _gather(g, places, base, starts, numbers, taps, run, n):
    """run[t] = Σ_k g[at + t] where places[at + t] is numbers[k], at = base + starts[k]."""
    whole = n // _STRIP * _STRIP
    for t in range(0, whole, _STRIP):
        a = b = c = d = spread(ZERO)
        for k in range(taps):
            at, v = base + starts[k] + t, spread(numbers[k])
            a = add(a, where_equal(load(places, at), v, load(g, at)))
            b = add(b, where_equal(load(places, at + WIDTH), v, load(g, at + WIDTH)))
            c = add(c, where_equal(load(places, at + 2 * WIDTH), v, load(g, at + 2 * WIDTH)))
            d = add(d, where_equal(load(places, at + 3 * WIDTH), v, load(g, at + 3 * WIDTH)))
        store(run, t, a)
        store(run, t + WIDTH, b)
        store(run, t + 2 * WIDTH, c)
        store(run, t + 3 * WIDTH, d)
    for t in range(whole, n):
        r = ZERO
        for k in range(taps):
            at = base + starts[k] + t
            r += g[at] if places[at] == numbers[k] else ZERO
        run[t] = r


@parallel
def mean_of_image(x_at: int, y_at: int, channels: int, pixels: int, batch: int):
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
def mean_of_image_backward(
    g_at: int, gx_at: int, channels: int, pixels: int, batch: int, add: bool
):
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
