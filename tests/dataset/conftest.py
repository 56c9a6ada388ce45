"""Real pictures, and what packs them the way the official files are packed."""

from __future__ import annotations

import importlib.util
import io
import pickle
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

Pictures = tuple[npt.NDArray[np.uint8], list[int]]


class Python2Pickler(pickle._Pickler):
    """Writes bytes and text as Python 2 wrote its strings, in protocol 2."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=2)

    def save_string(self, value: str | bytes) -> None:
        content = value.encode() if isinstance(value, str) else value
        short = len(content) < 256
        length = len(content).to_bytes(1 if short else 4, "little")
        self.write((pickle.SHORT_BINSTRING if short else pickle.BINSTRING) + length + content)
        self.memoize(value)

    dispatch[str] = save_string
    dispatch[bytes] = save_string


class Packer:
    """Packs the twenty pictures of a data set.

    Args:
        folder: the folder of the pictures, whose names end in their labels.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def pictures(self, data_set: str) -> Pictures:
        """Return the pictures, uint8 (20, C, H, W), and their labels."""
        paths = sorted(self.folder.glob(f"{data_set}_*.png"))
        labels = [int(path.stem.rpartition("_")[2]) for path in paths]
        arrays = [np.asarray(Image.open(path)) for path in paths]
        images = [a[None] if a.ndim == 2 else a.transpose(2, 0, 1) for a in arrays]
        return np.stack(images), labels

    def python2_pickle(self, value: Any) -> bytes:
        file = io.BytesIO()
        Python2Pickler(file).dump(value)
        return file.getvalue()

    def archive(self, path: Path, members: Mapping[str, bytes]) -> Path:
        """Write an archive with a folder before its members, as the official ones have it."""
        with tarfile.open(path, "w:gz", compresslevel=1) as archive:
            folder = tarfile.TarInfo(next(iter(members)).partition("/")[0])
            folder.type = tarfile.DIRTYPE
            archive.addfile(folder)
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return path

    def members(self, data_set: str, form: str) -> dict[str, bytes]:
        """Return fifteen pictures for training and five for the test, as the members of CIFAR's."""
        images, labels = self.pictures(data_set)
        flat = images.reshape(len(images), -1)
        pack = self._pickled if form == "python" else self._records
        if data_set == "cifar100":
            folder, parts = f"cifar-100-{form}", {"train": slice(0, 15), "test": slice(15, 20)}
        else:
            folder = "cifar-10-batches-py" if form == "python" else "cifar-10-batches-bin"
            parts = {f"data_batch_{n}": slice(3 * n - 3, 3 * n) for n in range(1, 6)}
            parts["test_batch"] = slice(15, 20)
        suffix = "" if form == "python" else ".bin"
        members = {f"{folder}/readme.html": b"<html></html>"}
        for name, part in parts.items():
            members[f"{folder}/{name}{suffix}"] = pack(data_set, flat[part], labels[part])
        return members

    def _pickled(self, data_set: str, flat: npt.NDArray[np.uint8], labels: list[int]) -> bytes:
        key = "labels" if data_set == "cifar10" else "fine_labels"
        value = {"batch_label": "a batch", key: labels, "data": flat, "filenames": ["x.png"]}
        if data_set == "cifar100":
            value["coarse_labels"] = [label // 5 for label in labels]
        return self.python2_pickle(value)

    def _records(self, data_set: str, flat: npt.NDArray[np.uint8], labels: list[int]) -> bytes:
        columns = [labels] if data_set == "cifar10" else [[one // 5 for one in labels], labels]
        return np.concatenate([np.array(columns, dtype=np.uint8).T, flat], axis=1).tobytes()


@pytest.fixture(scope="session")
def packer() -> Packer:
    """Return what packs the pictures inside the package foolbox, which is not imported."""
    spec = importlib.util.find_spec("foolbox")
    assert spec is not None
    assert spec.origin is not None
    return Packer(Path(spec.origin).parent / "data")
