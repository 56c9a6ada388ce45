"""Recomputing the batch-norm statistics of an architecture."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from nnabla_nas.dataset.dataset import Batch
from nnabla_nas.module import BatchNormalization
from nnabla_nas.runner.graph import Graph, mini_batches
from nnabla_nas.search_space.model import Model


class Recalibration:
    """Sets the running statistics of the active path to their means over some batches.

    Args:
        model: the network.
        graph: its training graph, which moves running statistics.
        batch_size: examples per pass of the graph.
    """

    def __init__(self, model: Model, graph: Graph, batch_size: int) -> None:
        self._graph = graph
        self._batch_size = batch_size
        self._layers = [m for _, m in model.get_modules() if isinstance(m, BatchNormalization)]
        self._before = [(m.running_mean.d.copy(), m.running_var.d.copy()) for m in self._layers]

    def run(self, batches: Iterable[Batch]) -> int:
        """Recompute the statistics.

        Args:
            batches: what they are computed on.

        Returns:
            The number of examples.
        """
        sums = [(np.zeros(mean.shape), np.zeros(var.shape)) for mean, var in self._before]
        n_passes = n_examples = 0
        for batch in batches:
            for part in mini_batches(batch, self._batch_size):
                for layer in self._layers:
                    # What a pass leaves behind is then its own share alone.
                    layer.running_mean.d = 0
                    layer.running_var.d = 0
                self._graph.evaluate(part)
                n_passes, n_examples = n_passes + 1, n_examples + len(part.targets)
                for layer, (mean, var) in zip(self._layers, sums, strict=True):
                    mean += layer.running_mean.d
                    var += layer.running_var.d
        for layer, (mean, var), before in zip(self._layers, sums, self._before, strict=True):
            active = n_passes > 0 and (mean.any() or var.any())
            share = (1 - layer.decay_rate) * n_passes
            layer.running_mean.d = mean / share if active else before[0]
            layer.running_var.d = var / share if active else before[1]
        return n_examples

    def undo(self) -> None:
        """Give every layer the statistics back that it had in the beginning."""
        for layer, (mean, var) in zip(self._layers, self._before, strict=True):
            layer.running_mean.d = mean
            layer.running_var.d = var
