"""What stands on top of a picture: title, legend and note, one under the other."""

from __future__ import annotations

from nnabla_nas.artifact.diagram import Diagram
from nnabla_nas.artifact.sheet import Sheet, extent

_SWATCH = 14.0
_GAP = 6.0
_BETWEEN = 16.0
_BORDER = "#5f6b7a"
_SIZE, _SMALL = 14.0, 12.0


class Heading:
    """Draws the heading of a diagram, centred.

    Args:
        diagram: whose heading it is.

    Attributes:
        width: of the widest line in pixels.
        height: of all lines in pixels.
    """

    def __init__(self, diagram: Diagram) -> None:
        self._diagram = diagram
        self._note = "; ".join(diagram.notes)
        title_width, self._title_height = extent(diagram.title, _SIZE)
        note_width, note_height = extent(self._note, _SMALL)
        self.width = max(title_width, note_width, self._legend_width())
        self.height = self._title_height + _GAP
        self.height += (_SWATCH + _GAP) if diagram.legend else 0.0
        self.height += note_height if self._note else 0.0

    def draw(self, sheet: Sheet, centre: float, top: float) -> None:
        """Draw it.

        Args:
            sheet: where.
            centre: x of the middle in pixels.
            top: y of the upper edge in pixels.
        """
        sheet.text((centre, top), self._diagram.title, _SIZE, across="center", down="top")
        top += self._title_height + _GAP
        if self._diagram.legend:
            self._draw_legend(sheet, centre - self._legend_width() / 2, top)
            top += _SWATCH + _GAP
        sheet.text((centre, top), self._note, _SMALL, across="center", down="top")

    def _draw_legend(self, sheet: Sheet, left: float, top: float) -> None:
        for colour, words in self._diagram.legend:
            sheet.rectangle((left, top, left + _SWATCH, top + _SWATCH), colour, _BORDER)
            left += _SWATCH + _GAP
            sheet.text((left, top + _SWATCH / 2), words, _SMALL)
            left += extent(words, _SMALL)[0] + _BETWEEN

    def _legend_width(self) -> float:
        legend = self._diagram.legend
        widths = [_SWATCH + _GAP + extent(words, _SMALL)[0] for _, words in legend]
        return sum(widths) + _BETWEEN * max(0, len(widths) - 1)
