"""Networks that classify: their loss and what judges them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nnabla as nn

import nnabla_nas.function as function
from nnabla_nas.search_space.model import Model


class ClassificationModel(Model):
    """A model whose outputs are the logits of classes.

    Where `call` returns several logits, the first are the network's own and the others auxiliary
    heads'.

    Attributes:
        label_smoothing: share of the target spread evenly over all classes.
    """

    label_smoothing: float = 0.0

    def loss(
        self,
        outputs: Any,
        targets: nn.Variable,
        loss_weights: Sequence[float] | None = None,
    ) -> nn.Variable:
        """Return the weighted sum of the outputs' cross-entropies.

        Args:
            outputs: logits (B, classes), or several of them.
            targets: (B, 1), class indices.
            loss_weights: one weight per output; by default 1 each.
        """
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        weights = [1.0] * len(outputs) if loss_weights is None else list(loss_weights)
        total = None
        for logits, weight in zip(outputs, weights, strict=True):
            term = function.cross_entropy(logits, targets, self.label_smoothing)
            term = term if weight == 1 else term * weight
            total = term if total is None else total + term
        return total

    def metrics(self, outputs: Any, targets: nn.Variable) -> dict[str, nn.Variable]:
        """Return the top-1 error of the network's own logits.

        Args:
            outputs: logits (B, classes), or several of them.
            targets: (B, 1), class indices.
        """
        logits = outputs[0] if isinstance(outputs, (list, tuple)) else outputs
        return {"error": function.top_1_error(logits, targets)}
