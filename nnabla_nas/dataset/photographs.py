"""Photographs that stay in their files until a batch needs them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from nnabla_nas.dataset.crop import Draws, central_box, draw, random_box
from nnabla_nas.dataset.decoding_pool import DecodingPool
from nnabla_nas.dataset.listing import Listing
from nnabla_nas.dataset.picture import Pixels, as_pixels, open_picture
from nnabla_nas.errors import DataError, NasError


class Reader(Protocol):
    """Decodes, crops and scales photographs."""

    def read(self, paths: Sequence[str], draws: Draws | None) -> Pixels:
        """Return colour images, uint8 (n, 3, S, S).

        Args:
            paths: the files, (n,).
            draws: what the random boxes depend on, (n, 10, 4); None takes the central ones.

        Raises:
            DataError: if a file is missing or damaged.
        """


class Photographs:
    """Images in files, each seen through a random box while learning.

    Args:
        listing: the files and their classes.
        reader: reads them.
    """

    def __init__(self, listing: Listing, reader: Reader) -> None:
        self.labels = listing.labels
        self._paths = listing.paths
        self._reader = reader

    def load(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Return the middle of these photographs, scaled.

        Args:
            indices: positions, (n,).

        Returns:
            Colour images, uint8 (n, 3, S, S).

        Raises:
            NasError: if a file is missing or damaged.
        """
        return self._read(indices, None)

    def load_random(
        self, indices: npt.NDArray[np.int64], rng: np.random.Generator
    ) -> npt.NDArray[np.uint8]:
        """Return a random part of each of these photographs, scaled.

        Args:
            indices: positions, (n,).
            rng: drawn from once.

        Returns:
            Colour images, uint8 (n, 3, S, S).

        Raises:
            NasError: if a file is missing or damaged.
        """
        return self._read(indices, draw(len(indices), rng))

    def _read(self, indices: npt.NDArray[np.int64], draws: Draws | None) -> Pixels:
        try:
            return self._reader.read([self._paths[index] for index in indices], draws)
        except DataError as error:
            # Found in the middle of a run, not before it.
            raise NasError(str(error)) from error


class PillowReader:
    """Reads photographs with Pillow, in several processes.

    Args:
        side: height and width of the images, S.
        workers: see `DecodingPool`.
    """

    def __init__(self, side: int, workers: int | None) -> None:
        self._side = side
        self._pool = DecodingPool(workers)

    def read(self, paths: Sequence[str], draws: Draws | None) -> Pixels:
        """Return colour images, by bilinear interpolation; see `Reader.read`."""
        tasks = [
            (path, self._side, None if draws is None else draws[number])
            for number, path in enumerate(paths)
        ]
        return np.stack(self._pool.map(_read, tasks))


def _read(task: tuple[str, int, Draws | None]) -> Pixels:
    path, side, draws = task
    picture = open_picture(Path(path))
    if draws is None:
        return central_view(picture, side)
    part = picture.convert("RGB").crop(random_box(*picture.size, draws))
    return as_pixels(part.resize((side, side), Image.Resampling.BILINEAR))


def central_view(picture: Image.Image, side: int) -> Pixels:
    """Return the middle of a photograph, scaled, uint8 (3, S, S).

    Args:
        picture: in mode L or RGB.
        side: height and width of the result, S.
    """
    # With a box the interpolation sees what lies around it, as when scaling comes first.
    box = central_box(*picture.size)
    size = (side, side)
    return as_pixels(picture.convert("RGB").resize(size, Image.Resampling.BILINEAR, box=box))
