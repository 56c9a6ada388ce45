"""The handwritten digits that scikit-learn carries in its package."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nnabla_nas.dataset.dataset import ArrayImages, Data, Dataset, DatasetInfo
from nnabla_nas.dataset.split import split
from nnabla_nas.errors import DataError

_BRIGHTEST = 16


class Digits(Dataset):
    """1,797 grey 8x8 handwritten digits; a fixed stratified fifth is the test set.

    E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits (1998).
    """

    info = DatasetInfo(shape=(1, 8, 8), n_classes=10, n_train=1437, n_test=360)

    def read(self) -> Data:
        """Read the images from scikit-learn's package.

        Returns:
            The data; pixel values 0 to 16 are scaled to 0 to 255.

        Raises:
            DataError: if scikit-learn is not installed or its file is damaged.
        """
        table = _table(self.info.n_train + self.info.n_test)
        pixels = np.rint(table[:, :-1] * 255 / _BRIGHTEST).astype(np.uint8)
        images = pixels.reshape(-1, *self.info.shape)
        labels = table[:, -1].astype(np.int32)
        train, test = split(labels, self.info.n_train / len(labels), seed=0)
        return Data.in_memory(
            ArrayImages(images[train], labels[train]),
            ArrayImages(images[test], labels[test]),
            flip=False,
        )


def _table(n_images: int) -> npt.NDArray[np.float64]:
    """Return the file's rows, 64 pixels and the class each."""
    # Importing scikit-learn, even for importlib.resources, takes two seconds; this takes 0.03.
    spec = importlib.util.find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise DataError("dataset: digits is part of scikit-learn, which is not installed here")
    path = Path(spec.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
    try:
        with gzip.open(path, "rt", encoding="ascii") as file:
            table = np.loadtxt(file, delimiter=",", dtype=np.float64)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"dataset: cannot read digits from {path}: {error}") from error
    if table.shape != (n_images, 65) or table.min() < 0 or table[:, :-1].max() > _BRIGHTEST:
        raise DataError(f"dataset: {path} does not hold {n_images} images of 8x8 pixels, 0 to 16")
    return table
