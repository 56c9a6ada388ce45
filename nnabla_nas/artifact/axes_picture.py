"""Curves in a frame with axes, one below the other, as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnabla_nas.artifact.lettering import INK, drawable, extent, font

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

Point = tuple[float, float]

_WIDTH, _HEIGHT = 640.0, 340.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 76.0, 28.0, 58.0, 52.0
_CURVE, _BOUND, _MARK, _GRID = "#084594", "#b3402a", "#1b7f4b", "#dfe3e8"
_TICKS = 5


@dataclass(frozen=True)
class Curve:
    """A curve and what its axes say.

    Args:
        title: the text on top.
        x_label: what is drawn to the right, with its unit.
        y_label: what is drawn upwards, with its unit.
        points: (x, y) in order, one at least.
        line: x of a vertical line, and what it is; it is drawn if it is near the points.
        mark: a point of its own, and what it is.
    """

    title: str
    x_label: str
    y_label: str
    points: Sequence[Point]
    line: tuple[float, str]
    mark: tuple[Point, str]


def draw_curves(curves: Sequence[Curve]) -> Image:
    """Draw curves one below the other.

    Args:
        curves: one or more.
    """
    from PIL import Image as PillowImage
    from PIL import ImageDraw

    picture = PillowImage.new("RGB", (int(_WIDTH), int(_HEIGHT * len(curves))), "white")
    canvas = ImageDraw.Draw(picture)
    for number, curve in enumerate(curves):
        _Panel(curve, number * _HEIGHT).draw(canvas)
    return picture


class _Panel:
    def __init__(self, curve: Curve, top: float) -> None:
        self._curve = curve
        self._top = top
        self._font, self._small = font(14), font(12)
        points = [*curve.points, curve.mark[0]]
        across = [x for x, _ in points]
        # A line far away would leave no room for the curve.
        span = max(across) - min(across)
        self._near = min(across) - span <= curve.line[0] <= max(across) + span
        self._x = _ticks([*across, curve.line[0]] if self._near else across)
        self._y = _ticks([y for _, y in points])

    def draw(self, canvas: ImageDraw) -> None:
        self._draw_axes(canvas)
        curve = self._curve
        x, words = curve.line
        (across, bottom), (_, top) = self._place((x, self._y[0])), self._place((x, self._y[-1]))
        if self._near:
            canvas.line([(across, bottom), (across, top)], fill=_BOUND, width=2)
        places = [self._place(point) for point in curve.points]
        canvas.line(places, fill=_CURVE, width=2)
        for place in places:
            _disc(canvas, place, 3, _CURVE)
        _disc(canvas, self._place(curve.mark[0]), 6, None)
        self._draw_legend(canvas, words, curve.mark[1])

    def _draw_axes(self, canvas: ImageDraw) -> None:
        curve, top = self._curve, self._top
        canvas.text((_LEFT, top + 8), drawable(curve.title), INK, self._font)
        canvas.text((_LEFT, top + _TOP - 16), drawable(curve.y_label), INK, self._small)
        for x in self._x:
            low, high = self._place((x, self._y[0])), self._place((x, self._y[-1]))
            canvas.line([low, high], fill=_GRID)
            canvas.text((low[0], low[1] + 6), in_figures(x), INK, self._small, anchor="ma")
        for y in self._y:
            left, right = self._place((self._x[0], y)), self._place((self._x[-1], y))
            canvas.line([left, right], fill=_GRID)
            canvas.text((left[0] - 8, left[1]), in_figures(y), INK, self._small, anchor="rm")
        corner, end = self._place((self._x[0], self._y[0])), self._place((self._x[-1], self._y[-1]))
        canvas.line([(corner[0], end[1]), corner, (end[0], corner[1])], fill=INK)
        middle = ((corner[0] + end[0]) / 2, top + _HEIGHT - 22)
        canvas.text(middle, drawable(curve.x_label), INK, self._small, anchor="ma")

    def _draw_legend(self, canvas: ImageDraw, line: str, mark: str) -> None:
        height = self._top + 34
        left = _WIDTH - _RIGHT - extent(mark, self._small)[0]
        canvas.text((left, height), drawable(mark), INK, self._small, anchor="lm")
        _disc(canvas, (left - 12, height), 6, None)
        left -= 34 + extent(line, self._small)[0]
        canvas.text((left, height), drawable(line), INK, self._small, anchor="lm")
        canvas.line([(left - 20, height), (left - 6, height)], fill=_BOUND, width=2)

    def _place(self, point: Point) -> Point:
        """Return where a point of the curve is drawn, in pixels."""
        width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
        x = (point[0] - self._x[0]) / (self._x[-1] - self._x[0])
        y = (point[1] - self._y[0]) / (self._y[-1] - self._y[0])
        return _LEFT + x * width, self._top + _TOP + (1 - y) * height


def _ticks(values: Sequence[float]) -> list[float]:
    """Return round numbers, evenly apart, from below the least value to above the largest."""
    low, high = min(values), max(values)
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / _TICKS))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= span / _TICKS * (1 - 1e-9))
    first, last = math.floor(low / step), math.ceil(high / step)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def in_figures(value: float) -> str:
    """Return a number as axes show it, millions as M.

    Args:
        value: the number.
    """
    return f"{value:,.6g}" if abs(value) < 1e6 or abs(value) >= 1e12 else f"{value / 1e6:,.6g} M"


def _disc(canvas: ImageDraw, centre: Point, radius: float, colour: str | None) -> None:
    x, y = centre
    box = (x - radius, y - radius, x + radius, y + radius)
    canvas.ellipse(box, fill=colour, outline=colour or _MARK, width=2)
