"""Decoding a network's most probable architecture within bounds on its costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnabla_nas.estimator.bounded_decoding import ROUNDING, least_value, most_probable_within
from nnabla_nas.estimator.cost_table import Costs, CostTable, Floats
from nnabla_nas.estimator.genotype_decoding import (
    Kept,
    Nodes,
    least_genotype_cost,
    most_probable_genotype_within,
)
from nnabla_nas.estimator.peak_table import PeakTable
from nnabla_nas.estimator.reduction import reduced
from nnabla_nas.search_space.model import Model

_SMALLEST = 1e-300
# With more choices (a pnas network has 210) the labels of dynamic programming become too many.
_MOST_CHOICES = 40
# So often an architecture whose peak is over its bound is told from others.
_ATTEMPTS = 100

# Per choice its candidate, None where the architecture drops the choice.
Indices = list[int | None]


class Decoder:
    """Finds the most probable architecture of a network whose costs are within bounds.

    Independent choices are decided by dynamic programming; genotypes, and very many choices, by a
    mixed-integer programme. A peak is the largest of many sums: architectures are decoded, and the
    sums by which they are over its bound added to the limits, until one is within it.

    Args:
        model: the network.
        tables: what its candidates cost, a table for each bound.

    Attributes:
        certain: whether an architecture that was not found does not exist: not where peaks of
            genotypes are bound, nor once as many sums were learned as are allowed.
    """

    def __init__(self, model: Model, tables: Sequence[Costs]) -> None:
        self._model = model
        self._choices = list(model.choices().values())
        self._decisions = model.decisions()
        self._tables = tables
        self._independent = all(len(one.edges) == 1 for one in self._decisions)
        # Of a peak what it has learned so far.
        self._costs: list[list[Any]] = [
            self._per_edge(table) if isinstance(table, CostTable) else [] for table in tables
        ]
        self._peaks = [table for table in tables if isinstance(table, PeakTable)]
        # What there is to fall back on where what is learned of peaks does not lead to one.
        self._found: list[Indices] = [one for table in self._peaks for one in table.smallest]
        self._learned_at = b""
        self.certain = all(table.exact for table in self._peaks)

    def within(self, bounds: Sequence[float]) -> Indices | None:
        """Return the most probable architecture within all bounds, or None where there is none.

        Where that is not `certain` it is the most probable one found, and None where none was.

        Args:
            bounds: for each table the most that an architecture may cost.
        """
        self._forget()
        pairs = list(zip(self._tables, bounds, strict=True))
        # Bounds that do not bind decide nothing, not even between equals.
        free = self._model.unbounded_architecture()
        if not any(_exceeds(table.total(free), bound) for table, bound in pairs):
            return free
        for _ in range(_ATTEMPTS):
            indices = self._most_probable_within(bounds)
            if indices is None:
                break
            over = [
                (table, bound)
                for table, bound in pairs
                if isinstance(table, PeakTable) and _exceeds(table.total(indices), bound)
            ]
            if not over:
                if self._peaks and indices not in self._found:
                    self._found.append(indices)
                return indices
            for table, bound in over:
                table.learn(indices, bound)
        else:
            self.certain = False
        # What tells genotypes apart may exclude more than it should.
        kept = [
            one
            for one in self._found
            if not any(_exceeds(table.total(one), bound) for table, bound in pairs)
        ]
        return max(kept, key=self.log_probability, default=None)

    def _forget(self) -> None:
        """Drop sums that hold for an order of the edges that has changed since."""
        now = self.probabilities()
        if now != self._learned_at:
            self._learned_at = now
            for table in self._peaks:
                if not table.exact:
                    table.rows.clear()

    def _most_probable_within(self, bounds: Sequence[float]) -> Indices | None:
        """Return the most probable architecture within all sums known so far."""
        logs: Nodes = self._log_probabilities()
        costs, rows = list[Nodes](), list[Nodes]()
        limits, row_limits = list[float](), list[float]()
        for table, own, bound in zip(self._tables, self._costs, bounds, strict=True):
            if isinstance(table, PeakTable):
                # Another decoder of the same network may have changed what the table has learned.
                known = {id(row): nodes for row, nodes in own}
                own[:] = [(r, known.get(id(r)) or self._per_edge(r)) for r in table.rows]
                rows += [nodes for _, nodes in own]
                row_limits += [bound - row.fixed for row in table.rows]
            elif isinstance(table, CostTable):
                costs.append(own)
                limits.append(bound - table.fixed)
        needed = [one.needed for one in self._decisions]
        possible, binding = reduced(rows, row_limits, logs, needed)
        costs += [rows[n] for n in binding]
        limits += [row_limits[n] for n in binding]
        for decision, edges in zip(self._decisions, possible, strict=True):
            if sum(edge.size > 0 for edge in edges) < decision.kept:
                return None
        logs, costs = _only(possible, logs), [_only(possible, one) for one in costs]
        if self._independent and len(self._decisions) <= _MOST_CHOICES and not binding:
            single = [[edges[0] for edges in one] for one in costs]
            chosen = most_probable_within([edges[0] for edges in logs], single, limits)
            genotype: Kept | None = None if chosen is None else [[index] for index in chosen]
        else:
            genotype = most_probable_genotype_within(logs, costs, limits, self._decisions)
        if genotype is None:
            return None
        return self._spread(
            [
                [None if n is None else int(edge[n]) for edge, n in zip(edges, kept, strict=True)]
                for edges, kept in zip(possible, genotype, strict=True)
            ]
        )

    def most_probable(self) -> Indices:
        """Return the most probable architecture, whatever it costs."""
        return self._model.unbounded_architecture()

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
        costs = self._tables[table]
        if not isinstance(costs, CostTable):
            return math.inf
        edges = [edge for decision in self._costs[table] for edge in decision]
        return costs.fixed + sum(max(0.0, float(edge.max())) for edge in edges)

    def least_cost(self, table: int) -> float:
        """Return what the cheapest architecture costs, whatever else it costs; about its peak.

        Args:
            table: the number of the table.
        """
        costs = self._tables[table]
        if isinstance(costs, PeakTable):
            return costs.least()
        assert isinstance(costs, CostTable)
        return costs.fixed + least_genotype_cost(self._costs[table], self._decisions)

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

    def _per_edge(self, table: CostTable) -> list[list[Floats]]:
        """Return per decision and edge the costs of its candidates."""
        return [
            [
                np.sum([table.candidates[position] for position in edge], axis=0)[list(allowed)]
                for edge, allowed in zip(decision.edges, decision.candidates, strict=True)
            ]
            for decision in self._decisions
        ]

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


def _exceeds(cost: float, bound: float) -> bool:
    return cost > bound * (1 + ROUNDING)


def _only(possible: Sequence[Sequence[Any]], nodes: Nodes) -> Nodes:
    """Return the numbers of the candidates that are possible."""
    return [
        [numbers[edge] for edge, numbers in zip(edges, one, strict=True)]
        for edges, one in zip(possible, nodes, strict=True)
    ]
