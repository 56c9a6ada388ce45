"""The static graph of a network for batches of one size, built once and run many times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Any, Literal

import nnabla as nn

import nnabla_nas.function as function
from nnabla_nas.dataset.dataset import Batch
from nnabla_nas.runner.metrics import CONFUSION, NAMES, OF_SET, badness, confusion, in_graph
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


# Graphs of one network add to the same gradients. Threads take turns: a pass uses all cores.
_one_at_a_time = RLock()


class Graph:
    """Inputs, loss and error of a network, connected once.

    Args:
        model: the network; which candidates are computed may change between passes.
        input_shape: (C, H, W) of one example.
        batch_size: examples per pass.
        purpose: `train`, `judge` (batch statistics without a trace), `gate` (likewise, two
            candidates behind gates) or `evaluate`.
        loss_weights: weights of the outputs where there are several.
        metrics: names of further metrics to compute in evaluation.
        select: the metric that scores hold instead of the error where the network has none.
        selecting: whether scores hold it in any case.
        mixed: whether images are mixed of two, so that loss and error are too.

    Attributes:
        n_outputs: how many outputs there are, those of auxiliary heads included.
        metric_names: what the network itself is judged by.
        further: the metrics of the last pass beside loss and error, by name.
    """

    def __init__(
        self,
        model: Model,
        input_shape: Sequence[int],
        batch_size: int,
        purpose: Purpose,
        loss_weights: Sequence[float] | None = None,
        metrics: Sequence[str] = (),
        select: str | None = None,
        selecting: bool = False,
        mixed: bool = False,
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
        judged: dict[str, nn.Variable] = dict(model.metrics(outputs, self._targets))
        self.metric_names = tuple(judged)
        logits = outputs[0] if several else outputs
        if "error" in judged and not (selecting and select):
            self._error = judged["error"]
        else:
            self._error = self._selected(select or "loss", judged, logits)
        self._others, self._share = nn.Variable((batch_size, 1)), nn.Variable(())
        if mixed:
            self._mix(outputs, weights)
        self.further: dict[str, nn.Variable] = {}
        if purpose in ("judge", "evaluate"):
            self.further = {name: v for name, v in judged.items() if v is not self._error}
            if CONFUSION in metrics or set(OF_SET) & set(metrics):
                self.further[CONFUSION] = confusion(logits, self._targets)
            for name in set(metrics) - {CONFUSION, *OF_SET} - judged.keys():
                self.further[name] = in_graph(name, logits, self._targets)
        for variable in (self._loss, self._error, *self.further.values()):
            variable.persistent = True
        self._passes = function.Passes()

    def _mix(self, outputs: Any, weights: Sequence[float] | None) -> None:
        """Let loss and error be those of both targets, each by its share."""
        loss = self._model.loss(outputs, self._others, weights)
        self._loss = self._share * self._loss + (1.0 - self._share) * loss
        error = self._model.metrics(outputs, self._others).get("error")
        if error is not None:
            self._error = self._share * self._error + (1.0 - self._share) * error

    def _selected(self, select: str, judged: dict[str, nn.Variable], logits: Any) -> nn.Variable:
        """Return what is to be small where a metric selects."""
        if select in judged:
            return badness(select, judged[select])
        # A name that there is not is refused once those of the network are known.
        if select not in NAMES:
            return self._loss
        return badness(select, in_graph(select, logits, self._targets))

    def forward(self, batch: Batch) -> Score:
        """Compute loss and error of a batch, keeping what `backward` needs.

        Args:
            batch: as many examples as the graph was built for.

        Returns:
            Mean loss and mean top-1 error.
        """
        score = Score()
        with _one_at_a_time:
            self._forward(batch, score)
        return score

    def evaluate(self, batch: Batch) -> Score:
        """Compute loss and error of a batch, giving memory back on the way.

        Args:
            batch: as many examples as the graph was built for.

        Returns:
            Mean loss and mean top-1 error.
        """
        score = Score()
        with _one_at_a_time, function.without_backward():
            self._run(batch, score, clear_buffer=True)
        return score

    def backward(self, scale: float) -> None:
        """Add the gradients of scale · loss to those of the parameters.

        Args:
            scale: 1 / passes where a batch is accumulated over several passes.

        Raises:
            RuntimeError: if no forward pass of this graph came before it.
        """
        with _one_at_a_time, self._passes.last_backward():
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
            # What a thread needs of a pass no other one may overwrite.
            with _one_at_a_time:
                self._forward(mini_batch, score)
                self.backward(scale / len(passes))
        return score

    def _forward(self, batch: Batch, score: Score) -> None:
        with self._passes.forward():
            self._run(batch, score, clear_no_need_grad=True)

    def _run(self, batch: Batch, score: Score, **clearing: bool) -> None:
        self._inputs.d = batch.inputs
        self._targets.d = batch.targets
        if batch.others is not None:
            self._others.d, self._share.d = batch.others, batch.share
        if self._refills:
            self._model.refill_random_inputs()
        nn.forward_all([self._loss, self._error, *self.further.values()], **clearing)
        score.add(self._loss, self._error)


def mini_batches(batch: Batch, size: int) -> Iterator[Batch]:
    """Yield consecutive parts of a batch.

    Args:
        batch: the batch.
        size: examples per part; divides the batch.
    """
    for start in range(0, len(batch.targets), size):
        part = slice(start, start + size)
        others = None if batch.others is None else batch.others[part]
        yield Batch(batch.inputs[part], batch.targets[part], others, batch.share)


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
