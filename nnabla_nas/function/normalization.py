"""Batch normalisation."""

from __future__ import annotations

from collections.abc import Sequence

import nnabla as nn
import nnabla.functions as F

from nnabla_nas.function.building import builder, connected
from nnabla_nas.function.folding import folded
from nnabla_nas.function.master_weights import kept_in_float


def batch_normalization(
    x: nn.Variable,
    beta: nn.Variable,
    gamma: nn.Variable,
    mean: nn.Variable | None,
    variance: nn.Variable | None,
    axes: Sequence[int] = (1,),
    decay_rate: float = 0.9,
    eps: float = 1e-5,
    batch_stat: bool = True,
    output_stat: bool = False,
) -> nn.Variable | tuple[nn.Variable, nn.Variable, nn.Variable]:
    """Normalise over all axes but `axes`, then scale by gamma and shift by beta.

    Source: Ioffe and Szegedy, "Batch Normalization", 2015, algorithm 1.

    Args:
        x: (B, C, H, W), for example.
        beta: shift, x's shape with 1 everywhere but on `axes`.
        gamma: scale, same shape.
        mean: running mean, same shape; with `batch_stat` it is updated by every forward pass. None
            leaves no trace of it.
        variance: running variance, likewise.
        axes: the axes that keep statistics of their own.
        decay_rate: share of the running statistics that an update keeps.
        eps: added to the variance.
        batch_stat: normalise with the batch's statistics instead of the running ones.
        output_stat: also return the batch's mean and variance.

    Returns:
        x's shape; with `output_stat` a tuple (output, mean, variance).
    """
    leaves_trace = mean is not None and variance is not None
    # nnabla writes running statistics whenever it normalises by the batch's.
    mean = _zeros(beta.shape) if mean is None else mean
    variance = _zeros(beta.shape) if variance is None else variance
    if not (batch_stat or output_stat):
        layer = folded(x, beta, gamma, mean, variance, axes, eps)
        if layer is not None:
            return layer
    fast = None if output_stat or list(axes) != [1] else builder(x)
    parameters = (beta, gamma, mean, variance)
    if fast is not None and all(one.shape == (1, x.shape[1], 1, 1) for one in parameters):
        return fast.normalization(x, parameters, decay_rate, eps, batch_stat, leaves_trace)
    return F.batch_normalization(
        connected(x),
        kept_in_float(beta),
        kept_in_float(gamma),
        mean,
        variance,
        list(axes),
        decay_rate,
        eps,
        batch_stat,
        output_stat,
    )


def _zeros(shape: Sequence[int]) -> nn.Variable:
    variable = nn.Variable(tuple(shape))
    variable.data.zero()
    return variable
