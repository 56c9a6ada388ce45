"""Augmentations of pixels by Pillow: colour, rotation, size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np
from PIL import Image, ImageEnhance
from pydantic import Field

from nnabla_nas.dataset.augmentation import Augmentation, Generator, Images, Side
from nnabla_nas.dataset.picture import as_picture, as_pixels, resized
from nnabla_nas.errors import DataError

Strength = Annotated[float, Field(ge=0, le=1)]


class _PixelAugmentation(Augmentation):
    takes = "pixels"


class ColorJitter(_PixelAugmentation):
    """Change brightness, contrast, saturation and hue of each image, in this order.

    Args:
        brightness: the factor lies between 1 − this and 1 + this.
        contrast: likewise.
        saturation: likewise; grey images have none.
        hue: the colour circle is turned by at most this share, 0.5 at most.
    """

    def __init__(
        self,
        brightness: Strength = 0.0,
        contrast: Strength = 0.0,
        saturation: Strength = 0.0,
        hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0,
    ) -> None:
        self._strengths = np.array([brightness, contrast, saturation, hue])

    def __call__(self, images: Images, rng: Generator) -> Images:
        """Return the images in other colours."""
        channels = images.shape[1]
        if channels not in (1, 3):
            raise DataError(f"images have {channels} channels; allowed 1 or 3")
        changes = rng.uniform(-1, 1, (len(images), 4)) * self._strengths
        return np.stack(
            [self._changed(image, change) for image, change in zip(images, changes, strict=True)]
        )

    def _changed(self, pixels: Images, change: Any) -> Images:
        picture = as_picture(pixels)
        enhancers: Sequence[Callable[[Image.Image], Any]] = (
            ImageEnhance.Brightness,
            ImageEnhance.Contrast,
            ImageEnhance.Color,
        )
        for enhancer, strength, by in zip(enhancers, self._strengths, change, strict=False):
            if strength and not (enhancer is ImageEnhance.Color and picture.mode == "L"):
                picture = enhancer(picture).enhance(1 + float(by))
        if self._strengths[3] and picture.mode == "RGB":
            turned = np.array(picture.convert("HSV"))
            # The circle has 256 degrees here, and begins anew behind the last.
            turned[..., 0] += np.uint8(round(256 * float(change[3])) % 256)
            picture = Image.fromarray(turned, "HSV").convert("RGB")
        return as_pixels(picture)


class RandomRotation(_PixelAugmentation):
    """Turn each image around its middle by a random angle; what comes in is black.

    Args:
        degrees: the largest angle either way.
    """

    def __init__(self, degrees: Annotated[float, Field(ge=0, le=180)]) -> None:
        self._degrees = degrees

    def __call__(self, images: Images, rng: Generator) -> Images:
        """Return the images, turned; by bilinear interpolation."""
        angles = rng.uniform(-self._degrees, self._degrees, len(images))
        turned = np.empty_like(images)
        for image, angle in enumerate(angles):
            for channel, pixels in enumerate(images[image]):
                picture = Image.fromarray(pixels)
                turned[image, channel] = picture.rotate(float(angle), Image.Resampling.BILINEAR)
        return turned


class Resize(_PixelAugmentation):
    """Bring each image to another size.

    Args:
        size: height and width in pixels.
    """

    def __init__(self, size: Side) -> None:
        self._size = (size, size)

    def __call__(self, images: Images, rng: Generator) -> Images:
        """Return the images in another size; by bilinear interpolation."""
        return np.stack(
            [np.stack([resized(channel, self._size) for channel in image]) for image in images]
        )
