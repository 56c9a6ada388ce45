"""A drawing of a network as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter

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
    "sep_conv_3x3": "#b9dbf4",
    "sep_conv_5x5": "#bfe3c0",
    "dil_conv_3x3": "#d9c8ee",
    "dil_conv_5x5": "#f3c6dd",
    "conv_3x3": "#c5e3e6",
    "max_pool_3x3": "#f7b7ae",
    "avg_pool_3x3": "#f9e39b",
    "max_pool_2x2": "#f7b7ae",
    "avg_pool_2x2": "#f9e39b",
    "skip_connect": "#f4f1dc",
}
_FIXED_KINDS = {"stem", "fixed", "head"}
_SELF_EXPLAINING_KINDS = {"input", "output"}


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
        return tuple(printable(line) for line in self.lines or (self.name,))

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
        notes: what else the boxes say; a line under the legend.

    Raises:
        ValueError: if a name is used twice or unknown, or the arrows form a cycle.
    """

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    groups: tuple[Group, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def legend(self) -> tuple[tuple[str, str], ...]:
        """Colour and meaning of each kind of box there is, in the order of `KIND_COLOURS`."""
        kinds = {node.kind for node in self.nodes} - _SELF_EXPLAINING_KINDS
        meanings: dict[str, str] = {}
        for kind, colour in KIND_COLOURS.items():
            if kind in kinds:
                words = "fixed" if kind in _FIXED_KINDS else kind.replace("_", " ")
                meanings[words] = colour
        return tuple((colour, words) for words, colour in meanings.items())

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


def side_by_side(title: str, diagrams: Mapping[str, Diagram]) -> Diagram:
    """Put diagrams into one picture, each in a frame of its own, or in the frames it has.

    Args:
        title: the text on top.
        diagrams: what to draw, by the title of its frame.
    """
    nodes: list[Node] = []
    edges: list[Edge] = []
    groups: list[Group] = []
    for index, (heading, diagram) in enumerate(diagrams.items()):

        def within(name: str, index: int = index) -> str:
            return f"{index}/{name}"

        # The text stays the node's own where its name was the text.
        nodes += [
            replace(n, name=within(n.name), lines=n.lines or (n.name,)) for n in diagram.nodes
        ]
        edges += [Edge(within(e.source), within(e.target), e.label) for e in diagram.edges]
        frames = [
            Group(f"{heading}: {group.title}", tuple(map(within, group.nodes)))
            for group in diagram.groups
        ]
        groups += frames or [Group(heading, tuple(within(n.name) for n in diagram.nodes))]
    notes = dict.fromkeys(note for diagram in diagrams.values() for note in diagram.notes)
    return Diagram(title, tuple(nodes), tuple(edges), tuple(groups), tuple(notes))


def printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
