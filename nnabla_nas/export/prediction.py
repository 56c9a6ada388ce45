"""Probabilities of the classes of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nnabla as nn
import numpy as np
import numpy.typing as npt

from nnabla_nas.dataset.dataset import Dataset
from nnabla_nas.dataset.picture import Pixels, open_picture
from nnabla_nas.errors import DataError, NasError
from nnabla_nas.export.trained_run import TrainedRun
from nnabla_nas.registry import datasets

_IMAGES_AT_ONCE = 64


def read_pictures(run: TrainedRun, paths: Sequence[Path]) -> Pixels:
    """Return pictures in the shape of the images of a training's data set, uint8 (n, C, H, W).

    Args:
        run: the training, read back.
        paths: picture files, (n,).

    Raises:
        DataError: if files cannot be read as pictures, with one line for each.
    """
    dataset: type[Dataset] = datasets.get(run.experiment.dataset.name)
    shape = run.inputs.shape
    if shape[0] not in (1, 3):
        raise DataError(
            f"{run.folder.path}: the network takes images of {shape[0]} channels; pictures have 1 "
            "or 3"
        )
    faults: list[str] = []
    images = np.empty((len(paths), *shape), dtype=np.uint8)
    for number, path in enumerate(paths):
        try:
            images[number] = dataset.fit(open_picture(path), shape)
        except DataError as error:
            faults += error.faults
    if faults:
        raise DataError(faults)
    return images


def probabilities(run: TrainedRun, images: Pixels) -> npt.NDArray[np.float32]:
    """Return the probability of each class of images, (n, classes).

    Args:
        run: the training, read back.
        images: pixels 0 to 255, (n, C, H, W).

    Raises:
        NasError: if an output is not finite.
    """
    run.model.apply(training=False)
    found = []
    for start in range(0, len(images), _IMAGES_AT_ONCE):
        inputs = run.inputs.normalise(images[start : start + _IMAGES_AT_ONCE])
        outputs: Any = run.model(nn.Variable.from_numpy_array(inputs))
        outputs.forward(clear_buffer=True)
        if not np.isfinite(outputs.d).all():
            raise NasError(f"{run.folder.weights}: the network's outputs are not finite")
        logits = outputs.d - outputs.d.max(axis=1, keepdims=True)
        exponentials = np.exp(logits)
        found.append(exponentials / exponentials.sum(axis=1, keepdims=True))
    return np.concatenate(found)
