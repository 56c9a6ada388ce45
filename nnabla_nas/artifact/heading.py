"""What stands on top of a picture: title, legend and note, one under the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnabla_nas.artifact.diagram import Diagram
from nnabla_nas.artifact.lettering import INK, drawable, extent, font

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

_SWATCH = 14.0
_GAP = 6.0
_BETWEEN = 16.0
_BORDER = "#5f6b7a"


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
        self._font, self._small = font(14), font(12)
        title_width, self._title_height = extent(diagram.title, self._font)
        note_width, self._note_height = extent(self._note, self._small)
        self.width = max(title_width, note_width, self._legend_width())
        self.height = self._title_height + _GAP
        self.height += (_SWATCH + _GAP) if diagram.legend else 0.0
        self.height += self._note_height if self._note else 0.0

    def draw(self, canvas: ImageDraw, centre: float, top: float) -> None:
        """Draw it.

        Args:
            canvas: where.
            centre: x of the middle in pixels.
            top: y of the upper edge in pixels.
        """
        canvas.text((centre, top), drawable(self._diagram.title), INK, self._font, anchor="ma")
        top += self._title_height + _GAP
        if self._diagram.legend:
            self._draw_legend(canvas, centre - self._legend_width() / 2, top)
            top += _SWATCH + _GAP
        canvas.text((centre, top), drawable(self._note), INK, self._small, anchor="ma")

    def _draw_legend(self, canvas: ImageDraw, left: float, top: float) -> None:
        for colour, words in self._diagram.legend:
            box = (left, top, left + _SWATCH, top + _SWATCH)
            canvas.rectangle(box, fill=colour, outline=_BORDER)
            left += _SWATCH + _GAP
            middle = top + _SWATCH / 2
            canvas.text((left, middle), drawable(words), INK, self._small, anchor="lm")
            left += extent(words, self._small)[0] + _BETWEEN

    def _legend_width(self) -> float:
        legend = self._diagram.legend
        widths = [_SWATCH + _GAP + extent(words, self._small)[0] for _, words in legend]
        return sum(widths) + _BETWEEN * max(0, len(widths) - 1)
