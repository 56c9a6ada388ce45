"""Augmentations by name: each beside an independent one, image by image, on the same draws."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from nnabla_nas.dataset import ArrayImages, Data, training_transform
from nnabla_nas.dataset.augmentation import (
    Augmentation,
    CenterCrop,
    Cutout,
    Normalize,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
)
from nnabla_nas.dataset.named_transforms import named_transform
from nnabla_nas.dataset.pixel_augmentation import ColorJitter, RandomRotation, Resize
from nnabla_nas.errors import DataError

SHAPE = (3, 32, 32)


def pixels(n: int = 6, shape: tuple[int, int, int] = SHAPE, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (n, *shape)).astype(np.uint8)


def data(shape: tuple[int, int, int] = SHAPE) -> Data:
    labels = np.arange(6) % 2
    part = ArrayImages(pixels(shape=shape), labels)
    return Data.in_memory(part, ArrayImages(pixels(shape=shape, seed=1), labels), flip=True)


def draws(seed: int = 3) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_default_by_name_is_the_default_byte_for_byte() -> None:
    named = named_transform(data(), [Normalize(), RandomCrop(), RandomHorizontalFlip(), Cutout(16)])
    default = training_transform(data(), 16)
    for seed in range(3):
        first, second = (one(pixels(), draws(seed)) for one in (named, default))
        assert first.dtype == second.dtype == np.float32
        assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize(("pad", "size"), [(4, None), (0, 20), (2, 30)])
def test_a_crop(pad: int, size: int | None, kind: Any) -> None:
    images = pixels().astype(kind)
    found = RandomCrop(pad, size)(images, draws())
    side = size or 32
    rng = draws()
    tops, lefts = (rng.integers(0, 32 + 2 * pad - side + 1, 6) for _ in range(2))
    for image, top, left, result in zip(images, tops, lefts, found, strict=True):
        for row in range(side):
            for column in range(side):
                y, x = row + top - pad, column + left - pad
                inside = 0 <= y < 32 and 0 <= x < 32
                expected = image[:, y, x] if inside else 0
                assert (result[:, row, column] == expected).all()
    assert found.dtype == kind


def test_a_flip_and_a_cutout_of_pixels() -> None:
    images = pixels()
    flips = draws().integers(0, 2, 6)
    found = RandomHorizontalFlip()(images, draws())
    for image, flip, result in zip(images, flips, found, strict=True):
        assert (result == (image[:, :, ::-1] if flip else image)).all()
    rng = draws()
    tops, lefts = rng.integers(0, 23, 6), rng.integers(0, 23, 6)
    found = Cutout(10)(images, draws())
    assert found.dtype == np.uint8
    for image, top, left, result in zip(images, tops, lefts, found, strict=True):
        expected = image.copy()
        expected[:, top : top + 10, left : left + 10] = 0
        assert (result == expected).all()


def test_random_erasing_follows_its_paper() -> None:
    images = np.ones((400, 1, 24, 40), np.float32)
    erasing = RandomErasing(0.5, 0.02, 0.4, 0.3)
    found = erasing(images, draws())
    rng = draws()
    hit, tries = rng.random(400) < 0.5, rng.random((400, 10, 4))
    for result, chosen, attempts in zip(found, hit, tries, strict=True):
        expected = np.ones((24, 40))
        if chosen:
            for u_area, u_ratio, u_top, u_left in attempts:
                area = 24 * 40 * (0.02 + 0.38 * u_area)
                aspect = math.exp(math.log(0.3) + u_ratio * (math.log(1 / 0.3) - math.log(0.3)))
                h, w = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
                if h <= 24 and w <= 40:
                    y, x = math.floor(u_top * (25 - h)), math.floor(u_left * (41 - w))
                    expected[y : y + h, x : x + w] = 0
                    break
        np.testing.assert_array_equal(result[0], expected)
    assert 0.4 < hit.mean() < 0.6
    assert (images == 1).all()


def test_the_middle_is_kept() -> None:
    np.testing.assert_array_equal(CenterCrop(10)(pixels(), draws()), pixels()[:, :, 11:21, 11:21])


def jittered(image: Any, change: Sequence[float], strength: Sequence[float]) -> Any:
    """Return an image in other colours, pixel by pixel in floating point."""
    x = image.astype(float).transpose(1, 2, 0)

    def luma(rgb: Any) -> Any:
        return rgb @ np.array([0.299, 0.587, 0.114])

    if strength[0]:
        x = np.clip((1 + change[0]) * x, 0, 255)
    if strength[1]:
        x = np.clip((1 + change[1]) * x - change[1] * luma(x).mean(), 0, 255)
    if strength[2]:
        x = np.clip((1 + change[2]) * x - change[2] * luma(x)[..., None], 0, 255)
    if strength[3]:
        for place in np.ndindex(x.shape[:2]):
            h, s, v = colorsys.rgb_to_hsv(*(x[place] / 255))
            x[place] = 255 * np.array(colorsys.hsv_to_rgb((h + change[3]) % 1, s, v))
    return x.transpose(2, 0, 1)


@pytest.mark.parametrize(
    "strength", [(0.4, 0, 0, 0), (0, 0.4, 0, 0), (0, 0, 0.4, 0), (0, 0, 0, 0.3), (0.3, 0.3, 0.3, 0)]
)
def test_colours(strength: tuple[float, ...]) -> None:
    images = pixels(3, (3, 8, 8))
    found = ColorJitter(*strength)(images, draws())
    changes = draws().uniform(-1, 1, (3, 4)) * np.array(strength)
    for image, change, result in zip(images, changes, found, strict=True):
        difference = np.abs(result.astype(float) - jittered(image, change, strength))
        # Whole degrees of hue and whole numbers between the steps.
        assert difference.max() <= (9 if strength[3] else 3)
    assert np.abs(found.astype(int) - images).max() > 9
    grey = pixels(2, (1, 8, 8))
    assert ColorJitter(0, 0, 0.5, 0.5)(grey, draws()).tobytes() == grey.tobytes()


def turned(image: Any, degrees: float) -> Any:
    """Return a channel turned counter-clockwise, each pixel mixed of the four around its source."""
    height, width = image.shape
    angle, result = math.radians(degrees), np.zeros(image.shape)
    for row in range(height):
        for column in range(width):
            y, x = row + 0.5 - height / 2, column + 0.5 - width / 2
            u = math.cos(angle) * x - math.sin(angle) * y + width / 2
            v = math.sin(angle) * x + math.cos(angle) * y + height / 2
            if not (0 <= u < width and 0 <= v < height):
                continue
            u, v = u - 0.5, v - 0.5
            top, left = math.floor(v), math.floor(u)
            for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
                share = (1 - abs(v - top - dy)) * (1 - abs(u - left - dx))
                near = min(max(top + dy, 0), height - 1), min(max(left + dx, 0), width - 1)
                result[row, column] += share * image[near]
    return result


def test_a_rotation() -> None:
    images = pixels(3, (2, 12, 9))
    found = RandomRotation(40)(images, draws())
    for image, angle, result in zip(images, draws().uniform(-40, 40, 3), found, strict=True):
        for channel, pixel in zip(image, result, strict=True):
            assert np.abs(turned(channel, angle) - pixel).max() <= 1.01
    still = RandomRotation(0)(images, draws())
    assert still.tobytes() == images.tobytes()


def test_another_size() -> None:
    images = pixels(2, (3, 4, 4))
    found = Resize(8)(images, draws())
    at = (np.arange(8) + 0.5) / 2 - 0.5
    low = np.clip(np.floor(at).astype(int), 0, 3)
    high, share = np.clip(low + 1, 0, 3), np.clip(at - low, 0, 1)
    rows = images[:, :, low] * (1 - share)[:, None] + images[:, :, high] * share[:, None]
    expected = rows[..., low] * (1 - share) + rows[..., high] * share
    assert np.abs(found - expected).max() <= 1.01


def test_pixels_come_before_normalisation_which_is_last_if_left_out() -> None:
    chain = [Resize(40), RandomCrop(0, 32), ColorJitter(0.2), RandomRotation(5)]
    implied = named_transform(data(), chain)(pixels(), draws())
    said = named_transform(data(), [*chain, Normalize()])(pixels(), draws())
    assert implied.tobytes() == said.tobytes()
    assert implied.shape == (6, *SHAPE)


class Twice(Augmentation):
    """Doubles inputs."""

    takes = "inputs"

    def __call__(self, images: Any, rng: np.random.Generator) -> Any:
        return 2 * images


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        ([Normalize(), ColorJitter(0.1)], "transforms.1: ColorJitter cannot stand behind"),
        ([Normalize(), Normalize()], "transforms.1: Normalize cannot stand behind"),
        ([Twice(), Normalize()], "transforms.0: Twice cannot stand before"),
        ([Resize(40)], "images of 3x40x40 come out; allowed 3x32x32"),
        ([CenterCrop(40)], "transforms.0: size: got 40; images are 32x32"),
        ([Cutout(40)], "transforms.0: length: got 40"),
        ([RandomCrop(0, 40)], "transforms.0: size: got 40"),
    ],
)
def test_what_cannot_work_is_said_before_the_run(chain: list[Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        named_transform(data(), chain)


def test_only_grey_and_colour_have_colours() -> None:
    with pytest.raises(DataError, match="images have 2 channels"):
        named_transform(data((2, 32, 32)), [ColorJitter(0.1)])
    with pytest.raises(DataError, match="smallest"):
        RandomErasing(smallest=0.5, largest=0.1)
