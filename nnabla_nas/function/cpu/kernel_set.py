"""Which kernels there are, and what tells their machine code from that of others."""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core.registry import cpu_target

from nnabla_nas.function.cpu.compilation import signature
from nnabla_nas.function.lanes import lanes

_PACKAGE = "nnabla_nas"


@dataclass(frozen=True)
class KernelSet:
    """The kernels of some modules.

    Args:
        modules: names of the modules; the order is that in which kernels are compiled and loaded.
    """

    modules: tuple[str, ...]

    def kernels(self) -> list[Any]:
        """Return what is called from Python, in an order that is always the same."""
        found = []
        for name in self.modules:
            for value in vars(importlib.import_module(name)).values():
                code = getattr(value, "py_func", None)
                if code is not None and code.__module__ == name and signature(value):
                    found.append(value)
        return found

    @cache  # noqa: B019 - there are few sets, and the code stays what it is
    def version(self) -> str:
        """Return what two machine codes share only if they compute the same, bit by bit.

        It is made of all that the compiler reads: the code of the modules and of those they import,
        the versions of the compiler, and the processor. Where files lie does not count, nor when
        they were written.
        """
        digest = hashlib.sha256()
        for version in (numba.__version__, llvmlite.__version__, np.__version__, sys.version):
            digest.update(f"{version}\n".encode())
        digest.update(repr(cpu_target.target_context.codegen().magic_tuple()).encode())
        digest.update(repr((lanes(), self.modules)).encode())
        for name, code in self._code().items():
            digest.update(f"{name} {len(code)}\n{code}".encode())
        return digest.hexdigest()[:32]

    def _code(self) -> dict[str, str]:
        """Return the code of the modules and of those of this package that they import."""
        found: dict[str, str] = {}
        waiting = list(self.modules)
        while waiting:
            name = waiting.pop()
            if name not in found:
                tree = ast.parse(inspect.getsource(importlib.import_module(name)))
                # Neither comments nor the form of the text count.
                found[name] = ast.dump(tree)
                # What is imported inside a function is no part of a kernel.
                for node in tree.body:
                    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                        _PACKAGE
                    ):
                        waiting.append(str(node.module))
        return dict(sorted(found.items()))


_FOLDER = "nnabla_nas.function.cpu"
ALL = KernelSet(
    tuple(
        f"{_FOLDER}.{name}"
        for name in (
            "activation",
            "bias",
            "dense",
            "depthwise",
            "depthwise_gradients",
            "mixture",
            "normalization",
            "pooling",
            "product",
            "transposition",
        )
    )
)
