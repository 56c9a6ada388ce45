"""A table of probabilities as a picture: one row per choice, one column per operation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING

from nnabla_nas.artifact.lettering import INK, drawable, extent, font

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

Probabilities = Mapping[str, Mapping[str, float]]

_DARKEST = (8, 69, 148)
_ABSENT = "#e6e8eb"
_LINE = "#c3c9d1"
_MARGIN = 14.0
_LEAST_WIDTH = 44.0
# Above so many rows the picture would be too high to read at once: thinner rows, no numbers.
_MOST_ROWS_WITH_NUMBERS = 60
_HEIGHT, _LOW_HEIGHT = 20.0, 11.0


def draw_heat_map(title: str, probabilities: Probabilities) -> Image:
    """Draw probabilities as shades of blue; the largest of a row has a frame.

    Args:
        title: the text on top.
        probabilities: per row, by its name: the probability of each column that the row has, by
            the column's name. Columns come in the order in which rows first name them.
    """
    import PIL.Image
    from PIL import ImageDraw

    table = _Table(title, probabilities)
    picture = PIL.Image.new("RGB", (math.ceil(table.width), math.ceil(table.height)), "white")
    table.draw(ImageDraw.Draw(picture))
    return picture


class _Table:
    def __init__(self, title: str, probabilities: Probabilities) -> None:
        self._title = title
        self._rows = probabilities
        self._columns = list(dict.fromkeys(chain.from_iterable(probabilities.values())))
        self._numbers = len(probabilities) <= _MOST_ROWS_WITH_NUMBERS
        self._font = font(12)
        self._names_font = self._font if self._numbers else font(10)
        names = [extent(name, self._names_font)[0] for name in self._rows]
        headings = [extent(name, self._font)[0] + 12 for name in self._columns]
        self._cell = (
            max([_LEAST_WIDTH, *headings]),
            _HEIGHT if self._numbers else _LOW_HEIGHT,
        )
        self._left = _MARGIN + max([0.0, *names]) + 8
        self._top = _MARGIN + 2 * _HEIGHT
        table = self._cell[0] * len(self._columns)
        self.width = max(self._left + table, _MARGIN + extent(title, self._font)[0]) + _MARGIN
        self.height = self._top + self._cell[1] * len(self._rows) + _MARGIN

    def draw(self, canvas: ImageDraw) -> None:
        canvas.text((_MARGIN, _MARGIN), drawable(self._title), INK, self._font)
        width, height = self._cell
        for index, name in enumerate(self._columns):
            place = (self._left + (index + 0.5) * width, self._top - _HEIGHT / 2)
            canvas.text(place, drawable(name), INK, self._font, anchor="mm")
        for index, name in enumerate(self._rows):
            place = (self._left - 8, self._top + (index + 0.5) * height)
            canvas.text(place, drawable(name), INK, self._names_font, anchor="rm")
            self._draw_row(canvas, index, self._rows[name])

    def _draw_row(self, canvas: ImageDraw, row: int, values: Mapping[str, float]) -> None:
        width, height = self._cell
        largest = max(values, key=lambda name: values[name], default=None)
        top = self._top + row * height
        for index, name in enumerate(self._columns):
            left = self._left + index * width
            box = (left, top, left + width, top + height)
            if name not in values:
                canvas.rectangle(box, fill=_ABSENT, outline=_LINE)
                continue
            canvas.rectangle(box, fill=_shade(values[name]), outline=_LINE)
            if name == largest:
                inside = (box[0] + 1, box[1] + 1, box[2] - 1, box[3] - 1)
                canvas.rectangle(inside, outline=INK, width=2 if self._numbers else 1)
            if self._numbers:
                ink = "white" if values[name] > 0.5 else INK
                middle = (left + width / 2, top + height / 2)
                canvas.text(middle, f"{values[name]:.2f}", ink, self._font, anchor="mm")


def _shade(value: float) -> tuple[int, int, int]:
    red, green, blue = (round(255 + (dark - 255) * value) for dark in _DARKEST)
    return red, green, blue
