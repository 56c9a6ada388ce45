"""The picture of a zoph architecture: a frame per cell, a box per block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import nnabla_nas.module.static as smo
from nnabla_nas.artifact.diagram import Diagram, Edge, Group, Node

_KINDS = {
    "SepConv3x3": "sep_conv_3x3",
    "SepConv5x5": "sep_conv_5x5",
    "DilSepConv3x3": "dil_conv_3x3",
    "DilSepConv5x5": "dil_conv_5x5",
    "MaxPool3x3": "max_pool_3x3",
    "AveragePool3x3": "avg_pool_3x3",
    "Identity": "skip_connect",
}


def cells_diagram(
    title: str,
    stem: Sequence[smo.Module],
    cells: Sequence[smo.Module],
    choices: Sequence[Mapping[str, Any]],
    merging_mode: str,
) -> Diagram:
    """Return the diagram of one architecture.

    Args:
        title: what stands on top.
        stem: the modules in front of the cells.
        cells: the cells.
        choices: per block of all cells the `path`, `operation` and, where known, `probability`.
        merging_mode: how a cell's output is merged.
    """
    nodes = [Node("input", ("input",), "input")]
    nodes += [Node(one.name, (one.name, f"{one.shape[1]} channels"), "stem") for one in stem]
    groups = []
    for index, (cell, members) in enumerate(zip(cells, _by_cell(choices), strict=True)):
        names = [choice["path"] for choice in members]
        nodes += [_block(position, choice) for position, choice in enumerate(members)]
        channels, height, width = cell.shape[1:]
        output = f"cell {index}/output"
        nodes.append(
            Node(output, (merging_mode, f"{channels} channels, {height}x{width}"), "output")
        )
        # A short title: the arrow that enters the frame passes beside it.
        groups.append(Group(f"cell {index}", (*names, output)))
    nodes.append(Node("head", ("conv 1x1, average",), "head"))
    edges = [Edge(before.name, after.name) for before, after in pairwise(nodes)]
    notes = ["a block sees all blocks above it in its cell and the outputs of the two cells before"]
    if any("probability" in choice for choice in choices):
        notes.append("p: probability of the operation")
    return Diagram(title, tuple(nodes), tuple(edges), tuple(groups), tuple(notes))


def _by_cell(choices: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    cells: dict[str, list[Mapping[str, Any]]] = {}
    for choice in choices:
        cells.setdefault(choice["path"].partition("/")[0], []).append(choice)
    yield from cells.values()


def _block(position: int, choice: Mapping[str, Any]) -> Node:
    lines = [f"{position}: {choice['operation']}"]
    if "probability" in choice:
        lines.append(f"p = {choice['probability']:.2f}")
    return Node(choice["path"], tuple(lines), _KINDS.get(choice["operation"], "none"), 1.2)
