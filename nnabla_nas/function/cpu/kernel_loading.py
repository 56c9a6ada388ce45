"""Machine code on its way into this process."""

from __future__ import annotations

import io
import pickle
from typing import Any

from numba.core.compiler import CompileResult
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys

from nnabla_nas.function.cpu.kernel_set import KernelSet

# What machine code is described by, beside numbers and texts.
_DESCRIPTIONS = {("builtins", "object"), ("copyreg", "_reconstructor"), ("numpy", "dtype")}


class _Reader(pickle.Unpickler):
    """Reads what numba writes about machine code, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the classes that occur there.

        Args:
            module: where it is defined.
            name: of the class.
        """
        if module.startswith("numba.core.") or (module, name) in _DESCRIPTIONS:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} describes no machine code")


def read(data: bytes) -> Any:
    """Return what numba has written about machine code.

    Args:
        data: what it has written.

    Raises:
        UnpicklingError: if it is about anything else.
    """
    return _Reader(io.BytesIO(data)).load()


def load(kernels: KernelSet, code: bytes) -> None:
    """Make the kernels callable, in an order that is always the same.

    Pieces that several kernels are made of are taken from the first that has them.

    Args:
        kernels: which.
        code: what `compile_all` returned for them.
    """
    context = cpu_target.target_context
    rtsys.initialize(context)
    for kernel, described in zip(kernels.kernels(), read(code), strict=True):
        kernel.add_overload(CompileResult._rebuild(context, *read(described)))
