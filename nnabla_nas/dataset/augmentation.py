"""Augmentations that an experiment names, on pixels or on normalised images.

Each is called with a batch, (B, C, H, W), and the batch's own generator, from which it draws the
same amount whatever the images are. What is erased becomes zero: black before normalisation, the
mean of the training set behind it.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from nnabla_nas.dataset.transforms import cut_out, random_crop, random_flip
from nnabla_nas.errors import DataError

Images = npt.NDArray[Any]
Generator = np.random.Generator
Takes = Literal["pixels", "inputs", "either"]
Side = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]

_ATTEMPTS = 10


class Augmentation:
    """Base of augmentations; the constructor's arguments are its options in the JSON.

    Attributes:
        takes: `pixels`: uint8 alone, so before `Normalize`; `inputs`: float32 alone; `either`.
    """

    takes: ClassVar[Takes] = "either"

    def __call__(self, images: Images, rng: Generator) -> Images:
        """Return the images, changed; those that are given stay as they are.

        Args:
            images: (B, C, H, W).
            rng: what random numbers are drawn from.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define __call__()")


class RandomCrop(Augmentation):
    """Pad by zeros and cut each image at a random place.

    Args:
        pad: zeros on each side, in pixels.
        size: side of the part that stays; null keeps height and width.
    """

    def __init__(self, pad: Annotated[int, Field(ge=0)] = 4, size: Side | None = None) -> None:
        self._pad, self._size = pad, size

    def __call__(self, images: Images, rng: Generator) -> Images:
        """Return parts of the images."""
        size = None if self._size is None else (self._size, self._size)
        return random_crop(images, rng, self._pad, size)


class RandomHorizontalFlip(Augmentation):
    """Mirror each image left to right with probability one half."""

    def __call__(self, images: Images, rng: Generator) -> Images:
        """Return the images, some of them mirrored."""
        return random_flip(images, rng)


class Cutout(Augmentation):
    """Erase one square per image at a random place fully inside it.

    Args:
        length: side of the square, in pixels.
    """

    def __init__(self, length: Side) -> None:
        self._length = length

    def __call__(self, images: Images, rng: Generator) -> Images:
        """Return the images with a square of zeros."""
        if self._length > min(images.shape[2:]):
            height, width = images.shape[2:]
            raise DataError(f"length: got {self._length}; images are {height}x{width}")
        return cut_out(images, self._length, rng)


class RandomErasing(Augmentation):
    """Erase one rectangle of some of the images.

    Zhong et al., Random Erasing Data Augmentation (2017), algorithm 1.

    Args:
        probability: of an image to lose a rectangle.
        smallest: share of the area that a rectangle has at least.
        largest: share that it has at most.
        ratio: smallest ratio of its height to its width; the largest is its inverse.
    """

    def __init__(
        self,
        probability: Share = 0.5,
        smallest: Share = 0.02,
        largest: Share = 0.4,
        ratio: Annotated[float, Field(gt=0, le=1)] = 0.3,
    ) -> None:
        if smallest > largest:
            raise DataError(f"smallest: got {smallest}; allowed at most largest, {largest}")
        self._probability, self._ratio = probability, ratio
        self._smallest, self._largest = smallest, largest

    def __call__(self, images: Images, rng: Generator) -> Images:
        """Return the images, some with a rectangle of zeros."""
        n, _, height, width = images.shape
        hit = rng.random(n) < self._probability
        draws = rng.random((n, _ATTEMPTS, 4))
        erased = images.copy()
        for image in np.flatnonzero(hit):
            for area, shape, upper, left in draws[image]:
                pixels = height * width * (self._smallest + (self._largest - self._smallest) * area)
                ratio = self._ratio ** (1 - 2 * shape)
                h, w = round(math.sqrt(pixels * ratio)), round(math.sqrt(pixels / ratio))
                if h <= height and w <= width:
                    top, first = int(upper * (height - h + 1)), int(left * (width - w + 1))
                    erased[image, :, top : top + h, first : first + w] = 0
                    break
        return erased


class CenterCrop(Augmentation):
    """Keep the middle of each image.

    Args:
        size: side of the part that stays, in pixels.
    """

    def __init__(self, size: Side) -> None:
        self._size = size

    def __call__(self, images: Images, rng: Generator) -> Images:
        """Return the middle of the images."""
        height, width = images.shape[2:]
        if self._size > min(height, width):
            raise DataError(f"size: got {self._size}; images are {height}x{width}")
        top, left = (height - self._size) // 2, (width - self._size) // 2
        return images[:, :, top : top + self._size, left : left + self._size].copy()


class Normalize(Augmentation):
    """Subtract the mean of the training set and divide by its deviation, channel by channel.

    Where it is left out it comes last.
    """

    takes = "pixels"
