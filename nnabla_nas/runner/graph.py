"""The static graph of a network for batches of one size, built once and run many times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import nnabla as nn

import nnabla_nas.function as function
from nnabla_nas.dataset.dataset import Batch
from nnabla_nas.runner.score import Score
from nnabla_nas.search_space.model import Model

Purpose = Literal["train", "judge", "gate", "evaluate"]

_PROPERTIES: dict[Purpose, dict[str, bool]] = {
    # Batch statistics, which also move the running ones.
    "train": {"training": True, "private_statistics": False, "gated": False},
    # Batch statistics in buffers of the graph's own: judging an architecture leaves no trace.
    "judge": {"training": False, "private_statistics": True, "gated": False},
    # Likewise, with two candidates of every choice behind binary gates.
    "gate": {"training": False, "private_statistics": True, "gated": True},
    # Running statistics.
    "evaluate": {"training": False, "private_statistics": False, "gated": False},
}


class Graph:
    """Inputs, loss and error of a network, connected once.

    Args:
        model: the network; which candidates are computed may change between passes.
        input_shape: (C, H, W) of one example.
        batch_size: examples per pass.
        purpose: `train`, `judge` (batch statistics without a trace), `gate` (likewise, two
            candidates behind gates) or `evaluate`.
        loss_weights: weights of the outputs where there are several.

    Attributes:
        n_outputs: how many outputs there are, those of auxiliary heads included.
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
        self._batch_size = batch_size
        self._refills = purpose == "train"
        self._inputs = nn.Variable((batch_size, *input_shape))
        self._targets = nn.Variable((batch_size, 1))
        model.apply(**_PROPERTIES[purpose])
        outputs: Any = model(self._inputs)
        several = isinstance(outputs, (list, tuple))
        self.n_outputs = len(outputs) if several else 1
        weights = list(loss_weights)[: len(outputs)] if several and loss_weights else None
        self._loss = model.loss(outputs, self._targets, weights)
        self._error = model.metrics(outputs, self._targets)["error"]
        self._loss.persistent = True
        self._error.persistent = True

    def forward(self, batch: Batch) -> Score:
        """Compute loss and error of a batch, keeping what `backward` needs.

        Args:
            batch: as many examples as the graph was built for.

        Returns:
            Mean loss and mean top-1 error.
        """
        score = Score()
        self._run(batch, score, clear_no_need_grad=True)
        return score

    def evaluate(self, batch: Batch) -> Score:
        """Compute loss and error of a batch, giving memory back on the way.

        Args:
            batch: as many examples as the graph was built for.

        Returns:
            Mean loss and mean top-1 error.
        """
        score = Score()
        with function.without_backward():
            self._run(batch, score, clear_buffer=True)
        return score

    def backward(self, scale: float) -> None:
        """Add the gradients of scale · loss to those of the parameters.

        Args:
            scale: 1 / passes where a batch is accumulated over several passes.
        """
        with function.last_backward():
            self._loss.backward(scale, clear_buffer=True)

    def accumulate(self, batch: Batch, scale: float = 1.0) -> Score:
        """Add the gradients of scale · mean loss of a batch to those of the parameters.

        Args:
            batch: examples for one or several passes of the graph.
            scale: that of the optimizer, see `Optimizer.unscale`.

        Returns:
            Mean loss, not scaled, and mean top-1 error.
        """
        score = Score()
        passes = list(mini_batches(batch, self._batch_size))
        for mini_batch in passes:
            self._run(mini_batch, score, clear_no_need_grad=True)
            self.backward(scale / len(passes))
        return score

    def _run(self, batch: Batch, score: Score, **clearing: bool) -> None:
        self._inputs.d = batch.inputs
        self._targets.d = batch.targets
        if self._refills:
            self._model.refill_random_inputs()
        nn.forward_all([self._loss, self._error], **clearing)
        score.add(self._loss, self._error)


def mini_batches(batch: Batch, size: int) -> Iterator[Batch]:
    """Yield consecutive parts of a batch.

    Args:
        batch: the batch.
        size: examples per part; divides the batch.
    """
    for start in range(0, len(batch.targets), size):
        part = slice(start, start + size)
        yield Batch(batch.inputs[part], batch.targets[part])


@contextmanager
def fixed(parameters: Iterable[nn.Variable]) -> Iterator[None]:
    """Compute no gradients of some parameters in the block, in graphs built before as well.

    Args:
        parameters: trained parameters.
    """
    switched = list(parameters)
    for parameter in switched:
        parameter.need_grad = False
    try:
        yield
    finally:
        for parameter in switched:
            parameter.need_grad = True
