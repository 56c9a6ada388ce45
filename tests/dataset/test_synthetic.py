from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnabla_nas.dataset import Data
from nnabla_nas.dataset.synthetic import Synthetic
from nnabla_nas.errors import DataError

Floats = npt.NDArray[np.float64]


def arrays(data: Data) -> tuple[Floats, Floats]:
    return tuple(  # type: ignore[return-value]
        part.load(np.arange(len(part.labels))) / 255 for part in (data.train, data.test)
    )


def nearest_centroid_accuracy(data: Data, train: Floats, test: Floats) -> float:
    """Share of test examples whose nearest mean of a training class is their own class's."""
    classes = np.unique(data.train.labels)
    centroids = np.stack([train[data.train.labels == label].mean(axis=0) for label in classes])
    distances = ((test[:, None] - centroids) ** 2).sum(axis=2)
    return float((classes[distances.argmin(axis=1)] == data.test.labels).mean())


def spectrum(images: Floats) -> Floats:
    """Normalised amplitude spectrum, the channels' powers added: blind to phase and colour."""
    power = (abs(np.fft.fft2(images - images.mean(axis=(2, 3), keepdims=True))) ** 2).sum(axis=1)
    return np.sqrt(power / power.sum(axis=(1, 2), keepdims=True)).reshape(len(images), -1)


def test_same_seed_same_images_another_seed_others() -> None:
    first, again = Synthetic(seed=3).read(), Synthetic(seed=3).read()
    assert first.checksum == again.checksum
    np.testing.assert_array_equal(arrays(first)[0], arrays(again)[0])
    other = Synthetic(seed=4).read()
    assert other.checksum != first.checksum
    assert not np.array_equal(arrays(other)[0], arrays(first)[0])
    assert not np.array_equal(arrays(first)[0][:256], arrays(first)[1])


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28)])
def test_texture_separates_the_classes_and_pixels_do_not(shape: tuple[int, int, int]) -> None:
    data = Synthetic(shape).read()
    train, test = arrays(data)
    colours = nearest_centroid_accuracy(data, train.mean(axis=(2, 3)), test.mean(axis=(2, 3)))
    contrasts = nearest_centroid_accuracy(data, train.std(axis=(2, 3)), test.std(axis=(2, 3)))
    pixels = nearest_centroid_accuracy(data, train.reshape(1024, -1), test.reshape(256, -1))
    spectra = nearest_centroid_accuracy(data, spectrum(train), spectrum(test))
    assert colours < 0.2
    assert contrasts < 0.2
    assert pixels < 0.4
    assert spectra > 0.9


def test_classes_of_one_grating_differ_by_the_arrangement_of_spots() -> None:
    data = Synthetic(n_classes=2).read()
    train, test = arrays(data)
    pixels = nearest_centroid_accuracy(data, train.reshape(1024, -1), test.reshape(256, -1))
    assert pixels < 0.7
    grey = test.mean(axis=1) - test.mean(axis=(1, 2, 3))[:, None, None]
    beside = (grey * np.roll(grey, 5, axis=2)).mean(axis=(1, 2))
    below = (grey * np.roll(grey, 5, axis=1)).mean(axis=(1, 2))
    # a bright and a dark spot 5 pixels apart: negative autocorrelation in that direction
    assert (beside - below)[data.test.labels == 0].mean() < 0
    assert (beside - below)[data.test.labels == 1].mean() > 0


def test_shuffled_labels_are_the_same_labels_in_another_order_on_the_same_images() -> None:
    told, dealt = Synthetic(seed=3).read(), Synthetic(seed=3, shuffle_labels=True).read()
    for a, b in ((told.train, dealt.train), (told.test, dealt.test)):
        everything = np.arange(len(a.labels))
        np.testing.assert_array_equal(a.load(everything), b.load(everything))
        np.testing.assert_array_equal(np.bincount(a.labels), np.bincount(b.labels))
        # By chance one in ten stays what it was.
        assert np.mean(a.labels == b.labels) < 0.2
    again = Synthetic(seed=3, shuffle_labels=True).read()
    np.testing.assert_array_equal(again.train.labels, dealt.train.labels)


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 5), st.integers(4, 20), st.integers(4, 20)),
    n_classes=st.integers(2, 40),
    spare=st.integers(0, 30),
    n_test=st.integers(1, 50),
)
def test_any_shape_and_number_of_classes(
    shape: tuple[int, int, int], n_classes: int, spare: int, n_test: int
) -> None:
    data_set = Synthetic(shape, 1, n_classes, n_classes + spare, n_test)
    data = data_set.read()
    info = data_set.info
    assert (info.shape, info.n_classes) == (shape, n_classes)
    assert (info.n_train, info.n_test) == (n_classes + spare, n_test)
    for part, n in ((data.train, info.n_train), (data.test, info.n_test)):
        images = part.load(np.arange(n))
        assert images.shape == (n, *shape)
        assert images.dtype == np.uint8
        counts = np.bincount(part.labels, minlength=n_classes)
        assert counts.sum() == n
        assert np.ptp(counts) <= 1
    assert np.all(data.std > 0)
    assert not data.flip


def test_large_images_are_drawn_piece_by_piece() -> None:
    data = Synthetic((3, 224, 224), n_classes=4, n_train=40, n_test=4).read()
    images = arrays(data)[0]
    assert images.std(axis=(1, 2, 3)).min() > 0.05
    assert len({image.tobytes() for image in images}) == 40


@pytest.mark.parametrize(
    ("options", "faults"),
    [
        (
            {"input_shape": [3, 2, 32]},
            [
                "dataset.input_shape: got [3, 2, 32]; "
                "allowed [C, H, W] with C >= 1, H >= 4 and W >= 4"
            ],
        ),
        (
            {"input_shape": (0, 8, 8), "seed": -1},
            [
                "dataset.input_shape: got [0, 8, 8]; "
                "allowed [C, H, W] with C >= 1, H >= 4 and W >= 4",
                "dataset.seed: got -1; allowed >= 0",
            ],
        ),
        ({"n_classes": 1}, ["dataset.n_classes: got 1; allowed >= 2"]),
        ({"n_test": 0}, ["dataset.n_test: got 0; allowed >= 1"]),
        (
            {"n_classes": 50, "n_train": 49},
            ["dataset.n_train: got 49; allowed >= 50, one image a class"],
        ),
        (
            {"n_train": 10**9},
            [
                "dataset.n_train: got 1000000000, with n_test 256 and input_shape [3, 32, 32] "
                "3072000786432 bytes of images; allowed 8589934592 bytes"
            ],
        ),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], faults: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        Synthetic(**options)
    assert caught.value.faults == faults


@given(
    batch=st.integers(1, 4000),
    rest=st.integers(0, 4000),
    portion=st.floats(0.05, 0.95),
    n_classes=st.none() | st.integers(2, 2000),
)
def test_its_sizes_are_those_an_experiment_needs(
    batch: int, rest: int, portion: float, n_classes: int | None
) -> None:
    sizes = Synthetic.sizes_for(n_classes, batch, rest, portion)
    n_train, classes = sizes["n_train"], sizes["n_classes"]
    n_first = round(portion * n_train)
    assert n_first >= batch
    assert n_train - n_first >= rest
    assert classes == (10 if n_classes is None else n_classes) <= n_train
    assert n_train <= max(1024, classes, batch / portion + 2, rest / (1 - portion) + 2)
