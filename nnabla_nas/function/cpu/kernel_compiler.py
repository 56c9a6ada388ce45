"""The process that compiles kernels for all others.

A process that computes never compiles. The compiler makes some functions several times, and a
process that compiled would not take the same of them as one that loads the machine code.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import pickle
import signal
import sys
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import wait
from typing import Any

from numba.core.bytecode import FunctionIdentity
from numba.core.serialize import dumps

from nnabla_nas.function.cpu.compilation import signature
from nnabla_nas.function.cpu.kernel_set import KernelSet

# Two processes compile, whatever the number of cores: which kernels are compiled beside each other
# decides what the compiler makes of them.
_PROCESSES = 2
# The compiler numbers functions; those of one process begin so far behind those of the other, so
# that names of both differ.
_APART = 1_000_000
_SET_DEATH_SIGNAL = 1


def _die_with(parent: int) -> None:
    """End this process at once when its parent ends, however that ends."""
    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def compile_one(modules: tuple[str, ...], index: int) -> bytes:
    """Return the machine code of a kernel.

    Args:
        modules: of the set of kernels.
        index: of the kernel in the set.
    """
    kernel = KernelSet(modules).kernels()[index]
    types = signature(kernel)
    kernel._can_compile = True
    kernel.compile(types)
    library, descriptor, environment, signed, objects, lifted, _, reload, referenced = (
        kernel.overloads[types]._reduce()
    )
    # What the compiler found out about types is text that says where the code lies.
    return bytes(
        dumps(
            (library, descriptor, environment, signed, objects, lifted, "", reload, referenced),
        )
    )


def _compile_share(modules: tuple[str, ...], process: int, parent: int, results: Any) -> None:
    """Compile the kernels of one of the processes.

    Args:
        modules: of the set of kernels.
        process: which of the processes this is.
        parent: process id of the one that started it.
        results: where each kernel's index and machine code are sent.
    """
    _die_with(parent)
    FunctionIdentity._unique_ids = itertools.count(process * _APART + 1)
    for index in range(process, len(KernelSet(modules).kernels()), _PROCESSES):
        results.send((index, compile_one(modules, index)))


def compile_all(kernels: KernelSet, progress: Callable[[], object]) -> bytes:
    """Return the machine code of all kernels.

    Args:
        kernels: the set.
        progress: called whenever a kernel is compiled.

    Raises:
        RuntimeError: if a process ends before it is done.
    """
    context, codes = get_context("fork"), [b""] * len(kernels.kernels())
    channels: list[Any] = []
    for number in range(_PROCESSES):
        results, end = context.Pipe(duplex=False)
        share = kernels.modules, number, os.getpid(), end
        context.Process(target=_compile_share, args=share, daemon=True).start()
        end.close()
        channels.append(results)
    missing = len(codes)
    while missing:
        ready: list[Any] = wait(channels)
        for results in ready:
            try:
                index, codes[index] = results.recv()
            except EOFError:
                channels.remove(results)
                continue
            missing -= 1
            progress()
        if not channels and missing:
            raise RuntimeError("a process that compiles ended before it was done")
    return pickle.dumps(codes)


def main(arguments: list[str]) -> None:
    """Compile, and leave the machine code in a file.

    Args:
        arguments: process id of the parent; descriptors of what progress is written to, a byte for
            each kernel, and of the file; the version that is wanted; names of the modules.
    """
    parent, progress, target = map(int, arguments[:3])
    _die_with(parent)
    kernels = KernelSet(tuple(arguments[4:]))
    if kernels.version() != arguments[3]:
        raise SystemExit("the code has changed since the process that wants its kernels began")
    code = compile_all(kernels, lambda: os.write(progress, b"."))
    with open(target, "wb") as file:
        file.write(code)


if __name__ == "__main__":
    main(sys.argv[1:])
