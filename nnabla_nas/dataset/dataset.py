"""What a data set is: sizes known beforehand, and the images themselves once read."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from PIL import Image

from nnabla_nas.dataset.picture import fitted
from nnabla_nas.errors import DataError

_IMAGES_AT_ONCE = 256


@dataclass(frozen=True)
class DatasetInfo:
    """Sizes of a data set, known without reading anything.

    Args:
        shape: shape of one image, (C, H, W).
        n_classes: number of classes.
        n_train: number of training images.
        n_test: number of test images.
    """

    shape: tuple[int, int, int]
    n_classes: int
    n_train: int
    n_test: int


class Images(Protocol):
    """Labelled images that can be loaded by index."""

    labels: npt.NDArray[np.int32]
    """The class of each image, (N,)."""

    def load(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Return the images of these indices, (n, C, H, W)."""


@runtime_checkable
class RandomViews(Images, Protocol):
    """Images of which learning sees another part every time."""

    def load_random(
        self, indices: npt.NDArray[np.int64], rng: np.random.Generator
    ) -> npt.NDArray[np.uint8]:
        """Return a random view of each of these images, (n, C, H, W); all is drawn from `rng`."""


class ArrayImages:
    """Images held in memory.

    Args:
        images: pixels 0 to 255, uint8 (N, C, H, W).
        labels: the class of each image, (N,).

    Raises:
        DataError: if the arrays are of another type or do not fit each other.
    """

    def __init__(self, images: npt.NDArray[np.uint8], labels: npt.ArrayLike) -> None:
        self.images = images
        self.labels: npt.NDArray[np.int32] = np.asarray(labels, dtype=np.int32)
        if images.dtype != np.uint8 or images.ndim != 4:
            raise DataError(
                f"images: got {images.dtype} of shape {images.shape}; allowed uint8 (N, C, H, W)"
            )
        if self.labels.shape != images.shape[:1]:
            raise DataError(
                f"labels: got shape {self.labels.shape}; allowed ({len(images)},), one an image"
            )

    def load(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Return the images of these indices.

        Args:
            indices: positions, (n,).

        Returns:
            A copy, uint8 (n, C, H, W).
        """
        return self.images[indices]


@dataclass(frozen=True)
class Data:
    """A data set that has been read.

    Args:
        train: the official training set; parts of it train and validate.
        test: the official test set; evaluated, and never used to choose anything.
        mean: mean of each channel of the training images divided by 255, float32 (C,).
        std: standard deviation on the same scale, float32 (C,).
        flip: whether a mirrored image is as good as the original.
        checksum: SHA-256, hexadecimal: of the contents, or of the list of files where the
            images are too many to read beforehand.
        crop: whether training pads and crops the images; False where the reader has cropped them.
        classes: names of the classes in the order of their labels; empty where they have none.
    """

    train: Images
    test: Images
    mean: npt.NDArray[np.float32]
    std: npt.NDArray[np.float32]
    flip: bool
    checksum: str
    crop: bool = True
    classes: tuple[str, ...] = ()

    @classmethod
    def in_memory(
        cls, train: ArrayImages, test: ArrayImages, flip: bool, classes: tuple[str, ...] = ()
    ) -> Data:
        """Make the value from arrays; mean and standard deviation are the training images'.

        Args:
            train: the training set.
            test: the test set.
            flip: whether a mirrored image is as good as the original.
            classes: names of the classes, where they have some.

        Returns:
            The data, its checksum over images and labels of both sets.
        """
        mean, std = _channel_statistics(train.images)
        digest = hashlib.sha256()
        for part in (train, test):
            digest.update(np.ascontiguousarray(part.images).data)
            digest.update(np.ascontiguousarray(part.labels).data)
        return cls(train, test, mean, std, flip, digest.hexdigest(), classes=classes)


def _channel_statistics(
    images: npt.NDArray[np.uint8],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return mean and standard deviation of each channel of images / 255, from exact counts."""
    counts = np.zeros((images.shape[1], 256), dtype=np.int64)
    for start in range(0, len(images), _IMAGES_AT_ONCE):
        for channel, count in enumerate(counts):
            pixels = images[start : start + _IMAGES_AT_ONCE, channel]
            count += np.bincount(pixels.ravel(), minlength=256)
    shares = counts / counts.sum(axis=1, keepdims=True)
    values = np.arange(256) / 255
    mean = shares @ values
    variance = (shares * (values - mean[:, None]) ** 2).sum(axis=1)
    return mean.astype(np.float32), np.sqrt(variance).astype(np.float32)


class Dataset(ABC):
    """Base of every data set; the constructor's arguments are its options in the JSON."""

    info: DatasetInfo

    @abstractmethod
    def read(self) -> Data:
        """Read the images.

        Returns:
            The data.

        Raises:
            DataError: if the data set is missing or damaged.
        """

    @staticmethod
    def fit(picture: Image.Image, shape: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
        """Return a picture as one of the images that evaluation sees.

        Args:
            picture: in mode L or RGB.
            shape: (C, H, W) with C 1 or 3.

        Returns:
            Pixels, uint8 (C, H, W): converted, scaled until they cover H x W, the rest cut off.
        """
        return fitted(picture, shape)


@dataclass(frozen=True)
class Batch:
    """Examples as the network takes them.

    Args:
        inputs: normalised images, float32 (B, C, H, W).
        targets: their classes, int32 (B, 1).
        others: where images are mixed of two, the classes of the second, int32 (B, 1).
        share: the share of the first.
    """

    inputs: npt.NDArray[np.float32]
    targets: npt.NDArray[np.int32]
    others: npt.NDArray[np.int32] | None = None
    share: float = 1.0
