"""Where the gradient of a window's input comes from, for images (C, H, W, B) in memory.

With a stride, a run of every stride-th pixel of a row is computed at once: all its pixels are read
by the same taps.
"""

from __future__ import annotations

import numpy as np

from nnabla_nas.function.cpu.compilation import ZERO, inlined, serial
from nnabla_nas.function.cpu.lanes import WIDTH, add, load, passed, store
from nnabla_nas.function.cpu.rows import window_of


@serial
def gradient_line(geometry):
    """Return how many numbers lie before a row of a padded gradient, and how many it has.

    No tap reads the gradient of a neighbouring row, thanks to what is before and behind.
    """
    before = (geometry[7] - 1) * geometry[11] // geometry[9]
    behind = max(0, (geometry[2] - 1 + geometry[13]) // geometry[9] + 1 - geometry[5])
    return before * geometry[3], (before + geometry[5] + behind) * geometry[3]


@serial
def find_readers(geometry):
    """Find the taps that read the pixels of each row.

    Returns:
        order: the taps, those that read the same pixels behind each other;
        starts: where in a padded gradient each one finds its values, counted from a base;
        readers: (H, stride, 3), for each row and the run from each of its first pixels: the base,
            and the first and the end of the taps that read it.
    """
    kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, top, left = window_of(geometry)
    before, line = gradient_line(geometry)
    order = np.empty(kernel_h * kernel_w, np.int64)
    starts = np.empty(kernel_h * kernel_w, np.int64)
    readers = np.zeros((geometry[1], stride_w, 3), np.int64)
    k = 0
    for down in range(stride_h):
        for first in range(stride_w):
            column, right = (first + left) // stride_w, (first + left) % stride_w
            for i in range(kernel_h):
                up, other = (i * dilation_h - down) // stride_h, (i * dilation_h - down) % stride_h
                if other:
                    continue
                begin = k
                for j in range(kernel_w):
                    if (j * dilation_w - right) % stride_w == 0:
                        back = (j * dilation_w - right) // stride_w * geometry[3]
                        order[k], starts[k] = i * kernel_w + j, -up * line - back
                        k += 1
                for h in range(geometry[1]):
                    row = (h + top) // stride_h
                    if (h + top) % stride_h == down and 0 <= row - up < geometry[4]:
                        reader = readers[h, first]
                        if reader[1] == reader[2]:
                            reader[0], reader[1] = row * line + column * geometry[3] + before, begin
                        reader[2] = k
    return order, starts, readers


@serial
def spread_run(run, x, gx, at, pixels, stride, batch, rectify, more):
    """Write a run of every stride-th pixel's gradient to where the pixels are."""
    length = pixels * batch if stride == 1 else batch
    for source in range(0, pixels * batch, length):
        write_gradient(run, source, x, at, gx, at, length, rectify, more)
        at += stride * batch


@inlined
def write_gradient(g, g_at, x, x_at, gx, gx_at, n, rectify, more):
    """Write g's n numbers to gx, with `more` add them.

    With `rectify` only those where x is positive or no number, zero for the others.
    """
    whole = n // WIDTH * WIDTH
    for t in range(0, whole, WIDTH):
        v = load(g, g_at + t)
        if rectify:
            v = passed(load(x, x_at + t), v)
        if more:
            v = add(load(gx, gx_at + t), v)
        store(gx, gx_at + t, v)
    for t in range(whole, n):
        w = ZERO if rectify and x[x_at + t] <= ZERO else g[g_at + t]
        gx[gx_at + t] = gx[gx_at + t] + w if more else w
