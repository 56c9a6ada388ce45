"""Arrays of a numpy `.npz` file; what a header promises is checked before memory is reserved."""

from __future__ import annotations

import math
import tokenize
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from nnabla_nas.errors import DataError
from nnabla_nas.integrity import open_regular

_MOST_BYTES = 8 * 2**30

Shape = tuple[int, ...]


class NpzFile:
    """A `.npz` file; nothing in it is unpickled.

    Args:
        path: the file.

    Raises:
        DataError: if the file is missing or no zip file, or a header in it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.headers: dict[str, tuple[Shape, np.dtype[Any]]] = {}
        """Name → shape and type of each array."""
        try:
            with open_regular(path) as file, zipfile.ZipFile(file) as archive:
                for name in archive.namelist():
                    if name.endswith(".npy"):
                        with archive.open(name) as member:
                            self.headers[name.removesuffix(".npy")] = _header(member)
        except _FAULTS as error:
            raise self._damaged(error) from error

    def read(self, name: str) -> npt.NDArray[Any]:
        """Read an array of integers.

        Args:
            name: its name.

        Raises:
            DataError: if it is missing, damaged, of another type or too large.
        """
        if name not in self.headers:
            raise DataError(f"{str(self.path)!r} lacks the array '{name}'")
        shape, kind = self.headers[name]
        n_bytes = math.prod(shape) * kind.itemsize
        if kind.kind not in "ui" or n_bytes > _MOST_BYTES:
            raise DataError(
                f"{str(self.path)!r}: array '{name}' is {kind} of shape {list(shape)}; allowed "
                f"integers, {_MOST_BYTES} bytes in all"
            )
        try:
            with (
                open_regular(self.path) as file,
                zipfile.ZipFile(file) as archive,
                archive.open(f"{name}.npy") as member,
            ):
                _header(member)
                content = member.read(n_bytes)
        except _FAULTS as error:
            raise self._damaged(error) from error
        if len(content) < n_bytes:
            raise DataError(f"{str(self.path)!r}: array '{name}' ends after {len(content)} bytes")
        return np.frombuffer(content, dtype=kind).reshape(shape)

    def _damaged(self, error: Exception) -> DataError:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        return DataError(f"cannot read {str(self.path)!r}: {reason:.200}")


# What zipfile and numpy raise for damaged files, unknown compressions and encryption included.
_FAULTS = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    SyntaxError,
    MemoryError,
    tokenize.TokenError,
    zipfile.BadZipFile,
)


def _header(member: IO[bytes]) -> tuple[Shape, np.dtype[Any]]:
    version = np.lib.format.read_magic(member)  # type: ignore[no-untyped-call]
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"an array of format {version}; allowed 1.0 and 2.0")
    shape, by_column, kind = readers[version](member)  # type: ignore[no-untyped-call]
    if by_column and len(shape) > 1:
        raise ValueError("an array in Fortran's order; allowed C's")
    if any(size < 0 for size in shape):
        raise ValueError(f"an array of shape {list(shape)}")
    return shape, kind
