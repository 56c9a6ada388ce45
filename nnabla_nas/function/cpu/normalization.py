"""Batch normalisation with the activation behind it, of (C, M) values.

Source: Ioffe and Szegedy, "Batch Normalization", 2015, algorithm 1 and section 3.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from nnabla_nas.function.cpu.compilation import ONE, SIX, ZERO, floats, parallel, serial
from nnabla_nas.function.cpu.gradient_rows import write_gradient

NO_ACTIVATION, RELU, RELU6 = 0, 1, 2
# Sums of so many values in single precision; those of the chunks are added in double precision.
_CHUNK = 4096


@serial
def _sum(x):
    total = 0.0
    for first in range(0, x.shape[0], _CHUNK):
        r = ZERO
        for t in range(first, min(x.shape[0], first + _CHUNK)):
            r += x[t]
        total += r
    return total


@serial
def _squares(x, mean):
    total = 0.0
    for first in range(0, x.shape[0], _CHUNK):
        r = ZERO
        for t in range(first, min(x.shape[0], first + _CHUNK)):
            r += (x[t] - mean) * (x[t] - mean)
        total += r
    return total


@serial
def _scale_shift(x, y, scale, shift, activation):
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


@serial
def _through(x, g, out, scale, shift, activation):
    """Write g where the activation of x · scale + shift lets a gradient through, else zero."""
    if activation == RELU:
        for t in range(x.shape[0]):
            out[t] = ZERO if x[t] * scale + shift <= ZERO else g[t]
    else:
        for t in range(x.shape[0]):
            v = x[t] * scale + shift
            out[t] = ZERO if (v <= ZERO or v >= SIX) else g[t]


@parallel
def normalize(
    x_at,
    beta_at,
    gamma_at,
    mean_at,
    variance_at,
    y_at,
    used_at,
    channels,
    m,
    decay,
    eps,
    batch,
    activation,
):
    """y = act((x − mean) / √(variance + eps) · gamma + beta), per channel.

    Args:
        x_at: address of x, (C, M).
        beta_at: address of the shifts, (C,).
        gamma_at: address of the scales, (C,).
        mean_at: address of the running means, (C,).
        variance_at: address of the running variances, (C,).
        y_at: address of y, (C, M).
        used_at: address of (2, C): the mean and 1 / √(variance + eps) that were used.
        channels: C.
        m: values per channel.
        decay: share of the running statistics that is kept.
        eps: added to the variance.
        batch: whether to use the batch's statistics and move the running ones.
        activation: one of NO_ACTIVATION, RELU, RELU6.
    """
    for c in prange(channels):
        _normalize_part(
            x_at,
            beta_at,
            gamma_at,
            mean_at,
            variance_at,
            y_at,
            used_at,
            channels,
            m,
            decay,
            eps,
            batch,
            activation,
            c,
        )


@serial
def _normalize_part(
    x_at,
    beta_at,
    gamma_at,
    mean_at,
    variance_at,
    y_at,
    used_at,
    channels,
    m,
    decay,
    eps,
    batch,
    activation,
    c,
):
    x, y = floats(x_at, (channels, m)), floats(y_at, (channels, m))
    beta, gamma = floats(beta_at, (channels,)), floats(gamma_at, (channels,))
    running_mean = floats(mean_at, (channels,))
    running_variance = floats(variance_at, (channels,))
    used = floats(used_at, (2, channels))
    if batch:
        mean = np.float32(_sum(x[c]) / m)
        variance = np.float32(_squares(x[c], mean) / m)
        running_mean[c] = decay * running_mean[c] + (ONE - decay) * mean
        unbiased = variance * np.float32(m / max(m - 1.0, 1.0))
        running_variance[c] = decay * running_variance[c] + (ONE - decay) * unbiased
    else:
        mean, variance = running_mean[c], running_variance[c]
    inverse = np.float32(1.0 / np.sqrt(variance + eps))
    used[0, c], used[1, c] = mean, inverse
    scale = gamma[c] * inverse
    _scale_shift(x[c], y[c], scale, beta[c] - mean * scale, activation)


@parallel
def normalize_backward(
    x_at,
    beta_at,
    gamma_at,
    used_at,
    g_at,
    gx_at,
    g_beta_at,
    g_gamma_at,
    channels,
    m,
    batch,
    activation,
):
    """Write the gradient of x; add those of shift and scale where their addresses are not 0.

    Args:
        x_at: address of x, (C, M).
        beta_at: address of the shifts, (C,).
        gamma_at: address of the scales, (C,).
        used_at: address of what `normalize` used.
        g_at: address of y's gradient, (C, M).
        gx_at: address of x's gradient, (C, M).
        g_beta_at: address of the shifts' gradient or 0.
        g_gamma_at: address of the scales' gradient or 0.
        channels: C.
        m: values per channel.
        batch: whether the batch's statistics were used.
        activation: as of `normalize`.
    """
    for c in prange(channels):
        _normalize_backward_part(
            x_at,
            beta_at,
            gamma_at,
            used_at,
            g_at,
            gx_at,
            g_beta_at,
            g_gamma_at,
            channels,
            m,
            batch,
            activation,
            c,
        )


@serial
def _normalize_backward_part(
    x_at,
    beta_at,
    gamma_at,
    used_at,
    g_at,
    gx_at,
    g_beta_at,
    g_gamma_at,
    channels,
    m,
    batch,
    activation,
    c,
):
    x, gy = floats(x_at, (channels, m)), floats(g_at, (channels, m))
    gx = floats(gx_at, (channels, m))
    beta, gamma = floats(beta_at, (channels,)), floats(gamma_at, (channels,))
    used = floats(used_at, (2, channels))
    # Without an address nothing is written: any valid one will do.
    g_beta = floats(g_beta_at if g_beta_at != 0 else used_at, (channels,))
    g_gamma = floats(g_gamma_at if g_gamma_at != 0 else used_at, (channels,))
    mean, inverse = used[0, c], used[1, c]
    scale = gamma[c] * inverse
    values, out, g = x[c], gx[c], gy[c]
    if activation != NO_ACTIVATION:
        # Written to the result first, and read from there.
        _through(values, g, out, scale, beta[c] - mean * scale, activation)
        g = out
    total, correlation = 0.0, 0.0
    if batch or g_beta_at != 0 or g_gamma_at != 0:
        for first in range(0, m, _CHUNK):
            p = q = ZERO
            for t in range(first, min(m, first + _CHUNK)):
                p += g[t]
                q += g[t] * (values[t] - mean)
            total += p
            correlation += q
    correlation *= inverse
    if g_beta_at != 0:
        g_beta[c] += np.float32(total)
    if g_gamma_at != 0:
        g_gamma[c] += np.float32(correlation)
    if batch:
        k1 = np.float32(total / m)
        k2 = np.float32(correlation / m) * inverse
        for t in range(m):
            out[t] = scale * (g[t] - k1 - (values[t] - mean) * k2)
    else:
        for t in range(m):
            out[t] = scale * g[t]


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
    _scale_shift(x[part], y[part], ONE, ZERO, activation)


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
