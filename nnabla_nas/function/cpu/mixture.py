"""The weighted sum of many branches in one pass, without stacking them."""

from __future__ import annotations

import numpy as np
from numba import prange

from nnabla_nas.function.cpu.compilation import (
    Addresses,
    Flags,
    Floats,
    floats,
    inlined,
    parallel,
    serial,
)
from nnabla_nas.function.cpu.sums import dot

# Values per chunk: the sum stays in the fastest cache while the branches go by.
_CHUNK = 4096
# Partial sums of the weights' gradient.
_PARTS = 8


@inlined
def _write(y, a, w):
    for t in range(y.shape[0]):
        y[t] = w * a[t]


@inlined
def _add(y, a, w):
    for t in range(y.shape[0]):
        y[t] += w * a[t]


@inlined
def _add_2(y, a, b, v, w):
    for t in range(y.shape[0]):
        y[t] += v * a[t] + w * b[t]


@parallel
def mix(branches: Addresses, weights: Floats, y_at: int, n: int):
    """y = Σ_k weights[k] · branch k over n values.

    Args:
        branches: addresses of the branches.
        weights: one per branch.
        y_at: address of y.
        n: number of values.
    """
    for chunk in prange((n + _CHUNK - 1) // _CHUNK):
        _mix_part(branches, weights, y_at, n, chunk)


@serial
def _mix_part(branches, weights, y_at, n, chunk):
    y = floats(y_at, (n,))
    first, last = chunk * _CHUNK, min(n, (chunk + 1) * _CHUNK)
    total, k = y[first:last], 1
    _write(total, floats(branches[0], (n,))[first:last], weights[0])
    while k + 1 < branches.shape[0]:
        _add_2(
            total,
            floats(branches[k], (n,))[first:last],
            floats(branches[k + 1], (n,))[first:last],
            weights[k],
            weights[k + 1],
        )
        k += 2
    if k < branches.shape[0]:
        _add(total, floats(branches[k], (n,))[first:last], weights[k])


@parallel
def mix_backward(
    branches: Addresses,
    gradients: Addresses,
    weights: Floats,
    g_at: int,
    n: int,
    add: Flags,
    inner: Floats,
):
    """Write the branches' gradients, or add to them; fill in those of the weights.

    Args:
        branches: addresses of the branches, read where `inner` is not empty.
        gradients: addresses of their gradients, 0 where none is wanted.
        weights: one per branch.
        g_at: address of y's gradient.
        n: number of values.
        add: per branch whether to add to what is there.
        inner: the gradient of the weights, or empty.
    """
    parts = min(_PARTS, (n + _CHUNK - 1) // _CHUNK)
    partial = np.zeros((parts, inner.shape[0]), np.float64)
    for part in prange(parts):
        _backward_part(branches, gradients, weights, g_at, n, add, partial[part], part, parts)
    for k in range(inner.shape[0]):
        total = 0.0
        for part in range(parts):
            total += partial[part, k]
        inner[k] = np.float32(total)


@serial
def _backward_part(branches, gradients, weights, g_at, n, add, inner, part, parts):
    g = floats(g_at, (n,))
    chunks = (n + _CHUNK - 1) // _CHUNK
    for chunk in range(chunks * part // parts, chunks * (part + 1) // parts):
        first, last = chunk * _CHUNK, min(n, (chunk + 1) * _CHUNK)
        gradient = g[first:last]
        for k in range(weights.shape[0]):
            if gradients[k] != 0:
                target = floats(gradients[k], (n,))[first:last]
                if add[k]:
                    _add(target, gradient, weights[k])
                else:
                    _write(target, gradient, weights[k])
            if inner.shape[0] > 0:
                inner[k] += dot(g, floats(branches[k], (n,)), first, last - first)


@parallel
def scale_examples(x_at: int, factors_at: int, y_at: int, rows: int, batch: int, add: bool):
    """y[r, b] = x[r, b] · factors[b], or added to what is there.

    Args:
        x_at: address of x, (rows, batch).
        factors_at: address of one factor per example.
        y_at: address of y, (rows, batch).
        rows: values per example.
        batch: examples.
        add: whether to add.
    """
    for r in prange(rows):
        _scale_examples_part(x_at, factors_at, y_at, rows, batch, add, r)


@serial
def _scale_examples_part(x_at, factors_at, y_at, rows, batch, add, r):
    x, y = floats(x_at, (rows, batch)), floats(y_at, (rows, batch))
    factors = floats(factors_at, (batch,))
    for b in range(batch):
        value = x[r, b] * factors[b]
        y[r, b] = y[r, b] + value if add else value
