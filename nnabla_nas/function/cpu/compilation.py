"""How kernels are compiled: which floating-point rules hold, where the machine code is kept."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numba
import numpy as np
import scipy.linalg.cython_blas  # noqa: F401 - loaded, so that the limit below reaches it
from numba import carray, njit, types
from numba.extending import intrinsic
from threadpoolctl import threadpool_limits

# Sums may be reordered and fused. No rule here assumes that values are finite: a NaN stays one.
_FAST_MATH = {"contract", "reassoc", "nsz"}
ZERO = np.float32(0)
ONE = np.float32(1)
SIX = np.float32(6)
# A file that holds kernels, or says which are compiled, imports one of these.
_COMPILING = (b"import numba", b"from numba", b"nnabla_nas.function.cpu.compilation import")

# Its attributes are made when it is imported.
_config: Any = numba.config


def _code() -> str:
    """Return what tells these kernels from those of another version: the files they stand in.

    An edit of any other file leaves the kernels as they are.
    """
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        code = path.read_bytes()
        if any(module in code for module in _COMPILING):
            digest.update(code)
    return digest.hexdigest()[:16]


def cache_folder() -> Path | None:
    """Return the user's folder for compiled kernels, or None where it cannot be written.

    A version has its own: numba looks only at the file a kernel stands in, not at those of the
    functions that are compiled into it.
    """
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    base = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(home) / "nnabla_nas")
    folder = base / "kernels" / _code()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def _keeps_code() -> bool:
    folder = cache_folder()
    if folder is not None:
        _config.CACHE_DIR = str(folder)
    return folder is not None


# numba.config.CACHE_DIR is read when a kernel is declared, so it is set before the first one.
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "cache": _keeps_code(),
    "fastmath": _FAST_MATH,
    "error_model": "numpy",
}
# Kernels multiply inside their own loops: threads of the library would fight for the cores.
threadpool_limits(1, user_api="blas")
# Threads that wait by running in circles gain a sixth on a computer of their own; where others
# compute beside them, each waits for a core that the other one holds, and a step takes ten times as
# long. OpenMP reads this when it is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# OpenMP's threads start a loop in two microseconds, those of numba's own pool in seventy.
if "NUMBA_THREADING_LAYER" not in os.environ:
    _config.THREADING_LAYER = "omp"

serial = njit(**_OPTIONS)
inlined = njit(forceinline=True, **_OPTIONS)
parallel = njit(parallel=True, **_OPTIONS)


@intrinsic  # type: ignore[misc]
def _pointer(typing_context: Any, address: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.float32)(address), code


@inlined
def floats(address, shape):
    """Return the array of a shape that lies at an address; views cost more to make in Python."""
    return carray(_pointer(address), shape)  # type: ignore[call-arg]
