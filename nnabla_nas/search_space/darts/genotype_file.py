"""Reading a genotype from what a search of the DARTS space has left, without trusting it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from nnabla_nas.errors import GenotypeError, WeightsError
from nnabla_nas.module.parameter_file import parameter_shapes
from nnabla_nas.search_space.darts.cell import reduction_cells
from nnabla_nas.search_space.darts.genotype import (
    KINDS,
    Genotype,
    decode,
    mean_probabilities,
    n_edges,
)
from nnabla_nas.search_space.darts.operations import NONE, OPERATIONS
from nnabla_nas.search_space.genotype import not_of_this_space, read_alphas, read_words

_ALPHA_SHAPE = (len(OPERATIONS), 1, 1, 1, 1)


def read_cells(path: str | Path, num_choices: int) -> Genotype:
    """Return the genotype in an architecture file.

    Args:
        path: an arch.json, or an `.h5` file of architecture parameters, shared by the cells of a
            kind or not: the mean over such cells counts then, and their number need not be that of
            the network to train.
        num_choices: nodes of a cell.

    Raises:
        GenotypeError: if the file is missing, damaged, or of another search space.
    """
    if not Path(path).is_file():
        raise GenotypeError(f"{path}: no such architecture file (network.genotype)")
    if str(path).endswith(".json"):
        words = read_words(path)
        return {kind: _nodes_from_words(path, words, kind, num_choices) for kind in KINDS}
    cells = _alphas(path, num_choices)
    return {
        kind: decode(mean_probabilities(cells[kind], num_choices), num_choices) for kind in KINDS
    }


def _alphas(path: str | Path, num_choices: int) -> dict[str, list[np.ndarray]]:
    """Return by kind the architecture parameters of its cells, (edges, operations) each."""
    edges = range(n_edges(num_choices))
    try:
        names = set(parameter_shapes(path))
    except WeightsError as error:
        raise not_of_this_space(error) from error
    if "0/0" in names:
        cells = {kind: [[f"{i}/{edge}" for edge in edges]] for i, kind in enumerate(KINDS)}
    else:
        matches = [re.match(r"_cells/(\d+)/", name) for name in names]
        n_cells = len({match[1] for match in matches if match})
        if n_cells == 0:
            raise GenotypeError(
                f"{path}: holds no architecture parameter of the DARTS space: neither '0/0' "
                "(shared) nor '_cells/0/_blocks/0/_mixed/_alpha'"
            )
        reductions = reduction_cells(n_cells)
        cells = {kind: [] for kind in KINDS}
        for cell in range(n_cells):
            paths = [f"_cells/{cell}/_blocks/{edge}/_mixed/_alpha" for edge in edges]
            cells[KINDS[cell in reductions]].append(paths)
    every = [name for kind in KINDS for paths in cells[kind] for name in paths]
    alphas = read_alphas(path, dict.fromkeys(every, _ALPHA_SHAPE))
    return {
        kind: [np.stack([alphas[name].reshape(-1) for name in paths]) for paths in cells[kind]]
        for kind in KINDS
    }


def _nodes_from_words(
    path: str | Path, words: Any, kind: str, num_choices: int
) -> list[list[tuple[int, int]]]:
    key = f"{kind}_alpha"
    nodes = words.get(key) if isinstance(words, dict) else None
    expected = [str(node + 2) for node in range(num_choices)]
    if not isinstance(nodes, dict) or set(nodes) != set(expected):
        raise GenotypeError(
            f"{path}: not an architecture of the DARTS space with {num_choices} nodes: '{key}' "
            f"must be an object with the keys {', '.join(expected)}"
        )
    for node in expected:
        edges = nodes[node]
        if not isinstance(edges, list) or len(edges) != 2 or not _fit(edges, int(node)):
            raise GenotypeError(
                f"{path}: '{key}.{node}' must be two [operation, input] with an operation from 0 "
                f"to {NONE - 1} and two different inputs from 0 to {int(node) - 1}"
            )
    return [[(op, source) for op, source in nodes[node]] for node in expected]


def _fit(edges: list[Any], node: int) -> bool:
    for edge in edges:
        # True and False are integers to Python.
        if not isinstance(edge, list) or [type(value) for value in edge] != [int, int]:
            return False
        operation, source = edge
        if not (0 <= operation < NONE and 0 <= source < node):
            return False
    return bool(edges[0][1] != edges[1][1])
