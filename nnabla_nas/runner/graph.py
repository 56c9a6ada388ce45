"""The static graph of a network for batches of one size, built once and run many times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import nnabla as nn

from nnabla_nas.dataset.dataset import Batch
from nnabla_nas.search_space.model import Model

Purpose = Literal["train", "judge", "evaluate"]

_PROPERTIES: dict[Purpose, dict[str, bool]] = {
    # Batch statistics, which also move the running ones.
    "train": {"training": True, "private_statistics": False},
    # Batch statistics in buffers of the graph's own: judging an architecture leaves no trace.
    "judge": {"training": False, "private_statistics": True},
    # Running statistics.
    "evaluate": {"training": False, "private_statistics": False},
}


class Graph:
    """Inputs, loss and error of a network, connected once.

    Args:
        model: the network; which candidates are computed may change between passes.
        input_shape: (C, H, W) of one example.
        batch_size: examples per pass.
        purpose: `train`, `judge` (batch statistics without a trace) or `evaluate`.
        loss_weights: weights of the outputs where there are several.
    """

    def __init__(
        self,
        model: Model,
        input_shape: Sequence[int],
        batch_size: int,
        purpose: Purpose,
        loss_weights: Sequence[float] | None = None,
    ) -> None:
        self._model = model
        self._refills = purpose == "train"
        self._inputs = nn.Variable((batch_size, *input_shape))
        self._targets = nn.Variable((batch_size, 1))
        model.apply(**_PROPERTIES[purpose])
        outputs: Any = model(self._inputs)
        if not isinstance(outputs, (list, tuple)) or loss_weights is None:
            weights = None
        else:
            weights = list(loss_weights)[: len(outputs)]
        self._loss = model.loss(outputs, self._targets, weights)
        self._error = model.metrics(outputs, self._targets)["error"]
        self._loss.persistent = True
        self._error.persistent = True

    def forward(self, batch: Batch) -> tuple[float, float]:
        """Compute loss and error of a batch, keeping what `backward` needs.

        Args:
            batch: as many examples as the graph was built for.

        Returns:
            Mean loss and mean top-1 error.
        """
        return self._run(batch, clear_no_need_grad=True)

    def evaluate(self, batch: Batch) -> tuple[float, float]:
        """Compute loss and error of a batch, giving memory back on the way.

        Args:
            batch: as many examples as the graph was built for.

        Returns:
            Mean loss and mean top-1 error.
        """
        return self._run(batch, clear_buffer=True)

    def backward(self, scale: float) -> None:
        """Add the gradients of scale · loss to those of the parameters.

        Args:
            scale: 1 / passes where a batch is accumulated over several passes.
        """
        self._loss.backward(scale, clear_buffer=True)

    def _run(self, batch: Batch, **clearing: bool) -> tuple[float, float]:
        self._inputs.d = batch.inputs
        self._targets.d = batch.targets
        if self._refills:
            self._model.refill_random_inputs()
        nn.forward_all([self._loss, self._error], **clearing)
        return float(self._loss.d), float(self._error.d)
