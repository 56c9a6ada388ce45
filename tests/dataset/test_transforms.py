from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnabla_nas.dataset import ArrayImages, Data, evaluation_transform, training_transform
from nnabla_nas.dataset.transforms import cut_out, random_crop, random_flip
from nnabla_nas.errors import DataError

Floats = npt.NDArray[np.float32]


def data_of(shape: tuple[int, int, int], flip: bool = False, n: int = 12) -> Data:
    rng = np.random.default_rng(7)
    images = ArrayImages(rng.integers(0, 256, (n, *shape), dtype=np.uint8), np.arange(n) % 3)
    return Data.in_memory(images, images, flip)


def floats(n: int, shape: tuple[int, int, int]) -> Floats:
    return np.random.default_rng(3).standard_normal((n, *shape)).astype(np.float32)


def cropped_by_loop(inputs: Floats, rng: np.random.Generator) -> Floats:
    n, channels, height, width = inputs.shape
    tops, lefts = rng.integers(0, 9, n), rng.integers(0, 9, n)
    out = np.zeros_like(inputs)
    for b in range(n):
        for y in range(height):
            for x in range(width):
                source_y, source_x = y + tops[b] - 4, x + lefts[b] - 4
                if 0 <= source_y < height and 0 <= source_x < width:
                    for c in range(channels):
                        out[b, c, y, x] = inputs[b, c, source_y, source_x]
    return out


def flipped_by_loop(inputs: Floats, rng: np.random.Generator) -> Floats:
    out = inputs.copy()
    for b, mirrored in enumerate(rng.integers(0, 2, len(inputs))):
        if mirrored:
            out[b] = inputs[b, :, :, ::-1]
    return out


def erased_by_loop(inputs: Floats, size: int, rng: np.random.Generator) -> Floats:
    n, _, height, width = inputs.shape
    tops = rng.integers(0, height - size + 1, n)
    lefts = rng.integers(0, width - size + 1, n)
    out = inputs.copy()
    for b in range(n):
        out[b, :, tops[b] : tops[b] + size, lefts[b] : lefts[b] + size] = 0
    return out


def test_evaluation_only_normalises() -> None:
    data = data_of((3, 30, 31), flip=True)
    images = data.train.load(np.arange(12))
    rng = np.random.default_rng(0)
    inputs = evaluation_transform(data)(images, rng)
    mean = data.mean.astype(np.float64)[:, None, None]
    std = data.std.astype(np.float64)[:, None, None]
    np.testing.assert_allclose(inputs, (images / 255 - mean) / std, atol=2e-6)
    assert inputs.dtype == np.float32
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state
    np.testing.assert_allclose(inputs.mean(axis=(0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(inputs.std(axis=(0, 2, 3)), 1, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(4, 9), st.integers(4, 9))
def test_each_augmentation_equals_a_loop(seed: int, c: int, height: int, width: int) -> None:
    inputs = floats(5, (c, height, width))
    before = inputs.copy()

    def rng() -> np.random.Generator:
        return np.random.default_rng(seed)

    np.testing.assert_array_equal(random_crop(inputs, rng()), cropped_by_loop(inputs, rng()))
    np.testing.assert_array_equal(random_flip(inputs, rng()), flipped_by_loop(inputs, rng()))
    for size in (1, 3, min(height, width)):
        np.testing.assert_array_equal(
            cut_out(inputs, size, rng()), erased_by_loop(inputs, size, rng())
        )
    np.testing.assert_array_equal(inputs, before)


@pytest.mark.parametrize(
    ("shape", "flip", "cutout"),
    [
        ((3, 32, 32), True, 16),
        ((1, 28, 28), False, 0),
        ((1, 28, 27), False, 5),
        ((3, 8, 8), True, 8),
        ((1, 8, 8), False, 0),
    ],
)
def test_training_applies_what_fits_the_data(
    shape: tuple[int, int, int], flip: bool, cutout: int
) -> None:
    data = data_of(shape, flip)
    images = data.train.load(np.arange(12))
    expected = evaluation_transform(data)(images, np.random.default_rng(0))
    rng = np.random.default_rng(5)
    if min(shape[1:]) >= 28:
        expected = cropped_by_loop(expected, rng)
    if flip:
        expected = flipped_by_loop(expected, rng)
    if cutout:
        expected = erased_by_loop(expected, cutout, rng)
    inputs = training_transform(data, cutout)(images, np.random.default_rng(5))
    np.testing.assert_array_equal(inputs, expected)
    assert inputs.dtype == np.float32
    assert inputs.flags.c_contiguous


def test_cutout_erases_exactly_its_square_at_a_fresh_place_per_image() -> None:
    erased = cut_out(np.ones((500, 2, 9, 7), np.float32), 3, np.random.default_rng(0)) == 0
    np.testing.assert_array_equal(erased.sum(axis=(2, 3)), 9)
    np.testing.assert_array_equal(erased[:, 0], erased[:, 1])
    corners = {tuple(np.argwhere(image[0])[0]) for image in erased}
    assert corners == {(y, x) for y in range(7) for x in range(5)}


def test_flip_mirrors_half_of_the_images() -> None:
    inputs = np.broadcast_to(np.float32([0, 1]), (400, 1, 1, 2))
    mirrored = random_flip(inputs, np.random.default_rng(0))[:, 0, 0, 0] == 1
    assert abs(mirrored.mean() - 0.5) < 0.1


@pytest.mark.parametrize("cutout", [9, -1])
def test_cutout_that_does_not_fit_is_refused(cutout: int) -> None:
    message = rf"^cutout: got {cutout}; allowed 0 to 8, images are 8x9$"
    with pytest.raises(DataError, match=message):
        training_transform(data_of((1, 8, 9)), cutout)


def test_a_constant_channel_is_refused() -> None:
    images = ArrayImages(np.full((4, 1, 8, 8), 7, dtype=np.uint8), np.arange(4))
    with pytest.raises(DataError, match=r"standard deviation .* got \[0\.0\]; allowed > 0"):
        evaluation_transform(Data.in_memory(images, images, flip=False))
