"""How kernels are declared: which floating-point rules hold, and what types they take.

A kernel whose arguments are annotated is called from Python. It is compiled for these types ahead
of time, by a process of its own.
"""

from __future__ import annotations

import os
from typing import Any, TypeAlias

import numba
import numpy as np
import numpy.typing as npt
from numba import carray, njit, types
from numba.extending import intrinsic
from threadpoolctl import threadpool_limits

# Products and sums may be fused. Sums keep their order, which else every processor would have
# another of. No rule here assumes that values are finite: a NaN stays one.
_FAST_MATH = {"contract", "nsz"}
ZERO = np.float32(0)
ONE = np.float32(1)
SIX = np.float32(6)

# Its attributes are made when it is imported.
_config: Any = numba.config
_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": _FAST_MATH, "error_model": "numpy"}
# Threads of the library of products would fight with those of the kernels for the cores.
threadpool_limits(1, user_api="blas")
# Threads that wait by running in circles gain a sixth on a computer of their own; where others
# compute beside them, each waits for a core that the other one holds, and a step takes ten times as
# long. OpenMP reads this when it is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# OpenMP's threads start a loop in two microseconds, those of numba's own pool in seventy.
if "NUMBA_THREADING_LAYER" not in os.environ:
    _config.THREADING_LAYER = "omp"

# What kernels take: addresses and sizes are numbers.
Geometry: TypeAlias = npt.NDArray[np.int64]
Addresses: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float32]
Flags: TypeAlias = npt.NDArray[np.bool_]
Places: TypeAlias = npt.NDArray[np.uint8]
_TYPES = {
    "int": types.int64,
    "bool": types.boolean,
    "np.float32": types.float32,
    "Geometry": types.int64[::1],
    "Addresses": types.int64[::1],
    "Floats": types.float32[::1],
    "Flags": types.boolean[::1],
    "Places": types.uint8[:, :, :, ::1],
}


def signature(kernel: Any) -> tuple[Any, ...]:
    """Return the types that a kernel is compiled for; none if only other kernels call it.

    Args:
        kernel: what a decorator here has made.
    """
    hints = {**kernel.py_func.__annotations__}
    hints.pop("return", None)
    return tuple(_TYPES[hint] for hint in hints.values())


def _declare(function: Any, **options: Any) -> Any:
    kernel: Any = njit(**_OPTIONS, **options)(function)
    if signature(kernel):
        # A process that computes loads machine code and makes none.
        kernel._can_compile = False
    return kernel


def serial(function: Any) -> Any:
    """Declare a kernel that computes on one thread.

    Args:
        function: its code.
    """
    return _declare(function)


def inlined(function: Any) -> Any:
    """Declare a piece of other kernels that the compiler puts into them.

    Args:
        function: its code.
    """
    return _declare(function, forceinline=True)


def parallel(function: Any) -> Any:
    """Declare a kernel whose loops are divided among the threads.

    Args:
        function: its code.
    """
    return _declare(function, parallel=True)


@intrinsic  # type: ignore[misc]
def _pointer(typing_context: Any, address: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.float32)(address), code


@inlined
def floats(address, shape):
    """Return the array of a shape that lies at an address; views cost more to make in Python."""
    return carray(_pointer(address), shape)  # type: ignore[call-arg]
