"""The gradient of second-order DARTS: through one unrolled step of the weights.

Source: Liu et al., "DARTS: Differentiable Architecture Search", 2019, equations 6 to 8.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import nnabla as nn
import numpy as np
import numpy.typing as npt

from nnabla_nas.runner.graph import fixed

Floats = npt.NDArray[np.float32]
Accumulate = Callable[[], float]


def set_unrolled_gradient(
    alphas: Sequence[nn.Variable],
    weights: Sequence[nn.Variable],
    train: Accumulate,
    valid: Accumulate,
    step_size: float,
    perturbation: float = 0.01,
) -> tuple[float, float]:
    """Set the gradient of the architecture parameters to that of L_val(w − ξ ∇w L_train(w, α), α).

    With w' the unrolled weights it is ∇α L_val(w', α) − ξ ∇²αw L_train(w, α) ∇w' L_val(w', α). The
    product of the second derivative and a vector v is the difference (∇α L_train(w + εv, α) −
    ∇α L_train(w − εv, α)) / 2ε with ε = `perturbation` / ‖v‖.

    The unrolled step is the plain one of equation 6, whatever the weights' solver adds to it:
    momentum and weight decay do not depend on α, so they would move w' alone, and a step of an
    adaptive solver has no such closed form. Weights are left exactly as they were.

    Args:
        alphas: architecture parameters α.
        weights: weights w.
        train: adds the gradients of the training loss to those of α and w and returns the loss;
            must leave nothing else behind, such as running statistics.
        valid: likewise for the validation loss.
        step_size: ξ; with 0 the gradient is that of first-order DARTS.
        perturbation: how far w is moved along v, in norm; the paper's is 0.01.

    Returns:
        The training loss at w and the validation loss at w'.
    """
    start = [weight.d.copy() for weight in weights]
    try:
        with fixed(alphas):
            train_loss, descent = _gradients(train, weights)
        _move(weights, start, -step_size, descent)
        valid_loss, both = _gradients(valid, [*alphas, *weights])
        reached = [not alpha.grad.zeroing for alpha in alphas]
        gradient, direction = both[: len(alphas)], both[len(alphas) :]
        norm = math.sqrt(math.fsum(float(np.sum(np.square(v, dtype=float))) for v in direction))
        if norm > 0:
            epsilon = perturbation / norm
            with fixed(weights):
                _move(weights, start, epsilon, direction)
                _, above = _gradients(train, alphas)
                _move(weights, start, -epsilon, direction)
                _, below = _gradients(train, alphas)
            factor = np.float32(step_size / (2 * epsilon))
            gradient = [
                first - factor * (plus - minus)
                for first, plus, minus in zip(gradient, above, below, strict=True)
            ]
    finally:
        for weight, value in zip(weights, start, strict=True):
            weight.d = value
            weight.grad.zero()
    for alpha, value, depends in zip(alphas, gradient, reached, strict=True):
        if depends:
            alpha.g = value
    return train_loss, valid_loss


def _gradients(
    accumulate: Accumulate, parameters: Sequence[nn.Variable]
) -> tuple[float, list[Floats]]:
    """Return a loss and its gradients; zeros for a parameter that the loss does not depend on."""
    for parameter in parameters:
        parameter.grad.zero()
    loss = accumulate()
    # A lazily zero gradient is not read: that would materialise it.
    return loss, [
        np.zeros(p.shape, np.float32) if p.grad.zeroing else p.g.copy() for p in parameters
    ]


def _move(
    parameters: Sequence[nn.Variable], start: list[Floats], step: float, along: list[Floats]
) -> None:
    for parameter, value, direction in zip(parameters, start, along, strict=True):
        parameter.d = value + np.float32(step) * direction
