"""The layout of a network whose arrows branch and join: layers, the flow downwards."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from nnabla_nas.artifact.diagram import Diagram
from nnabla_nas.artifact.layout import COLUMN_GAP, ROW_GAP, Layout, Point

_BOX_GAP = 22.0
_BEND_WIDTH = 12.0


def place_layers(
    diagram: Diagram, sizes: dict[str, Point], label_sizes: dict[int, Point]
) -> Layout:
    """Place a network in layers: every box below all boxes with an arrow to it.

    Parts that no arrow and no frame connects lie side by side.

    Args:
        diagram: the diagram.
        sizes: width and height of each box in pixels, by node name.
        label_sizes: width and height of the arrows' labels, by the arrow's place in the diagram.
    """
    layout = Layout(sizes, label_sizes)
    routes: dict[int, list[Point]] = {}
    for part in _components(diagram):
        inside = set(part)
        indices = [i for i, edge in enumerate(diagram.edges) if edge.source in inside]
        left = layout.width + COLUMN_GAP if layout.centres else 0.0
        width, height = _place_component(diagram, part, indices, left, layout, routes)
        layout.width = left + width
        layout.height = max(layout.height, height)
    layout.routes = [routes[index] for index in range(len(diagram.edges))]
    return layout


def _components(diagram: Diagram) -> list[list[str]]:
    root = {node.name: node.name for node in diagram.nodes}

    def find(name: str) -> str:
        while root[name] != name:
            name = root[name]
        return name

    pairs = [(edge.source, edge.target) for edge in diagram.edges]
    # A frame is drawn around its nodes, so they stay together.
    pairs += [(group.nodes[0], name) for group in diagram.groups for name in group.nodes]
    for source, target in pairs:
        root[find(target)] = find(source)
    parts: dict[str, list[str]] = {}
    for node in diagram.nodes:
        parts.setdefault(find(node.name), []).append(node.name)
    return list(parts.values())


def _ranks(names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> dict[str, int]:
    ranks = dict.fromkeys(names, 0)
    for _ in names:
        for source, target in pairs:
            ranks[target] = max(ranks[target], ranks[source] + 1)
    return ranks


def _place_component(
    diagram: Diagram,
    part: list[str],
    indices: list[int],
    left: float,
    layout: Layout,
    routes: dict[int, list[Point]],
) -> Point:
    sizes = dict(layout.sizes)
    edges = {index: diagram.edges[index] for index in indices}
    # Labels have layers of their own, between those of the boxes.
    spread = 2 if any(edge.label for edge in edges.values()) else 1
    pairs = [(edge.source, edge.target) for edge in edges.values()]
    ranks = {name: rank * spread for name, rank in _ranks(part, pairs).items()}
    layers: list[list[str]] = [[] for _ in range(max(ranks.values()) + 1)]
    for name in part:
        layers[ranks[name]].append(name)
    # Where an arrow passes a layer it gets a place of its own there, so that it crosses no box.
    paths: dict[int, list[str]] = {}
    for index, edge in edges.items():
        first = ranks[edge.source] + 1
        bends = [f"\0{index}:{rank}" for rank in range(first, ranks[edge.target])]
        for rank, bend in enumerate(bends, first):
            layers[rank].append(bend)
            sizes[bend] = (_BEND_WIDTH, 0.0)
        if edge.label:
            sizes[bends[0]] = layout.label_sizes[index]
        paths[index] = [edge.source, *bends, edge.target]
    _order(layers, list(paths.values()))
    x, rows, size = _place_rows(layers, sizes, left, ROW_GAP / spread)
    for name in part:
        layout.centres[name] = (x[name], sum(rows[name]) / 2)
    for index, path in paths.items():
        source, *bends, target = path
        route = [layout.bottom(source), (x[source], rows[source][1])]
        route += [(x[bend], y) for bend in bends for y in rows[bend]]
        routes[index] = [*route, (x[target], rows[target][0]), layout.top(target)]
        if edges[index].label:
            layout.labels[index] = (x[bends[0]], sum(rows[bends[0]]) / 2)
    return size


def _place_rows(
    layers: list[list[str]], sizes: dict[str, Point], left: float, gap: float
) -> tuple[dict[str, float], dict[str, tuple[float, float]], Point]:
    """Return the x of each name's centre, top and bottom of its row, and the size of all."""
    widths = [sum(sizes[name][0] for name in row) + _BOX_GAP * (len(row) - 1) for row in layers]
    x: dict[str, float] = {}
    rows: dict[str, tuple[float, float]] = {}
    top = 0.0
    for row, width in zip(layers, widths, strict=True):
        height = max(sizes[name][1] for name in row)
        start = left + (max(widths) - width) / 2
        for name in row:
            x[name] = start + sizes[name][0] / 2
            rows[name] = (top, top + height)
            start += sizes[name][0] + _BOX_GAP
        top += height + gap
    return x, rows, (max(widths), top - gap)


def _order(layers: list[list[str]], paths: list[list[str]]) -> None:
    """Order each layer by the mean position of its neighbours, down and up a few times."""
    neighbours: dict[str, list[str]] = {name: [] for row in layers for name in row}
    for path in paths:
        for above, below in pairwise(path):
            neighbours[above].append(below)
            neighbours[below].append(above)
    for sweep in range(8):
        for row, other in _sweep(layers, down=sweep % 2 == 0):
            position = {name: (i + 0.5) / len(other) for i, name in enumerate(other)}
            own = {name: (i + 0.5) / len(row) for i, name in enumerate(row)}

            def middle(
                name: str, position: dict[str, float] = position, own: dict[str, float] = own
            ) -> float:
                places = [position[n] for n in neighbours[name] if n in position]
                return sum(places) / len(places) if places else own[name]

            row.sort(key=middle)


def _sweep(layers: list[list[str]], down: bool) -> list[tuple[list[str], list[str]]]:
    pairs = list(zip(layers[1:], layers, strict=False))
    return pairs if down else [(above, below) for below, above in reversed(pairs)]
