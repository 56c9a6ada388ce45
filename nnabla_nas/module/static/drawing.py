"""Graphviz pictures of graphs of static modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from nnabla_nas.module.static.module import Module

if TYPE_CHECKING:
    from graphviz import Digraph

_COLOUR = "#e3e8ef"


def graphviz_graph(graph: Module, active_only: bool, color_map: Mapping[type, str]) -> Digraph:
    """Return the picture of a graph.

    Args:
        graph: what to draw.
        active_only: leave out what the output does not depend on.
        color_map: fill colour by class.
    """
    from graphviz import Digraph

    picture = Digraph(
        graph_attr={"rankdir": "TB", "labeljust": "l", "fontname": "Helvetica", "fontsize": "11"},
        node_attr={
            "shape": "box",
            "style": "rounded,filled",
            "fontname": "Helvetica",
            "fontsize": "11",
            "height": "0.3",
        },
    )
    leaves = list(_leaves(graph))
    needed = _needed(graph) if active_only else set(map(id, leaves))
    shown = [leaf for leaf in leaves if id(leaf) in needed]
    identifiers = {id(leaf): f"n{index}" for index, leaf in enumerate(shown)}
    _add_boxes(picture, graph, identifiers, color_map)
    for leaf in shown:
        for parent in map(_leaf, leaf.active_parents if active_only else leaf.parents):
            # A parent outside the graph has no box.
            if id(parent) in identifiers:
                picture.edge(identifiers[id(parent)], identifiers[id(leaf)])
    return picture


def _add_boxes(
    picture: Digraph, graph: Module, identifiers: Mapping[int, str], color_map: Mapping[type, str]
) -> None:
    from graphviz import nohtml

    for index, node in enumerate(graph.inner):
        if any(id(leaf) in identifiers for leaf in _leaves(node)):
            label = nohtml(node.name or type(node).__name__)
            frame = {"label": label, "style": "rounded", "color": "#a9b3c0"}
            with picture.subgraph(
                name=f"{picture.name or 'cluster'}_{index}", graph_attr=frame
            ) as part:
                _add_boxes(part, node, identifiers, color_map)
        elif id(node) in identifiers:
            colour = next((color_map[c] for c in type(node).__mro__ if c in color_map), _COLOUR)
            kind = type(node).__name__
            text = f"{node.name}\n{kind}" if node.name.lower() not in ("", kind.lower()) else kind
            picture.node(identifiers[id(node)], label=nohtml(text), fillcolor=colour)


def _leaves(graph: Module) -> Iterator[Module]:
    for node in graph.inner:
        if node.inner:
            yield from _leaves(node)
        else:
            yield node


def _leaf(node: Module) -> Module:
    """Return the module whose output is the node's: of a graph, the last one's."""
    while node.inner:
        node = node.inner[-1]
    return node


def _needed(graph: Module) -> set[int]:
    """Return what the output of the active architecture depends on."""
    output = _leaf(graph)
    waiting, needed = [output], {id(output)}
    while waiting:
        parents = map(_leaf, waiting.pop().active_parents)
        new = {id(node): node for node in parents if id(node) not in needed}
        needed.update(new)
        waiting += new.values()
    return needed
