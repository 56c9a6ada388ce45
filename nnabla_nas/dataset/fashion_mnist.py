"""Fashion-MNIST."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from nnabla_nas.dataset.dataset import ArrayImages, Data, Dataset, DatasetInfo
from nnabla_nas.dataset.download import Remote
from nnabla_nas.dataset.idx import read_idx
from nnabla_nas.dataset.location import data_folder
from nnabla_nas.dataset.picture import resized
from nnabla_nas.dataset.slices import check_sizes
from nnabla_nas.errors import DataError

ADDRESS = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")

_SIDE = 28
_N_TRAIN, _N_TEST = 60_000, 10_000
_SMALLEST_SIDE, _LARGEST_SIDE = 8, 128
_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_MD5 = {
    "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
}


class FashionMnist(Dataset):
    """70,000 grey pictures of clothes, 28x28 pixels, in 10 classes.

    H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking
    Machine Learning Algorithms (2017).

    Args:
        path: the folder of the four idx files, compressed or not; null looks into Debian's
            package `dataset-fashion-mnist`, then into `fashion-mnist` in `$NNABLA_NAS_DATA` or
            the cache folder, and downloads to there what is missing.
        resize: side of the images in pixels, 8 to 128; other than 28 by bilinear interpolation.
        n_train: how many training images are read, the first of the file; 1 to 60,000.
        n_test: how many test images are read; 1 to 10,000.

    Raises:
        DataError: if a number is out of range.
    """

    def __init__(
        self,
        path: str | None = None,
        resize: int = _SIDE,
        n_train: int = _N_TRAIN,
        n_test: int = _N_TEST,
    ) -> None:
        check_sizes(n_train, n_test, _N_TRAIN, _N_TEST)
        if not _SMALLEST_SIDE <= resize <= _LARGEST_SIDE:
            raise DataError(
                f"dataset.resize: got {resize}; allowed {_SMALLEST_SIDE} to {_LARGEST_SIDE}"
            )
        self._path = None if path is None else Path(path)
        self.info = DatasetInfo((1, resize, resize), 10, n_train, n_test)

    def read(self) -> Data:
        """Read the four files.

        Returns:
            The data.

        Raises:
            DataError: if a file is missing, cannot be downloaded or is damaged.
        """
        train = self._part("train", self.info.n_train)
        test = self._part("t10k", self.info.n_test)
        return Data.in_memory(train, test, flip=False, classes=_CLASSES)

    def _part(self, part: str, n: int) -> ArrayImages:
        labels = read_idx(self._file(f"{part}-labels-idx1-ubyte"), (), n)
        if labels.max() >= self.info.n_classes:
            raise DataError(f"fashion_mnist: a label is {labels.max()}; allowed 0 to 9")
        pixels = read_idx(self._file(f"{part}-images-idx3-ubyte"), (_SIDE, _SIDE), n)
        return ArrayImages(_of_size(pixels, self.info.shape[1])[:, None], labels)

    def _file(self, name: str) -> Path:
        """Return the path of a file, downloading it where no folder was named and none has it."""
        own = data_folder() / "fashion-mnist"
        for folder in (DEBIAN_FOLDER, own) if self._path is None else (self._path,):
            for path in (folder / name, folder / f"{name}.gz"):
                if path.exists():
                    return path
        if self._path is not None:
            raise DataError(
                f"dataset.path: {str(self._path)!r} holds neither {name} nor {name}.gz; allowed "
                f"null, or a folder with the four files of {ADDRESS}"
            )
        return Remote(ADDRESS, f"{name}.gz", _MD5[name]).provide(own, "fashion_mnist")


def _of_size(images: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    if side == _SIDE:
        return images
    return np.stack([resized(image, (side, side)) for image in images])
