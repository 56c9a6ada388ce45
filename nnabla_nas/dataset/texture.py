"""Textures of the synthetic classes: a grating, and pairs of a bright and a dark spot.

A class is one grating (orientation and wavelength) with one arrangement of the pairs (the dark
spot beside the bright one, or below it). Phase, contrast, colour, brightness and the places of
the pairs are random, so that neither a pixel nor the mean colour tells the classes apart: a
network has to see as far as a wavelength and as the distance within a pair.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

_ARRANGEMENTS = 2
_LONGEST_WAVELENGTH = 16.0
_SHORTEST_WAVELENGTH = 3.0
_PIXELS_PER_PAIR = 64
_GRATING_CONTRAST = (0.10, 0.20)
_SPOT_CONTRAST = (0.25, 0.40)
_BRIGHTNESS = (0.4, 0.6)
_NOISE = 0.06

Floats = npt.NDArray[np.float32]


def draw(
    labels: npt.NDArray[np.int32],
    n_classes: int,
    shape: tuple[int, int, int],
    rng: np.random.Generator,
) -> npt.NDArray[np.uint8]:
    """Draw one image of each label.

    Args:
        labels: the class of each image, (n,).
        n_classes: number of classes there are.
        shape: shape of one image, (C, H, W).
        rng: everything random is drawn from it.

    Returns:
        The images, uint8 (n, C, H, W).
    """
    channels, height, width = shape
    n = len(labels)
    images = rng.standard_normal((n, *shape), dtype=np.float32)
    images *= _NOISE
    images += rng.uniform(*_BRIGHTNESS, (n, channels, 1, 1)).astype(np.float32)
    signs = rng.choice([-1.0, 1.0], (n, channels, 1, 1))
    colours = (signs * rng.uniform(*_GRATING_CONTRAST, (n, channels, 1, 1))).astype(np.float32)
    images += colours * _gratings(labels // _ARRANGEMENTS, n_classes, height, width, rng)[:, None]
    colours = rng.uniform(*_SPOT_CONTRAST, (n, channels, 1, 1)).astype(np.float32)
    images += colours * _pairs(labels % _ARRANGEMENTS, height, width, rng)[:, None]
    pixels: npt.NDArray[np.uint8] = np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8)
    return pixels


def _gratings(
    kinds: npt.NDArray[np.int32],
    n_classes: int,
    height: int,
    width: int,
    rng: np.random.Generator,
) -> Floats:
    """Return cosine gratings of random phase, (n, H, W).

    Args:
        kinds: which grating, (n,); kinds run through the wavelengths, then through the angles.
    """
    n_kinds = math.ceil(n_classes / _ARRANGEMENTS)
    n_wavelengths = math.ceil(math.sqrt(n_kinds / 2))
    n_angles = math.ceil(n_kinds / n_wavelengths)
    longest = min(_LONGEST_WAVELENGTH, height, width)
    steps = (kinds % n_wavelengths + 0.5) / n_wavelengths
    frequencies = (longest / _SHORTEST_WAVELENGTH) ** steps / longest
    angles = np.pi * (kinds // n_wavelengths + 0.25) / n_angles
    phases = rng.uniform(0, 2 * np.pi, len(kinds))
    # cos(a + b) as the real part of a product: two short exponentials instead of n * H * W cosines.
    along_rows = np.outer(2 * np.pi * frequencies * np.sin(angles), np.arange(height))
    along_columns = np.outer(2 * np.pi * frequencies * np.cos(angles), np.arange(width))
    rows = np.exp(1j * (along_rows + phases[:, None])).astype(np.complex64)
    columns = np.exp(1j * along_columns).astype(np.complex64)
    gratings: Floats = (rows[:, :, None] * columns[:, None]).real
    return gratings


def _pairs(
    arrangements: npt.NDArray[np.int32], height: int, width: int, rng: np.random.Generator
) -> Floats:
    """Return bright spots, each with a dark one beside (0) or below it (1), (n, H, W).

    What leaves the image at one border comes back at the opposite one.
    """
    n = len(arrangements)
    n_pairs = math.ceil(height * width / _PIXELS_PER_PAIR)
    distance = max(2, min(height, width, 32) // 6)
    which = np.arange(n)[:, None]
    y = rng.integers(0, height, (n, n_pairs))
    x = rng.integers(0, width, (n, n_pairs))
    below = arrangements[:, None] * distance
    beside = (1 - arrangements[:, None]) * distance
    spots = np.zeros((n, height, width), dtype=np.float32)
    np.add.at(spots, (which, y, x), 1)
    np.add.at(spots, (which, (y + below) % height, (x + beside) % width), -1)
    for axis in (1, 2):
        spots += (np.roll(spots, 1, axis) + np.roll(spots, -1, axis)) / 2
    return spots
