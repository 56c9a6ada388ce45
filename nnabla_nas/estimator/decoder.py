"""Decoding a network's most probable architecture within bounds on its costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnabla_nas.estimator.bounded_decoding import least_value, most_probable_within
from nnabla_nas.estimator.cost_table import CostTable, Floats
from nnabla_nas.estimator.genotype_decoding import most_probable_genotype_within
from nnabla_nas.search_space.model import Model

_SMALLEST = 1e-300
# With more choices (a pnas network has 210) the labels of dynamic programming become too many.
_MOST_CHOICES = 40

# Per choice its candidate, None where the architecture drops the choice.
Indices = list[int | None]


class Decoder:
    """Finds the most probable architecture of a network whose costs are within bounds.

    Independent choices are decided by dynamic programming; genotypes, and very many choices, by a
    mixed-integer programme.

    Args:
        model: the network.
        tables: what its candidates cost, a table for each bound.
    """

    def __init__(self, model: Model, tables: Sequence[CostTable]) -> None:
        self._choices = list(model.choices().values())
        self._decisions = model.decisions()
        self._tables = tables
        self._independent = all(len(one.edges) == 1 for one in self._decisions)
        # Per table, decision and edge the costs of the candidates.
        self._costs = [
            [
                [
                    np.sum([table.candidates[position] for position in edge], axis=0)[list(allowed)]
                    for edge, allowed in zip(decision.edges, decision.candidates, strict=True)
                ]
                for decision in self._decisions
            ]
            for table in tables
        ]

    def within(self, bounds: Sequence[float]) -> Indices | None:
        """Return the most probable architecture within all bounds, or None where there is none.

        Args:
            bounds: for each table the most that an architecture may cost.
        """
        limits = [b - table.fixed for b, table in zip(bounds, self._tables, strict=True)]
        logs = self._log_probabilities()
        if self._independent and len(self._decisions) <= _MOST_CHOICES:
            single = [[edges[0] for edges in costs] for costs in self._costs]
            chosen = most_probable_within([edges[0] for edges in logs], single, limits)
            return None if chosen is None else self._spread([[index] for index in chosen])
        kept = [one.kept for one in self._decisions]
        genotype = most_probable_genotype_within(logs, self._costs, limits, kept)
        return None if genotype is None else self._spread(genotype)

    def most_probable(self) -> Indices:
        """Return the most probable architecture, whatever it costs."""
        indices = self.within([self.largest_cost(i) for i in range(len(self._tables))])
        assert indices is not None
        return indices

    def least_factor(self, bounds: Sequence[float]) -> float:
        """Return by which factor all bounds have to grow until an architecture is within them.

        Args:
            bounds: for each table the most that an architecture may cost.
        """

        def meets(factor: float) -> bool:
            return self.within([factor * bound for bound in bounds]) is not None

        low, high = 1.0, 2.0
        while not meets(high):
            low, high = high, 2 * high
        return least_value(meets, low, high)

    def largest_cost(self, table: int) -> float:
        """Return what no architecture costs more than.

        Args:
            table: the number of the table.
        """
        edges = [edge for decision in self._costs[table] for edge in decision]
        return self._tables[table].fixed + sum(max(0.0, float(edge.max())) for edge in edges)

    def least_cost(self, table: int) -> float:
        """Return what the cheapest architecture costs, whatever else it costs.

        Args:
            table: the number of the table.
        """
        total = self._tables[table].fixed
        for decision, edges in zip(self._decisions, self._costs[table], strict=True):
            total += sum(sorted(float(edge.min()) for edge in edges)[: decision.kept])
        return total

    def log_probability(self, indices: Sequence[int | None]) -> float:
        """Return the summed log-probability of what an architecture keeps, in nats.

        Args:
            indices: per choice its candidate, None where the architecture drops the choice.
        """
        total = 0.0
        for decision, logs in zip(self._decisions, self._log_probabilities(), strict=True):
            for edge, allowed, values in zip(
                decision.edges, decision.candidates, logs, strict=True
            ):
                index = indices[edge[0]]
                total += 0.0 if index is None else float(values[allowed.index(index)])
        return total

    def probabilities(self) -> bytes:
        """Return all probabilities, to tell whether they have changed."""
        return np.concatenate([choice.probabilities for choice in self._choices]).tobytes()

    def _log_probabilities(self) -> list[list[Floats]]:
        """Return per decision and edge the logarithms of its candidates' probabilities."""
        logs: list[list[Floats]] = []
        for decision in self._decisions:
            logs.append([])
            for edge, allowed in zip(decision.edges, decision.candidates, strict=True):
                mean = np.mean([self._choices[p].probabilities for p in edge], axis=0)
                # Independent choices are drawn one by one; the cells of a genotype are all alike.
                weight = len(edge) if self._independent else 1
                logs[-1].append(weight * np.log(np.maximum(mean[list(allowed)], _SMALLEST)))
        return logs

    def _spread(self, decided: Sequence[Sequence[int | None]]) -> Indices:
        """Return per choice its candidate, from per decision and edge which of the allowed ones."""
        indices: Indices = [None] * len(self._choices)
        for decision, kept in zip(self._decisions, decided, strict=True):
            for edge, allowed, index in zip(decision.edges, decision.candidates, kept, strict=True):
                for position in edge:
                    indices[position] = None if index is None else allowed[index]
        return indices
