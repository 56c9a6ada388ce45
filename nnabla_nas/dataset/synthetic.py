"""Textures drawn from a seed: a data set of any size that needs no files."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from nnabla_nas.dataset.dataset import ArrayImages, Data, Dataset, DatasetInfo
from nnabla_nas.dataset.texture import draw
from nnabla_nas.errors import DataError
from nnabla_nas.random import Streams

_N_CLASSES, _N_TRAIN = 10, 1024
# A batch that wants more is not meant.
_MOST_BY_DEFAULT = 100_000
_LARGEST_BYTES = 8 * 2**30
_VALUES_AT_ONCE = 2**22


class Synthetic(Dataset):
    """Images whose classes differ by texture alone, so that receptive field and depth matter.

    Args:
        input_shape: shape of one image, (C, H, W); C at least 1, H and W at least 4.
        seed: seed of the images; the textures of the classes do not depend on it.
        n_classes: number of classes, at least 2; in an experiment by default the network's.
        n_train: number of training images, at least one a class; in an experiment by default so
            many more that each part of the training set fills its batch.
        n_test: number of test images, at least 1.
        shuffle_labels: whether to deal the labels out anew, so that images say nothing about them:
            what is learned nevertheless is learned from noise.

    Raises:
        DataError: if a value is out of range.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int] = (3, 32, 32),
        seed: int = 0,
        n_classes: int = _N_CLASSES,
        n_train: int = _N_TRAIN,
        n_test: int = 256,
        shuffle_labels: bool = False,
    ) -> None:
        faults = []
        shape = tuple(input_shape)
        if len(shape) != 3 or shape[0] < 1 or min(shape[1:]) < 4:
            faults.append(
                f"dataset.input_shape: got {list(shape)}; "
                "allowed [C, H, W] with C >= 1, H >= 4 and W >= 4"
            )
        for key, value, least, why in (
            ("seed", seed, 0, ""),
            ("n_classes", n_classes, 2, ""),
            ("n_train", n_train, max(n_classes, 2), ", one image a class"),
            ("n_test", n_test, 1, ""),
        ):
            if value < least:
                faults.append(f"dataset.{key}: got {value}; allowed >= {least}{why}")
        n_bytes = (n_train + n_test) * math.prod(shape)
        if not faults and n_bytes > _LARGEST_BYTES:
            faults.append(
                f"dataset.n_train: got {n_train}, with n_test {n_test} and input_shape "
                f"{list(shape)} {n_bytes} bytes of images; allowed {_LARGEST_BYTES} bytes"
            )
        if faults:
            raise DataError(faults)
        channels, height, width = shape
        self.info = DatasetInfo((channels, height, width), n_classes, n_train, n_test)
        self._streams = Streams(seed)
        self._shuffle_labels = shuffle_labels

    @staticmethod
    def sizes_for(
        n_classes: int | None, batch_train: int, batch_rest: int, train_portion: float
    ) -> dict[str, int]:
        """Return the number of classes and of training images that an experiment needs.

        Args:
            n_classes: outputs of the network, None where it does not say.
            batch_train: examples in a batch of the part that trains the weights.
            batch_rest: examples in a batch of the rest, 0 where the rest is not learned from.
            train_portion: the share of the first part, 0 to 1.
        """
        classes = n_classes if n_classes is not None and n_classes > 1 else _N_CLASSES
        n_train = max(_N_TRAIN, classes, math.ceil(batch_train / train_portion))
        if batch_rest and train_portion < 1:
            n_train = max(n_train, math.ceil(batch_rest / (1 - train_portion)))
            # Parts are whole numbers of images.
            n_train += n_train - round(train_portion * n_train) < batch_rest
        if n_train > _MOST_BY_DEFAULT:
            n_train = max(_N_TRAIN, classes)
        return {"n_classes": classes, "n_train": n_train}

    def read(self) -> Data:
        """Draw the images.

        Returns:
            The data; the numbers of images of any two classes differ by at most one.
        """
        return Data.in_memory(
            self._part(self.info.n_train, 0),
            self._part(self.info.n_test, 1),
            flip=False,
        )

    def _part(self, n: int, part: int) -> ArrayImages:
        rng = self._streams.derived("synthetic", part)
        labels: npt.NDArray[np.int32] = np.arange(n, dtype=np.int32) % self.info.n_classes
        images = np.empty((n, *self.info.shape), dtype=np.uint8)
        step = max(1, _VALUES_AT_ONCE // math.prod(self.info.shape))
        for start in range(0, n, step):
            chosen = slice(start, start + step)
            images[chosen] = draw(labels[chosen], self.info.n_classes, self.info.shape, rng)
        if self._shuffle_labels:
            labels = self._streams.derived("shuffled labels", part).permutation(labels)
        return ArrayImages(images, labels)
