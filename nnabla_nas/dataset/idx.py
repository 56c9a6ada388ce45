"""Files of the idx format, in which the MNIST family comes, plain or compressed."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nnabla_nas.errors import DataError
from nnabla_nas.integrity import open_regular

_BYTES = 0x08


def read_idx(path: Path, item: tuple[int, ...], n: int) -> npt.NDArray[np.uint8]:
    """Read the first n items of an idx file of bytes; no more of the file is looked at.

    Args:
        path: the file; one whose name ends in `.gz` is compressed.
        item: the shape every item must have.
        n: how many items.

    Returns:
        The items, uint8 (n, *item).

    Raises:
        DataError: if the file is missing, damaged, of another kind or too short; one line.
    """
    shown = repr(str(path))
    size = n * math.prod(item)
    try:
        with open_regular(path) as stored:
            file = gzip.GzipFile(fileobj=stored) if path.suffix == ".gz" else stored
            header = struct.unpack(f">HBB{1 + len(item)}I", file.read(8 + 4 * len(item)))
            if header[:3] != (0, _BYTES, 1 + len(item)) or header[4:] != item:
                raise DataError(f"{shown} is no idx file of bytes with items of shape {list(item)}")
            if header[3] < n:
                raise DataError(f"{shown} holds {header[3]} items; {n} are asked for")
            content = file.read(size)
    except (OSError, EOFError, zlib.error, struct.error) as error:
        text = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(f"cannot read {shown}: {text}") from error
    if len(content) < size:
        raise DataError(f"cannot read {shown}: it ends after {len(content)} of {size} bytes")
    return np.frombuffer(content, dtype=np.uint8).reshape(n, *item)
