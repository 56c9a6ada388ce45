"""Batch normalisation with the activation behind it, of (C, M) values.

Source: Ioffe and Szegedy, "Batch Normalization", 2015, algorithm 1 and section 3.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from nnabla_nas.function.cpu.activation import NO_ACTIVATION, RELU6, scale_shift
from nnabla_nas.function.cpu.compilation import ONE, SIX, ZERO, floats, parallel, serial
from nnabla_nas.function.cpu.lanes import (
    WIDTH,
    add,
    add_totals,
    load,
    multiply_add,
    passed,
    spread,
    store,
)
from nnabla_nas.function.cpu.sums import squares_of, sum_of

# Values whose sums are in single precision; those of the chunks are added in double precision.
_CHUNK = 4096


@parallel
def normalize(
    x_at: int,
    beta_at: int,
    gamma_at: int,
    mean_at: int,
    variance_at: int,
    y_at: int,
    used_at: int,
    channels: int,
    m: int,
    decay: np.float32,
    eps: np.float32,
    batch: bool,
    activation: int,
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
    x, y = floats(x_at, (channels * m,)), floats(y_at, (channels * m,))
    beta, gamma = floats(beta_at, (channels,)), floats(gamma_at, (channels,))
    running_mean = floats(mean_at, (channels,))
    running_variance = floats(variance_at, (channels,))
    used = floats(used_at, (2, channels))
    if batch:
        mean = np.float32(sum_of(x, c * m, m) / m)
        variance = np.float32(squares_of(x, c * m, m, mean) / m)
        running_mean[c] = decay * running_mean[c] + (ONE - decay) * mean
        unbiased = variance * np.float32(m / max(m - 1.0, 1.0))
        running_variance[c] = decay * running_variance[c] + (ONE - decay) * unbiased
    else:
        mean, variance = running_mean[c], running_variance[c]
    inverse = np.float32(1.0 / np.sqrt(variance + eps))
    used[0, c], used[1, c] = mean, inverse
    scale = gamma[c] * inverse
    part = slice(c * m, (c + 1) * m)
    scale_shift(x[part], y[part], scale, beta[c] - mean * scale, activation)


@parallel
def normalize_backward(
    x_at: int,
    beta_at: int,
    gamma_at: int,
    used_at: int,
    g_at: int,
    gx_at: int,
    g_beta_at: int,
    g_gamma_at: int,
    channels: int,
    m: int,
    batch: bool,
    activation: int,
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
    x, g, gx = (
        floats(x_at, (channels * m,)),
        floats(g_at, (channels * m,)),
        floats(gx_at, (channels * m,)),
    )
    beta, gamma = floats(beta_at, (channels,)), floats(gamma_at, (channels,))
    used = floats(used_at, (2, channels))
    # Without an address nothing is written: any valid one will do.
    g_beta = floats(g_beta_at if g_beta_at != 0 else used_at, (channels,))
    g_gamma = floats(g_gamma_at if g_gamma_at != 0 else used_at, (channels,))
    mean, inverse = used[0, c], used[1, c]
    scale = gamma[c] * inverse
    shift = beta[c] - mean * scale
    total, correlation, sums = 0.0, 0.0, np.empty(4, np.float32)
    for first in range(c * m, (c + 1) * m, _CHUNK):
        n = min(_CHUNK, (c + 1) * m - first)
        sums[:] = ZERO
        _through(x, g, gx, first, n, scale, shift, mean, activation, sums)
        total += sums[0]
        correlation += sums[1]
    correlation *= inverse
    if g_beta_at != 0:
        g_beta[c] += np.float32(total)
    if g_gamma_at != 0:
        g_gamma[c] += np.float32(correlation)
    source = g if activation == NO_ACTIVATION else gx
    k1, k2 = ZERO, ZERO
    if batch:
        k1, k2 = np.float32(total / m), np.float32(correlation / m) * inverse
    _center(x, source, gx, c * m, m, scale, batch, mean, k1, k2)


@serial
def _center(x, g, out, at, n, scale, batch, mean, k1, k2):
    """out = scale · (g − k1 − (x − mean) · k2) with `batch`, else scale · g."""
    whole = n // WIDTH * WIDTH
    a, b, c, low = spread(scale), spread(-scale * k2), spread(-scale * k1), spread(-mean)
    for t in range(at, at + whole, WIDTH):
        rest = multiply_add(add(load(x, t), low), b, c) if batch else spread(ZERO)
        store(out, t, multiply_add(load(g, t), a, rest))
    for t in range(at + whole, at + n):
        out[t] = scale * (g[t] - (k1 + (x[t] - mean) * k2 if batch else ZERO))


@serial
def _through(x, g, out, at, n, scale, shift, mean, activation, sums):
    """Write g where the activation of x · scale + shift lets a gradient through, else zero.

    Without an activation nothing is written. `sums` become the sum of what goes through, and of its
    products with x − mean.
    """
    whole = n // (2 * WIDTH) * (2 * WIDTH)
    a, b, low, six, minus = spread(scale), spread(shift), spread(-mean), spread(SIX), spread(-ONE)
    p = q = r = s = zero = spread(ZERO)
    for t in range(at, at + whole, 2 * WIDTH):
        x0, x1 = load(x, t), load(x, t + WIDTH)
        g0, g1 = load(g, t), load(g, t + WIDTH)
        if activation != NO_ACTIVATION:
            y0, y1 = multiply_add(x0, a, b), multiply_add(x1, a, b)
            g0, g1 = passed(y0, g0), passed(y1, g1)
            if activation == RELU6:
                g0 = passed(multiply_add(y0, minus, six), g0)
                g1 = passed(multiply_add(y1, minus, six), g1)
            store(out, t, g0)
            store(out, t + WIDTH, g1)
        p, q = add(p, g0), add(q, g1)
        r, s = multiply_add(g0, add(x0, low), r), multiply_add(g1, add(x1, low), s)
    add_totals(sums, 0, p, r, zero, zero)
    add_totals(sums, 0, q, s, zero, zero)
    for t in range(at + whole, at + n):
        w = g[t]
        if activation != NO_ACTIVATION:
            v = x[t] * scale + shift
            w = ZERO if v <= ZERO or (activation == RELU6 and v >= SIX) else w
            out[t] = w
        sums[0] += w
        sums[1] += w * (x[t] - mean)
