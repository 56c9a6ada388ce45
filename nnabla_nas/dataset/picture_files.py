"""Labelled images in picture files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from nnabla_nas.dataset.decoding_pool import DecodingPool
from nnabla_nas.dataset.image_source import Indices, Shape, empty
from nnabla_nas.dataset.listing import Listing
from nnabla_nas.dataset.picture import Pixels, as_pixels, fitted, open_picture
from nnabla_nas.errors import DataError


class PictureFiles:
    """Picture files.

    Args:
        listing: the files and their classes.
        workers: processes that decode them, see `DecodingPool`.
    """

    def __init__(self, listing: Listing, workers: int) -> None:
        self.labels = listing.labels
        self.classes = listing.classes
        self._paths = listing.paths
        self._workers = workers

    def natural_shape(self) -> Shape:
        """Return the shape of the first image, (C, H, W)."""
        channels, height, width = as_pixels(open_picture(Path(self._paths[0]))).shape
        return channels, height, width

    def read(self, indices: Indices, shape: Shape, fit: bool) -> Pixels:
        """Return images; see `ImageSource.read`."""
        images = empty(len(indices), shape)
        pool = DecodingPool(self._workers)
        try:
            for chosen in _pieces(len(indices), shape):
                tasks = [(self._paths[index], shape, fit) for index in indices[chosen]]
                images[chosen] = pool.map(_read, tasks)
        finally:
            pool.close()
        return images


def _pieces(n: int, shape: Shape) -> Iterator[slice]:
    """Yield slices of 64 MB of images or less."""
    step = max(1, 2**26 // math.prod(shape))
    for start in range(0, n, step):
        yield slice(start, start + step)


def _read(task: tuple[str, Shape, bool]) -> Pixels:
    path, shape, fit = task
    picture = open_picture(Path(path))
    if not fit:
        pixels = as_pixels(picture)
        if pixels.shape != shape:
            raise DataError(
                f"picture {path!r} has the shape {list(pixels.shape)}, not {list(shape)}; set "
                "dataset.resize to true to bring all to one"
            )
        return pixels
    return fitted(picture, shape)
