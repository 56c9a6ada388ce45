"""Whether the kernels have been compiled on this machine, and compiling them all."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import numba

from nnabla_nas.function.cpu.building import Builder
from nnabla_nas.function.cpu.compilation import cache_folder
from nnabla_nas.function.window import Window


def _mark() -> Path | None:
    """Return the file that says that these kernels are compiled; None if none are kept."""
    folder = cache_folder()
    if folder is None:
        return None
    code = hashlib.sha256(f"{numba.__version__} {__file__}".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        code.update(f"{path.name} {path.stat().st_mtime_ns}".encode())
    return folder / f"compiled-{code.hexdigest()[:16]}"


def is_compiled() -> bool:
    """Return whether the kernels need no compilation."""
    mark = _mark()
    return mark is not None and mark.exists()


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
    y = fast.convolution(
        fast.depthwise(y, variable(4, 1, 3, 3), window), variable(4, 4, 1, 1), Window((1, 1))
    )
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
