from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnabla_nas.dataset import Data, DatasetInfo
from nnabla_nas.dataset.cifar import Archive, Cifar
from nnabla_nas.dataset.cifar10 import Cifar10
from nnabla_nas.dataset.cifar100 import Cifar100
from nnabla_nas.errors import DataError

CLASSES: dict[str, type[Cifar]] = {"cifar10": Cifar10, "cifar100": Cifar100}


def own(cls: type[Cifar], path: Path, n_train: int = 15, n_test: int = 5) -> Data:
    return cls(str(path), n_train=n_train, n_test=n_test, verify=False).read()


def test_sizes_are_known_without_reading() -> None:
    assert Cifar10().info == DatasetInfo((3, 32, 32), 10, 50_000, 10_000)
    assert Cifar100(n_train=1000, n_test=7).info == DatasetInfo((3, 32, 32), 100, 1000, 7)


@pytest.mark.parametrize("form", ["python", "binary"])
@pytest.mark.parametrize("name", CLASSES)
def test_both_archives_give_the_pictures(name: str, form: str, packer: Any, tmp_path: Path) -> None:
    path = packer.archive(tmp_path / "own.tar.gz", packer.members(name, form))
    images, labels = packer.pictures(name)
    data = own(CLASSES[name], path)
    for part, expected in ((data.train, slice(0, 15)), (data.test, slice(15, 20))):
        np.testing.assert_array_equal(part.load(np.arange(len(part.labels))), images[expected])
        np.testing.assert_array_equal(part.labels, labels[expected])
    np.testing.assert_allclose(data.mean, (images[:15] / 255).mean(axis=(0, 2, 3)), rtol=1e-6)
    assert data.flip
    first = own(CLASSES[name], path, n_train=4, n_test=2)
    np.testing.assert_array_equal(first.train.labels, labels[:4])
    np.testing.assert_array_equal(first.test.labels, labels[15:17])


def test_both_archives_give_the_same_checksum(packer: Any, tmp_path: Path) -> None:
    checksums = {
        own(
            Cifar10, packer.archive(tmp_path / f"{form}.tar.gz", packer.members("cifar10", form))
        ).checksum
        for form in ("python", "binary")
    }
    assert len(checksums) == 1


@pytest.mark.parametrize("form", ["python", "binary"])
def test_an_archive_is_found_in_a_folder_and_in_the_environments(
    form: str, packer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packer.archive(tmp_path / f"cifar-10-{form}.tar.gz", packer.members("cifar10", form))
    monkeypatch.setenv("NNABLA_NAS_DATA", str(tmp_path))
    options: dict[str, Any] = {"n_train": 15, "n_test": 5, "verify": False}
    for path in (str(tmp_path), None):
        assert len(Cifar10(path, **options).read().train.labels) == 15


def test_an_archive_must_have_the_published_checksum_unless_told_otherwise(
    packer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packer.archive(tmp_path / "own.tar.gz", packer.members("cifar10", "binary"))
    found = hashlib.md5(path.read_bytes()).hexdigest()
    with pytest.raises(DataError) as caught:
        Cifar10(str(path), n_train=15, n_test=5).read()
    (line,) = caught.value.faults
    for word in (
        "dataset.verify",
        found,
        Cifar10.python.md5,
        Cifar10.binary.md5,
        '"verify": false',
    ):
        assert word in line
    binary = Cifar10.binary
    published = Archive(binary.file, found, binary.train, binary.test)
    monkeypatch.setattr(Cifar10, "binary", published)
    assert len(Cifar10(str(path), n_train=15, n_test=5).read().train.labels) == 15


@pytest.mark.parametrize(
    ("options", "faults"),
    [
        ({"n_train": 0}, ["dataset.n_train: got 0; allowed 1 to 50000"]),
        (
            {"n_train": 50_001, "n_test": 10_001},
            [
                "dataset.n_train: got 50001; allowed 1 to 50000",
                "dataset.n_test: got 10001; allowed 1 to 10000",
            ],
        ),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict[str, int], faults: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        Cifar10(None, **options)
    assert caught.value.faults == faults


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^dataset\.path: '\S+none\.tar\.gz' does not exist;"):
        Cifar10(str(tmp_path / "none.tar.gz")).read()
    with pytest.raises(DataError, match=r"neither cifar-100-python\.tar\.gz nor cifar-100-binary"):
        Cifar100(str(tmp_path)).read()


def replaced(name: str, change: Callable[[Any, bytes], bytes]) -> Callable[[Any], dict[str, bytes]]:
    """Return what packs an archive in which one member is changed."""
    form = "binary" if name.endswith(".bin") else "python"

    def pack(packer: Any) -> dict[str, bytes]:
        members = packer.members("cifar10", form)
        members[name] = change(packer, members[name])
        return dict(members)

    return pack


def batch(**entries: Any) -> Callable[[Any], dict[str, bytes]]:
    """Return what packs an archive whose test batch holds these entries."""
    pixels = np.zeros((2, 3072), dtype=np.uint8)
    value = {"data": pixels, "labels": [0, 1], **entries}
    return replaced(
        "cifar-10-batches-py/test_batch", lambda packer, _: packer.python2_pickle(value)
    )


def lacking(packer: Any) -> dict[str, bytes]:
    members = packer.members("cifar10", "python")
    del members["cifar-10-batches-py/data_batch_3"]
    return dict(members)


RECORDS = "cifar-10-batches-bin/test_batch.bin"
DAMAGED: dict[str, tuple[Callable[[Any], dict[str, bytes]], str]] = {
    "other data set": (
        lambda packer: packer.members("cifar100", "python"),
        "no archive of cifar10",
    ),
    "missing member": (lacking, "it lacks cifar-10-batches-py/data_batch_3"),
    "label too large": (batch(labels=[0, 10]), "one class, 0 to 9, each"),
    "label no integer": (batch(labels=[0, "1"]), "one class, 0 to 9, each"),
    "label of any size": (batch(labels=[0, 10**40]), "one class, 0 to 9, each"),
    "labels missing": (batch(labels=None), "'labels' is not a list"),
    "labels too few": (batch(labels=[0]), "'labels' is not a list"),
    "pixels too few": (batch(data=np.zeros((2, 3071), np.uint8)), "'data' is not an array"),
    "pixels no array": (batch(data=[0] * 3072), "'data' is not an array"),
    "records cut": (replaced(RECORDS, lambda _, old: old[:-1]), "not whole records of 3073"),
    "record's label": (replaced(RECORDS, lambda _, old: b"\x0a" + old[1:]), "a label is 10"),
    "too few": (replaced(RECORDS, lambda _, old: old[:3073]), "dataset.n_test: got 5;"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_archive_is_refused_in_one_line(name: str, packer: Any, tmp_path: Path) -> None:
    build, message = DAMAGED[name]
    path = packer.archive(tmp_path / "own.tar.gz", build(packer))
    with pytest.raises(DataError) as caught:
        own(Cifar10, path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
