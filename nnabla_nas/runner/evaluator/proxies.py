"""Scores of an untrained network, from one pass."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import nnabla as nn
import nnabla.functions as F
import numpy as np
import numpy.typing as npt

import nnabla_nas.function as function
from nnabla_nas.module import BatchNormalization
from nnabla_nas.search_space.model import Model

_SMALL = 1e-5
_SCALES = 10.0 ** -np.arange(0, 36, 3)
_CLOSE = 1e-3


def synflow(model: Model, input_shape: Sequence[int]) -> float:
    """Return log Σ |θ · ∂R/∂θ|, R being the sum of outputs for an input of ones.

    All weights count with their absolute value and batch normalisation as the identity.
    Source: Tanaka et al., "Pruning neural networks without any data by iteratively conserving
    synaptic flow", 2020, equation 2.

    Args:
        model: the network; its active path is scored, its parameters are as before afterwards.
        input_shape: (C, H, W) of one example.
    """
    parameters = model.get_net_parameters()
    before = {path: parameter.d.copy() for path, parameter in parameters.items()}
    trained = list(model.get_net_parameters(grad_only=True).values())
    try:
        _linearise(model)
        x = nn.Variable((1, *input_shape))
        total = F.sum(_logits(model, x, private_statistics=False))
        previous = -math.inf
        # R is proportional to the input, as long as nothing is clipped or overflows.
        for scale in _SCALES:
            score = _flow(total, x, float(scale), trained)
            if math.isfinite(score) and abs(score - previous) < _CLOSE:
                return score
            previous = score
        return previous
    finally:
        model.set_parameters(before)


def _flow(total: nn.Variable, x: nn.Variable, scale: float, trained: Sequence[Any]) -> float:
    x.d = scale
    for parameter in trained:
        parameter.grad.zero()
    total.forward()
    total.backward()
    used = [p for p in trained if not p.grad.zeroing]
    flow = math.fsum(float(np.sum(np.abs(p.d.astype(np.float64) * p.g))) for p in used)
    return math.log(flow / scale) if flow > 0 else -math.inf


def jacob_cov(model: Model, inputs: npt.NDArray[np.float32]) -> float:
    """Return −Σ_i log(λ_i + k) + 1 / (λ_i + k), k = 1e-5.

    λ are the eigenvalues of the correlations between the gradients of the summed outputs by each
    input of a batch. Source: Mellor et al., "Neural Architecture Search without Training", 2020
    (first version), equation 2.

    Args:
        model: the network; its active path is scored with the batch's statistics.
        inputs: (B, C, H, W).
    """
    x = nn.Variable(inputs.shape, need_grad=True)
    total = F.sum(_logits(model, x, private_statistics=True))
    x.d = inputs
    x.grad.zero()
    total.forward()
    total.backward()
    jacobian = x.g.reshape(len(inputs), -1).astype(np.float64)
    jacobian -= jacobian.mean(axis=1, keepdims=True)
    lengths = np.maximum(np.linalg.norm(jacobian, axis=1, keepdims=True), 1e-30)
    correlations = (jacobian / lengths) @ (jacobian / lengths).T
    eigenvalues = np.maximum(np.linalg.eigvalsh(correlations), 0) + _SMALL
    return -float(np.sum(np.log(eigenvalues) + 1 / eigenvalues))


def _logits(model: Model, x: nn.Variable, private_statistics: bool) -> nn.Variable:
    """Return the outputs of the active path, in nnabla's own functions."""
    before = {"training": model.training, "private_statistics": model.private_statistics}
    model.apply(training=False, private_statistics=private_statistics, active_only=True)
    try:
        with function.plain(), nn.auto_forward(False):
            outputs: Any = model(x)
    finally:
        model.apply(active_only=False, **before)
    return outputs[0] if isinstance(outputs, (list, tuple)) else outputs


def _linearise(model: Model) -> None:
    """Make every weight positive, every shift zero, and batch normalisation the identity."""
    for path, parameter in model.get_net_parameters(grad_only=True).items():
        parameter.d = 0 if path.endswith("/_b") else np.abs(parameter.d)
    for _, layer in model.get_modules():
        if isinstance(layer, BatchNormalization):
            layer.be_identity()
