"""One member of a CIFAR archive as pixels and labels: a pickle, or records of fixed size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnabla_nas.dataset.array_pickle import read_pickle
from nnabla_nas.errors import DataError

Part = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32


def from_pickle(content: bytes, source: str, key: str, n_classes: int) -> Part:
    """Read a member of the python version.

    Args:
        content: the pickle.
        source: where it came from, for messages.
        key: the entry that holds the labels.
        n_classes: number of classes.

    Returns:
        Pixels, uint8 (N, 3, 32, 32), and labels, (N,).

    Raises:
        DataError: if it is damaged or holds something else.
    """
    entries = read_pickle(content, source)
    pixels, labels = entries.get("data"), entries.get(key)
    if not isinstance(pixels, np.ndarray) or pixels.ndim != 2 or pixels.shape[1] != PIXELS:
        raise DataError(f"{source}: 'data' is not an array (N, {PIXELS}) of bytes")
    # Before numpy sees them: an integer of a pickle can have any size.
    if (
        not isinstance(labels, list)
        or len(labels) != len(pixels)
        or not all(type(one) is int and 0 <= one < n_classes for one in labels)
    ):
        raise DataError(f"{source}: '{key}' is not a list of one class, 0 to {n_classes - 1}, each")
    return pixels.reshape(-1, *SHAPE), np.array(labels, dtype=np.int64)


def from_records(content: bytes, source: str, label_bytes: int, n_classes: int) -> Part:
    """Read a member of the binary version.

    Args:
        content: records of `label_bytes` labels, of which the last counts, and the pixels.
        source: where it came from, for messages.
        label_bytes: labels before the pixels.
        n_classes: number of classes.

    Returns:
        Pixels, uint8 (N, 3, 32, 32), and labels, (N,).

    Raises:
        DataError: if it does not consist of such records.
    """
    size = label_bytes + PIXELS
    if len(content) % size:
        raise DataError(f"{source}: {len(content)} bytes are not whole records of {size}")
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, size)
    labels = records[:, label_bytes - 1].astype(np.int64)
    if np.any(labels >= n_classes):
        raise DataError(f"{source}: a label is {labels.max()}; allowed 0 to {n_classes - 1}")
    return records[:, label_bytes:].reshape(-1, *SHAPE), labels
