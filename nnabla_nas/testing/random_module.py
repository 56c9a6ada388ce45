"""Random trees of the package's modules, to try what is built of them on networks nobody wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import nnabla as nn
import numpy as np

import nnabla_nas.function as function
import nnabla_nas.module as Mo

CHANNELS = 4
Generator = np.random.Generator
T = TypeVar("T")


class Residual(Mo.Module):
    """The input plus what a module makes of it."""

    batch_last = True

    def __init__(self, module: Mo.Module) -> None:
        self._module = module

    def call(self, x: nn.Variable) -> nn.Variable:
        """Add.

        Args:
            x: (B, C, H, W).
        """
        return function.add([x, self._module(x)])


class SharedRead(Mo.Module):
    """An activation that several modules read: their outputs put together."""

    batch_last = True

    def __init__(self, source: Mo.Module, readers: Sequence[Mo.Module], mode: str) -> None:
        self._source = source
        self._readers = Mo.ModuleList(readers)
        self._mode = mode
        width = CHANNELS * len(readers)
        self._last = Mo.Conv(width, CHANNELS, (1, 1)) if mode == "concat" else Mo.Identity()

    def call(self, x: nn.Variable) -> nn.Variable:
        """Put the readers' outputs together.

        Args:
            x: (B, C, H, W).
        """
        y = self._source(x)
        return self._last(function.merge([reader(y) for reader in self._readers], self._mode))


class Keeping(Mo.Module):
    """A module whose output is kept, for whoever wants to look at it."""

    batch_last = True

    def __init__(self, module: Mo.Module) -> None:
        self._module = module
        self.kept: dict[str, nn.Variable] = {}

    def call(self, x: nn.Variable) -> nn.Variable:
        """Apply the module.

        Args:
            x: (B, C, H, W).
        """
        self.kept = {"output": self._module(x)}
        return self.kept["output"]


def _convolution(
    side: int, group: int = 1, dilation: int = 1, bias: bool = False
) -> Callable[[], Mo.Module]:
    pad = dilation * (side // 2)
    return lambda: Mo.Conv(
        CHANNELS,
        CHANNELS,
        (side, side),
        pad=(pad, pad),
        dilation=(dilation, dilation),
        group=group,
        with_bias=bias,
    )


_LAYERS: list[Callable[[], Mo.Module]] = [
    _convolution(1),
    _convolution(1, bias=True),
    _convolution(3),
    _convolution(3, dilation=2, bias=True),
    _convolution(3, group=2),
    _convolution(3, group=CHANNELS),
    lambda: Mo.DwConv(CHANNELS, (3, 3), pad=(1, 1), with_bias=False),
    lambda: Mo.BatchNormalization(CHANNELS, 4),
    lambda: Mo.BatchNormalization(CHANNELS, 4),
    Mo.ReLU,
    Mo.ReLU,
    Mo.ReLU6,
    Mo.LeakyReLU,
    Mo.Hswish,
    Mo.Identity,
    Mo.Zero,
    lambda: Mo.Dropout(0.25),
    lambda: Mo.MaxPool((3, 3), (1, 1), (1, 1)),
    lambda: Mo.AvgPool((3, 3), (1, 1), (1, 1)),
]
# What stands in networks: a convolution, its normalisation, an activation, in both orders.
_ORDERS: list[list[Callable[[], Mo.Module]]] = [
    [_convolution(3), _LAYERS[7], Mo.ReLU],
    [_LAYERS[7], Mo.ReLU, _convolution(1)],
    [Mo.ReLU, _LAYERS[6], _convolution(1), _LAYERS[7]],
    [_convolution(1), _LAYERS[7], Mo.ReLU6, _LAYERS[6], _LAYERS[7]],
    [_convolution(3, group=CHANNELS), _LAYERS[7], Mo.Hswish],
]


def random_module(generator: Generator, size: int = 6, keeps: bool = True) -> Mo.Module:
    """Return a random tree of modules; inputs and outputs are (B, 4, H, W).

    Args:
        generator: what draws it.
        size: about how many layers there are.
        keeps: whether modules that keep their output may be among them.
    """
    if size <= 1:
        return _drawn(generator, _LAYERS)()

    def parts(n: int, keeps: bool = keeps) -> list[Mo.Module]:
        return [random_module(generator, size // n, keeps) for _ in range(n)]

    kind = generator.integers(7)
    if kind == 0:
        return Mo.Sequential(*[make() for make in _drawn(generator, _ORDERS)])
    if kind == 1:
        return Residual(random_module(generator, size - 1, keeps))
    if kind == 2:
        mode = _drawn(generator, ["add", "concat", "mul"])
        source, *readers = parts(3)
        return SharedRead(source, readers, mode)
    if kind == 3:
        return Mo.MixedOp(parts(3), "full")
    if kind == 4:
        # What an inactive candidate keeps has no values, in either form.
        return Mo.MixedOp(parts(3, keeps=False), "sample")
    if kind == 5 and keeps:
        return Keeping(random_module(generator, size, keeps=False))
    return Mo.Sequential(*parts(2))


def _drawn(generator: Generator, among: Sequence[T]) -> T:
    return among[int(generator.integers(len(among)))]
