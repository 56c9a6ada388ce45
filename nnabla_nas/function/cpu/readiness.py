"""Whether the kernels have been compiled on this machine, and compiling them all."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
from llvmlite.binding import get_host_cpu_name

from nnabla_nas.function.cpu.building import Builder
from nnabla_nas.function.cpu.compilation import cache_folder
from nnabla_nas.function.window import Window

# Beside the kernels of this version, those of so many others are kept.
_OTHER_VERSIONS = 2


def _mark() -> Path | None:
    """Return the file that says that these kernels are compiled; None if none are kept."""
    folder = cache_folder()
    # Computers of several kinds may share a home.
    return None if folder is None else folder / f"compiled-{get_host_cpu_name()}"


def is_compiled() -> bool:
    """Return whether the kernels need no compilation."""
    mark = _mark()
    return mark is not None and mark.exists()


def compile_all() -> None:
    """Compile every kernel, so that this process and later ones load the same machine code.

    What a process has compiled itself differs from it in the last bits: the compiler has made some
    functions twice, and a process that compiles and one that loads do not take the same of the two.
    """
    if _mark() is not None:
        code = f"import sys; sys.path[:] = {sys.path!r}; import {__name__} as kernels"
        subprocess.run(
            [sys.executable, "-c", f"{code}; kernels.run_all()"], capture_output=True, check=False
        )
    if not is_compiled():
        run_all()


def run_all() -> None:
    """Run every kernel once, which compiles it, and note that it has been."""
    with nn.auto_forward(False):
        output = _network(Builder())
    output.forward()
    output.backward()
    mark = _mark()
    if mark is not None:
        with suppress(OSError):
            mark.touch()
        _forget_old(mark.parent)


def _forget_old(folder: Path) -> None:
    """Delete the kernels of all versions but the newest few."""
    versions = [one for one in folder.parent.iterdir() if one.is_dir() and one != folder]
    versions.sort(key=lambda one: one.stat().st_mtime, reverse=True)
    for one in versions[_OTHER_VERSIONS:]:
        shutil.rmtree(one, ignore_errors=True)


def _network(fast: Builder) -> nn.Variable:
    """Return the output of a network that uses every kernel in both directions."""

    def variable(*shape: int) -> nn.Variable:
        array = nn.Variable(shape, need_grad=True)
        array.d = 0.5
        return array

    def statistics() -> list[nn.Variable]:
        return [variable(1, 4, 1, 1) for _ in range(4)]

    x = variable(2, 4, 4, 4)
    window = Window((3, 3), pad=(1, 1))
    y = fast.activation(x, six=False)
    y = fast.convolution(y, variable(4, 1, 3, 3), window, depthwise=True)
    y = fast.convolution(y, variable(4, 4, 1, 1), Window((1, 1)))
    y = fast.normalization(y, statistics(), 0.9, 1e-5, True)
    dense = fast.normalization(
        fast.convolution(x, variable(4, 4, 3, 3), window, variable(4)),
        statistics(),
        0.9,
        1e-5,
        True,
    )
    largest, mean = (fast.pooling(x, window, largest=kind) for kind in (True, False))
    alpha = variable(4)
    y = fast.mixture([y, dense, largest, mean], alpha, alpha)
    y = fast.sum([fast.scaled_examples(y, variable(2, 1, 1, 1)), fast.activation(x, six=True), x])
    y = fast.normalization(y, statistics(), 0.9, 1e-5, True)
    pixels = F.sum(fast.front(fast.normalization(x, statistics(), 0.9, 1e-5, False)))
    return F.add2(pixels, F.sum(fast.mean_of_image(y)))
