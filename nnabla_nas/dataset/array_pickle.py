"""Pickles of plain values and byte arrays, read without running anything they ask for.

Only numpy arrays of bytes, dict, list, tuple, bytes, str, int and their like come out. The classes
a pickle may name are replaced by our own, so that numpy's code never sees what the file says. The
unpickler is Python's own in Python: the one in C reserves whatever memory a file demands.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from nnabla_nas.errors import DataError

_STEPS: Mapping[int, Any] = pickle._Unpickler.dispatch
# A byte array of a size that is only declared, and buffers from elsewhere.
_REFUSED = (pickle.BYTEARRAY8, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER)
# Official archives need up to 300,000, for names and labels of 50,000 images.
_MOST_STEPS = 1_000_000
_BYTES = ("u1", b"u1", "|u1", b"|u1", "uint8", b"uint8")


class _Type:
    """Stands for numpy.dtype: the type of bytes and no other."""

    def __init__(self, name: object, *_: object) -> None:
        if name not in _BYTES:
            raise pickle.UnpicklingError(f"an array of type {name!r:.40}; allowed uint8")

    def __setstate__(self, state: object) -> None:
        """Ignore byte order and padding: a byte has neither."""


class _Array:
    """Stands for numpy.ndarray and for the function that makes one."""

    def __init__(self, *_: object) -> None:
        self.value: npt.NDArray[np.uint8] = np.empty(0, dtype=np.uint8)

    def __setstate__(self, state: tuple[object, tuple[int, ...], object, object, bytes]) -> None:
        """Take shape and contents, which must fit each other."""
        _, shape, kind, by_column, content = state
        if not isinstance(kind, _Type) or not isinstance(content, bytes):
            raise pickle.UnpicklingError("an array that is not one of bytes")
        flat = np.frombuffer(content, dtype=np.uint8)
        self.value = flat.reshape(shape, order="F" if by_column else "C")


_ALLOWED: dict[tuple[str, str], type] = {
    ("numpy", "dtype"): _Type,
    ("numpy", "ndarray"): _Array,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
}


class _Steps(dict[int, Any]):
    """The unpickler's steps by opcode, without those that reserve memory, and counted."""

    def __init__(self) -> None:
        kept = {code: step for code, step in _STEPS.items() if bytes([code]) not in _REFUSED}
        super().__init__(kept)
        self._left = _MOST_STEPS

    def __getitem__(self, code: int) -> Any:
        self._left -= 1
        if self._left < 0:
            raise pickle.UnpicklingError(f"it has more than {_MOST_STEPS} steps")
        if code not in self:
            raise pickle.UnpicklingError(f"it has the step {bytes([code])!r}")
        return super().__getitem__(code)


class _Unpickler(pickle._Unpickler):
    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="bytes")
        self.dispatch = _Steps()  # type: ignore[misc]

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(
                f"it asks for {f'{module}.{name}'[:80]!r}; allowed are arrays, dict, list, bytes, "
                "str and int"
            )
        return _ALLOWED[module, name]


def read_pickle(content: bytes, source: str) -> dict[str, Any]:
    """Read a pickled dict, also one written by Python 2.

    Args:
        content: the pickle.
        source: where it came from, for messages.

    Returns:
        Its entries under text or byte keys; arrays are uint8.

    Raises:
        DataError: if it is damaged, or holds or asks for anything else.
    """
    try:
        value = _Unpickler(content).load()
        if not isinstance(value, dict):
            raise pickle.UnpicklingError("it does not hold a dict")
        return dict(_entry(key, one) for key, one in value.items())
    except Exception as error:
        # Whatever a damaged pickle makes the unpickler do is the file's fault.
        text = " ".join(str(error).split()) or "damaged"
        raise DataError(f"cannot read {source}: {type(error).__name__}: {text:.200}") from error


def _entry(key: object, value: object) -> tuple[str, Any]:
    if not isinstance(key, str | bytes):
        raise pickle.UnpicklingError("it has a key that is not text")
    name = key.decode("ascii") if isinstance(key, bytes) else key
    return name, value.value if isinstance(value, _Array) else value
