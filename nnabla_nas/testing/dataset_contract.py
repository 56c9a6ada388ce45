"""What every data set must satisfy."""

from __future__ import annotations

import hashlib

import numpy as np

from nnabla_nas.dataset.dataset import Data, Dataset, Images
from nnabla_nas.dataset.split import split
from nnabla_nas.testing.requirement import require

_LOOKED_AT = 64
_MOST_SHARED = 0.05


def check_dataset(dataset: Dataset) -> None:
    """Check a data set: what it declares, what it reads, and how that can be split.

    Args:
        dataset: the data set, not read yet; it is read twice.

    Raises:
        AssertionError: with a sentence that says what is violated.
    """
    data = dataset.read()
    check_declared_sizes(dataset, data)
    check_images(data.train, dataset.info.shape, "training")
    check_images(data.test, dataset.info.shape, "test")
    check_normalization(dataset, data)
    check_test_set_is_apart(data)
    check_split(data)
    check_reading_again(dataset, data)


def check_declared_sizes(dataset: Dataset, data: Data) -> None:
    """Check that the sizes known beforehand are those of what is read.

    Args:
        dataset: the data set.
        data: what it read.
    """
    info = dataset.info
    for name, images, declared in (
        ("training", data.train, info.n_train),
        ("test", data.test, info.n_test),
    ):
        labels = images.labels
        require(
            labels.ndim == 1 and labels.dtype == np.int32,
            f"{name} labels are {labels.dtype} of shape {labels.shape}; they are int32 (N,)",
        )
        require(
            len(labels) == declared,
            f"{declared} {name} images are declared and {len(labels)} read",
        )
        low, high = int(labels.min()), int(labels.max())
        require(
            low >= 0 and high < info.n_classes,
            f"{name} labels lie between {low} and {high}; {info.n_classes} classes are declared",
        )
    missing = set(range(info.n_classes)) - set(data.train.labels.tolist())
    require(not missing, f"no training image of class {min(missing, default=0)}")


def check_images(images: Images, shape: tuple[int, int, int], name: str) -> None:
    """Check that images are loaded as asked: type, shape, order, a copy each time.

    Args:
        images: the images.
        shape: (C, H, W), as declared.
        name: of the set, for messages.
    """
    indices = _some(len(images.labels))
    loaded = images.load(indices)
    require(
        loaded.dtype == np.uint8 and loaded.shape == (len(indices), *shape),
        f"{len(indices)} {name} images are {loaded.dtype} of shape {loaded.shape}; "
        f"declared: uint8 {(len(indices), *shape)}",
    )
    expected = loaded.copy()
    loaded[...] = 255 - loaded
    require(
        np.array_equal(images.load(indices), expected),
        f"{name} images loaded a second time are others, or load() hands out its own memory",
    )
    require(
        np.array_equal(images.load(indices[::-1].copy()), expected[::-1]),
        f"{name} images are not loaded in the order of the indices",
    )


def check_normalization(dataset: Dataset, data: Data) -> None:
    """Check that mean and standard deviation are on the scale of pixels divided by 255.

    Args:
        dataset: the data set.
        data: what it read.
    """
    channels = dataset.info.shape[0]
    for name, values, lowest in (("mean", data.mean, 0.0), ("std", data.std, 1e-6)):
        require(
            values.shape == (channels,) and values.dtype == np.float32,
            f"{name} is {values.dtype} of shape {values.shape}; it is float32 ({channels},)",
        )
        require(
            np.all((values >= lowest) & (values <= 1)),
            f"{name} is {values.tolist()}; of pixels divided by 255 it is at most 1",
        )


def check_test_set_is_apart(data: Data) -> None:
    """Check that test images are not training images, a few doubles apart.

    Args:
        data: what a data set read; only some images of large ones are compared.
    """
    train = set(_digests(data.train, np.arange(len(data.train.labels))[:20_000]))
    digests = _digests(data.test, _some(len(data.test.labels)))
    shared = sum(digest in train for digest in digests) / len(digests)
    require(shared <= _MOST_SHARED, f"{shared:.0%} of the test images are training images")


def check_split(data: Data, portion: float = 0.5) -> None:
    """Check that the training set can be split into two parts that hold every class.

    Args:
        data: what a data set read.
        portion: the share of the first part.
    """
    labels = data.train.labels
    first, second = split(labels, portion, seed=0)
    parts = np.concatenate([first, second])
    require(
        np.array_equal(np.sort(parts), np.arange(len(labels))),
        "the parts of the training set are not disjoint and complete",
    )
    classes = set(labels.tolist())
    for part in (first, second):
        lacking = classes - set(labels[part].tolist())
        require(
            not lacking,
            f"split by {portion}, a part of the training set has no image of class "
            f"{min(lacking, default=0)}; each class needs two images",
        )


def check_reading_again(dataset: Dataset, data: Data) -> None:
    """Check that reading again gives the same, and that the checksum says so.

    Args:
        dataset: the data set.
        data: what it read the first time.
    """
    again = dataset.read()
    indices = _some(len(data.train.labels))
    same = np.array_equal(again.train.labels, data.train.labels) and np.array_equal(
        again.train.load(indices), data.train.load(indices)
    )
    require(same, "reading the data set a second time gives other images or labels")
    require(again.checksum == data.checksum, "reading the data set twice gives two checksums")
    is_hexadecimal = len(data.checksum) == 64 and set(data.checksum) <= set("0123456789abcdef")
    require(is_hexadecimal, f"the checksum '{data.checksum}' is not a SHA-256 in hexadecimal")


def _some(n: int) -> np.ndarray:
    """Return up to 64 indices, spread over all."""
    return np.unique(np.linspace(0, n - 1, _LOOKED_AT).astype(np.int64))


def _digests(images: Images, indices: np.ndarray) -> list[bytes]:
    return [
        hashlib.sha256(image.tobytes()).digest()
        for start in range(0, len(indices), _LOOKED_AT)
        for image in images.load(indices[start : start + _LOOKED_AT])
    ]
