"""What CIFAR-10 and CIFAR-100 share: official archives in two versions, and how they are read.

A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from nnabla_nas.dataset.archive import read_members
from nnabla_nas.dataset.cifar_part import PIXELS, SHAPE, Part, from_pickle, from_records
from nnabla_nas.dataset.dataset import ArrayImages, Data, Dataset, DatasetInfo
from nnabla_nas.dataset.download import Remote, md5_of
from nnabla_nas.dataset.location import data_folder
from nnabla_nas.dataset.slices import check_sizes
from nnabla_nas.errors import DataError

ADDRESS = "https://www.cs.toronto.edu/~kriz/"

_N_TRAIN, _N_TEST = 50_000, 10_000
# What the pickles hold beside the pixels, names of the photographs mostly, is far less than this.
_LARGEST_MEMBER = _N_TRAIN * PIXELS + 2**24


@dataclass(frozen=True)
class Archive:
    """One version of a data set's archive.

    Args:
        file: its name at the official address.
        md5: its published checksum.
        train: the members that hold training images, in order.
        test: the member that holds test images.
    """

    file: str
    md5: str
    train: tuple[str, ...]
    test: str


class Cifar(Dataset):
    """60,000 colour photographs of 32x32 pixels, from the official archives.

    Args:
        path: an archive, or the folder it lies in; null looks into `$NNABLA_NAS_DATA` or the
            cache folder and downloads the archive to it where it is missing.
        n_train: how many training images are read, the first of the archive; 1 to 50,000.
        n_test: how many test images are read; 1 to 10,000.
        verify: whether the archive must have the published checksum; false reads an archive of
            one's own in the same form.

    Raises:
        DataError: if a number is out of range.
    """

    name: ClassVar[str]
    n_classes: ClassVar[int]
    python: ClassVar[Archive]
    binary: ClassVar[Archive]
    key: ClassVar[str]
    """The entry of a pickle that holds the labels."""
    classes: ClassVar[tuple[str, ...]] = ()
    """Names of the classes in the order of the labels."""
    label_bytes: ClassVar[int]
    """How many labels stand before the pixels of a binary record; the last of them counts."""

    def __init__(
        self,
        path: str | None = None,
        n_train: int = _N_TRAIN,
        n_test: int = _N_TEST,
        verify: bool = True,
    ) -> None:
        check_sizes(n_train, n_test, _N_TRAIN, _N_TEST)
        self._path = None if path is None else Path(path)
        self._verify = verify
        self.info = DatasetInfo(SHAPE, self.n_classes, n_train, n_test)

    def read(self) -> Data:
        """Read the archive.

        Returns:
            The data.

        Raises:
            DataError: if the archive is missing, cannot be downloaded, is another one or damaged.
        """
        path = self._find()
        if self._verify:
            self._check(path)
        members = (*self.python.train, self.python.test, *self.binary.train, self.binary.test)
        contents = read_members(path, dict.fromkeys(members, _LARGEST_MEMBER))
        archive = self.python if self.python.test in contents else self.binary
        missing = [name for name in (*archive.train, archive.test) if name not in contents]
        if missing:
            raise DataError(f"{str(path)!r} is no archive of {self.name}: it lacks {missing[0]}")
        parts = {
            name: self._part(contents.pop(name), f"{name} in {str(path)!r}", archive)
            for name in (*archive.train, archive.test)
        }
        train = [parts[name] for name in archive.train]
        test = [parts[archive.test]]
        return Data.in_memory(
            _joined(train, self.info.n_train, "n_train", path),
            _joined(test, self.info.n_test, "n_test", path),
            flip=True,
            classes=self.classes,
        )

    def _find(self) -> Path:
        """Return the archive's path, downloading it where none was named and none is there."""
        if self._path is not None and not self._path.is_dir():
            if not self._path.exists():
                raise DataError(
                    f"dataset.path: {str(self._path)!r} does not exist; allowed null, the archive "
                    f"of {self.name}, or a folder that holds {self.python.file}"
                )
            return self._path
        folder = data_folder() if self._path is None else self._path
        for archive in (self.python, self.binary):
            if (folder / archive.file).exists():
                return folder / archive.file
        if self._path is not None:
            raise DataError(
                f"dataset.path: the folder {str(folder)!r} holds neither {self.python.file} nor "
                f"{self.binary.file}; get one from {ADDRESS}"
            )
        return Remote(ADDRESS, self.python.file, self.python.md5).provide(folder, self.name)

    def _check(self, path: Path) -> None:
        try:
            found = md5_of(path)
        except OSError as error:
            raise DataError(f"dataset: cannot read {str(path)!r}: {error.strerror}") from error
        if found not in (self.python.md5, self.binary.md5):
            raise DataError(
                f"dataset.verify: {str(path)!r} has MD5 {found}, the official archives of "
                f"{self.name} have {self.python.md5} (python) and {self.binary.md5} (binary); get "
                'one again, or set "verify": false to read an archive of your own'
            )

    def _part(self, content: bytes, source: str, archive: Archive) -> Part:
        if archive is self.python:
            return from_pickle(content, source, self.key, self.n_classes)
        return from_records(content, source, self.label_bytes, self.n_classes)


def _joined(parts: Sequence[Part], n: int, key: str, path: Path) -> ArrayImages:
    """Return the first n images of some members."""
    images = np.concatenate([pixels for pixels, _ in parts])
    labels = np.concatenate([labels for _, labels in parts])
    if len(images) < n:
        raise DataError(f"dataset.{key}: got {n}; {str(path)!r} holds {len(images)} of them")
    # A copy of its own, or the images that are left out would stay in memory.
    return ArrayImages(images[:n].copy() if n < len(images) else images, labels[:n])
