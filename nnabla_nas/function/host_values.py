"""The values of nnabla's arrays in this computer's own memory."""

from __future__ import annotations

import ctypes
from typing import Any

import nnabla as nn
import numpy as np
import numpy.typing as npt

_CONTEXT = nn.Context(["cpu:float"], "CpuCachedArray", "0")


def address(array: Any, write_only: bool = False) -> int:
    """Return the address of an array's float32 values.

    Args:
        array: an nnabla array.
        write_only: whether all values will be written, and none read before.
    """
    return int(array.data_ptr(np.float32, _CONTEXT, write_only))


def host_values(array: Any) -> npt.NDArray[np.float32]:
    """Return an array's float32 values, not a copy, as one axis; nnabla's property takes ten times
    as long.

    Args:
        array: an nnabla array, which must outlive what is returned.
    """
    values = (ctypes.c_float * array.size).from_address(address(array))
    return np.frombuffer(values, np.float32)
