"""A plain picture of a diagram, for machines without graphviz."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from nnabla_nas.artifact.columns import columns
from nnabla_nas.artifact.diagram import Diagram, Group, Node
from nnabla_nas.artifact.heading import Heading
from nnabla_nas.artifact.layers import place_layers
from nnabla_nas.artifact.layout import Layout, Point, place_columns
from nnabla_nas.artifact.lettering import INK, drawable, extent, font

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

_LINE = "#5f6b7a"
_FRAME = "#a9b3c0"
_LEAST_WIDTH = 110.0
_PADDING = 8.0
_MARGIN = 34.0
_FRAME_MARGIN = 9.0
_ARROW = 7.0


class SimplePicture:
    """Draws boxes, arrows and frames of a diagram with Pillow and its own font.

    Args:
        diagram: what to draw.
    """

    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        self._font, self._small = font(14), font(12)
        sizes = {node.name: self._size(node) for node in diagram.nodes}
        wrapped = columns(diagram)
        labels = {
            index: extent(edge.label, self._small)
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
        from PIL import Image, ImageDraw

        heading = Heading(self.diagram)
        frames = max(
            [extent(group.title, self._small)[0] for group in self.diagram.groups],
            default=0.0,
        )
        width = max(self._layout.width, heading.width, frames) + 2 * _MARGIN
        self._left = (width - self._layout.width) / 2
        self._top = 1.6 * _MARGIN + heading.height
        height = self._top + self._layout.height + _MARGIN
        picture = Image.new("RGB", (math.ceil(width), math.ceil(height)), "white")
        canvas = ImageDraw.Draw(picture)
        heading.draw(canvas, width / 2, _MARGIN / 2)
        self._draw_frames(canvas)
        self._draw_arrows(canvas)
        for node in self.diagram.nodes:
            self._draw_box(canvas, node)
        picture.save(png_path, format="PNG")

    def _draw_frames(self, canvas: ImageDraw) -> None:
        for group in self.diagram.groups:
            if not group.nodes:
                continue
            corners = self._corners(group)
            title_width, title_height = extent(group.title, self._small)
            left = min(x for x, _ in corners) - _FRAME_MARGIN
            right = max(x for x, _ in corners) + _FRAME_MARGIN
            top = min(y for _, y in corners) - title_height - 6
            bottom = max(y for _, y in corners) + _FRAME_MARGIN
            right = max(right, left + title_width + 2 * _PADDING)
            canvas.rounded_rectangle((left, top, right, bottom), 8, outline=_FRAME)
            canvas.text((left + _PADDING, top + 3), drawable(group.title), _LINE, self._small)

    def _draw_arrows(self, canvas: ImageDraw) -> None:
        for route in self._layout.routes:
            points = [self._shifted(point) for point in route]
            canvas.line(points, fill=_LINE, width=2, joint="curve")
            x, y = points[-1]
            canvas.polygon(
                [(x, y), (x - _ARROW * 0.6, y - _ARROW), (x + _ARROW * 0.6, y - _ARROW)],
                fill=_LINE,
            )
        for index, centre in self._layout.labels.items():
            middle, text = self._shifted(centre), drawable(self.diagram.edges[index].label)
            box = canvas.textbbox(middle, text, self._small, anchor="mm")
            canvas.rectangle((box[0] - 2, box[1] - 1, box[2] + 2, box[3] + 1), fill="white")
            canvas.text(middle, text, _LINE, self._small, anchor="mm")

    def _draw_box(self, canvas: ImageDraw, node: Node) -> None:
        x, y = self._shifted(self._layout.centres[node.name])
        width, height = self._layout.sizes[node.name]
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        canvas.rounded_rectangle(box, 7, fill=node.colour, outline=_LINE)
        line_y = box[1] + _PADDING
        for index, line in enumerate(node.text):
            font = self._small if index else self._font
            canvas.text((x, line_y), drawable(line), INK, font, anchor="ma")
            line_y += extent(line, font)[1]

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
        extents = [
            extent(line, self._small if index else self._font)
            for index, line in enumerate(node.text)
        ]
        width = max(_LEAST_WIDTH * node.width, max(w for w, _ in extents) + 2 * _PADDING)
        return width, sum(h for _, h in extents) + 2 * _PADDING

    def _shifted(self, point: Point) -> Point:
        return point[0] + self._left, point[1] + self._top
