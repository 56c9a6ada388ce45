"""Find the CUDA libraries that come as Python packages."""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path

# Each needs those before it; the loader then finds them by name, without LD_LIBRARY_PATH.
_LIBRARIES = (
    ("cuda_runtime", "libcudart.so.12"),
    ("nvjitlink", "libnvJitLink.so.12"),
    ("cublas", "libcublasLt.so.12"),
    ("cublas", "libcublas.so.12"),
    ("cufft", "libcufft.so.11"),
    ("curand", "libcurand.so.10"),
    ("cusolver", "libcusolver.so.11"),
    ("cudnn", "libcudnn.so.8"),
    ("nccl", "libnccl.so.2"),
)


def preload_cuda_libraries() -> list[str]:
    """Load the CUDA libraries of the installed `nvidia-*` packages.

    Libraries that are absent or cannot be loaded are left out: the system may have its own, and
    the extension names the one it misses.

    Returns:
        The file names of the libraries that were loaded, in order.
    """
    spec = importlib.util.find_spec("nvidia")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    loaded = []
    for package, name in _LIBRARIES:
        for folder in folders:
            path = Path(folder, package, "lib", name)
            if path.is_file() and _load(path):
                loaded.append(name)
                break
    return loaded


def _load(path: Path) -> bool:
    try:
        ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True
