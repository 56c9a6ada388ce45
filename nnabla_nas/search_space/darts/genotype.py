"""Genotypes: what a search of the DARTS space decides about a kind of cell.

Source: Liu et al., "DARTS: Differentiable Architecture Search", 2019, section 2.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from nnabla_nas import random
from nnabla_nas.search_space.darts.operations import NONE, OPERATIONS

KINDS = ("normal", "reduce")

# Per node its edges: pairs of an operation's number and the state it is applied to. States 0 and 1
# are the cell's inputs, the nodes follow as 2, 3, …
Nodes = Sequence[Sequence[tuple[int, int]]]
# By kind of cell: `normal` and `reduce`.
Genotype = Mapping[str, Nodes]


def n_edges(num_choices: int) -> int:
    """Return the number of edges of a cell in the super-network: node k receives k + 2.

    Args:
        num_choices: nodes of the cell.
    """
    return sum(node + 2 for node in range(num_choices))


def by_node(values: Any, num_choices: int) -> list[Any]:
    """Return values that belong to the edges of the super-network, node by node.

    Args:
        values: one per edge, in the order of the blocks: a sequence or an array.
        num_choices: nodes of the cell.

    Returns:
        Per node one value for each of its inputs.
    """
    starts = [n_edges(node) for node in range(num_choices + 1)]
    return [values[start:end] for start, end in pairwise(starts)]


def all_edges(operations: Sequence[int], num_choices: int) -> list[list[tuple[int, int]]]:
    """Return the edges of a cell that keeps all of them.

    Args:
        operations: the number of the operation on each edge.
        num_choices: nodes of the cell.
    """
    return [
        [(int(op), source) for source, op in enumerate(edges)]
        for edges in by_node(operations, num_choices)
    ]


def mean_probabilities(cells: Sequence[np.ndarray], num_choices: int) -> np.ndarray:
    """Return the probabilities of the operations on every edge of a kind of cell.

    Cells that share their architecture parameters count as one. Where each has its own, the
    genotype is that of their mean probabilities; without any cell all are equal.

    Args:
        cells: the architecture parameters of each cell, (edges, operations).
        num_choices: nodes of the cell.

    Returns:
        (edges, operations).
    """
    if not cells:
        return np.full((n_edges(num_choices), len(OPERATIONS)), 1 / len(OPERATIONS))
    alphas = np.asarray(cells, dtype=np.float64)
    exponentials = np.exp(alphas - alphas.max(axis=-1, keepdims=True))
    return np.asarray((exponentials / exponentials.sum(axis=-1, keepdims=True)).mean(axis=0))


def decode(probabilities: np.ndarray, num_choices: int) -> list[list[tuple[int, int]]]:
    """Keep two edges of every node, each with its most probable operation; none does not count.

    Of equals the first one comes first, edges as well as operations.

    Args:
        probabilities: (edges, operations).
        num_choices: nodes of the cell.

    Returns:
        Per node two (operation, input), the more probable one first.
    """
    operations = np.delete(probabilities, NONE, axis=1)
    nodes = []
    for edges in by_node(operations, num_choices):
        strongest = np.argsort(-np.max(edges, axis=1), kind="stable")[:2]
        nodes.append([(int(np.argmax(edges[i])), int(i)) for i in strongest])
    return nodes


def kept_edges(
    operations: Sequence[int | None], probabilities: np.ndarray, num_choices: int
) -> list[list[tuple[int, int]]]:
    """Return the edges that a cell keeps.

    Args:
        operations: the number of the operation on each edge, None where it is dropped.
        probabilities: (edges, operations).
        num_choices: nodes of the cell.

    Returns:
        Per node its (operation, input), the more probable one first.
    """
    grouped = zip(
        by_node(operations, num_choices), by_node(probabilities, num_choices), strict=True
    )
    return [
        sorted(
            [(op, source) for source, op in enumerate(edges) if op is not None],
            key=lambda edge: -float(rows[edge[1]][edge[0]]),
        )
        for edges, rows in grouped
    ]


def random_genotype(num_choices: int) -> dict[str, list[list[tuple[int, int]]]]:
    """Draw a genotype from the run's seed: two edges of every node, an operation for each.

    Args:
        num_choices: nodes of a cell.
    """
    stream = random.current().stream("architecture")

    def node(n_inputs: int) -> list[tuple[int, int]]:
        inputs = sorted(stream.choice(n_inputs, size=2, replace=False))
        return [(int(stream.integers(NONE)), int(i)) for i in inputs]

    return {kind: [node(k + 2) for k in range(num_choices)] for kind in KINDS}


def genotype_in_words(genotype: Genotype) -> dict[str, Any]:
    """Return a genotype as arch.json holds it.

    Args:
        genotype: the genotype.

    Returns:
        `normal_alpha` and `reduce_alpha`: node → two [operation, input].
    """
    return {
        f"{kind}_alpha": {
            str(node + 2): [list(edge) for edge in edges] for node, edges in enumerate(nodes)
        }
        for kind, nodes in genotype.items()
    }


def probabilities_in_words(kind: str, probabilities: np.ndarray, nodes: Nodes) -> dict[str, Any]:
    """Return what arch.json says of the probabilities behind a genotype.

    Args:
        kind: `normal` or `reduce`.
        probabilities: (edges, operations).
        nodes: the edges that are kept.

    Returns:
        `<kind>_prob`: node → two [probability, input], and `<kind>_choice`: edge → the number of
        its most probable operation, none included.
    """
    grouped = by_node(probabilities, len(nodes))
    kept = {
        str(node + 2): [[float(grouped[node][i][op]), i] for op, i in edges]
        for node, edges in enumerate(nodes)
    }
    choices = {str(edge): int(np.argmax(row)) for edge, row in enumerate(probabilities)}
    return {f"{kind}_prob": kept, f"{kind}_choice": choices}
