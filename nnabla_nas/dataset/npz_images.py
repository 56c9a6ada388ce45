"""Labelled images in two arrays of an npz file."""

from __future__ import annotations

import math

import numpy as np

from nnabla_nas.dataset.image_source import Indices, Shape, empty
from nnabla_nas.dataset.npz import NpzFile
from nnabla_nas.dataset.picture import Pixels, as_picture, fitted
from nnabla_nas.errors import DataError


class NpzImages:
    """Images and labels in two arrays of an npz file.

    Args:
        file: the file.
        images: name of the array of images, uint8 (N, H, W), (N, C, H, W) or (N, H, W, C).
        labels: name of the array of labels, integers (N,).

    Raises:
        DataError: if an array is missing or of another form.
    """

    def __init__(self, file: NpzFile, images: str, labels: str) -> None:
        self._file, self._name = file, images
        self.classes: tuple[str, ...] = ()
        found = file.headers.get(images)
        if found is None:
            raise DataError(f"{str(file.path)!r} lacks the array '{images}'")
        shape, kind = found
        if kind != np.uint8 or len(shape) not in (3, 4) or not math.prod(shape):
            raise self._refused(f"is {kind} of shape {list(shape)}")
        self._grey = len(shape) == 3
        self._channels_last = not self._grey and shape[1] not in (1, 3)
        if self._channels_last and shape[3] not in (1, 3):
            raise self._refused(f"has the shape {list(shape)}")
        classes = file.read(labels)
        if classes.shape != shape[:1] or classes.min() < 0 or classes.max() >= len(classes):
            raise DataError(
                f"{str(file.path)!r}: array '{labels}' has the shape {list(classes.shape)} or "
                f"labels out of range; allowed ({shape[0]},) integers, 0 and above"
            )
        self.labels = classes.astype(np.int32)
        self._shape = shape[1:]

    def natural_shape(self) -> Shape:
        """Return the shape of the images, (C, H, W)."""
        if self._grey:
            height, width = self._shape
            return 1, height, width
        if self._channels_last:
            height, width, channels = self._shape
            return channels, height, width
        channels, height, width = self._shape
        return channels, height, width

    def read(self, indices: Indices, shape: Shape, fit: bool) -> Pixels:
        """Return images; see `ImageSource.read`."""
        if not fit and self.natural_shape() != shape:
            raise DataError(
                f"{str(self._file.path)!r}: array '{self._name}' has images of shape "
                f"{list(self.natural_shape())}, not {list(shape)}; set dataset.resize to true to "
                "bring them to it"
            )
        images = empty(len(indices), shape)
        found: Pixels = self._file.read(self._name)
        if self._grey:
            found = found[:, None]
        elif self._channels_last:
            found = found.transpose(0, 3, 1, 2)
        if self.natural_shape() == shape:
            np.take(found, indices, axis=0, out=images)
        else:
            for number, index in enumerate(indices):
                images[number] = fitted(as_picture(found[index]), shape)
        return images

    def _refused(self, why: str) -> DataError:
        return DataError(
            f"{str(self._file.path)!r}: array '{self._name}' {why}; allowed uint8 (N, H, W), "
            "(N, C, H, W) or (N, H, W, C) with 1 or 3 channels"
        )
