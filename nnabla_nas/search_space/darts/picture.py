"""The picture of cells: states and operations as boxes, one frame a cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nnabla_nas.artifact.diagram import Diagram, Edge, Group, Node
from nnabla_nas.search_space.darts.genotype import Genotype, Nodes, by_node
from nnabla_nas.search_space.darts.operations import NONE, OPERATIONS

_TITLES = {"normal": "normal cell", "reduce": "reduction cell"}


def genotype_diagram(
    title: str,
    genotype: Genotype,
    multiplier: int,
    probabilities: Mapping[str, np.ndarray] | None = None,
) -> Diagram:
    """Return the diagram of both kinds of cell side by side.

    Args:
        title: what stands on top.
        genotype: by kind, per node its edges.
        multiplier: nodes whose outputs make up a cell's output.
        probabilities: where they are known, by kind: those of the operations on every edge of the
            super-network, (edges, operations).
    """
    cells = [
        (_TITLES[kind], nodes, None if probabilities is None else probabilities[kind])
        for kind, nodes in genotype.items()
    ]
    return _side_by_side(title, cells, multiplier)


def stack_diagram(
    title: str,
    kinds: Sequence[str],
    cells: Sequence[Nodes],
    multiplier: int,
    probabilities: Sequence[np.ndarray] | None = None,
) -> Diagram:
    """Return the diagram of the first normal and the first reduction cell of a stack.

    Args:
        title: what stands on top.
        kinds: `normal` or `reduce` for every cell.
        cells: per cell and node its edges.
        multiplier: nodes whose outputs make up a cell's output.
        probabilities: where they are known, per cell those of the operations on every edge,
            (edges, operations).
    """
    firsts = [kinds.index(kind) for kind in _TITLES if kind in kinds]
    shown = [
        (
            f"cell {index}, {_TITLES[kinds[index]]}",
            cells[index],
            None if probabilities is None else probabilities[index],
        )
        for index in firsts
    ]
    title += f": {' and '.join(f'cell {index}' for index in firsts)} of {len(cells)}"
    note = (
        f"{len(firsts)} of {len(cells)} cells are drawn; each of the others has its own operations"
    )
    notes = [note] if len(firsts) < len(cells) else []
    return _side_by_side(title, shown, multiplier, notes)


def _side_by_side(
    title: str,
    cells: Sequence[tuple[str, Nodes, np.ndarray | None]],
    multiplier: int,
    more_notes: Sequence[str] = (),
) -> Diagram:
    nodes: list[Node] = []
    edges: list[Edge] = []
    groups = []
    notes: dict[str, None] = dict.fromkeys(more_notes)
    for heading, cell, probabilities in cells:
        table = None if probabilities is None else by_node(probabilities, len(cell))
        boxes, arrows = _cell(heading, cell, multiplier, table)
        nodes += boxes
        edges += arrows
        groups.append(Group(heading, tuple(node.name for node in boxes)))
        if table is not None:
            notes["p: probability of the operation on its edge"] = None
        if any(op == NONE for incoming in cell for op, _ in incoming):
            notes["edges that carry nothing are left out"] = None
    return Diagram(title, tuple(nodes), tuple(edges), tuple(groups), tuple(notes))


def _cell(
    heading: str, cell: Nodes, multiplier: int, probabilities: Sequence[np.ndarray] | None
) -> tuple[list[Node], list[Edge]]:
    def name(state: int) -> str:
        return f"{heading}/{state}"

    output = f"{heading}/output"
    nodes = [
        Node(name(0), ("cell before the last",), "input"),
        Node(name(1), ("last cell",), "input"),
    ]
    edges = []
    for node, incoming in enumerate(cell):
        nodes.append(Node(name(node + 2), (f"node {node + 2}",), "", 0.6))
        for position, (operation, source) in enumerate(incoming):
            if operation == NONE:
                continue
            lines = [OPERATIONS[operation]]
            if probabilities is not None:
                lines.append(f"p = {probabilities[node][source][operation]:.2f}")
            box = f"{heading}/{node}/{position}"
            nodes.append(Node(box, tuple(lines), OPERATIONS[operation]))
            edges += [Edge(name(source), box), Edge(box, name(node + 2))]
    first = len(cell) + 2 - multiplier
    nodes.append(Node(output, ("concatenation",), "output"))
    edges += [Edge(name(state), output) for state in range(first, len(cell) + 2)]
    return nodes, edges
