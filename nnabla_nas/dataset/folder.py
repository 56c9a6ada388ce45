"""A user's own images: class folders, a CSV file or an npz file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nnabla_nas.dataset.dataset import ArrayImages, Data, Dataset, DatasetInfo
from nnabla_nas.dataset.image_source import ImageSource
from nnabla_nas.dataset.listing import class_tree, count_classes, csv_file
from nnabla_nas.dataset.npz import NpzFile
from nnabla_nas.dataset.npz_images import NpzImages
from nnabla_nas.dataset.picture_files import PictureFiles
from nnabla_nas.dataset.split import split
from nnabla_nas.errors import DataError


class Folder(Dataset):
    """Images of your own: one folder per class, a CSV file, or an npz file.

    Each must be of the input shape as it is; or, with `resize`, each is converted to grey (C = 1)
    or colour (C = 3), scaled until it covers H x W, and cut evenly at the longer side. All are
    held in memory.

    Args:
        path: a folder with one folder per class, or with two such trees named `train` and
            `test`; a CSV file with the columns `x:image` (path from the file's folder) and
            `y:label`; or an npz file with the arrays `x` and `y`, or `x_train`, `y_train`,
            `x_test` and `y_test`.
        test_path: the test images, in the same form; null takes those that `path` sets apart, or
            else a fixed stratified part of it.
        test_portion: the size of that part, 0 to 1 without the ends.
        resize: whether images of another size or mode are brought to the input shape; otherwise
            they are refused.
        flip: whether a mirrored image is as good as the original.
        workers: processes that decode picture files; 0 uses none.
        input_shape: (C, H, W) with C 1 or 3; None takes the first image's.

    Raises:
        DataError: if a value is out of range, or the images cannot be listed.
    """

    def __init__(
        self,
        path: str,
        test_path: str | None = None,
        test_portion: float = 0.2,
        resize: bool = False,
        flip: bool = False,
        workers: int = 0,
        input_shape: tuple[int, int, int] | None = None,
    ) -> None:
        faults = []
        if not 0 < test_portion < 1:
            faults.append(f"dataset.test_portion: got {test_portion}; allowed 0 < p < 1")
        if workers < 0:
            faults.append(f"dataset.workers: got {workers}; allowed >= 0")
        if input_shape is not None and (input_shape[0] not in (1, 3) or min(input_shape) < 1):
            faults.append(
                f"dataset.input_shape: got {list(input_shape)}; allowed [C, H, W] with C 1 or 3"
            )
        if faults:
            raise DataError(faults)
        self._resize, self._flip = resize, flip
        self._train, self._test = _sources(Path(path), test_path, workers)
        n_classes = count_classes(self._train.labels, Path(path))
        if self._test is None:
            parts = split(self._train.labels, 1 - test_portion, seed=0)
        else:
            parts = np.arange(len(self._train.labels)), np.arange(len(self._test.labels))
            if self._test.labels.max() >= n_classes:
                raise DataError(
                    f"dataset.test_path: a test image has the label {self._test.labels.max()}; "
                    f"the training images have 0 to {n_classes - 1}"
                )
        self._parts = parts
        if not all(map(len, parts)):
            raise DataError(
                f"dataset.test_portion: got {test_portion}; of {len(self._train.labels)} images "
                "none would be left for training or for the test"
            )
        shape = self._train.natural_shape() if input_shape is None else input_shape
        self.info = DatasetInfo(shape, n_classes, len(parts[0]), len(parts[1]))

    def read(self) -> Data:
        """Read the images.

        Returns:
            The data.

        Raises:
            DataError: if a file is missing or damaged, or of another shape and `resize` is false.
        """
        sources = self._train, self._train if self._test is None else self._test
        train, test = (
            ArrayImages(source.read(part, self.info.shape, self._resize), source.labels[part])
            for source, part in zip(sources, self._parts, strict=True)
        )
        return Data.in_memory(train, test, self._flip, self._train.classes)


def _sources(
    path: Path, test_path: str | None, workers: int
) -> tuple[ImageSource, ImageSource | None]:
    """Return where training and test images come from; None where they are to be set apart."""
    if not path.exists():
        raise DataError(
            f"dataset.path: {str(path)!r} does not exist; allowed a folder of class folders, a "
            ".csv file or an .npz file"
        )
    test = None if test_path is None else Path(test_path)
    if path.suffix.lower() == ".npz":
        return _arrays(NpzFile(path), None if test is None else NpzFile(test))
    if path.suffix.lower() == ".csv":
        listings = csv_file(path), None if test is None else csv_file(test)
    elif path.is_dir():
        if test is None and (path / "train").is_dir() and (path / "test").is_dir():
            path, test = path / "train", path / "test"
        tree = class_tree(path)
        listings = tree, None if test is None else class_tree(test, tree.classes)
    else:
        raise DataError(f"dataset.path: {str(path)!r} is no folder, .csv file or .npz file")
    train, held_out = listings
    files = PictureFiles(train, workers)
    return files, None if held_out is None else PictureFiles(held_out, workers)


def _arrays(file: NpzFile, test: NpzFile | None) -> tuple[ImageSource, ImageSource | None]:
    if test is not None:
        return NpzImages(file, "x", "y"), NpzImages(test, "x", "y")
    if "x_test" in file.headers:
        return NpzImages(file, "x_train", "y_train"), NpzImages(file, "x_test", "y_test")
    return NpzImages(file, "x", "y"), None
