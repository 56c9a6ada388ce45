"""Text in pictures that Pillow draws, in Pillow's own font."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont
    from PIL.ImageFont import ImageFont as BitmapFont

    Font = FreeTypeFont | BitmapFont

INK = "#101418"
# Pillow's own font has the letters of ASCII only.
_LOOKALIKES = str.maketrans(
    {
        "\N{MULTIPLICATION SIGN}": "x",
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{GREEK SMALL LETTER ALPHA}": "alpha",
        "\N{RIGHTWARDS ARROW}": "->",
    }
)


def font(size: int) -> Font:
    """Return Pillow's own font.

    Args:
        size: height in pixels.
    """
    from PIL import ImageFont

    return ImageFont.load_default(size)


def extent(text: str, font: Font) -> tuple[float, float]:
    """Return width and height in pixels of a line of text.

    Args:
        text: the text.
        font: what it is drawn with.
    """
    _, _, _, height = font.getbbox("Ág")
    return font.getlength(drawable(text)), float(height) + 2


def drawable(text: str) -> str:
    """Return a text with every letter that the font lacks replaced by one that it has.

    Args:
        text: the text.
    """
    parts = unicodedata.normalize("NFKD", text.translate(_LOOKALIKES))
    letters = "".join(part for part in parts if not unicodedata.combining(part))
    return letters.encode("ascii", errors="replace").decode("ascii")
