"""The most probable genotype within bounds, as a mixed-integer programme.

Of every node a number of edges is kept, each with one of its candidates. One binary variable says
whether a candidate is kept on an edge; costs within the limits are linear inequalities.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnabla_nas.estimator.bounded_decoding import ROUNDING
from nnabla_nas.estimator.cost_table import Floats

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
    log_probabilities: Nodes, costs: Sequence[Nodes], limits: Sequence[float], kept: Sequence[int]
) -> Kept | None:
    """Return the edges and candidates of largest summed log-probability within all limits.

    Args:
        log_probabilities: per node and edge those of its candidates.
        costs: per limit, per node and edge those of its candidates.
        limits: the most that each of the sums of costs may be.
        kept: per node how many of its edges are kept.

    Returns:
        The candidates kept, or None where no genotype is within the limits.
    """
    layout = _Layout(log_probabilities, kept)
    free = _largest(log_probabilities, kept)
    value = layout.flat(log_probabilities)
    rows = [layout.flat(one) for one in costs]
    scale = [max(abs(limit), row.max()) or 1.0 for limit, row in zip(limits, rows, strict=True)]
    matrix = np.array([row / s for row, s in zip(rows, scale, strict=True)])
    matrix = matrix.reshape(len(limits), len(value))
    allowed = np.array([limit / s for limit, s in zip(limits, scale, strict=True)])
    if np.all(matrix @ layout.chosen(free) <= allowed + ROUNDING):
        return free
    excluded: list[Floats] = []
    while True:
        lowered = _LOWERED if len(excluded) > _MOST_EXCLUDED else 0.0
        found = layout.solve(
            -_OBJECTIVE_SCALE * value,
            _LIMIT_SCALE * matrix,
            _LIMIT_SCALE * (allowed - lowered),
            excluded,
        )
        if found is None or np.all(matrix @ found <= allowed + ROUNDING):
            return None if found is None else layout.indices(found)
        excluded.append(found)


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
    """Where the binary variables of nodes, edges and candidates stand in one vector.

    Args:
        nodes: numbers per node and edge.
        kept: per node how many of its edges are kept.
    """

    def __init__(self, nodes: Nodes, kept: Sequence[int]) -> None:
        self._sizes = [[len(edge) for edge in edges] for edges in nodes]
        self._kept = kept
        sizes = [size for edges in self._sizes for size in edges]
        node_of_edge = [node for node, edges in enumerate(nodes) for _ in edges]
        edge_of = np.repeat(np.arange(len(sizes)), sizes)
        self._edges = (np.arange(len(sizes))[:, None] == edge_of).astype(float)
        self._nodes = (
            np.arange(len(nodes))[:, None] == np.array(node_of_edge, dtype=int)[edge_of]
        ).astype(float)

    def flat(self, nodes: Nodes) -> Floats:
        """Return the numbers of all candidates, (variables,)."""
        return np.concatenate([np.asarray(edge, dtype=float) for edges in nodes for edge in edges])

    def chosen(self, genotype: Kept) -> Floats:
        """Return the variables of a genotype."""
        return self.flat(
            [
                [
                    np.zeros(size) if index is None else np.eye(size)[index]
                    for size, index in zip(sizes, indices, strict=True)
                ]
                for sizes, indices in zip(self._sizes, genotype, strict=True)
            ]
        )

    def indices(self, variables: Floats) -> Kept:
        """Return the genotype of some variables."""
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
        """Return the genotype's variables of least objective, or None where there is none.

        Args:
            objective: per variable.
            matrix: per limit a row of coefficients.
            limits: the most that each row may amount to.
            excluded: genotypes that do not count.
        """
        # Here, because a run without such bounds must not wait for this import.
        from scipy.optimize import Bounds, LinearConstraint, milp

        constraints = [
            LinearConstraint(self._edges, -np.inf, 1.0),
            LinearConstraint(self._nodes, self._kept, self._kept),
            LinearConstraint(matrix, -np.inf, limits),
        ]
        if excluded:
            constraints.append(LinearConstraint(np.array(excluded), -np.inf, sum(self._kept) - 1))
        result = milp(
            objective,
            constraints=constraints,
            integrality=np.ones(len(objective)),
            bounds=Bounds(0, 1),
            options={"mip_rel_gap": 0.0},
        )
        if result.status == _INFEASIBLE:
            return None
        if not result.success:
            raise RuntimeError(f"the solver of mixed-integer programmes failed: {result.message}")
        return np.asarray(np.round(result.x))
