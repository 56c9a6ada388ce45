"""The expected peak of live activations, from a peak for every candidate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from nnabla_nas import random
from nnabla_nas.estimator.cost_table import Floats
from nnabla_nas.estimator.expected_maximum import expected_maximum
from nnabla_nas.estimator.switched_graph import SwitchedGraph, Trace
from nnabla_nas.search_space.decision import Decision, computed, computed_shares

# So often every candidate is seen among others drawn at random.
_CONTEXTS = 4
# So many of the architectures drawn are kept to fall back on.
_SMALLEST = 20


class CandidatePeaks:
    """For every candidate the most that is alive while it runs or its result is kept.

    The network's peak is taken for the largest of those of its candidates and of what the fixed
    layers need. Where other choices make a difference to a candidate's, it is the mean over
    architectures drawn at random; in a chain of choices they make none, and all is exact.

    Args:
        graph: the super-network.
        decisions: what decoding decides; choices that decode alike count as one.

    Attributes:
        smallest: those of the architectures drawn at random whose peaks are the smallest.
    """

    def __init__(self, graph: SwitchedGraph, decisions: Sequence[Decision]) -> None:
        self._graph = graph
        self._decisions = decisions
        self._edges = [
            (edge, share * decision.kept / len(decision.edges))
            for decision, share in zip(decisions, computed_shares(decisions), strict=True)
            for edge in decision.edges
        ]
        self._floor, self._own, mean = self._observed()
        # Which edges a genotype keeps makes a difference of its own.
        genotypes = any(share < 1 for _, share in self._edges)
        self._offset = mean - self._largest(self._equal())[0] if genotypes else 0.0

    def expected(self, probabilities: Sequence[Floats]) -> float:
        """Return the expected peak, in bytes.

        Args:
            probabilities: per choice those of its candidates, (candidates,).
        """
        return self._largest(probabilities)[0] + self._offset

    def gradient(self, probabilities: Sequence[Floats]) -> list[Floats]:
        """Return the derivative of the expected peak by the logits of every choice.

        Args:
            probabilities: per choice those of its candidates, the softmax of its logits.

        Returns:
            Per choice (candidates,).
        """
        by_weight = self._largest(probabilities)[1]
        gradients = [np.zeros(len(p)) for p in probabilities]
        for (edge, share), derivative in zip(self._edges, by_weight, strict=True):
            for position in edge:
                p, by_p = probabilities[position], derivative * share / len(edge)
                gradients[position] = p * (by_p - float(by_p @ p))
        return gradients

    def least(self) -> float:
        """Return about what the smallest of all peaks is, in bytes."""
        allowed = [one for decision in self._decisions for one in decision.candidates]
        kept = [
            float(own[list(one)].min())
            for own, one, (_, share) in zip(self._own, allowed, self._edges, strict=True)
            if share == 1
        ]
        return max([self._floor, *kept])

    def _largest(self, probabilities: Sequence[Floats]) -> tuple[float, list[Floats]]:
        """Return the expected largest of the candidates' peaks and its derivative by weights."""
        weights = [
            share * np.mean([probabilities[position] for position in edge], axis=0)
            for edge, share in self._edges
        ]
        return expected_maximum(self._floor, self._own, weights)

    def _equal(self) -> list[Floats]:
        """Return equal probabilities of the candidates that decoding may keep."""
        equal = [np.zeros(len(values)) for values in self._graph.candidates]
        for decision in self._decisions:
            for edge, allowed in zip(decision.edges, decision.candidates, strict=True):
                for position in edge:
                    equal[position][list(allowed)] = 1 / len(allowed)
        return equal

    def _observed(self) -> tuple[float, list[Floats], float]:
        """Return what fixed layers need, per edge what each candidate does, and the mean peak."""
        floors, peaks = list[int](), list[tuple[int, list[int | None]]]()
        sums = [np.zeros((2, len(self._graph.candidates[edge[0]]))) for edge, _ in self._edges]
        for indices in self._contexts():
            trace = self._graph.follow(indices)
            floor, own = self._attributed(trace)
            floors.append(floor)
            peaks.append((trace.peak, indices))
            kept = computed(self._decisions, indices)
            for row, (edge, _) in zip(sums, self._edges, strict=True):
                index = kept[edge[0]]
                if index is not None:
                    row[:, index] += (max(own.get(position, 0) for position in edge), 1)
        own_peaks = [total / np.maximum(n, 1) for total, n in sums]
        ordered = sorted(peaks, key=lambda one: one[0])
        self.smallest = [indices for _, indices in ordered[:_SMALLEST]]
        return float(np.mean(floors)), own_peaks, float(np.mean([peak for peak, _ in peaks]))

    def _attributed(self, trace: Trace) -> tuple[int, dict[int, int]]:
        """Return the peak of the fixed layers, and per choice that of its candidate."""
        graph, own, fixed = self._graph, dict[int, int](), dict[int, int]()
        for step, number in enumerate(trace.operations):
            candidate = graph.operations[number].candidate
            if candidate is None:
                fixed[step] = trace.live[step]
            else:
                own[candidate[0]] = max(own.get(candidate[0], 0), trace.live[step])
        held = set[int]()
        for value, choice in graph.picks.items():
            span = range(trace.made.get(value, 0), trace.last.get(value, -1) + 1)
            steps = [step for step in span if step in fixed]
            held.update(steps)
            own[choice] = max([own.get(choice, 0), *(fixed[step] for step in steps)])
        left = [live for step, live in fixed.items() if step not in held]
        return max([trace.start, *left]), own

    def _contexts(self) -> Iterator[list[int | None]]:
        """Yield architectures drawn at random in which every candidate is about equally often."""
        generator = random.Streams(0).derived("peaks")
        rounds = max(
            -(-len(one.edges) * max(map(len, one.candidates)) // one.kept)
            for one in self._decisions
        )
        edges: list[list[int]] = [[] for _ in self._decisions]
        orders: dict[tuple[int, ...], list[int]] = {}
        for _ in range(_CONTEXTS * rounds):
            indices: list[int | None] = [None] * len(self._graph.candidates)
            for decision, left in zip(self._decisions, edges, strict=True):
                if len(left) < decision.kept:
                    left[:] = generator.permutation(len(decision.edges)).tolist()
                for number in (left.pop() for _ in range(decision.kept)):
                    edge = decision.edges[number]
                    if not orders.get(edge):
                        orders[edge] = generator.permutation(decision.candidates[number]).tolist()
                    candidate = orders[edge].pop()
                    for position in edge:
                        indices[position] = candidate
            yield indices
