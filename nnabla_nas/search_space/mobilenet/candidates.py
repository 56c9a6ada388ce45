"""The candidate operations of the mobilenet space, and where each is allowed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import nnabla_nas.module as Mo
from nnabla_nas.search_space.mobilenet.blocks import InvertedResidual

EXPANSIONS = (1, 3, 6)
KERNELS = (3, 5, 7)
CANDIDATES = tuple(f"MB{e} {k}x{k}" for e in EXPANSIONS for k in KERNELS)
DEFAULT_CANDIDATES = ("MB3 3x3", "MB6 3x3", "MB3 5x5", "MB6 5x5", "MB3 7x7", "MB6 7x7")
DEFAULT_SETTINGS = (
    (24, 4, 2),
    (32, 4, 2),
    (64, 4, 2),
    (96, 4, 1),
    (160, 4, 2),
    (320, 1, 1),
)
SKIP_CONNECT = "skip_connect"


@dataclass(frozen=True)
class Position:
    """One choice block of the chain.

    Args:
        in_channels: channels of its input.
        out_channels: channels of its output.
        stride: of both axes.
        operations: names of the candidates, in the order of the architecture parameter.
    """

    in_channels: int
    out_channels: int
    stride: int
    operations: tuple[str, ...]


def scaled_channels(channels: float, width_mult: float) -> int:
    """Return a channel count times the width multiplier, rounded up to a multiple of 8.

    Args:
        channels: at width 1.
        width_mult: the multiplier.
    """
    return int(-(-channels * width_mult // 8) * 8)


def positions(
    in_channels: int,
    settings: Sequence[Sequence[int]],
    candidates: Sequence[str],
    skip_connect: bool,
    width_mult: float,
) -> list[Position]:
    """Return the choice blocks of the chain.

    Args:
        in_channels: channels in front of the first block.
        settings: rows of [channels, blocks, stride of the first block].
        candidates: names such as `MB6 5x5`.
        skip_connect: whether a block that keeps its input's shape may be skipped.
        width_mult: multiplies all channels.
    """
    chain = []
    for channels, n_blocks, first_stride in settings:
        out_channels = scaled_channels(channels, width_mult)
        for block in range(n_blocks):
            stride = first_stride if block == 0 else 1
            skippable = skip_connect and stride == 1 and in_channels == out_channels
            operations = (*candidates, SKIP_CONNECT) if skippable else tuple(candidates)
            chain.append(Position(in_channels, out_channels, stride, operations))
            in_channels = out_channels
    return chain


def expansion_and_kernel(name: str) -> tuple[int, int]:
    """Return expansion ratio and kernel side of an inverted residual's name.

    Args:
        name: such as `MB6 5x5`.
    """
    match = re.fullmatch(r"MB(\d) (\d)x\2", name)
    if match is None or name not in CANDIDATES:
        raise ValueError(f"unknown operation '{name}'; allowed: {', '.join(CANDIDATES)}")
    return int(match[1]), int(match[2])


def build_operation(name: str, position: Position) -> Mo.Module:
    """Build a candidate for its place in the chain.

    Args:
        name: the candidate's name, or `skip_connect`.
        position: where it goes.
    """
    if name == SKIP_CONNECT:
        return Mo.Identity()
    expansion, kernel = expansion_and_kernel(name)
    return InvertedResidual(
        position.in_channels, position.out_channels, kernel, position.stride, expansion
    )
