"""The cells of the zoph space and what they are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import nnabla_nas.module as Mo
import nnabla_nas.module.static as smo

Candidate = Callable[..., smo.Module]


class ConvBNReLU(smo.Graph):
    """Convolution without bias, batch normalisation, ReLU; the resolution stays.

    Args:
        parents: one node, (B, C, H, W).
        out_channels: channels of the output.
        kernel: side length, odd.
        name: what drawings call it.
    """

    def __init__(
        self, parents: Sequence[smo.Module], out_channels: int, kernel: int, name: str = ""
    ) -> None:
        super().__init__(parents, name)
        conv = smo.Conv(
            parents,
            parents[0].shape[1],
            out_channels,
            (kernel, kernel),
            pad=(kernel // 2, kernel // 2),
            with_bias=False,
        )
        norm = smo.BatchNormalization([conv], out_channels, 4)
        self.extend([conv, norm, smo.ReLU([norm])])


class Projection(ConvBNReLU):
    """A 1×1 convolution, batch normalisation, ReLU; then max pooling where sides are too long.

    Args:
        parents: one node, (B, C, H, W).
        out_channels: channels of the output.
        sides: height and width of the output, at most those of the input.
        name: what drawings call it.
    """

    def __init__(
        self,
        parents: Sequence[smo.Module],
        out_channels: int,
        sides: tuple[int, ...],
        name: str = "",
    ) -> None:
        super().__init__(parents, out_channels, 1, name)
        given = self.shape[2:]
        if given != sides:
            stride = [have // want for have, want in zip(given, sides, strict=True)]
            # The largest windows whose number is the side that is wanted.
            kernel = [
                have - (want - 1) * step
                for have, want, step in zip(given, sides, stride, strict=True)
            ]
            self.append(smo.MaxPool([self[-1]], kernel, stride=stride))


class ZophBlock(smo.Graph):
    """Concatenate the parents, project by a 1×1 convolution, apply the chosen candidate.

    Its modules are the concatenation, the convolution, every candidate and the Join: 11 for the
    space's 8 candidates. With an `operation` they are 3, the last one that candidate.

    Args:
        parents: two nodes or more of one resolution.
        candidates: classes of operations, called with parents, channels and a name.
        channels: channels of the output.
        name: what drawings call it.
        join_parameters: the architecture parameter, (candidates,); by default a new one of zeros.
        mode: `linear`, `sample` or `max`, see `static.Join`.
        operation: index of the candidate to build alone, where the architecture is known.
    """

    def __init__(
        self,
        parents: Sequence[smo.Module],
        candidates: Sequence[Candidate],
        channels: int,
        name: str = "",
        join_parameters: Mo.Parameter | None = None,
        mode: str = "sample",
        operation: int | None = None,
    ) -> None:
        super().__init__(parents, name)
        merged = smo.Merging(parents, "concat", name="concat")
        projected = smo.Conv([merged], merged.shape[1], channels, (1, 1), name="project")
        names = [candidate.__name__ for candidate in candidates]
        built = range(len(candidates)) if operation is None else [operation]
        operations = [candidates[k]([projected], channels, name=names[k]) for k in built]
        self.extend([merged, projected, *operations])
        if operation is None:
            if join_parameters is None:
                join_parameters = Mo.Parameter((len(candidates),))
            # Also the block's own, so that the parameter's path does not name the Join.
            self._join_parameters = join_parameters
            join = smo.Join(operations, join_parameters, name="join", mode=mode)
            join.names = names
            self.append(join)


class ZophCell(smo.Graph):
    """Blocks that see the cell's inputs and all blocks before them.

    Every parent is projected by a 1×1 convolution, batch normalisation and ReLU, then max-pooled
    to the smallest parent's resolution, and to half of it in a reducing cell. The output merges the
    projections and all blocks.

    Args:
        parents: two nodes or more.
        candidates: classes of operations, see ZophBlock.
        channels: channels of every projection and block.
        name: what drawings call it.
        n_modules: number of blocks.
        reducing: whether the resolution is halved.
        join_parameters: the blocks' architecture parameters; by default new ones.
        mode: `linear`, `sample` or `max`, see `static.Join`.
        merging_mode: how the output is merged: `concat` or `add`.
        operations: per block the index of its candidate, where the architecture is known.

    Attributes:
        blocks: the blocks.
    """

    def __init__(
        self,
        parents: Sequence[smo.Module],
        candidates: Sequence[Candidate],
        channels: int,
        name: str = "",
        n_modules: int = 3,
        reducing: bool = False,
        join_parameters: Sequence[Mo.Parameter | None] | None = None,
        mode: str = "sample",
        merging_mode: str = "concat",
        operations: Sequence[int] | None = None,
    ) -> None:
        super().__init__(parents, name)
        sides = _output_sides(parents, reducing)
        visible: list[smo.Module] = [
            Projection([parent], channels, sides, f"projection {index}")
            for index, parent in enumerate(parents)
        ]
        self.extend(visible)
        self.blocks: list[ZophBlock] = []
        given = [None] * n_modules if join_parameters is None else join_parameters
        known = [None] * n_modules if operations is None else operations
        for index, (parameters, operation) in enumerate(zip(given, known, strict=True)):
            block = ZophBlock(
                visible, candidates, channels, f"block {index}", parameters, mode, operation
            )
            self.blocks.append(block)
            visible.append(block)
        self.extend([*self.blocks, smo.Merging(visible, merging_mode, name=merging_mode)])


def _output_sides(parents: Sequence[smo.Module], reducing: bool) -> tuple[int, ...]:
    smallest = [min(sides) for sides in zip(*(p.shape[2:] for p in parents), strict=True)]
    return tuple(max(1, side // 2) if reducing else side for side in smallest)
