"""Matrix products of a few rows and very many columns, as 1×1 convolutions are.

Columns are taken in blocks that fit the cache. A tile of the result, four rows by three times the
lanes, stays in registers while the numbers it sums go by; factors are copied so that they lie in
the order in which tiles read them. Every value is summed in one order, whatever the number of
threads.

Source of the scheme: Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication",
2008.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from nnabla_nas.function.cpu.compilation import ZERO, floats, inlined, parallel, serial
from nnabla_nas.function.cpu.lanes import (
    WIDTH,
    add_totals,
    load,
    multiply_add,
    passed,
    spread,
    store,
)

# A tile of a product.
_ROWS = 4
_STRIP = 3 * WIDTH
# Numbers of a block of columns.
_BLOCK = 16384
# A tile of an outer product is four rows by so many; a block of it so many and so long.
_TRIPLE = 3
GROUP = 96
_OUTER_BLOCK = 65536
_LONGEST = 1024
# Partial sums of an outer product.
_PARTS = 8


@serial
def _strips(inner):
    """Return how many strips a block of columns has."""
    return max(4, _BLOCK // (inner * _STRIP))


@inlined
def _tile(w, w_at, x, x_at, inner, y, y_at, apart):
    """y[r] = Σ_c w[c, r] · x[c] for a strip and four rows r that lie `apart` numbers apart."""
    a0 = a1 = a2 = b0 = b1 = b2 = c0 = c1 = c2 = d0 = d1 = d2 = spread(ZERO)
    for c in range(inner):
        i, j = w_at + _ROWS * c, x_at + _STRIP * c
        p, q, r = load(x, j), load(x, j + WIDTH), load(x, j + 2 * WIDTH)
        v = spread(w[i])
        a0, a1, a2 = multiply_add(v, p, a0), multiply_add(v, q, a1), multiply_add(v, r, a2)
        v = spread(w[i + 1])
        b0, b1, b2 = multiply_add(v, p, b0), multiply_add(v, q, b1), multiply_add(v, r, b2)
        v = spread(w[i + 2])
        c0, c1, c2 = multiply_add(v, p, c0), multiply_add(v, q, c1), multiply_add(v, r, c2)
        v = spread(w[i + 3])
        d0, d1, d2 = multiply_add(v, p, d0), multiply_add(v, q, d1), multiply_add(v, r, d2)
    _store_3(y, y_at, a0, a1, a2)
    _store_3(y, y_at + apart, b0, b1, b2)
    _store_3(y, y_at + 2 * apart, c0, c1, c2)
    _store_3(y, y_at + 3 * apart, d0, d1, d2)


@inlined
def _store_3(y, at, p, q, r):
    store(y, at, p)
    store(y, at + WIDTH, q)
    store(y, at + 2 * WIDTH, r)


@serial
def pack_rows(w):
    """Return w (rows, inner) as tiles read it, (rows / 4, inner, 4), in one dimension."""
    rows, inner = w.shape
    packed = np.zeros((rows + _ROWS - 1) // _ROWS * inner * _ROWS, np.float32)
    for row in range(rows):
        start = row // _ROWS * inner * _ROWS + row % _ROWS
        for c in range(inner):
            packed[start + c * _ROWS] = w[row, c]
    return packed


@serial
def pack_columns(x, first, inner, columns, n, rectify, packed):
    """Copy n columns of x (inner, columns) to (n / _STRIP, inner, _STRIP), zeros behind them."""
    for c in range(inner):
        pack_row(x, first + c * columns, n, rectify, packed, c * _STRIP, inner * _STRIP)


@serial
def strips_of(n):
    """Return how many numbers n columns take when they are packed."""
    return (n + _STRIP - 1) // _STRIP * _STRIP


@serial
def pack_row(x, x_at, n, rectify, packed, target, apart):
    """Copy n numbers to strips `apart` numbers apart, what is left of the last one as zeros."""
    whole = n // _STRIP * _STRIP
    for t in range(x_at, x_at + whole, _STRIP):
        p, q, r = load(x, t), load(x, t + WIDTH), load(x, t + 2 * WIDTH)
        if rectify:
            p, q, r = passed(p, p), passed(q, q), passed(r, r)
        _store_3(packed, target, p, q, r)
        target += apart
    if whole < n:
        for t in range(n - whole):
            v = x[x_at + whole + t]
            packed[target + t] = ZERO if rectify and v <= ZERO else v
        packed[target + n - whole : target + _STRIP] = ZERO


@parallel
def multiply(w_at: int, x_at: int, y_at: int, rows: int, inner: int, columns: int, rectify: bool):
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
    width = _strips(inner) * _STRIP
    packed = pack_rows(floats(w_at, (rows, inner)))
    for block in prange((columns + width - 1) // width):
        _multiply_block(packed, x_at, y_at, rows, inner, columns, rectify, block * width)


@serial
def _multiply_block(w, x_at, y_at, rows, inner, columns, rectify, first):
    y = floats(y_at, (rows * columns,))
    n = min(columns - first, _strips(inner) * _STRIP)
    x = np.empty(strips_of(n) * inner, np.float32)
    pack_columns(floats(x_at, (inner * columns,)), first, inner, columns, n, rectify, x)
    multiply_packed(w, x, rows, inner, n, y, first, columns)


@serial
def multiply_packed(w, x, rows, inner, n, y, y_at, columns):
    """y = w · x over n columns of packed factors; y's rows lie `columns` numbers apart."""
    edge = np.empty(_ROWS * _STRIP, np.float32)
    for row in range(0, rows, _ROWS):
        high = min(_ROWS, rows - row)
        for strip in range(0, n, _STRIP):
            wide = min(_STRIP, n - strip)
            start = y_at + row * columns + strip
            whole = high == _ROWS and wide == _STRIP
            target, at, apart = (y, start, columns) if whole else (edge, 0, _STRIP)
            _tile(w, row * inner, x, strip * inner, inner, target, at, apart)
            if not whole:
                for r in range(high):
                    for t in range(wide):
                        y[start + r * columns + t] = edge[r * _STRIP + t]


@inlined
def _dot_tile(g, g0, g1, g2, g3, x, x_at, steps, out, out_at, apart):
    """out[k, r] += Σ_t g[r, t] · x[k, t] for four rows, at g0 … g3, and three of x."""
    a0 = a1 = a2 = b0 = b1 = b2 = c0 = c1 = c2 = d0 = d1 = d2 = spread(ZERO)
    for step in range(steps):
        t, j = WIDTH * step, x_at + _STRIP * step
        p, q, r = load(x, j), load(x, j + WIDTH), load(x, j + 2 * WIDTH)
        v = load(g, g0 + t)
        a0, a1, a2 = multiply_add(v, p, a0), multiply_add(v, q, a1), multiply_add(v, r, a2)
        v = load(g, g1 + t)
        b0, b1, b2 = multiply_add(v, p, b0), multiply_add(v, q, b1), multiply_add(v, r, b2)
        v = load(g, g2 + t)
        c0, c1, c2 = multiply_add(v, p, c0), multiply_add(v, q, c1), multiply_add(v, r, c2)
        v = load(g, g3 + t)
        d0, d1, d2 = multiply_add(v, p, d0), multiply_add(v, q, d1), multiply_add(v, r, d2)
    add_totals(out, out_at, a0, b0, c0, d0)
    add_totals(out, out_at + apart, a1, b1, c1, d1)
    add_totals(out, out_at + 2 * apart, a2, b2, c2, d2)


@serial
def _pack_triples(x, x_at, inner, columns, n, rectify, packed):
    """Copy n columns, whole lanes, of x (inner, columns) to (inner / 3, n / WIDTH, 3, WIDTH)."""
    for c in range(inner):
        pack_in_triple(x, x_at + c * columns, c, n, rectify, packed)


@serial
def pack_in_triple(x, x_at, c, n, rectify, packed):
    """Copy n numbers, whole lanes, to where row c of (inner / 3, n / WIDTH, 3, WIDTH) lies."""
    target = c // _TRIPLE * _TRIPLE * n + c % _TRIPLE * WIDTH
    for t in range(0, n, WIDTH):
        v = load(x, x_at + t)
        store(packed, target + _TRIPLE * t, passed(v, v) if rectify else v)


@parallel
def add_outer(
    g_at: int, x_at: int, out_at: int, rows: int, inner: int, columns: int, rectify: bool
):
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
    width = outer_width(inner)
    blocks = (columns + width - 1) // width
    parts = min(_PARTS, blocks)
    apart = turned_row(rows)
    partial = np.zeros((parts, turned_size(rows, inner)), np.float32)
    for part in prange(parts):
        first, last = blocks * part // parts * width, blocks * (part + 1) // parts * width
        _outer_part(
            g_at, x_at, partial[part], rows, inner, columns, first, min(columns, last), rectify
        )
    add_turned(partial, apart, floats(out_at, (rows, inner)))


@serial
def turned_row(rows):
    """Return how many numbers a row of a sum (inner, rows) takes: tiles reach over the edge."""
    return (rows + _ROWS - 1) // _ROWS * _ROWS


@serial
def turned_size(rows, inner):
    """Return how many numbers a sum (inner, rows) takes, with room for tiles."""
    return (inner + _TRIPLE - 1) // _TRIPLE * _TRIPLE * turned_row(rows)


@serial
def add_turned(partial, apart, out):
    """out += the parts' sums, in an order that no thread changes."""
    for part in range(partial.shape[0]):
        for row in range(out.shape[0]):
            for c in range(out.shape[1]):
                out[row, c] += partial[part, c * apart + row]


@serial
def outer_width(inner):
    """Return how many columns a block has."""
    return min(_LONGEST, _OUTER_BLOCK // min(inner, GROUP) // WIDTH * WIDTH)


@serial
def _outer_part(g_at, x_at, out, rows, inner, columns, first, last, rectify):
    """out += x · gᵀ over the columns from first to last."""
    g, x = floats(g_at, (rows * columns,)), floats(x_at, (inner * columns,))
    width, apart = outer_width(inner), turned_row(rows)
    packed = np.zeros((min(inner, GROUP) + _TRIPLE) * width, np.float32)
    for start in range(first, last, width):
        n = min(width, last - start)
        whole = n // WIDTH * WIDTH
        for group in range(0, inner, GROUP):
            high = min(GROUP, inner - group)
            _pack_triples(x, group * columns + start, high, columns, whole, rectify, packed)
            outer_block(g, start, rows, columns, packed, high, whole, out, group * apart, apart)
        for t in range(start + whole, start + n):
            for c in range(inner):
                v = x[c * columns + t]
                v = ZERO if rectify and v <= ZERO else v
                for row in range(rows):
                    out[c * apart + row] += g[row * columns + t] * v


@serial
def outer_block(g, start, rows, columns, packed, high, n, out, out_at, apart):
    bottom = (rows - 1) * columns + start
    for row in range(0, rows, _ROWS):
        # Below the last row a tile reads it again.
        g0 = row * columns + start
        g1 = min(g0 + columns, bottom)
        g2, g3 = min(g0 + 2 * columns, bottom), min(g0 + 3 * columns, bottom)
        for c in range(0, high, _TRIPLE):
            target = out_at + c * apart + row
            _dot_tile(g, g0, g1, g2, g3, packed, c * n, n // WIDTH, out, target, apart)
