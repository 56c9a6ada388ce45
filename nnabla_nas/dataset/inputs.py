"""How pictures become a network's inputs, and what its outputs are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnabla_nas.dataset.dataset import Data, DatasetInfo
from nnabla_nas.dataset.transforms import Floats, Normalise
from nnabla_nas.errors import DataError


@dataclass(frozen=True)
class Inputs:
    """What somebody who has the network alone must know of the data that trained it.

    Args:
        shape: of one image, (C, H, W).
        mean: mean of each channel on the scale 0 to 1, (C,).
        std: standard deviation of each channel on the same scale, (C,).
        classes: names of the classes in the order of the outputs.
    """

    shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...]

    @classmethod
    def of(cls, info: DatasetInfo, data: Data) -> Inputs:
        """Return those of a data set; classes without names are called by their numbers.

        Args:
            info: its sizes.
            data: the data, read.
        """
        return cls(
            info.shape,
            tuple(data.mean.tolist()),
            tuple(data.std.tolist()),
            data.classes or tuple(map(str, range(info.n_classes))),
        )

    @classmethod
    def from_json(cls, values: Any, source: str) -> Inputs:
        """Return what `to_json` has written.

        Args:
            values: the content, unchecked.
            source: where it came from, for messages.

        Raises:
            DataError: if it is something else.
        """
        try:
            channels, height, width = map(int, values["shape"])
            mean, std = (tuple(map(float, values[key])) for key in ("mean", "std"))
            classes = tuple(map(str, values["classes"]))
            if not len(mean) == len(std) == channels or min(std) <= 0 or not classes:
                raise ValueError("the channels do not agree")
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{source}: not a description of a network's inputs") from error
        return cls((channels, height, width), mean, std, classes)

    def to_json(self) -> Mapping[str, Any]:
        """Return the value as JSON holds it."""
        return {
            "shape": list(self.shape),
            "mean": list(self.mean),
            "std": list(self.std),
            "classes": list(self.classes),
        }

    def normalise(self, images: np.ndarray[Any, np.dtype[np.uint8]]) -> Floats:
        """Return the network's inputs, float32 (B, C, H, W), as in training.

        Args:
            images: pixels 0 to 255, (B, C, H, W).
        """
        mean, std = (np.array(values, dtype=np.float32) for values in (self.mean, self.std))
        return Normalise(mean, std)(images)
