"""Making a decision within limits smaller before it is solved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nnabla_nas.estimator.bounded_decoding import ROUNDING
from nnabla_nas.estimator.genotype_decoding import Nodes

Numbers = npt.NDArray[np.int64]


def reduced(
    costs: Sequence[Nodes], limits: Sequence[float], nodes: Nodes, needed: Sequence[bool]
) -> tuple[list[list[Numbers]], list[int]]:
    """Leave out candidates that alone exceed a limit, then limits that nothing exceeds.

    Args:
        costs: per limit, per node and edge those of its candidates.
        limits: the most that each of the sums of costs may be.
        nodes: any numbers per node and edge.
        needed: per node whether every architecture computes it; where one does not, its candidates
            cost nothing.

    Returns:
        Per node and edge the numbers of the candidates left, and the limits that still matter.
    """
    sizes = [len(edge) for edges in nodes for edge in edges]
    flat: Any = [np.concatenate([edge for edges in one for edge in edges]) for one in costs]
    rows = np.array(flat).reshape(len(costs), sum(sizes))
    most = np.asarray(limits, dtype=float)
    most = most + ROUNDING * np.abs(most)
    # Where some costs are negative, others may make up for one.
    sure = np.repeat(
        [needs for needs, edges in zip(needed, nodes, strict=True) for _ in edges], sizes
    )
    alone = sure & (rows > most[:, None]) & (rows.min(axis=1, initial=0.0) >= 0)[:, None]
    left = ~alone.any(axis=0)
    starts = np.cumsum([0, *sizes[:-1]])
    largest = np.maximum.reduceat(np.where(left, rows, 0.0), starts, axis=1)
    binding = np.flatnonzero(np.maximum(largest, 0.0).sum(axis=1) > most)
    kept = [np.flatnonzero(one) for one in np.split(left, starts[1:])]
    pieces = iter(kept)
    return [[next(pieces) for _ in edges] for edges in nodes], binding.tolist()
