"""A plain picture of a diagram, for machines without graphviz."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nnabla_nas.artifact.columns import columns
from nnabla_nas.artifact.diagram import Diagram, Group, Node
from nnabla_nas.artifact.heading import Heading
from nnabla_nas.artifact.layers import place_layers
from nnabla_nas.artifact.layout import Layout, Point, place_columns
from nnabla_nas.artifact.plotting import drawing
from nnabla_nas.artifact.sheet import Sheet, extent

if TYPE_CHECKING:
    from PIL.Image import Image

_LINE = "#5f6b7a"
_FRAME = "#a9b3c0"
_LEAST_WIDTH = 110.0
_PADDING = 8.0
_MARGIN = 34.0
_FRAME_MARGIN = 9.0
_ARROW = 7.0
_SIZE, _SMALL = 14.0, 12.0


class SimplePicture:
    """Draws boxes, arrows and frames of a diagram on a white sheet.

    Args:
        diagram: what to draw.
    """

    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        sizes = {node.name: self._size(node) for node in diagram.nodes}
        wrapped = columns(diagram)
        labels = {
            index: extent(edge.label, _SMALL)
            for index, edge in enumerate(diagram.edges)
            if edge.label
        }
        self._layout: Layout = (
            place_columns(diagram, sizes, labels, wrapped)
            if wrapped
            else place_layers(diagram, sizes, labels)
        )

    def save(self, png_path: Path) -> None:
        """Write the picture.

        Args:
            png_path: the PNG file.
        """
        with drawing():
            self._drawn().save(png_path, format="PNG")

    def _drawn(self) -> Image:
        heading = Heading(self.diagram)
        frames = max(
            [extent(group.title, _SMALL)[0] for group in self.diagram.groups],
            default=0.0,
        )
        width = max(self._layout.width, heading.width, frames) + 2 * _MARGIN
        self._left = (width - self._layout.width) / 2
        self._top = 1.6 * _MARGIN + heading.height
        height = self._top + self._layout.height + _MARGIN
        sheet = Sheet(width, height)
        heading.draw(sheet, width / 2, _MARGIN / 2)
        self._draw_frames(sheet)
        self._draw_arrows(sheet)
        for node in self.diagram.nodes:
            self._draw_box(sheet, node)
        return sheet.image()

    def _draw_frames(self, sheet: Sheet) -> None:
        for group in self.diagram.groups:
            if not group.nodes:
                continue
            corners = self._corners(group)
            title_width, title_height = extent(group.title, _SMALL)
            left = min(x for x, _ in corners) - _FRAME_MARGIN
            right = max(x for x, _ in corners) + _FRAME_MARGIN
            top = min(y for _, y in corners) - title_height - 6
            bottom = max(y for _, y in corners) + _FRAME_MARGIN
            right = max(right, left + title_width + 2 * _PADDING)
            sheet.rectangle((left, top, right, bottom), outline=_FRAME, radius=8)
            sheet.text((left + _PADDING, top + 3), group.title, _SMALL, _LINE, down="top")

    def _draw_arrows(self, sheet: Sheet) -> None:
        for route in self._layout.routes:
            points = [self._shifted(point) for point in route]
            sheet.line(points, _LINE, width=2)
            x, y = points[-1]
            head = [(x, y), (x - _ARROW * 0.6, y - _ARROW), (x + _ARROW * 0.6, y - _ARROW)]
            sheet.polygon(head, _LINE)
        for index, centre in self._layout.labels.items():
            (x, y), text = self._shifted(centre), self.diagram.edges[index].label
            width, height = extent(text, _SMALL)
            box = (x - width / 2 - 2, y - height / 2, x + width / 2 + 2, y + height / 2)
            sheet.rectangle(box, "white")
            sheet.text((x, y), text, _SMALL, _LINE, across="center")

    def _draw_box(self, sheet: Sheet, node: Node) -> None:
        x, y = self._shifted(self._layout.centres[node.name])
        width, height = self._layout.sizes[node.name]
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        sheet.rectangle(box, node.colour, _LINE, radius=7)
        line_y = box[1] + _PADDING
        for index, line in enumerate(node.text):
            size = _SMALL if index else _SIZE
            sheet.text((x, line_y), line, size, across="center", down="top")
            line_y += extent(line, size)[1]

    def _corners(self, group: Group) -> list[Point]:
        """Return points around all that belongs into a frame: boxes, and arrows between them."""
        layout = self._layout
        boxes = [(layout.centres[name], layout.sizes[name]) for name in group.nodes]
        points = []
        for index, edge in enumerate(self.diagram.edges):
            if edge.source in group.nodes and edge.target in group.nodes:
                points += layout.routes[index]
                if index in layout.labels:
                    boxes.append((layout.labels[index], layout.label_sizes[index]))
        for (x, y), (width, height) in boxes:
            points += [(x - width / 2, y - height / 2), (x + width / 2, y + height / 2)]
        return [self._shifted(point) for point in points]

    def _size(self, node: Node) -> Point:
        extents = [extent(line, _SMALL if index else _SIZE) for index, line in enumerate(node.text)]
        width = max(_LEAST_WIDTH * node.width, max(w for w, _ in extents) + 2 * _PADDING)
        return width, sum(h for _, h in extents) + 2 * _PADDING

    def _shifted(self, point: Point) -> Point:
        return point[0] + self._left, point[1] + self._top
