"""Clipping gradients by their L2 norm, on the CPU and where the gradients are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import nnabla as nn
import nnabla.functions as F
import numpy as np

import nnabla_nas.function as function


def clip_on_host(
    gradients: Sequence[nn.NdArray], limit: float, together: bool, solver: Any
) -> float:
    """Scale gradients down to a norm, computing it in this computer's memory.

    Args:
        gradients: those of the active parameters.
        limit: the largest allowed norm.
        together: whether `limit` is for the norm over all of them, or for that of each.
        solver: the solver that has these gradients, which scales them all.

    Returns:
        The norm over all of them before.
    """
    # Summed in float64 and in the order of the parameters: the same on every run.
    squares = [
        float(np.sum(np.square(function.host_values(g), dtype=np.float64))) for g in gradients
    ]
    norm = math.sqrt(math.fsum(squares))
    if together:
        if norm > limit:
            solver.scale_grad(limit / norm)
        return norm
    for gradient, square in zip(gradients, squares, strict=True):
        if math.sqrt(square) > limit:
            values = function.host_values(gradient)
            values *= limit / math.sqrt(square)
    return norm


def clip_on_device(gradients: Sequence[nn.NdArray], limit: float, together: bool) -> None:
    """Scale gradients down to a norm without reading anything from the device.

    Norms are computed in float32, with the same result up to rounding.

    Args:
        gradients: those of the active parameters.
        limit: the largest allowed norm.
        together: whether `limit` is for the norm over all of them, or for that of each.
    """
    if not gradients:
        return
    norms = [F.norm(gradient) for gradient in gradients]
    if together:
        factors = [_factor(norm_of_all(norms), limit)] * len(norms)
    else:
        factors = [_factor(norm, limit) for norm in norms]
    for gradient, factor in zip(gradients, factors, strict=True):
        F.mul2(gradient, factor.view((1,) * gradient.ndim), outputs=[gradient])


def _factor(norm: nn.NdArray, limit: float) -> nn.NdArray:
    """Return min(1, limit / norm); the quotient is infinite where the norm is zero."""
    return F.minimum_scalar(F.r_div_scalar(norm, limit), 1.0)


def norm_of_all(norms: Sequence[nn.NdArray]) -> nn.NdArray:
    """Return the norm over several arrays, from that of each, on the device.

    Args:
        norms: the norms, at least one.
    """
    return F.norm(F.stack(*norms))
