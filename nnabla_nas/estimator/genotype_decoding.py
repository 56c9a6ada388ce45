"""The most probable genotype within bounds, as a mixed-integer programme.

Of every node a number of edges is kept, each with one of its candidates. One binary variable says
whether a candidate is kept on an edge; costs within the limits are linear inequalities. Of a node
that may remain unread, a variable says whether it is computed, and one per candidate whether that
is kept and computed: such candidates cost nothing where nothing needs their node.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnabla_nas.estimator.bounded_decoding import ROUNDING
from nnabla_nas.estimator.cost_table import Floats
from nnabla_nas.search_space.decision import Decision, needed_nodes

# Per node and edge one number for each candidate.
Nodes = Sequence[Sequence[Floats]]
# Per node and edge the candidate that is kept, None where the edge is dropped.
Kept = list[list[int | None]]

# The solver's own gaps and tolerances are absolute, 1e-6: what it sees is made large against them.
_OBJECTIVE_SCALE = 1e3
_LIMIT_SCALE = 1e6
# So many genotypes that are over a limit within its tolerance are excluded one by one; then the
# limits it sees are lowered.
_MOST_EXCLUDED = 20
_LOWERED = 1e-9
_INFEASIBLE = 2


def most_probable_genotype_within(
    log_probabilities: Nodes,
    costs: Sequence[Nodes],
    limits: Sequence[float],
    decisions: Sequence[Decision],
) -> Kept | None:
    """Return the edges and candidates of largest summed log-probability within all limits.

    Args:
        log_probabilities: per node and edge those of its candidates.
        costs: per limit, per node and edge those of its candidates.
        limits: the most that each of the sums of costs may be.
        decisions: per node how many of its edges are kept, where they start and what needs it.

    Returns:
        The candidates kept, or None where no genotype is within the limits.
    """
    layout = _Layout(log_probabilities, decisions)
    free = _largest(log_probabilities, [one.kept for one in decisions])
    value = layout.flat(log_probabilities)
    rows = [layout.flat(one) for one in costs]
    scale = [max(abs(limit), row.max()) or 1.0 for limit, row in zip(limits, rows, strict=True)]
    matrix = np.array([row / s for row, s in zip(rows, scale, strict=True)])
    matrix = matrix.reshape(len(limits), len(value))
    allowed = np.array([limit / s for limit, s in zip(limits, scale, strict=True)])
    if np.all(matrix @ layout.computed(free) <= allowed + ROUNDING):
        return free
    excluded: list[Floats] = []
    while True:
        lowered = _LOWERED if len(excluded) > _MOST_EXCLUDED else 0.0
        found = layout.solve(
            layout.of_kept(-_OBJECTIVE_SCALE * value),
            _LIMIT_SCALE * matrix,
            _LIMIT_SCALE * (allowed - lowered),
            excluded,
        )
        if found is None:
            return None
        genotype = layout.indices(found)
        if np.all(matrix @ layout.computed(genotype) <= allowed + ROUNDING):
            return genotype
        excluded.append(found)


def least_genotype_cost(costs: Nodes, decisions: Sequence[Decision]) -> float:
    """Return what the cheapest genotype costs.

    Args:
        costs: per node and edge those of its candidates.
        decisions: per node how many of its edges are kept, where they start and what needs it.
    """
    layout = _Layout(costs, decisions)
    flat = layout.flat(costs)
    scaled = _OBJECTIVE_SCALE * flat / (np.abs(flat).max() or 1.0)
    nothing = np.zeros((0, len(flat)))
    found = layout.solve(layout.of_computed(scaled), nothing, np.zeros(0))
    assert found is not None
    return float(flat @ layout.computed(layout.indices(found)))


def _largest(values: Nodes, kept: Sequence[int]) -> Kept:
    """Return the edges of largest values and their largest candidates, the first of equals."""
    genotype: Kept = []
    for edges, n in zip(values, kept, strict=True):
        best = [float(np.max(edge, initial=-np.inf)) for edge in edges]
        strongest = np.argsort(-np.array(best), kind="stable")[:n]
        genotype.append(
            [int(np.argmax(edge)) if i in strongest else None for i, edge in enumerate(edges)]
        )
    return genotype


class _Layout:
    """Where the variables of nodes, edges and candidates stand in one vector.

    First come binary ones: whether a candidate is kept on an edge. Then, per node that may remain
    unread whether it is computed, and per candidate of these whether that is kept and computed.

    Args:
        nodes: numbers per node and edge.
        decisions: per node how many of its edges are kept, where they start and what needs it.
    """

    def __init__(self, nodes: Nodes, decisions: Sequence[Decision]) -> None:
        self._sizes = [[len(edge) for edge in edges] for edges in nodes]
        self._decisions = decisions
        sizes = [size for edges in self._sizes for size in edges]
        of_edge = np.array([node for node, edges in enumerate(nodes) for _ in edges], dtype=int)
        edge_of = np.repeat(np.arange(len(sizes)), sizes)
        numbers = np.arange(len(nodes))[:, None]
        self._edges = (np.arange(len(sizes))[:, None] == edge_of).astype(float)
        self._nodes = (numbers == of_edge[edge_of]).astype(float)
        sources = [
            -1 if source is None else source
            for one, edges in zip(decisions, nodes, strict=True)
            for source in one.reads or [None] * len(edges)
        ]
        # Per edge the node that it starts from.
        self._sources = (numbers == np.array(sources, dtype=int)).astype(float).T
        needed = np.array([one.needed for one in decisions])
        self._unsure = np.flatnonzero(~needed)
        self._unsure_candidates = np.flatnonzero(~needed[of_edge[edge_of]])

    def flat(self, nodes: Nodes) -> Floats:
        """Return the numbers of all candidates, (candidates,)."""
        return np.concatenate([np.asarray(edge, dtype=float) for edges in nodes for edge in edges])

    def of_kept(self, coefficients: Floats) -> Floats:
        """Return coefficients of the candidates that are kept as those of all variables.

        Args:
            coefficients: (…, candidates).
        """
        more = len(self._unsure) + len(self._unsure_candidates)
        return np.concatenate([coefficients, np.zeros((*coefficients.shape[:-1], more))], axis=-1)

    def of_computed(self, coefficients: Floats) -> Floats:
        """Return coefficients of the candidates that are computed as those of all variables.

        Args:
            coefficients: (…, candidates).
        """
        always = coefficients.copy()
        always[..., self._unsure_candidates] = 0.0
        nodes = np.zeros((*coefficients.shape[:-1], len(self._unsure)))
        return np.concatenate([always, nodes, coefficients[..., self._unsure_candidates]], axis=-1)

    def computed(self, genotype: Kept) -> Floats:
        """Return 1 for each candidate that the network of a genotype computes, (candidates,)."""
        kept = [[index is not None for index in indices] for indices in genotype]
        rows = zip(self._sizes, genotype, needed_nodes(self._decisions, kept), strict=True)
        return self.flat(
            [
                [
                    np.zeros(size) if index is None or not needed else np.eye(size)[index]
                    for size, index in zip(sizes, indices, strict=True)
                ]
                for sizes, indices, needed in rows
            ]
        )

    def indices(self, variables: Floats) -> Kept:
        """Return the genotype of some binary variables."""
        genotype: Kept = []
        start = 0
        for sizes in self._sizes:
            genotype.append([])
            for size in sizes:
                own = variables[start : start + size]
                genotype[-1].append(int(np.argmax(own)) if own.any() else None)
                start += size
        return genotype

    def solve(
        self, objective: Floats, matrix: Floats, limits: Floats, excluded: Sequence[Floats] = ()
    ) -> Floats | None:
        """Return the binary variables of least objective, or None where there are none.

        Args:
            objective: a coefficient per variable.
            matrix: per limit a row of coefficients of the candidates that are computed.
            limits: the most that each row may amount to.
            excluded: genotypes that do not count.
        """
        # Here, because a run without such bounds must not wait for this import.
        from scipy.optimize import Bounds, LinearConstraint, milp

        n = self._edges.shape[1]
        more = len(objective) - n
        kept = [one.kept for one in self._decisions]
        constraints = [
            LinearConstraint(self.of_kept(self._edges), -np.inf, 1.0),
            LinearConstraint(self.of_kept(self._nodes), kept, kept),
            LinearConstraint(self.of_computed(matrix), -np.inf, limits),
        ]
        if more:
            constraints += [
                LinearConstraint(rows, low, high) for rows, low, high in self._computed_rows()
            ]
        if excluded:
            rows = self.of_kept(np.array(excluded))
            constraints.append(LinearConstraint(rows, -np.inf, sum(kept) - 1))
        result = milp(
            objective,
            constraints=constraints,
            integrality=np.pad(np.ones(n), (0, more)),
            bounds=Bounds(0, 1),
            options={"mip_rel_gap": 0.0},
        )
        if result.status == _INFEASIBLE:
            return None
        if not result.success:
            raise RuntimeError(f"the solver of mixed-integer programmes failed: {result.message}")
        return np.asarray(np.round(result.x[:n]))

    def _computed_rows(self) -> list[tuple[Floats, float, float]]:
        """Return what ties the variables of nodes that may remain unread, as rows and bounds."""
        of_node = self._nodes[self._unsure][:, self._unsure_candidates].T
        is_kept = np.eye(self._edges.shape[1])[self._unsure_candidates]
        both = np.eye(len(self._unsure_candidates))
        nodes = np.eye(len(self._unsure))
        reading = self._sources[:, self._unsure]
        edges = np.flatnonzero(reading.any(axis=1))
        by_edge = self.of_computed(self._edges[edges])
        by_node = self.of_computed(reading.T @ self._edges)
        n = self._edges.shape[1]
        node_columns = slice(n, n + len(self._unsure))
        by_edge[:, node_columns] = -reading[edges]
        by_node[:, node_columns] = -nodes
        return [
            # Kept and computed is no more than either, and no less than both.
            (np.hstack([-is_kept, 0 * of_node, both]), -np.inf, 0.0),
            (np.hstack([0 * is_kept, -of_node, both]), -np.inf, 0.0),
            (np.hstack([-is_kept, -of_node, both]), -1.0, np.inf),
            # A node is computed where an edge that is computed reads it, and only there.
            (by_edge, -np.inf, 0.0),
            (by_node, 0.0, np.inf),
        ]
