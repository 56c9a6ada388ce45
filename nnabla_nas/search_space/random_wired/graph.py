"""Random graphs, and the directed graphs without cycles that networks are made from.

Source: Xie et al., "Exploring Randomly Wired Neural Networks for Image Recognition", 2019,
section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import networkx as nx
import numpy as np

GraphName = Literal["watts_strogatz", "erdos_renyi", "barabasi_albert"]
_DRAWS = 1000

_GENERATORS: dict[str, Callable[[int, int, float, np.random.Generator], nx.Graph]] = {
    "watts_strogatz": lambda n, k, p, seed: nx.watts_strogatz_graph(n, k, p, seed=seed),
    "erdos_renyi": lambda n, _, p, seed: nx.erdos_renyi_graph(n, p, seed=seed),
    "barabasi_albert": lambda n, k, _, seed: nx.barabasi_albert_graph(n, k, seed=seed),
}


def graph_faults(name: str, n_vertices: int, k: int, p: float) -> list[tuple[str, str]]:
    """Return (argument, what is wrong) for values no connected graph can be drawn with.

    Args:
        name: which generator.
        n_vertices: number of vertices.
        k: neighbours of a vertex on the ring (Watts–Strogatz), or edges of each vertex that is
            added (Barabási–Albert).
        p: probability of an edge to be rewired (Watts–Strogatz), or to exist (Erdős–Rényi).
    """
    faults = []
    if name == "watts_strogatz" and (k % 2 or not 2 <= k < n_vertices):
        faults.append(("k", f"got {k}; allowed: an even number from 2 to below {n_vertices}"))
    if name == "barabasi_albert" and not 1 <= k < n_vertices:
        faults.append(("k", f"got {k}; allowed: from 1 to below {n_vertices}"))
    if name == "watts_strogatz" and not 0 <= p <= 1:
        faults.append(("p", f"got {p}; allowed: from 0 to 1"))
    if name == "erdos_renyi" and not 0 < p <= 1:
        faults.append(("p", f"got {p}; allowed: above 0, up to 1"))
    return faults


def draw_edges(
    name: str, n_vertices: int, k: int, p: float, generator: np.random.Generator
) -> list[tuple[int, int]]:
    """Draw a connected random graph; one that is not connected is drawn again.

    Args:
        name: `watts_strogatz`, `erdos_renyi` or `barabasi_albert`.
        n_vertices: number of vertices.
        k: see `graph_faults`.
        p: see `graph_faults`.
        generator: where the randomness comes from.

    Returns:
        The edges (source, target) in order; every edge leads from the lower to the higher of the
        numbers 0 … n_vertices − 1, so there is no cycle.

    Raises:
        ValueError: if none of 1000 graphs was connected.
    """
    for _ in range(_DRAWS):
        graph = _GENERATORS[name](n_vertices, k, p, generator)
        if nx.is_connected(graph):
            return sorted((min(edge), max(edge)) for edge in graph.edges)
    raise ValueError(
        f"none of {_DRAWS} {name} graphs of {n_vertices} vertices, k {k} and p {p} is connected: "
        f"choose a larger {'p' if name == 'erdos_renyi' else 'k'}"
    )


def predecessors(n_vertices: int, edges: Sequence[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Add an input and an output, and return what every vertex reads.

    The input leads to each vertex no edge leads to, each vertex no edge leaves leads to the
    output: so every vertex lies on a path from the input to the output.

    Args:
        n_vertices: number of vertices.
        edges: (source, target), numbered from 0.

    Returns:
        For the vertices 1 … n_vertices and the output n_vertices + 1 the numbers of their
        predecessors in ascending order; 0 is the input.
    """
    sources: list[list[int]] = [[] for _ in range(n_vertices)]
    for source, target in sorted(edges):
        sources[target].append(source + 1)
    leading_on = {source for source, _ in edges}
    last = [vertex + 1 for vertex in range(n_vertices) if vertex not in leading_on]
    return [tuple(found) or (0,) for found in sources] + [tuple(last)]
