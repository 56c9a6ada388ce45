"""The picture of a randomly wired network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnabla_nas.artifact.diagram import Diagram, Edge, Node
from nnabla_nas.search_space.random_wired.operations import OPERATIONS


def wiring_diagram(
    name: str, graph: str, input_shape: Sequence[int], vertices: Sequence[dict[str, Any]]
) -> Diagram:
    """Return the diagram of a wiring.

    Args:
        name: of the network; may be empty.
        graph: the generator.
        input_shape: (channels, height, width) of the images.
        vertices: per vertex its `vertex` number, `operation`, `channels`, `side` and `inputs`; the
            output last.
    """
    nodes = [Node("0", ("input", _shape(input_shape[0], input_shape[1:])), "input")]
    edges = []
    for words in vertices:
        number, operation = words["vertex"], words["operation"]
        shape = _shape(words["channels"], words["side"])
        if operation in OPERATIONS:
            kind, text = OPERATIONS[operation].kind, f"{number}: {operation}"
        else:
            kind, text = "output", "output: average, linear"
        nodes.append(Node(str(number), (text, shape), kind))
        edges += [Edge(str(source), str(number)) for source in words["inputs"]]
    title = f"{name}: randomly wired network" if name else "randomly wired network"
    return Diagram(f"{title}, {graph} graph", tuple(nodes), tuple(edges))


def _shape(channels: int, side: Sequence[int]) -> str:
    return f"{channels} channels, {side[0]}x{side[1]}"
