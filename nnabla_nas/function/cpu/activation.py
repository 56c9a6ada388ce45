"""Activations of values in any shape, and sums of them."""

from __future__ import annotations

from numba import prange

from nnabla_nas.function.cpu.compilation import ONE, SIX, ZERO, floats, parallel, serial
from nnabla_nas.function.cpu.gradient_rows import write_gradient
from nnabla_nas.function.cpu.lanes import (
    WIDTH,
    limited,
    load,
    multiply_add,
    passed,
    spread,
    store,
)

NO_ACTIVATION, RELU, RELU6 = 0, 1, 2
# Values that a thread takes at once.
_CHUNK = 4096


@serial
def scale_shift(x, y, scale, shift, activation):
    """y = act(x · scale + shift); x may be y itself."""
    # Written out: a loop that may write what it reads would take one number after the other.
    n, scales, shifts, six = x.shape[0], spread(scale), spread(shift), spread(SIX)
    whole = n // WIDTH * WIDTH
    for t in range(0, whole, WIDTH):
        v = multiply_add(load(x, t), scales, shifts)
        if activation != NO_ACTIVATION:
            v = passed(v, v)
        if activation == RELU6:
            v = limited(v, six)
        store(y, t, v)
    for t in range(whole, n):
        v = x[t] * scale + shift
        if activation != NO_ACTIVATION and v <= ZERO:
            v = ZERO
        y[t] = SIX if activation == RELU6 and v > SIX else v


@parallel
def activate(x_at: int, y_at: int, n: int, activation: int):
    """y = act(x) over n values.

    Args:
        x_at: address of x.
        y_at: address of y.
        n: number of values.
        activation: RELU or RELU6.
    """
    for chunk in prange((n + _CHUNK - 1) // _CHUNK):
        _activate_part(x_at, y_at, n, activation, chunk)


@serial
def _activate_part(x_at, y_at, n, activation, chunk):
    x, y = floats(x_at, (n,)), floats(y_at, (n,))
    part = slice(chunk * _CHUNK, min(n, (chunk + 1) * _CHUNK))
    scale_shift(x[part], y[part], ONE, ZERO, activation)


@parallel
def activate_backward(x_at: int, g_at: int, gx_at: int, n: int, activation: int, add: bool):
    """Write the gradient of act(x), or add it.

    Args:
        x_at: address of x.
        g_at: address of y's gradient.
        gx_at: address of x's gradient.
        n: number of values.
        activation: RELU or RELU6.
        add: whether to add to what is there.
    """
    for chunk in prange((n + _CHUNK - 1) // _CHUNK):
        _activate_backward_part(x_at, g_at, gx_at, n, activation, add, chunk)


@serial
def _activate_backward_part(x_at, g_at, gx_at, n, activation, add, chunk):
    x, g, gx = floats(x_at, (n,)), floats(g_at, (n,)), floats(gx_at, (n,))
    part = slice(chunk * _CHUNK, min(n, (chunk + 1) * _CHUNK))
    if activation == RELU:
        first = chunk * _CHUNK
        write_gradient(g, first, x, first, gx, first, min(_CHUNK, n - first), True, add)
        return
    values, gradient, target = x[part], g[part], gx[part]
    if add:
        for t in range(values.shape[0]):
            v = values[t]
            target[t] += ZERO if (v <= ZERO or v >= SIX) else gradient[t]
    else:
        for t in range(values.shape[0]):
            v = values[t]
            target[t] = ZERO if (v <= ZERO or v >= SIX) else gradient[t]


@parallel
def add_to(x_at: int, y_at: int, n: int):
    """y += x over n values.

    Args:
        x_at: address of x.
        y_at: address of y.
        n: number of values.
    """
    for chunk in prange((n + _CHUNK - 1) // _CHUNK):
        _add_to_part(x_at, y_at, n, chunk)


@serial
def _add_to_part(x_at, y_at, n, chunk):
    x, y = floats(x_at, (n,)), floats(y_at, (n,))
    for t in range(chunk * _CHUNK, min(n, (chunk + 1) * _CHUNK)):
        y[t] += x[t]
