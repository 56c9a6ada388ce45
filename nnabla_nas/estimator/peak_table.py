"""The peak of live activations of every architecture of a super-network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from nnabla_nas.estimator.bounded_decoding import ROUNDING
from nnabla_nas.estimator.candidate_peaks import CandidatePeaks
from nnabla_nas.estimator.cost_table import Costs, CostTable, Floats
from nnabla_nas.estimator.peak_row import peak_row
from nnabla_nas.estimator.switched_graph import SwitchedGraph, Trace
from nnabla_nas.search_space.decision import computed
from nnabla_nas.search_space.model import Model

# So many rows are learned at most of one architecture that is over a bound.
_ROWS = 32
# So many sampled paths are not followed again when they are drawn again.
_REMEMBERED = 1000


class PeakTable(Costs):
    """Peaks: no sum over the choices, but the largest of many, of which those needed are learned.

    Args:
        graph: the super-network.
        model: the super-network; where genotypes keep some of the edges of a node, its
            probabilities decide in which order these are added.

    Attributes:
        rows: the sums learned so far, in bytes; no architecture's peak is below them.
        exact: whether that is certain: where the edges of a node compete it is not.
    """

    def __init__(self, graph: SwitchedGraph, model: Model) -> None:
        self._decisions = decisions = model.decisions()
        self.rows: list[CostTable] = []
        self._optional = {
            position
            for one in decisions
            if one.kept < len(one.edges)
            for edge in one.edges
            for position in edge
        }
        # What competes with others, and what decodes alike with it.
        self._competing = {
            position: edge
            for one in decisions
            if len(one.edges) > 1
            for edge in one.edges
            for position in edge
        }
        self._choices = list(model.choices().values())
        self.exact = not self._competing
        self._graph = graph
        self._candidates = CandidatePeaks(graph, decisions)
        self._followed = lru_cache(_REMEMBERED)(lambda indices: float(graph.follow(indices).peak))

    def total(self, indices: Sequence[int | None]) -> float:
        """Return the peak of a decoded architecture, in bytes.

        Args:
            indices: per choice its candidate, None where the architecture drops the choice.
        """
        if self.exact:
            return self._followed(tuple(indices))
        return float(self._follow(indices).peak)

    def sampled(self, indices: Sequence[int]) -> float:
        """Return the peak of a sampled path, in bytes; the expected one of its genotypes.

        Args:
            indices: per choice the candidate drawn.
        """
        if self.exact:
            return self._followed(tuple(indices))
        sizes = [len(values) for values in self._graph.candidates]
        return self.expected([np.eye(n)[i] for n, i in zip(sizes, indices, strict=True)])

    def expected(self, probabilities: Sequence[Floats]) -> float:
        """Return the expected peak, in bytes, candidates taken for independent.

        Args:
            probabilities: per choice those of its candidates, (candidates,).
        """
        return self._candidates.expected(probabilities)

    def gradient(self, probabilities: Sequence[Floats]) -> list[Floats]:
        """Return the derivative of the expected peak by the logits of every choice.

        Args:
            probabilities: per choice those of its candidates, the softmax of its logits.

        Returns:
            Per choice (candidates,).
        """
        return self._candidates.gradient(probabilities)

    @property
    def smallest(self) -> list[list[int | None]]:
        """Some architectures of small peaks."""
        return self._candidates.smallest

    def least(self) -> float:
        """Return about what the smallest of all peaks is, in bytes."""
        return self._candidates.least()

    def learn(self, indices: Sequence[int | None], bound: float) -> None:
        """Add rows that tell an architecture whose peak is over a bound from those within it.

        Args:
            indices: the architecture.
            bound: in bytes.
        """
        indices = computed(self._decisions, indices)
        trace = self._follow(indices)
        most: dict[object, int] = {}
        for step, number in enumerate(trace.operations):
            owner = self._graph.operations[number].candidate
            if trace.live[step] > trace.live[most.setdefault(owner, step)]:
                most[owner] = step
        steps = sorted(most.values(), key=lambda step: -trace.live[step])[:_ROWS]
        found = [
            peak_row(self._graph, trace, step, self._optional)
            for step in steps
            if trace.live[step] > bound
        ]
        if all(row.total(indices) <= bound * (1 + ROUNDING) for row in found):
            found.append(self._only(indices))
        self.rows += found

    def _follow(self, indices: Sequence[int | None]) -> Trace:
        indices = computed(self._decisions, indices)
        ranks = {}
        for position, edge in self._competing.items():
            index = indices[position]
            if index is not None:
                ranks[position] = float(
                    np.mean([self._choices[p].probabilities[index] for p in edge])
                )
        return self._graph.follow(indices, ranks)

    def _only(self, indices: Sequence[int | None]) -> CostTable:
        """Return a row that is an architecture's peak there, and nothing elsewhere."""
        peak = self.total(indices)
        rows = tuple(
            np.zeros(len(values)) if index is None else peak * np.eye(len(values))[index]
            for values, index in zip(self._graph.candidates, indices, strict=True)
        )
        n = sum(index is not None for index in indices)
        return CostTable(peak * (1 - n), rows, (1.0,) * len(rows))
