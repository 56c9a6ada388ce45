"""A table of probabilities as a picture: one row per choice, one column per operation."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING

from nnabla_nas.artifact.plotting import INK, drawing
from nnabla_nas.artifact.sheet import Box, Sheet, extent

if TYPE_CHECKING:
    from PIL.Image import Image

Probabilities = Mapping[str, Mapping[str, float]]

_DARKEST = (8, 69, 148)
_ABSENT = "#e6e8eb"
_LINE = "#c3c9d1"
_MARGIN = 14.0
_LEAST_WIDTH = 44.0
# Above so many rows the picture would be too high to read at once: thinner rows, no numbers.
_MOST_ROWS_WITH_NUMBERS = 60
_HEIGHT, _LOW_HEIGHT = 20.0, 11.0
_SIZE, _SMALL = 12.0, 9.0


def draw_probabilities(title: str, probabilities: Probabilities) -> Image:
    """Draw probabilities as shades of blue; the largest of a row has a frame.

    Args:
        title: the text on top.
        probabilities: per row, by its name: the probability of each column that the row has, by
            the column's name. Columns come in the order in which rows first name them.
    """
    with drawing():
        return _Table(title, probabilities).draw()


class _Table:
    def __init__(self, title: str, probabilities: Probabilities) -> None:
        self._title = title
        self._rows = probabilities
        self._columns = list(dict.fromkeys(chain.from_iterable(probabilities.values())))
        self._numbers = len(probabilities) <= _MOST_ROWS_WITH_NUMBERS
        self._names_size = _SIZE if self._numbers else _SMALL
        names = [extent(name, self._names_size)[0] for name in self._rows]
        headings = [extent(name, _SIZE)[0] + 12 for name in self._columns]
        self._cell = (
            max([_LEAST_WIDTH, *headings]),
            _HEIGHT if self._numbers else _LOW_HEIGHT,
        )
        self._left = _MARGIN + max([0.0, *names]) + 8
        self._top = _MARGIN + 2 * _HEIGHT

    def draw(self) -> Image:
        table = self._cell[0] * len(self._columns)
        width = max(self._left + table, _MARGIN + extent(self._title, _SIZE)[0]) + _MARGIN
        sheet = Sheet(width, self._top + self._cell[1] * len(self._rows) + _MARGIN)
        sheet.text((_MARGIN, _MARGIN), self._title, _SIZE, down="top")
        width, height = self._cell
        for index, name in enumerate(self._columns):
            place = (self._left + (index + 0.5) * width, self._top - _HEIGHT / 2)
            sheet.text(place, name, _SIZE, across="center")
        for index, name in enumerate(self._rows):
            place = (self._left - 8, self._top + (index + 0.5) * height)
            sheet.text(place, name, self._names_size, across="right")
        self._draw_cells(sheet)
        for row, values in enumerate(self._rows.values()):
            self._draw_row(sheet, row, values)
        return sheet.image()

    def _box(self, row: int, column: int) -> Box:
        width, height = self._cell
        left, top = self._left + column * width, self._top + row * height
        return left, top, left + width, top + height

    def _draw_cells(self, sheet: Sheet) -> None:
        boxes, fills = [], []
        for row, values in enumerate(self._rows.values()):
            for column, name in enumerate(self._columns):
                boxes.append(self._box(row, column))
                fills.append(_shade(values[name]) if name in values else _ABSENT)
        sheet.cells(boxes, fills, _LINE)

    def _draw_row(self, sheet: Sheet, row: int, values: Mapping[str, float]) -> None:
        largest = max(values, key=lambda name: values[name], default=None)
        for column, name in enumerate(self._columns):
            left, top, right, bottom = self._box(row, column)
            if name == largest:
                inside = (left + 2, top + 2, right - 2, bottom - 2)
                sheet.rectangle(inside, outline=INK, width=2 if self._numbers else 1)
            if self._numbers and name in values:
                ink = "white" if values[name] > 0.5 else INK
                middle = ((left + right) / 2, (top + bottom) / 2)
                sheet.text(middle, f"{values[name]:.2f}", _SIZE, ink, across="center")


def _shade(value: float) -> str:
    return "#" + "".join(f"{round(255 + (dark - 255) * value):02x}" for dark in _DARKEST)
