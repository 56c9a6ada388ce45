"""Where the boxes and arrows of a diagram go, without graphviz."""

from __future__ import annotations

from dataclasses import dataclass, field

from nnabla_nas.artifact.diagram import Diagram

Point = tuple[float, float]

ROW_GAP = 38.0
COLUMN_GAP = 60.0
# Higher than the title of a frame around the topmost box.
_FRAME_TOP = 28.0


@dataclass
class Layout:
    """Positions in pixels, y downwards.

    Args:
        sizes: width and height of each box by node name.
        label_sizes: width and height of each arrow's label, by the arrow's place in the diagram.
        centres: the centre of each box by node name.
        routes: the points of each arrow, in the order of the diagram's edges.
        labels: the centre of each label, by the arrow's place in the diagram.
        width: of all boxes together.
        height: of all boxes together.
    """

    sizes: dict[str, Point]
    label_sizes: dict[int, Point]
    centres: dict[str, Point] = field(default_factory=dict)
    routes: list[list[Point]] = field(default_factory=list)
    labels: dict[int, Point] = field(default_factory=dict)
    width: float = 0.0
    height: float = 0.0

    def bottom(self, name: str) -> Point:
        """Return where arrows leave a box."""
        x, y = self.centres[name]
        return x, y + self.sizes[name][1] / 2

    def top(self, name: str) -> Point:
        """Return where arrows enter a box."""
        x, y = self.centres[name]
        return x, y - self.sizes[name][1] / 2


def place_columns(
    diagram: Diagram,
    sizes: dict[str, Point],
    label_sizes: dict[int, Point],
    wrapped: list[list[str]],
) -> Layout:
    """Place a path cut into columns, side by side.

    Args:
        diagram: the diagram.
        sizes: width and height of each box in pixels, by node name.
        label_sizes: width and height of the arrows' labels, by the arrow's place in the diagram.
        wrapped: the node names of each column.
    """
    layout = Layout(sizes, label_sizes)
    left = 0.0
    gaps: dict[str, float] = {}
    for column in wrapped:
        width = max(sizes[name][0] for name in column)
        top = 0.0
        for name in column:
            layout.centres[name] = (left + width / 2, top + sizes[name][1] / 2)
            gaps[name] = left - COLUMN_GAP / 2
            top += sizes[name][1] + ROW_GAP
        layout.height = max(layout.height, top - ROW_GAP)
        left += width + COLUMN_GAP
    layout.width = left - COLUMN_GAP
    tops = {column[0] for column in wrapped[1:]}
    for index, edge in enumerate(diagram.edges):
        start, end = layout.bottom(edge.source), layout.top(edge.target)
        if edge.target in tops:
            between, turn = gaps[edge.target], ROW_GAP / 2
            above = end[1] - _FRAME_TOP
            route = [
                start,
                (start[0], start[1] + turn),
                (between, start[1] + turn),
                (between, above),
                (end[0], above),
                end,
            ]
        else:
            route = [start, end]
        layout.routes.append(route)
        if edge.label:
            middle = len(route) // 2
            (x0, y0), (x1, y1) = route[middle - 1 : middle + 1]
            layout.labels[index] = ((x0 + x1) / 2, (y0 + y1) / 2)
    return layout
