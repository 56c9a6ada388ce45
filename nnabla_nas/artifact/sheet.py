"""A white sheet on which things are drawn at places in pixels, from the upper left corner."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from nnabla_nas.artifact.plotting import DPI, INK, load, to_image

if TYPE_CHECKING:
    from PIL.Image import Image

Point = tuple[float, float]
Box = tuple[float, float, float, float]
_LINE_HEIGHT = 1.35


class Sheet:
    """Draws with matplotlib, what comes later on top; to be used inside `plotting.drawing()`.

    Args:
        width: in pixels; rounded up.
        height: in pixels; rounded up.
    """

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.figure import Figure

        columns, rows = math.ceil(width), math.ceil(height)
        figure = Figure(figsize=(columns / DPI, rows / DPI), facecolor="white")
        axes: Any = figure.add_axes((0, 0, 1, 1), xlim=(0, columns), ylim=(rows, 0))
        axes.axis("off")
        self._figure, self._axes = figure, axes
        self._height = 0

    def text(
        self,
        place: Point,
        text: str,
        size: float,
        colour: str = INK,
        across: Literal["left", "center", "right"] = "left",
        down: Literal["top", "center", "bottom"] = "center",
    ) -> None:
        """Write a line.

        Args:
            place: where.
            text: the line.
            size: height of the font in pixels.
            colour: of the letters.
            across: which side of the text the place is.
            down: whether the place is above, in the middle of, or below the text.
        """
        shift = {"top": _LINE_HEIGHT / 2, "center": 0.0, "bottom": -_LINE_HEIGHT / 2}[down] * size
        x, y = place
        place = (x, y + shift)
        font = {"size": size, "color": colour, "ha": across, "va": "center_baseline"}
        self._axes.text(*place, text, **font, zorder=self._next())

    def line(self, points: Sequence[Point], colour: str, width: float = 1.0) -> None:
        """Draw a line through some points.

        Args:
            points: two or more.
            colour: of the line.
            width: in pixels.
        """
        from matplotlib.lines import Line2D

        across, down = zip(*points, strict=True)
        line = Line2D(across, down, color=colour, linewidth=width, solid_joinstyle="round")
        self._axes.add_line(line).set_zorder(self._next())

    def polygon(self, points: Sequence[Point], colour: str) -> None:
        """Fill a polygon.

        Args:
            points: its corners.
            colour: of its inside.
        """
        from matplotlib.patches import Polygon

        polygon = Polygon(points, facecolor=colour, edgecolor="none", zorder=self._next())
        self._axes.add_patch(polygon)

    def rectangle(
        self,
        box: Box,
        fill: str | None = None,
        outline: str | None = None,
        width: float = 1.0,
        radius: float = 0.0,
    ) -> None:
        """Draw a rectangle.

        Args:
            box: left, top, right, bottom.
            fill: colour of its inside; None leaves what is there.
            outline: colour of its border; None draws none.
            width: of the border in pixels.
            radius: of its corners in pixels.
        """
        from matplotlib.patches import FancyBboxPatch

        left, top, right, bottom = box
        style = f"round,pad=0,rounding_size={radius}" if radius else "square,pad=0"
        patch = FancyBboxPatch(
            (left, top),
            right - left,
            bottom - top,
            boxstyle=style,
            facecolor=fill or "none",
            edgecolor=outline or "none",
            linewidth=width,
            zorder=self._next(),
        )
        self._axes.add_patch(patch)

    def cells(self, boxes: Sequence[Box], fills: Sequence[Any], outline: str) -> None:
        """Draw many rectangles at once.

        Args:
            boxes: left, top, right, bottom of each.
            fills: the colour of each.
            outline: the colour of their borders.
        """
        from matplotlib.collections import PolyCollection

        corners = [[(a, b), (c, b), (c, d), (a, d)] for a, b, c, d in boxes]
        colours: dict[str, Any] = {"facecolors": fills, "edgecolors": outline, "linewidths": 1.0}
        collection = PolyCollection(corners, **colours, zorder=self._next())
        self._axes.add_collection(collection, autolim=False)

    def image(self) -> Image:
        """Return what was drawn."""
        return to_image(self._figure)

    def _next(self) -> int:
        self._height += 1
        return self._height


def extent(text: str, size: float) -> tuple[float, float]:
    """Return width and height in pixels of a line of text.

    Args:
        text: the line.
        size: height of the font in pixels.
    """
    load()
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="DejaVu Sans", size=size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width), _LINE_HEIGHT * size
