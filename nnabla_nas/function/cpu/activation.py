"""Activations of values in any shape, and sums of them."""

from __future__ import annotations

from numba import prange

from nnabla_nas.function.cpu.compilation import ONE, SIX, ZERO, floats, parallel, serial
from nnabla_nas.function.cpu.gradient_rows import write_gradient

NO_ACTIVATION, RELU, RELU6 = 0, 1, 2
# Values that a thread takes at once.
_CHUNK = 4096


@serial
def scale_shift(x, y, scale, shift, activation):
    """y = act(x · scale + shift)."""
    if activation == NO_ACTIVATION:
        for t in range(x.shape[0]):
            y[t] = x[t] * scale + shift
    elif activation == RELU:
        for t in range(x.shape[0]):
            v = x[t] * scale + shift
            y[t] = ZERO if v <= ZERO else v
    else:
        for t in range(x.shape[0]):
            v = x[t] * scale + shift
            v = ZERO if v <= ZERO else v
            y[t] = SIX if v > SIX else v


@parallel
def activate(x_at, y_at, n, activation):
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
def activate_backward(x_at, g_at, gx_at, n, activation, add):
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
def add_to(x_at, y_at, n):
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
