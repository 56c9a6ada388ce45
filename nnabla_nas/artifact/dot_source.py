"""The graphviz source of a diagram."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from nnabla_nas.artifact.columns import columns
from nnabla_nas.artifact.diagram import Diagram, Node, printable

if TYPE_CHECKING:
    from graphviz import Digraph

_MARGIN_COLUMNS = 200


def to_dot(diagram: Diagram) -> str:
    """Return the graphviz source of a diagram, top to bottom, long chains in columns.

    Args:
        diagram: what to draw.
    """
    from graphviz import Digraph

    graph = Digraph(
        graph_attr={
            "label": _heading(diagram),
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


def _heading(diagram: Diagram) -> str:
    """Return the label of the whole picture: title, legend and note, one under the other."""
    rows = [f"<TR><TD>{_words(diagram.title)}</TD></TR>"]
    if diagram.legend:
        cells = "".join(
            f'<TD BGCOLOR="{colour}" BORDER="1" WIDTH="18">{_small(" ")}</TD>'
            f'<TD ALIGN="LEFT">&nbsp;{_small(words)}&nbsp;&nbsp;</TD>'
            for colour, words in diagram.legend
        )
        # Graphviz shares the width that a longer title leaves among all columns of a table.
        margin = f'<TD COLSPAN="{_MARGIN_COLUMNS}">{_small(" ")}</TD>'
        cells = f"<TR>{margin}{cells}{margin}</TR>"
        table = f'<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="1">{cells}</TABLE>'
        rows.append(f"<TR><TD>{table}</TD></TR>")
    if diagram.notes:
        rows.append(f"<TR><TD>{_small('; '.join(diagram.notes))}</TD></TR>")
    return f'<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="2">{"".join(rows)}</TABLE>>'


def _small(text: str) -> str:
    return f'<FONT POINT-SIZE="10">{_words(text)}</FONT>'


def _words(text: str) -> str:
    # Graphviz refuses a cell with nothing between the tags.
    return html.escape(printable(text)) or " "


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


def _escaped(text: str) -> str:
    return printable(text).replace("\\", "\\\\")
