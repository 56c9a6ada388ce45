"""Sums of many numbers, in an order that the number of lanes alone decides."""

from __future__ import annotations

import numpy as np

from nnabla_nas.function.cpu.compilation import ZERO, serial
from nnabla_nas.function.cpu.lanes import WIDTH, add, add_totals, load, multiply_add, spread

# Sums of so many values in single precision; those of the chunks are added in double precision.
_CHUNK = 4096
_STEP = 4 * WIDTH


@serial
def sum_of(x, at, n):
    """Σ x over n numbers, in double precision."""
    total, sums = 0.0, np.empty(4, np.float32)
    for first in range(at, at + n, _CHUNK):
        last = min(at + n, first + _CHUNK)
        whole = first + (last - first) // _STEP * _STEP
        a = b = c = d = spread(ZERO)
        for t in range(first, whole, _STEP):
            a, b = add(a, load(x, t)), add(b, load(x, t + WIDTH))
            c, d = add(c, load(x, t + 2 * WIDTH)), add(d, load(x, t + 3 * WIDTH))
        r = _total(sums, a, b, c, d)
        for t in range(whole, last):
            r += x[t]
        total += r
    return total


@serial
def squares_of(x, at, n, mean):
    """Σ (x − mean)² over n numbers, in double precision."""
    total, sums, low = 0.0, np.empty(4, np.float32), spread(-mean)
    for first in range(at, at + n, _CHUNK):
        last = min(at + n, first + _CHUNK)
        whole = first + (last - first) // _STEP * _STEP
        a = b = c = d = spread(ZERO)
        for t in range(first, whole, _STEP):
            p, q = add(load(x, t), low), add(load(x, t + WIDTH), low)
            a, b = multiply_add(p, p, a), multiply_add(q, q, b)
            p, q = add(load(x, t + 2 * WIDTH), low), add(load(x, t + 3 * WIDTH), low)
            c, d = multiply_add(p, p, c), multiply_add(q, q, d)
        r = _total(sums, a, b, c, d)
        for t in range(whole, last):
            r += (x[t] - mean) * (x[t] - mean)
        total += r
    return total


@serial
def dot(x, y, at, n):
    """Σ x · y over n numbers, in single precision."""
    whole, last = at + n // _STEP * _STEP, at + n
    a = b = c = d = spread(ZERO)
    for t in range(at, whole, _STEP):
        u, v = t + WIDTH, t + 2 * WIDTH
        a, b = multiply_add(load(x, t), load(y, t), a), multiply_add(load(x, u), load(y, u), b)
        c, u = multiply_add(load(x, v), load(y, v), c), t + 3 * WIDTH
        d = multiply_add(load(x, u), load(y, u), d)
    r = _total(np.empty(4, np.float32), a, b, c, d)
    for t in range(whole, last):
        r += x[t] * y[t]
    return r


@serial
def _total(sums, a, b, c, d):
    sums[:] = ZERO
    add_totals(sums, 0, a, b, c, d)
    return (sums[0] + sums[1]) + (sums[2] + sums[3])
