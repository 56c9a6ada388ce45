from __future__ import annotations

import gzip
import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from nnabla_nas.dataset.digits import Digits
from nnabla_nas.errors import DataError


def test_images_are_scikit_learns() -> None:
    data = Digits().read()
    bunch = load_digits()
    ours = np.concatenate(
        [part.load(np.arange(len(part.labels))) for part in (data.train, data.test)]
    )
    labels = np.concatenate([data.train.labels, data.test.labels])
    theirs = np.rint(bunch.images * 255 / 16).astype(np.uint8)

    def rows(images: np.ndarray, classes: np.ndarray) -> list[bytes]:
        return sorted(
            bytes([c]) + image.tobytes() for image, c in zip(images, classes, strict=True)
        )

    assert rows(ours, labels) == rows(theirs, bunch.target)
    assert ours.max() == 255


def test_the_test_set_is_a_fixed_stratified_fifth() -> None:
    data, again = Digits().read(), Digits().read()
    info = Digits.info
    assert (info.shape, info.n_classes) == ((1, 8, 8), 10)
    assert len(data.train.labels) == info.n_train == 1437
    assert len(data.test.labels) == info.n_test == 360
    classes = np.bincount(load_digits().target)
    shares = np.bincount(data.test.labels)
    assert np.all(abs(shares - classes * 360 / 1797) < 1)
    assert data.checksum == again.checksum
    np.testing.assert_array_equal(data.test.labels, again.test.labels)
    assert data.train.load(np.array([3])).shape == (1, *info.shape)
    assert not data.flip


def fake_package(monkeypatch: pytest.MonkeyPatch, folder: Path | None) -> None:
    spec = None
    if folder is not None:
        spec = ModuleSpec("sklearn", None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)


def test_missing_and_damaged_files_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_package(monkeypatch, None)
    with pytest.raises(DataError, match="scikit-learn, which is not installed"):
        Digits().read()
    fake_package(monkeypatch, tmp_path)
    file = tmp_path / "datasets" / "data" / "digits.csv.gz"
    file.parent.mkdir(parents=True)
    with pytest.raises(DataError, match=r"cannot read digits from .*digits\.csv\.gz"):
        Digits().read()
    for content, message in (
        (b"not compressed", "cannot read digits from"),
        (gzip.compress(b"1,2,x\n"), "cannot read digits from"),
        (gzip.compress(b"1,2,3\n" * 20)[:-9], "cannot read digits from"),
        (gzip.compress(b"1,2,3\n"), "does not hold 1797 images of 8x8 pixels"),
    ):
        file.write_bytes(content)
        with pytest.raises(DataError, match=message) as caught:
            Digits().read()
        assert "\n" not in str(caught.value)
