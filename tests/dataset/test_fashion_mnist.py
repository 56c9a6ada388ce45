from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from nnabla_nas.cli import main
from nnabla_nas.dataset import DatasetInfo, fashion_mnist
from nnabla_nas.dataset.fashion_mnist import DEBIAN_FOLDER, FashionMnist
from nnabla_nas.errors import DataError

EXAMPLE = Path(__file__).parents[2] / "docs" / "how_to" / "fashion_mnist_search.json"
NAMES = [
    f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
]


def idx(array: npt.NDArray[np.uint8]) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


@pytest.fixture
def folder(packer: Any, tmp_path: Path) -> Path:
    """Write fifteen pictures for training and five for the test."""
    images, labels = packer.pictures("fashionMNIST")
    parts = [slice(0, 15), slice(15, 20)]
    arrays = [one for part in parts for one in (images[part, 0], np.array(labels[part], np.uint8))]
    for name, array in zip(NAMES, arrays, strict=True):
        (tmp_path / name).write_bytes(idx(array))
    return tmp_path


def own(folder: Path, **options: Any) -> FashionMnist:
    return FashionMnist(str(folder), **{"n_train": 15, "n_test": 5, **options})


@pytest.mark.parametrize("compressed", [False, True])
def test_plain_and_compressed_files_give_the_pictures(
    folder: Path, packer: Any, compressed: bool
) -> None:
    if compressed:
        for name in NAMES:
            (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
            (folder / name).unlink()
    images, labels = packer.pictures("fashionMNIST")
    data = own(folder).read()
    np.testing.assert_array_equal(data.train.load(np.arange(15)), images[:15])
    np.testing.assert_array_equal(data.train.labels, labels[:15])
    np.testing.assert_array_equal(data.test.load(np.arange(5)), images[15:])
    np.testing.assert_array_equal(data.test.labels, labels[15:])
    assert not data.flip
    first = own(folder, n_train=2, n_test=1).read()
    np.testing.assert_array_equal(first.train.labels, labels[:2])


def bilinear(image: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.float64]:
    """Enlarge an image by the formula, the edge repeated."""
    n = len(image)
    places = np.clip((np.arange(side) + 0.5) * n / side - 0.5, 0, n - 1)
    low = np.minimum(places.astype(int), n - 2)
    share = places - low
    rows = image[low] * (1 - share)[:, None] + image[low + 1] * share[:, None]
    return rows[:, low] * (1 - share) + rows[:, low + 1] * share


def test_resizing_interpolates(folder: Path, packer: Any) -> None:
    images, _ = packer.pictures("fashionMNIST")
    data_set = own(folder, resize=32)
    assert data_set.info == DatasetInfo((1, 32, 32), 10, 15, 5)
    found = data_set.read().train.load(np.arange(15))
    assert found.shape == (15, 1, 32, 32)
    for image, original in zip(found, images, strict=False):
        expected = bilinear(original[0].astype(np.float64), 32)
        assert abs(image[0] - expected).max() <= 1


def test_folders_are_searched_in_order(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", folder)
    assert len(FashionMnist(n_train=3, n_test=3).read().train.labels) == 3
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "none")
    monkeypatch.setenv("NNABLA_NAS_DATA", str(tmp_path / "own"))
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "fashion-mnist").symlink_to(folder)
    assert len(FashionMnist(n_train=3, n_test=3).read().train.labels) == 3


IMAGES, LABELS = NAMES[:2]
DAMAGED: dict[str, tuple[str, Callable[[bytes], bytes | None], str]] = {
    "missing": (IMAGES, lambda _: None, f"holds neither {IMAGES} nor {IMAGES}.gz"),
    "short": (IMAGES, lambda old: old[:-1], "it ends after 11759 of 11760 bytes"),
    "header cut": (IMAGES, lambda old: old[:11], "cannot read"),
    "another type": (IMAGES, lambda old: b"\0\0\x0d" + old[3:], "no idx file of bytes"),
    "labels for images": (IMAGES, lambda old: b"\0\0\x08\x01" + old[4:], "no idx file of bytes"),
    "other size": (IMAGES, lambda old: old[:15] + b"\x1b" + old[16:], "items of shape [28, 28]"),
    "few": (IMAGES, lambda old: old[:7] + b"\x0e" + old[8:], "holds 14 items; 15 are asked for"),
    # what the header promises beyond the images asked for is never looked at
    "promised": (IMAGES, lambda old: old[:4] + b"\xff" * 4 + old[8:-1], "it ends after"),
    "label": (LABELS, lambda old: old[:-1] + b"\x0a", "a label is 10; allowed 0 to 9"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_refused_in_one_line(name: str, folder: Path) -> None:
    file, change, message = DAMAGED[name]
    content = change((folder / file).read_bytes())
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_bytes(content)
    with pytest.raises(DataError) as caught:
        own(folder).read()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


TRUNCATED = gzip.compress(idx(np.zeros(99, np.uint8)))[:-20]


@pytest.mark.parametrize("content", [b"no gzip", TRUNCATED], ids=["no gzip", "truncated"])
def test_a_damaged_compressed_file_is_named(folder: Path, content: bytes) -> None:
    (folder / LABELS).unlink()
    (folder / f"{LABELS}.gz").write_bytes(content)
    with pytest.raises(DataError, match=rf"^cannot read '\S+{LABELS}\.gz': "):
        own(folder).read()


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(DataError, match=r"^dataset\.resize: got 7; allowed 8 to 128$"):
        FashionMnist(resize=7)
    with pytest.raises(DataError, match=r"^dataset\.n_train: got 60001; allowed 1 to 60000$"):
        FashionMnist(n_train=60_001)


@pytest.mark.skipif(not DEBIAN_FOLDER.exists(), reason="dataset-fashion-mnist is not installed")
def test_the_real_files_give_the_published_sizes_and_mean() -> None:
    data = FashionMnist().read()
    np.testing.assert_array_equal(np.bincount(data.train.labels), [6000] * 10)
    np.testing.assert_array_equal(np.bincount(data.test.labels), [1000] * 10)
    np.testing.assert_allclose(data.mean, [0.2860], atol=5e-5)
    np.testing.assert_allclose(data.std, [0.3530], atol=5e-5)


@pytest.mark.skipif(not DEBIAN_FOLDER.exists(), reason="dataset-fashion-mnist is not installed")
def test_a_search_on_a_slice_of_the_real_files(tmp_path: Path) -> None:
    changes = {
        "dataset.n_train": 200,
        "dataset.n_test": 20,
        "epoch": 1,
        "warmup": 0,
        "batch_size_valid": 40,
        "algorithm.arch_samples": 1,
        "network.settings": [[8, 1, 2]],
        "context": '"cpu"',
    }
    flags = [part for key, value in changes.items() for part in ("-x", f"{key}={value}")]
    assert main(["-f", str(EXAMPLE), "-o", str(tmp_path / "out"), *flags]) == 0
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["status"] == "finished"
    assert result["metrics"]["valid"]["examples"] == 40
