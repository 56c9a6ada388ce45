"""Where labelled images of a user's own come from, and the room they take."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import numpy.typing as npt

from nnabla_nas.dataset.picture import Pixels
from nnabla_nas.errors import DataError

Shape = tuple[int, int, int]
Indices = npt.NDArray[np.int64]

_MOST_BYTES = 8 * 2**30


class ImageSource(Protocol):
    """Where images and their labels come from."""

    labels: npt.NDArray[np.int32]
    """The class of each image, (N,)."""

    classes: tuple[str, ...]
    """Names of the classes; empty where they have none."""

    def natural_shape(self) -> Shape:
        """Return the shape of the first image, (C, H, W)."""

    def read(self, indices: Indices, shape: Shape, fit: bool) -> Pixels:
        """Return images, uint8 (n, C, H, W).

        Args:
            indices: which, (n,).
            shape: the shape of each.
            fit: whether images of other shapes are brought to it; otherwise they are refused.

        Raises:
            DataError: if a file is missing, damaged, or of another shape and `fit` is false.
        """


def empty(n: int, shape: Shape) -> Pixels:
    """Return room for n images.

    Args:
        n: how many.
        shape: (C, H, W).

    Raises:
        DataError: if that is more than a machine's memory is meant for.
    """
    n_bytes = n * math.prod(shape)
    if n_bytes > _MOST_BYTES:
        raise DataError(
            f"dataset.path: {n} images of {list(shape)} are {n_bytes} bytes; allowed "
            f"{_MOST_BYTES}: set a smaller input_shape, or read them with data set 'imagenet', "
            "which holds none in memory"
        )
    return np.empty((n, *shape), dtype=np.uint8)
