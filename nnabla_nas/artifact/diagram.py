"""A drawing of a network as a value, and its form as graphviz source."""

from __future__ import annotations

import html
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from nnabla_nas.artifact.columns import columns

if TYPE_CHECKING:
    from graphviz import Digraph

DEFAULT_COLOUR = "#e3e8ef"
KIND_COLOURS = {
    "input": "#ffffff",
    "output": "#ffffff",
    "stem": "#d0d3d8",
    "fixed": "#d0d3d8",
    "head": "#d0d3d8",
    "inverted_residual_3x3": "#b9dbf4",
    "inverted_residual_5x5": "#bfe3c0",
    "inverted_residual_7x7": "#fbd3a1",
    "skip_connect": "#f4f1dc",
}


@dataclass(frozen=True)
class Node:
    """One box.

    Args:
        name: what edges and groups call it; shown if there are no lines.
        lines: the text, the first line in bold.
        kind: what it is, for its colour: a key of `KIND_COLOURS`, or anything else.
        width: factor of the box's least width.
    """

    name: str
    lines: tuple[str, ...] = ()
    kind: str = ""
    width: float = 1.0

    @property
    def text(self) -> tuple[str, ...]:
        """The lines to show, with every character printable."""
        return tuple(_printable(line) for line in self.lines or (self.name,))

    @property
    def colour(self) -> str:
        """The fill colour, `#rrggbb`."""
        return KIND_COLOURS.get(self.kind, DEFAULT_COLOUR)


@dataclass(frozen=True)
class Edge:
    """One arrow.

    Args:
        source: the name of the node it leaves.
        target: the name of the node it enters.
        label: its text.
    """

    source: str
    target: str
    label: str = ""


@dataclass(frozen=True)
class Group:
    """A frame around some nodes.

    Args:
        title: its text.
        nodes: the names of the nodes in it.
    """

    title: str
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class Diagram:
    """Boxes, arrows between them and frames around them.

    Args:
        title: the text on top.
        nodes: the boxes, names unique.
        edges: the arrows; they form no cycle.
        groups: the frames; a node is in one at most.

    Raises:
        ValueError: if a name is used twice or unknown, or the arrows form a cycle.
    """

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    groups: tuple[Group, ...] = ()

    def __post_init__(self) -> None:
        names = [node.name for node in self.nodes]
        grouped = [name for group in self.groups for name in group.nodes]
        for what, listed in (("node", names), ("group member", grouped)):
            twice = sorted({name for name in listed if listed.count(name) > 1})
            if twice:
                raise ValueError(f"{what} named twice: {', '.join(twice)}")
        ends = [name for edge in self.edges for name in (edge.source, edge.target)]
        unknown = sorted({*ends, *grouped} - set(names))
        if unknown:
            raise ValueError(f"no such node: {', '.join(unknown)}")
        order: TopologicalSorter[str] = TopologicalSorter()
        for edge in self.edges:
            order.add(edge.target, edge.source)
        try:
            order.prepare()
        except CycleError as error:
            raise ValueError(f"edges form a cycle: {', '.join(error.args[1])}") from error


def to_dot(diagram: Diagram) -> str:
    """Return the graphviz source of a diagram, top to bottom, long chains in columns.

    Args:
        diagram: what to draw.
    """
    from graphviz import Digraph, nohtml

    graph = Digraph(
        graph_attr={
            "label": nohtml(_escaped(diagram.title)),
            "labelloc": "t",
            "fontname": "Helvetica",
            "fontsize": "15",
            "rankdir": "TB",
            "nodesep": "0.25",
            "ranksep": "0.3",
            "pad": "0.2",
            "dpi": "110",
            "bgcolor": "white",
        },
        node_attr={
            "shape": "box",
            "style": "rounded,filled",
            "color": "#5f6b7a",
            "fontname": "Helvetica",
            "fontsize": "11",
            "margin": "0.12,0.05",
        },
        edge_attr={
            "color": "#5f6b7a",
            "arrowsize": "0.7",
            "fontname": "Helvetica",
            "fontsize": "9",
        },
    )
    # Numbers as identifiers: graphviz would take a colon in a name for a port.
    identifiers = {node.name: f"n{index}" for index, node in enumerate(diagram.nodes)}
    _add_nodes(graph, diagram, identifiers)
    _add_edges(graph, diagram, identifiers)
    return str(graph.source)


def _add_nodes(graph: Digraph, diagram: Diagram, identifiers: dict[str, str]) -> None:
    from graphviz import nohtml

    nodes = {node.name: node for node in diagram.nodes}
    frame = {
        "style": "rounded",
        "color": "#a9b3c0",
        "fontname": "Helvetica",
        "fontsize": "11",
        "labeljust": "l",
        "margin": "9",
    }
    for index, group in enumerate(diagram.groups):
        title = nohtml(_escaped(group.title))
        with graph.subgraph(name=f"cluster_{index}", graph_attr={**frame, "label": title}) as part:
            for name in group.nodes:
                _add_node(part, nodes.pop(name), identifiers)
    for node in nodes.values():
        _add_node(graph, node, identifiers)


def _add_node(graph: Digraph, node: Node, identifiers: dict[str, str]) -> None:
    first, *others = (html.escape(line) for line in node.text)
    # Graphviz refuses a label with nothing between the tags.
    label = f"<B>{first or ' '}</B>"
    label += "".join(f'<BR/><FONT POINT-SIZE="9">{line or " "}</FONT>' for line in others)
    graph.node(
        identifiers[node.name],
        label=f"<{label}>",
        fillcolor=node.colour,
        width=f"{1.15 * node.width:.2f}",
        height="0.3",
    )


def _add_edges(graph: Digraph, diagram: Diagram, identifiers: dict[str, str]) -> None:
    from graphviz import nohtml

    wrapped = columns(diagram)
    tops = {column[0]: index for index, column in enumerate(wrapped)}
    for edge in diagram.edges:
        source, target = identifiers[edge.source], identifiers[edge.target]
        style = {"label": nohtml(f" {_escaped(edge.label)} ")} if edge.label else {}
        if edge.target in tops:
            head, tail = f"head{tops[edge.target]}", f"tail{tops[edge.target] - 1}"
            graph.edge(source, tail, arrowhead="none", **style)
            # Drawn from the top, so that graphviz leads it upwards between the two columns.
            graph.edge(head, tail, arrowhead="none", weight="0")
            graph.edge(head, target, weight="10")
        else:
            graph.edge(source, target, weight="10" if wrapped else "1", **style)
    if wrapped:
        _add_turns(graph, [[identifiers[name] for name in column] for column in wrapped])


def _add_turns(graph: Digraph, wrapped: list[list[str]]) -> None:
    """Add the points above and below the columns, through which the path leads to the next."""
    point = {"shape": "point", "style": "invis", "width": "0.01", "height": "0.01", "label": ""}
    with graph.subgraph(graph_attr={"rank": "same"}) as level:
        # One rank keeps the columns in order, their tops level.
        for index in range(len(wrapped)):
            level.node(f"head{index}", group=f"column{index}", **point)
        for index in range(1, len(wrapped)):
            level.edge(f"head{index - 1}", f"head{index}", style="invis", minlen="2")
    graph.edge("head0", wrapped[0][0], style="invis")
    for index, column in enumerate(wrapped):
        if index < len(wrapped) - 1:
            graph.node(f"tail{index}", group=f"column{index}", **point)
        for identifier in column:
            graph.node(identifier, group=f"column{index}")


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _escaped(text: str) -> str:
    return _printable(text).replace("\\", "\\\\")
