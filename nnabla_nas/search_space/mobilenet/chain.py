"""The picture of a mobilenet architecture: a chain of boxes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from nnabla_nas.artifact.diagram import Diagram, Edge, Node
from nnabla_nas.search_space.mobilenet.candidates import (
    SKIP_CONNECT,
    Position,
    expansion_and_kernel,
)


def chain_diagram(
    title: str,
    fixed_blocks: Sequence[str],
    chain: Sequence[Position],
    choices: Sequence[dict[str, Any]],
) -> Diagram:
    """Return the diagram of one architecture.

    Args:
        title: what stands on top.
        fixed_blocks: words for stem, first block, last convolution and classifier.
        chain: the choice blocks.
        choices: per choice block the `operation`, and where known its `probability`.
    """
    stem, first, last, classifier = fixed_blocks
    nodes = [Node("input", ("input",), "input")]
    nodes += [Node("stem", (stem,), "fixed"), Node("first", (first,), "fixed")]
    nodes += [
        _choice_node(index, position, choice)
        for index, (position, choice) in enumerate(zip(chain, choices, strict=True))
    ]
    nodes += [Node("last", (last,), "fixed"), Node("classifier", (classifier,), "fixed")]
    edges = [Edge(before.name, after.name) for before, after in pairwise(nodes)]
    notes = ["width: expansion ratio"]
    if any("probability" in choice for choice in choices):
        notes.append("p: probability of the operation")
    return Diagram(title, tuple(nodes), tuple(edges), notes=tuple(notes))


def _choice_node(index: int, position: Position, choice: dict[str, Any]) -> Node:
    operation = choice["operation"]
    shape = f"{position.in_channels} to {position.out_channels} channels"
    shape += f", stride {position.stride}" if position.stride > 1 else ""
    lines = [f"{index + 2}: {operation}", shape]
    if "probability" in choice:
        lines.append(f"p = {choice['probability']:.2f}")
    if operation == SKIP_CONNECT:
        return Node(f"block_{index}", tuple(lines), "skip_connect", 0.8)
    expansion, kernel = expansion_and_kernel(operation)
    # Wide enough for the text at every ratio, so that the widths can be compared.
    width = 1.4 + expansion / 8
    return Node(f"block_{index}", tuple(lines), f"inverted_residual_{kernel}x{kernel}", width)
