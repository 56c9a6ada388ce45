from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nnabla_nas.dataset
from nnabla_nas.dataset import ArrayImages, Data
from nnabla_nas.errors import DataError

ROOT = Path(nnabla_nas.dataset.__file__).parents[2]


def random_images(n: int, shape: tuple[int, int, int], seed: int = 0) -> ArrayImages:
    rng = np.random.default_rng(seed)
    return ArrayImages(
        rng.integers(0, 256, (n, *shape), dtype=np.uint8), rng.integers(0, 5, n, dtype=np.int64)
    )


def test_array_images_load_by_index() -> None:
    images = random_images(6, (2, 3, 4))
    loaded = images.load(np.array([4, 0, 4]))
    np.testing.assert_array_equal(loaded, images.images[[4, 0, 4]])
    loaded[:] = 0
    assert images.images.any()
    assert images.labels.dtype == np.int32


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 1, 4, 4)), [0, 1], r"images: got float64 of shape \(2, 1, 4, 4\)"),
        (np.zeros((2, 4, 4), dtype=np.uint8), [0, 1], r"images: got uint8 of shape \(2, 4, 4\)"),
        (np.zeros((2, 1, 4, 4), dtype=np.uint8), [0], r"labels: got shape \(1,\); allowed \(2,\)"),
    ],
)
def test_array_images_refuses_what_does_not_fit(
    images: np.ndarray, labels: list[int], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        ArrayImages(images, labels)


def test_mean_and_deviation_are_those_of_the_training_images() -> None:
    train, test = random_images(600, (3, 5, 4), seed=1), random_images(9, (3, 5, 4), seed=2)
    train.images[:, 2] //= 3
    data = Data.in_memory(train, test, flip=True)
    scaled = train.images.astype(np.float64) / 255
    np.testing.assert_allclose(data.mean, scaled.mean(axis=(0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(data.std, scaled.std(axis=(0, 2, 3)), rtol=1e-6)
    assert data.mean.dtype == data.std.dtype == np.float32
    assert data.flip


def test_checksum_covers_images_and_labels_of_both_sets() -> None:
    def checksum(train: ArrayImages, test: ArrayImages) -> str:
        return Data.in_memory(train, test, flip=False).checksum

    train, test = random_images(8, (1, 4, 4), seed=1), random_images(4, (1, 4, 4), seed=2)
    arrays = (train.images, train.labels, test.images, test.labels)
    contents = b"".join(array.tobytes() for array in arrays)
    before = checksum(train, test)
    assert before == hashlib.sha256(contents).hexdigest()
    for array in arrays:
        array.flat[0] += 1
        assert checksum(train, test) != before
        array.flat[0] -= 1
    assert checksum(train, test) == before


def test_the_package_imports_neither_nnabla_nor_scikit_learn() -> None:
    program = (
        "import sys; import nnabla_nas.dataset, nnabla_nas.dataset.digits as d; d.Digits().read();"
        "import nnabla_nas.dataset.synthetic, nnabla_nas.dataset.imagenet;"
        "print([name for name in ('nnabla', 'sklearn', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
