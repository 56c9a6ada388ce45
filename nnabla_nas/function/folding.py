"""Batch normalisation by running statistics as part of the layer before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import nnabla as nn
import nnabla.functions as F
import numpy as np

_folding: ContextVar[bool] = ContextVar("nnabla_nas_folds_batch_normalization", default=False)

# Function → the axis of its weights that its output channels lie on.
_LAYERS: dict[str, tuple[Any, int]] = {
    "Convolution": (F.convolution, 0),
    "DepthwiseConvolution": (F.depthwise_convolution, 0),
    "Affine": (F.affine, 1),
}


@contextmanager
def fold_batch_normalization() -> Iterator[None]:
    """Build layers with the normalisation behind them in their weights, as they are now.

    It is for networks that are not trained further: the weights are copies.
    """
    token = _folding.set(True)
    try:
        yield
    finally:
        _folding.reset(token)


def folded(
    x: nn.Variable,
    beta: nn.Variable,
    gamma: nn.Variable,
    mean: nn.Variable,
    variance: nn.Variable,
    axes: Sequence[int],
    eps: float,
) -> nn.Variable | None:
    """Return the layer that computes x with the normalisation in its weights, if that is asked for.

    With s = γ / √(variance + ε) the normalised output of a layer of weights W and bias b is that of
    a layer of weights s · W and bias s · (b − mean) + β.

    Args:
        x: what is normalised, (B, C, H, W).
        beta: shift, one value per channel, like the three after it.
        gamma: scale.
        mean: running mean.
        variance: running variance.
        axes: the axes that keep statistics of their own.
        eps: added to the variance.

    Returns:
        The output, of x's shape; None outside of `fold_batch_normalization`, or where x is not a
        layer's output with its channels on those axes.
    """
    layer = x.parent
    if not _folding.get() or layer is None or layer.info.type_name not in _LAYERS:
        return None
    function, axis = _LAYERS[layer.info.type_name]
    arguments = layer.info.args
    if arguments.get("channel_last") or list(axes) != [arguments["base_axis"]]:
        return None
    source, weight, *bias = layer.inputs
    scale = gamma.d.ravel() / np.sqrt(variance.d.ravel() + np.float32(eps))
    shift = beta.d.ravel() - scale * mean.d.ravel()
    if bias:
        shift = shift + scale * bias[0].d
    along = [1] * weight.ndim
    along[axis] = -1
    new = [weight.d * scale.reshape(along), shift]
    return function(source, *map(nn.Variable.from_numpy_array, new), **arguments)
