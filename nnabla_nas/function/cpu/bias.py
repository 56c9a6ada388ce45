"""One number per channel, added to activations that lie (C, H, W, B) in memory."""

from __future__ import annotations

from numba import prange

from nnabla_nas.function.cpu.compilation import floats, parallel, serial
from nnabla_nas.function.cpu.sums import sum_of


@parallel
def add_bias(y_at: int, bias_at: int, rows: int, columns: int):
    """y[c] += bias[c].

    Args:
        y_at: address of y, (C, H · W · B).
        bias_at: address of the numbers.
        rows: C.
        columns: H · W · B.
    """
    for c in prange(rows):
        _add_bias_part(y_at, bias_at, rows, columns, c)


@serial
def _add_bias_part(y_at, bias_at, rows, columns, c):
    y, bias = floats(y_at, (rows, columns))[c], floats(bias_at, (rows,))[c]
    for t in range(columns):
        y[t] += bias


@parallel
def add_sums(g_at: int, out_at: int, rows: int, columns: int):
    """out[c] += Σ g[c], the gradient of the numbers.

    Args:
        g_at: address of y's gradient, (C, H · W · B).
        out_at: address of the numbers' gradient.
        rows: C.
        columns: H · W · B.
    """
    for c in prange(rows):
        _add_sums_part(g_at, out_at, rows, columns, c)


@serial
def _add_sums_part(g_at, out_at, rows, columns, c):
    g, out = floats(g_at, (rows * columns,)), floats(out_at, (rows,))
    out[c] += sum_of(g, c * columns, columns)
