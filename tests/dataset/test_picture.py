from __future__ import annotations

import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nnabla_nas.dataset.picture import as_picture, as_pixels, fitted, open_picture
from nnabla_nas.errors import DataError

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
GREY = COLOUR[..., 0]


def save(path: Path, pixels: Any, mode: str | None = None, **options: Any) -> Path:
    picture = Image.fromarray(pixels)
    (picture if mode is None else picture.convert(mode)).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp", "ppm", "tiff", "webp"])
def test_colour_comes_back_as_it_was(suffix: str, tmp_path: Path) -> None:
    options = {"lossless": True} if suffix == "webp" else {}
    found = as_pixels(open_picture(save(tmp_path / f"x.{suffix}", COLOUR, **options)))
    np.testing.assert_array_equal(found, COLOUR.transpose(2, 0, 1))
    np.testing.assert_array_equal(as_pixels(as_picture(found)), found)


@pytest.mark.parametrize(
    ("mode", "channels"), [("L", 1), ("LA", 1), ("1", 1), ("P", 3), ("RGBA", 3), ("CMYK", 3)]
)
def test_every_mode_becomes_grey_or_colour(mode: str, channels: int, tmp_path: Path) -> None:
    path = tmp_path / ("x.tiff" if mode == "CMYK" else "x.png")
    assert as_pixels(open_picture(save(path, COLOUR, mode))).shape == (channels, 6, 9)


def test_grey_values_are_kept_and_transparency_is_dropped(tmp_path: Path) -> None:
    found = as_pixels(open_picture(save(tmp_path / "x.png", GREY)))
    np.testing.assert_array_equal(found[0], GREY)
    see_through = np.dstack([COLOUR, np.zeros((6, 9), np.uint8)])
    found = as_pixels(open_picture(save(tmp_path / "y.png", see_through)))
    np.testing.assert_array_equal(found, COLOUR.transpose(2, 0, 1))


def test_a_photograph_is_turned_as_the_camera_was_held(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    found = as_pixels(open_picture(save(tmp_path / "x.png", COLOUR, exif=exif)))
    np.testing.assert_array_equal(found, np.rot90(COLOUR, -1).transpose(2, 0, 1))


def test_fitting_keeps_the_middle_and_converts() -> None:
    wide = np.zeros((3, 4, 12), dtype=np.uint8)
    wide[:, :, 3:9] = 200
    found = fitted(as_picture(wide), (1, 8, 8))
    assert found.shape == (1, 8, 8)
    assert (found == 200).all()
    same = COLOUR.transpose(2, 0, 1)
    np.testing.assert_array_equal(fitted(as_picture(same), same.shape), same)
    grey = fitted(as_picture(same), (1, 6, 9))
    luma = COLOUR @ np.array([0.299, 0.587, 0.114])
    assert abs(grey[0] - luma).max() <= 1
    np.testing.assert_array_equal(fitted(as_picture(grey), (3, 6, 9)), np.repeat(grey, 3, axis=0))


def bomb() -> bytes:
    """A PNG of 2**31 pixels in a hundred bytes."""
    header = struct.pack(">IIBBBBB", 2**16, 2**15, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot identify"),
        (b"hello", "cannot identify"),
        (POSTSCRIPT, "cannot identify"),
        (bomb(), "pixels"),
        (None, "No such file"),
    ],
    ids=["empty", "text", "a format that starts programs", "bomb", "missing"],
)
def test_what_is_no_picture_is_refused_in_one_line(
    content: bytes | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"^cannot read picture '\S+x\.png': ") as caught:
        open_picture(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pixels_of_16_bits_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "x.png", GREY.astype(np.uint16) * 256)
    with pytest.raises(DataError, match="its pixels are of type I;16; allowed 8 bits a channel"):
        open_picture(path)


@pytest.mark.filterwarnings("ignore")
def test_damaged_pictures_end_in_an_error_or_pixels(tmp_path: Path) -> None:
    rng = random.Random(2)
    lines = []
    for suffix in ("png", "jpg", "gif", "tiff", "bmp", "webp"):
        path = save(tmp_path / f"x.{suffix}", COLOUR)
        whole = path.read_bytes()
        for attempt in range(40):
            damaged = bytearray(whole)
            if attempt % 2:
                del damaged[rng.randrange(len(whole)) :]
            else:
                damaged[rng.randrange(len(whole))] = rng.randrange(256)
            path.write_bytes(damaged)
            try:
                open_picture(path)
            except DataError as error:
                lines.append(str(error))
    assert len(lines) > 60
    assert not any("\n" in line for line in lines)
