"""Loss and error of a classifier."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F


def cross_entropy(
    logits: nn.Variable, targets: nn.Variable, label_smoothing: float = 0.0
) -> nn.Variable:
    """Return the mean cross-entropy against smoothed labels.

    The target distribution is (1 − ε) on the label plus ε spread evenly over all classes.
    Source: Szegedy et al., "Rethinking the Inception Architecture", 2016, section 7.

    Args:
        logits: (B, classes).
        targets: (B, 1), class indices.
        label_smoothing: ε in [0, 1).

    Returns:
        A scalar, in nats.
    """
    loss = F.mean(F.softmax_cross_entropy(logits, targets))
    if label_smoothing == 0:
        return loss
    uniform = F.mul_scalar(F.mean(F.log_softmax(logits, axis=1)), -1.0)
    return F.add2(F.mul_scalar(loss, 1.0 - label_smoothing), F.mul_scalar(uniform, label_smoothing))


def top_1_error(logits: nn.Variable, targets: nn.Variable) -> nn.Variable:
    """Return the share of examples whose largest logit is not the label's.

    Args:
        logits: (B, classes).
        targets: (B, 1), class indices.

    Returns:
        A scalar in [0, 1].
    """
    return F.mean(F.top_n_error(logits, targets, n=1))
