"""Picture files as arrays: opened carefully, turned upright, converted and brought to a shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from nnabla_nas.errors import DataError
from nnabla_nas.integrity import open_regular

SUFFIXES = frozenset(
    (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)

# Others are refused by name: Pillow hands some of them to programs outside.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_MOST_PIXELS = 2**26
_GREY = ("1", "L", "LA", "La")
_COLOUR = ("RGB", "RGBA", "RGBX", "RGBa", "P", "PA", "CMYK", "YCbCr", "HSV", "LAB")

Pixels = npt.NDArray[np.uint8]


def open_picture(path: Path) -> Image.Image:
    """Read a picture.

    Args:
        path: a BMP, GIF (its first frame), JPEG, PNG, PPM, TIFF or WebP file of at most 2**26
            pixels and 8 bits a channel.

    Returns:
        The picture in mode L where the file is grey, else RGB, turned as its EXIF data say;
        transparency is dropped.

    Raises:
        DataError: if the file cannot be read as such; one line.
    """
    try:
        with open_regular(path) as file, Image.open(file, formats=_FORMATS) as picture:
            width, height = picture.size
            if width * height > _MOST_PIXELS:
                raise ValueError(f"{width}x{height} pixels; allowed {_MOST_PIXELS} in all")
            if picture.mode not in _GREY + _COLOUR:
                raise ValueError(f"its pixels are of type {picture.mode}; allowed 8 bits a channel")
            upright = ImageOps.exif_transpose(picture)
            return upright.convert("L" if picture.mode in _GREY else "RGB")
    except Exception as error:
        # Decoders of damaged files raise nearly anything: SyntaxError, struct.error, …
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(
            f"cannot read picture {str(path)!r}: {reason or type(error).__name__}"
        ) from error


def as_pixels(picture: Image.Image) -> Pixels:
    """Return the pixels of a picture in mode L or RGB, uint8 (C, H, W).

    Args:
        picture: the picture.
    """
    pixels = np.asarray(picture, dtype=np.uint8)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def as_picture(pixels: Pixels) -> Image.Image:
    """Return pixels, uint8 (C, H, W) of 1 or 3 channels, as a picture.

    Args:
        pixels: the pixels.
    """
    return Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))


def fitted(picture: Image.Image, shape: tuple[int, int, int]) -> Pixels:
    """Return a picture in a shape: converted, resized until it covers it, the rest cut off evenly.

    Args:
        picture: in mode L or RGB.
        shape: (C, H, W); grey for C = 1 (luma 0.299 R + 0.587 G + 0.114 B), colour for C = 3.

    Returns:
        Pixels, uint8 (C, H, W), by bilinear interpolation; unchanged where size and mode agree.
    """
    channels, height, width = shape
    converted = picture.convert("L" if channels == 1 else "RGB")
    size = (width, height)
    if converted.size != size:
        converted = ImageOps.fit(converted, size, Image.Resampling.BILINEAR)
    return as_pixels(converted)


def resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Return one channel of an image in another size, by bilinear interpolation.

    Args:
        pixels: uint8 (H, W).
        size: the new height and width.
    """
    picture = Image.fromarray(pixels).resize(size[::-1], Image.Resampling.BILINEAR)
    return np.asarray(picture, dtype=np.uint8)
