"""Normalisation and augmentation of a batch of images."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from nnabla_nas.dataset.dataset import Data
from nnabla_nas.errors import DataError

Floats = npt.NDArray[np.float32]

_PAD = 4
_SMALLEST_CROPPED = 28


class Transform(Protocol):
    """What turns images into the network's inputs."""

    @property
    def augments(self) -> bool:
        """Whether each image is to be another one every time it is seen."""

    def __call__(self, images: npt.NDArray[np.uint8], rng: np.random.Generator) -> Floats:
        """Return the inputs, float32 (B, C, H, W), of uint8 images of that shape."""


class Normalise:
    """Map pixels so that each channel of the training set has mean 0 and deviation 1.

    Args:
        mean: mean of each channel on the scale 0 to 1, (C,).
        std: standard deviation of each channel on the same scale, (C,).

    Raises:
        DataError: if a deviation is not positive: its channel is constant.
    """

    def __init__(self, mean: Floats, std: Floats) -> None:
        if not np.all(std > 0):
            raise DataError(f"standard deviation of the channels: got {std.tolist()}; allowed > 0")
        self._offset = (255 * mean.astype(np.float32)).reshape(-1, 1, 1)
        self._scale = (255 * std.astype(np.float32)).reshape(-1, 1, 1)

    def __call__(self, images: npt.NDArray[np.uint8]) -> Floats:
        """Return (images / 255 - mean) / std, float32 (B, C, H, W)."""
        inputs = images.astype(np.float32)
        inputs -= self._offset
        inputs /= self._scale
        return inputs


def random_crop(
    inputs: Floats,
    rng: np.random.Generator,
    pad: int = _PAD,
    size: tuple[int, int] | None = None,
) -> Floats:
    """Pad by zeros on each side and crop each image, by default to its size, at a random place.

    Args:
        inputs: normalised images, (B, C, H, W); zero is the mean of the training set.
        rng: drawn from twice: B rows, then B columns, each 0 to 2 · pad where the size stays.
        pad: zeros on each side, in pixels.
        size: height and width of the part; None for those of the images.

    Returns:
        New images, (B, C, H, W).

    Raises:
        DataError: if a padded image is smaller than the part.
    """
    n = len(inputs)
    height, width = inputs.shape[2:] if size is None else size
    spare = inputs.shape[2] + 2 * pad - height, inputs.shape[3] + 2 * pad - width
    if min(spare) < 0:
        raise DataError(f"size: got {height}; allowed at most the padded images' side")
    tops = rng.integers(0, spare[0] + 1, n)
    lefts = rng.integers(0, spare[1] + 1, n)
    padded = np.pad(inputs, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    # numpy's own annotation leaves out that `axis` may be a tuple
    windows = np.lib.stride_tricks.sliding_window_view(  # type: ignore[call-overload]
        padded, (height, width), axis=(2, 3)
    )
    return np.ascontiguousarray(windows[np.arange(n), :, tops, lefts])


def random_flip(inputs: Floats, rng: np.random.Generator) -> Floats:
    """Mirror each image left to right with probability one half.

    Args:
        inputs: images, (B, C, H, W).
        rng: drawn from once: B integers, mirrored where 1.

    Returns:
        New images, (B, C, H, W).
    """
    mirrored = rng.integers(0, 2, len(inputs)).astype(bool)
    return np.where(mirrored[:, None, None, None], inputs[..., ::-1], inputs)


def cut_out(inputs: Floats, size: int, rng: np.random.Generator) -> Floats:
    """Erase one square per image, at a random place fully inside it.

    DeVries and Taylor, Improved Regularization of Convolutional Neural Networks with Cutout
    (2017), let the square reach over the border; here exactly size x size pixels are erased.

    Args:
        inputs: normalised images, (B, C, H, W); the erased pixels become zero, the mean.
        size: side of the square in pixels, at most H and W.
        rng: drawn from twice: the B upper rows of the squares, then their B left columns.

    Returns:
        New images, (B, C, H, W).
    """
    n, _, height, width = inputs.shape
    tops = rng.integers(0, height - size + 1, n)[:, None, None]
    lefts = rng.integers(0, width - size + 1, n)[:, None, None]
    rows, columns = np.arange(height)[:, None], np.arange(width)
    erased = (rows >= tops) & (rows < tops + size) & (columns >= lefts) & (columns < lefts + size)
    return np.where(erased[:, None], inputs.dtype.type(0), inputs)


class _Training:
    augments = True

    def __init__(self, data: Data, crop: bool, cutout: int) -> None:
        self._normalise = Normalise(data.mean, data.std)
        self._crop, self._flip, self._cutout = crop, data.flip, cutout

    def __call__(self, images: npt.NDArray[np.uint8], rng: np.random.Generator) -> Floats:
        inputs = self._normalise(images)
        if self._crop:
            inputs = random_crop(inputs, rng)
        if self._flip:
            inputs = random_flip(inputs, rng)
        if self._cutout:
            inputs = cut_out(inputs, self._cutout, rng)
        return inputs


class _Evaluation:
    augments = False

    def __init__(self, data: Data) -> None:
        self._normalise = Normalise(data.mean, data.std)

    def __call__(self, images: npt.NDArray[np.uint8], rng: np.random.Generator) -> Floats:
        return self._normalise(images)


def training_transform(data: Data, cutout: int) -> Transform:
    """Return normalisation, random crop, flip and cutout, each where it applies to the data.

    Args:
        data: gives mean, deviation, image size, and whether images are cropped here and mirrored
            ones are as good; images smaller than 28 pixels either way are not cropped.
        cutout: side of the erased square in pixels; 0 erases nothing.

    Returns:
        A function of uint8 images (B, C, H, W) and a generator, to float32 (B, C, H, W).

    Raises:
        DataError: if the square is larger than the images.
    """
    height, width = data.train.load(np.zeros(1, dtype=np.int64)).shape[2:]
    side = min(height, width)
    if not 0 <= cutout <= side:
        raise DataError(f"cutout: got {cutout}; allowed 0 to {side}, images are {height}x{width}")
    return _Training(data, data.crop and side >= _SMALLEST_CROPPED, cutout)


def evaluation_transform(data: Data) -> Transform:
    """Return normalisation alone; the function's generator is not drawn from.

    Args:
        data: gives mean and deviation.

    Returns:
        A function of uint8 images (B, C, H, W) and a generator, to float32 (B, C, H, W).
    """
    return _Evaluation(data)
