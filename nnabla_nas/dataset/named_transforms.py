"""The augmentations of an experiment, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nnabla_nas.dataset.augmentation import Augmentation, Normalize
from nnabla_nas.dataset.dataset import Data
from nnabla_nas.dataset.transforms import Floats, Normalise, Transform
from nnabla_nas.errors import DataError
from nnabla_nas.random import Streams


class _Chain:
    """Augmentations in order, with normalisation where they say."""

    augments = True

    def __init__(self, steps: Sequence[tuple[str, Any]], data: Data) -> None:
        self._steps = steps
        self._normalise = Normalise(data.mean, data.std)

    def __call__(self, images: npt.NDArray[np.uint8], rng: np.random.Generator) -> Floats:
        result: Any = images
        for place, step in self._steps:
            if isinstance(step, Normalize):
                result = self._normalise(result)
                continue
            try:
                result = step(result, rng)
            except DataError as error:
                raise DataError([f"{place}: {fault}" for fault in error.faults]) from error
        return np.ascontiguousarray(result, dtype=np.float32)


def named_transform(data: Data, augmentations: Sequence[Any]) -> Transform:
    """Return augmentations as one function.

    Args:
        data: gives mean and deviation, and the shape that has to come out.
        augmentations: called with a batch and a generator, in this order.

    Returns:
        A function of uint8 images (B, C, H, W) and a generator, to float32 (B, C, H, W).

    Raises:
        DataError: if they are in an order that cannot work, or images of another shape come out.
    """
    steps = [(f"transforms.{index}", one) for index, one in enumerate(augmentations)]
    if not any(isinstance(one, Normalize) for one in augmentations):
        steps.append(("transforms", Normalize()))
    normalised = False
    for place, step in steps:
        takes = getattr(step, "takes", Augmentation.takes)
        if takes == ("pixels" if normalised else "inputs"):
            when = "behind" if normalised else "before"
            raise DataError(f"{place}: {type(step).__name__} cannot stand {when} Normalize")
        normalised = normalised or isinstance(step, Normalize)
    chain = _Chain(steps, data)
    image = data.train.load(np.zeros(1, dtype=np.int64))
    shape = chain(image, Streams(0).derived("augmentation/trial")).shape
    if shape != image.shape:
        got, allowed = ("x".join(map(str, one[1:])) for one in (shape, image.shape))
        raise DataError(f"transforms: images of {got} come out; allowed {allowed}, as in the data")
    return chain
