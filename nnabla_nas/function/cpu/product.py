"""Matrix products of a few rows and very many columns, as 1×1 convolutions are.

Columns are taken in blocks that fit the cache. The blocks depend on the shape alone, so a result
has the same bytes whatever the number of threads. Where few numbers are summed a loop of ours beats
the library's product.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from nnabla_nas.function.cpu.compilation import ZERO, floats, inlined, parallel, serial

# Sums over no more than this many numbers are done by the loops below.
_FEW = 32
# Numbers of a block of columns: half a megabyte of cache holds it with its result.
_BLOCK = 32768
# Partial sums of a product over the columns.
_PARTS = 8


@serial
def _columns(inner):
    return max(256, (_BLOCK // inner) // 16 * 16)


@inlined
def _add_8(y, a, b, c, d, e, f, g, h, w, i, first):
    w0, w1, w2, w3 = w[i], w[i + 1], w[i + 2], w[i + 3]
    w4, w5, w6, w7 = w[i + 4], w[i + 5], w[i + 6], w[i + 7]
    if first:
        for t in range(y.shape[0]):
            y[t] = (w0 * a[t] + w1 * b[t] + w2 * c[t] + w3 * d[t]) + (
                w4 * e[t] + w5 * f[t] + w6 * g[t] + w7 * h[t]
            )
    else:
        for t in range(y.shape[0]):
            y[t] += (w0 * a[t] + w1 * b[t] + w2 * c[t] + w3 * d[t]) + (
                w4 * e[t] + w5 * f[t] + w6 * g[t] + w7 * h[t]
            )


@inlined
def _add_1(y, a, w, first):
    if first:
        for t in range(y.shape[0]):
            y[t] = w * a[t]
    else:
        for t in range(y.shape[0]):
            y[t] += w * a[t]


@inlined
def _dot_8(y, a, b, c, d, e, f, g, h, out, i):
    r0 = r1 = r2 = r3 = r4 = r5 = r6 = r7 = ZERO
    for t in range(y.shape[0]):
        v = y[t]
        r0 += v * a[t]
        r1 += v * b[t]
        r2 += v * c[t]
        r3 += v * d[t]
        r4 += v * e[t]
        r5 += v * f[t]
        r6 += v * g[t]
        r7 += v * h[t]
    out[i] += r0
    out[i + 1] += r1
    out[i + 2] += r2
    out[i + 3] += r3
    out[i + 4] += r4
    out[i + 5] += r5
    out[i + 6] += r6
    out[i + 7] += r7


@inlined
def _dot_1(y, a, out, i):
    r = ZERO
    for t in range(y.shape[0]):
        r += y[t] * a[t]
    out[i] += r


@serial
def copy_columns(x, first, n, rectify, block):
    """Copy n columns from `first` on into a block, negative values as zero with `rectify`."""
    for row in range(x.shape[0]):
        source, target = x[row, first : first + n], block[row]
        if rectify:
            for t in range(n):
                v = source[t]
                target[t] = ZERO if v <= ZERO else v
        else:
            for t in range(n):
                target[t] = source[t]


@serial
def multiply_few(w, x, n, row, out):
    """out[:n] = Σ_c w[row, c] · x[c, :n]."""
    y, weights, inner, c = out[:n], w[row], w.shape[1], 0
    while c + 8 <= inner:
        _add_8(
            y, x[c, :n], x[c + 1, :n], x[c + 2, :n], x[c + 3, :n], x[c + 4, :n], x[c + 5, :n],
            x[c + 6, :n], x[c + 7, :n], weights, c, c == 0,
        )  # fmt: skip
        c += 8
    while c < inner:
        _add_1(y, x[c, :n], weights[c], c == 0)
        c += 1


@serial
def correlate_few(g, x, n, out):
    """out[c] += Σ_t g[t] · x[c, t] over n columns."""
    y, inner, c = g[:n], x.shape[0], 0
    while c + 8 <= inner:
        _dot_8(
            y, x[c, :n], x[c + 1, :n], x[c + 2, :n], x[c + 3, :n], x[c + 4, :n], x[c + 5, :n],
            x[c + 6, :n], x[c + 7, :n], out, c,
        )  # fmt: skip
        c += 8
    while c < inner:
        _dot_1(y, x[c, :n], out, c)
        c += 1


@parallel
def multiply(w_at, x_at, y_at, rows, inner, columns, rectify):
    """y = w · x, with x's negative values as zero if `rectify`.

    Args:
        w_at: address of w, (rows, inner).
        x_at: address of x, (inner, columns).
        y_at: address of y, (rows, columns).
        rows: of w.
        inner: over how many numbers each value sums.
        columns: of x.
        rectify: whether x goes through a ReLU first.
    """
    width = _columns(inner)
    for block in prange((columns + width - 1) // width):
        _multiply_block(w_at, x_at, y_at, rows, inner, columns, rectify, block * width)


@serial
def _multiply_block(w_at, x_at, y_at, rows, inner, columns, rectify, first):
    w = floats(w_at, (rows, inner))
    x = floats(x_at, (inner, columns))
    y = floats(y_at, (rows, columns))
    width = _columns(inner)
    n = min(columns, first + width) - first
    if inner <= _FEW:
        # Sixteen numbers of padding: rows a power of two apart would share one cache set.
        packed = np.empty((inner, width + 16), np.float32)
        copy_columns(x, first, n, rectify, packed)
        one = np.empty(width, np.float32)
        for row in range(rows):
            multiply_few(w, packed, n, row, one)
            target = y[row, first : first + n]
            for t in range(n):
                target[t] = one[t]
    else:
        whole = np.empty((inner, n), np.float32)
        copy_columns(x, first, n, rectify, whole)
        product = np.dot(w, whole)
        for row in range(rows):
            target, source = y[row, first : first + n], product[row]
            for t in range(n):
                target[t] = source[t]


@parallel
def add_outer(g_at, x_at, out_at, rows, inner, columns, rectify):
    """out += g · xᵀ, with x's negative values as zero if `rectify`.

    Args:
        g_at: address of g, (rows, columns).
        x_at: address of x, (inner, columns).
        out_at: address of the sum, (rows, inner).
        rows: of g.
        inner: rows of x.
        columns: of both.
        rectify: whether x goes through a ReLU first.
    """
    width = _columns(inner)
    blocks = (columns + width - 1) // width
    parts = min(_PARTS, blocks)
    partial = np.empty((parts, rows, inner), np.float32)
    for part in prange(parts):
        _outer_part(g_at, x_at, partial[part], columns, rectify, part, parts)
    add_parts(partial, out_at)


@serial
def _outer_part(g_at, x_at, total, columns, rectify, part, parts):
    rows, inner = total.shape
    g = floats(g_at, (rows, columns))
    x = floats(x_at, (inner, columns))
    width = _columns(inner)
    blocks = (columns + width - 1) // width
    total[:] = ZERO
    for block in range(blocks * part // parts, blocks * (part + 1) // parts):
        first = block * width
        n = min(columns, first + width) - first
        if inner <= _FEW:
            packed = np.empty((inner, width + 16), np.float32)
            copy_columns(x, first, n, rectify, packed)
            for row in range(rows):
                correlate_few(g[row, first : first + n], packed, n, total[row])
        else:
            whole = np.empty((inner, n), np.float32)
            copy_columns(x, first, n, rectify, whole)
            gradient = np.empty((rows, n), np.float32)
            copy_columns(g, first, n, False, gradient)
            total += np.dot(gradient, whole.T)


@serial
def add_parts(partial, out_at):
    """out += partial[0], then partial[1] and so on: in an order that no thread changes."""
    parts, rows, inner = partial.shape
    out = floats(out_at, (rows, inner))
    for part in range(parts):
        for row in range(rows):
            for c in range(inner):
                out[row, c] += partial[part, row, c]
