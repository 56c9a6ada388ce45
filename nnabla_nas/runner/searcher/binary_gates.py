"""Learning architecture parameters through binary gates.

Source: Cai et al., "ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware",
2019, section 3.2.1 and equation 4, applied to two sampled paths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import nnabla as nn
import numpy as np
import numpy.typing as npt

from nnabla_nas.module import Choice


def set_gate_gradient(choices: Sequence[Choice]) -> None:
    """Set the gradients of the architecture parameters from those of the gates.

    ∂L/∂α_i = Σ_k ∂L/∂g_k · p_k (δ_ik − p_i) over the sampled candidates k of a choice, p being
    their probabilities among themselves; zero for the others. Where choices share a parameter,
    each contributes.

    Args:
        choices: choices whose gates have been run backward.
    """
    gradients: dict[int, npt.NDArray[np.float64]] = {}
    for choice in choices:
        gradient = gradients.setdefault(id(choice.alpha), np.zeros(choice.alpha.size))
        sampled = choice.gates.sampled
        weighted = _softmax(choice.alpha, sampled) * choice.gates.gradient()
        gradient[sampled] += weighted - _softmax(choice.alpha, sampled) * weighted.sum()
    for choice in choices:
        choice.alpha.g = gradients[id(choice.alpha)].reshape(choice.alpha.shape)


def sampled_entries(
    alphas: Mapping[str, nn.Variable], choices: Sequence[Choice]
) -> dict[str, npt.NDArray[np.bool_]]:
    """Return where each architecture parameter was sampled, by any choice that shares it.

    Args:
        alphas: path → architecture parameter.
        choices: the choices.

    Returns:
        By path an array of the parameter's shape.
    """
    masks = {id(alpha): np.zeros(alpha.size, bool) for alpha in alphas.values()}
    for choice in choices:
        if id(choice.alpha) in masks:
            masks[id(choice.alpha)][choice.gates.sampled] = True
    return {path: masks[id(alpha)].reshape(alpha.shape) for path, alpha in alphas.items()}


def keep_other_probabilities(
    alpha: nn.Variable, before: npt.NDArray[np.float32], sampled: npt.NDArray[np.bool_]
) -> None:
    """Shift the sampled values of an updated parameter so that the others' probabilities are kept.

    Σ exp(α) over the sampled candidates becomes what it was.

    Args:
        alpha: the parameter after the update.
        before: its values before.
        sampled: where it was sampled.
    """
    if sampled.any():
        values = alpha.d.copy()
        values[sampled] += _log_sum(before[sampled]) - _log_sum(values[sampled])
        alpha.d = values


def _softmax(alpha: nn.Variable, indices: Sequence[int]) -> npt.NDArray[np.float64]:
    values = alpha.d.reshape(-1)[list(indices)].astype(np.float64)
    return np.asarray(np.exp(values - _log_sum(values)))


def _log_sum(values: npt.NDArray[np.floating[Any]]) -> float:
    """Return log Σ exp(values)."""
    return float(np.logaddexp.reduce(values.astype(np.float64), axis=None))
