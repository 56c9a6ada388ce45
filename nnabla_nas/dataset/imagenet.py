"""ImageNet, and any other collection of photographs too large to hold in memory."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from nnabla_nas.dataset.dali import DaliReader, dali_fault
from nnabla_nas.dataset.dataset import Data, Dataset, DatasetInfo
from nnabla_nas.dataset.listing import Listing, class_tree, count_classes, list_file
from nnabla_nas.dataset.location import VARIABLE, data_folder
from nnabla_nas.dataset.photographs import Photographs, PillowReader, Reader, central_view
from nnabla_nas.errors import DataError

_N_CLASSES, _N_TRAIN, _N_VALID = 1000, 1_281_167, 50_000
_SMALLEST_SIDE = 16
_SAMPLED = 64
# Of the photographs divided by 255, as published with the models trained on them.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Imagenet(Dataset):
    """1.3 million colour photographs in 1,000 classes, taken as 224x224 pixels.

    O. Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge (2015). The official
    validation set stands in for a test set, as in the papers. Photographs are read when a batch
    needs them: for learning a random part of each, scaled; else the middle.

    Args:
        train_dir: folder of the training photographs, one folder a class unless there is a list;
            null takes `imagenet/train` in `$NNABLA_NAS_DATA` or the cache folder.
        valid_dir: folder of the validation photographs, in the same way, by default
            `imagenet/val`.
        train_list: file whose lines are a path inside `train_dir` and a label.
        valid_list: the same for `valid_dir`.
        workers: processes that decode; 0 uses none, null one per core, 8 at most.
        reader: `pillow`, `dali` (NVIDIA DALI on a GPU), or `auto`, DALI where it is installed
            and there is a GPU.
        input_shape: (3, S, S), S at least 16.

    Raises:
        DataError: if a value is out of range, or a folder that was named cannot be listed.
    """

    def __init__(
        self,
        train_dir: str | None = None,
        valid_dir: str | None = None,
        train_list: str | None = None,
        valid_list: str | None = None,
        workers: int | None = None,
        reader: Literal["auto", "pillow", "dali"] = "auto",
        input_shape: tuple[int, int, int] = (3, 224, 224),
    ) -> None:
        channels, height, width = input_shape
        faults = []
        if channels != 3 or height != width or height < _SMALLEST_SIDE:
            faults.append(
                f"dataset.input_shape: got {list(input_shape)}; "
                f"allowed [3, S, S] with S >= {_SMALLEST_SIDE}"
            )
        if workers is not None and workers < 0:
            faults.append(f"dataset.workers: got {workers}; allowed null or >= 0")
        if faults:
            raise DataError(faults)
        folder = data_folder() / "imagenet"
        self._folders = (Path(train_dir or folder / "train"), Path(valid_dir or folder / "val"))
        self._lists = (train_list, valid_list)
        self._workers, self._reader = workers, reader
        self._listings: tuple[Listing, Listing] | None = None
        own = any(one is not None for one in (train_dir, valid_dir, train_list, valid_list))
        self.info = DatasetInfo(input_shape, _N_CLASSES, _N_TRAIN, _N_VALID)
        if own:
            train, valid = self._listed()
            n_classes = count_classes(train.labels, self._folders[0])
            self.info = DatasetInfo(input_shape, n_classes, len(train.labels), len(valid.labels))

    def read(self) -> Data:
        """List the photographs; they are read later.

        Returns:
            The data; its checksum is that of the lists of files and of 64 photographs of each.

        Raises:
            DataError: if a folder is missing.
        """
        train, valid = self._listed()
        reader = self._chosen_reader()
        digest = hashlib.sha256()
        for listing, folder in zip((train, valid), self._folders, strict=True):
            for path in listing.paths:
                digest.update(str(Path(path).relative_to(folder)).encode() + b"\0")
            digest.update(np.ascontiguousarray(listing.labels).data)
            digest.update(listing.sample(_SAMPLED))
        return Data(
            Photographs(train, reader),
            Photographs(valid, reader),
            np.array(_MEAN, dtype=np.float32),
            np.array(_STD, dtype=np.float32),
            flip=True,
            checksum=digest.hexdigest(),
            crop=False,
            classes=train.classes,
        )

    @staticmethod
    def fit(picture: Image.Image, shape: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
        """Return the middle of a picture, scaled.

        Args:
            picture: in mode L or RGB.
            shape: (3, S, S).
        """
        return central_view(picture, shape[1])

    def _listed(self) -> tuple[Listing, Listing]:
        """Return training and validation photographs, listed once."""
        if self._listings is None:
            for key, folder in zip(("train_dir", "valid_dir"), self._folders, strict=True):
                if not folder.is_dir():
                    raise DataError(
                        f"dataset.{key}: the folder {str(folder)!r} does not exist; ImageNet is "
                        "given on request at https://image-net.org: unpack it into one folder a "
                        f"class and name them here, or set {VARIABLE} to the folder of "
                        "imagenet/train and imagenet/val"
                    )
            train = self._list(0, ())
            valid = self._list(1, train.classes)
            if valid.labels.max() > train.labels.max():
                raise DataError(
                    f"{str(self._lists[1] or self._folders[1])!r}: a label is "
                    f"{valid.labels.max()}; the training labels end at {train.labels.max()}"
                )
            self._listings = train, valid
        return self._listings

    def _list(self, part: int, classes: tuple[str, ...]) -> Listing:
        folder, name = self._folders[part], self._lists[part]
        return class_tree(folder, classes) if name is None else list_file(Path(name), folder)

    def _chosen_reader(self) -> Reader:
        side = self.info.shape[1]
        fault = dali_fault()
        if self._reader == "dali" and fault is not None:
            raise DataError(f"dataset.reader: got 'dali'; {fault}; allowed 'pillow'")
        if self._reader == "pillow" or fault is not None:
            return PillowReader(side, self._workers)
        return DaliReader(side)
