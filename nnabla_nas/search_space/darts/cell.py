"""Cells: small graphs of operations, stacked to a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import nnabla as nn
import numpy as np

import nnabla_nas.function as function
import nnabla_nas.module as Mo
from nnabla_nas.search_space.choice_block import ChoiceBlock
from nnabla_nas.search_space.darts.drop_path import DropPath
from nnabla_nas.search_space.darts.genotype import Nodes
from nnabla_nas.search_space.darts.operations import (
    OPERATIONS,
    FactorizedReduce,
    ReLUConvBN,
    build_operation,
)


@dataclass(frozen=True)
class Position:
    """The place of a cell in the stack.

    Args:
        channels: of the output of the cell before the last, of the last cell, and of the
            operations of this one.
        reductions: whether the previous cell and this one halve the resolution.
    """

    channels: tuple[int, int, int]
    reductions: tuple[bool, bool]

    @property
    def kind(self) -> str:
        """`normal` or `reduce`."""
        return "reduce" if self.reductions[1] else "normal"


def reduction_cells(num_cells: int) -> set[int]:
    """Return which cells of a stack halve the resolution.

    Args:
        num_cells: cells of the stack.
    """
    return {num_cells // 3, 2 * num_cells // 3}


def positions(stem_channels: int, channels: int, num_cells: int, multiplier: int) -> list[Position]:
    """Return the places of the cells of a stack; a reduction doubles the channels.

    Args:
        stem_channels: channels of the stem's output, which is both inputs of the first cell.
        channels: of the operations of the first cell, were it not a reduction.
        num_cells: cells of the stack.
        multiplier: nodes whose outputs make up a cell's output.
    """
    stack: list[Position] = []
    before_last = last = stem_channels
    previous = False
    for cell in range(num_cells):
        reduces = cell in reduction_cells(num_cells)
        channels *= 2 if reduces else 1
        stack.append(Position((before_last, last, channels), (previous, reduces)))
        before_last, last, previous = last, multiplier * channels, reduces
    return stack


class _Cell(Mo.Module):
    """Adjust both inputs, sum the edges of every node, put the last nodes behind each other.

    Args:
        position: channels and reductions.
        multiplier: nodes whose outputs make up the output.
        inputs: per node the states its edges start from.
        blocks: what is on the edges, in the same order.
    """

    def __init__(
        self,
        position: Position,
        multiplier: int,
        inputs: Sequence[Sequence[int]],
        blocks: Sequence[Mo.Module],
    ) -> None:
        before_last, last, channels = position.channels
        # After a reduction the cell before the last has twice the resolution of the last.
        first = FactorizedReduce if position.reductions[0] else ReLUConvBN
        self._prep = Mo.ModuleList([first(before_last, channels), ReLUConvBN(last, channels)])
        self._blocks = Mo.ModuleList(blocks)
        self._inputs = inputs
        self._multiplier = multiplier

    def call(self, before_last: nn.Variable, last: nn.Variable) -> nn.Variable:
        """Return the output of the cell.

        Args:
            before_last: the output of the cell before the last.
            last: the output of the last cell.

        Returns:
            (B, multiplier · C, H, W), H and W halved by a reduction.
        """
        states = [self._prep[0](before_last), self._prep[1](last)]
        edge = 0
        for inputs in self._inputs:
            terms = []
            for source in inputs:
                terms.append(self._edge(edge, states[source]))
                edge += 1
            states.append(function.add(terms))
        return function.merge(states[-self._multiplier :], "concat")

    def _edge(self, edge: int, x: nn.Variable) -> nn.Variable:
        return self._blocks[edge](x)


class Cell(_Cell):
    """A cell of the super-network: every edge is a choice between all operations.

    Args:
        num_choices: nodes of the cell; node k receives k + 2 edges.
        multiplier: nodes whose outputs make up the output.
        channels: of the output of the cell before the last, of the last cell, and of the
            operations.
        reductions: whether the previous cell and this one halve the resolution.
        mode: see `MixedOp`.
        alpha: one architecture parameter per edge; by default new ones.

    Attributes:
        choices: the choice of every edge.
    """

    def __init__(
        self,
        num_choices: int,
        multiplier: int,
        channels: tuple[int, int, int],
        reductions: tuple[bool, bool],
        mode: str = "full",
        alpha: Sequence[Mo.Parameter] | None = None,
    ) -> None:
        inputs = [range(node + 2) for node in range(num_choices)]
        self.choices: list[Mo.MixedOp] = []
        for source in (source for node in inputs for source in node):
            stride = edge_stride(source, reductions[1])
            mixed = Mo.MixedOp(
                [build_operation(i, channels[2], stride) for i in range(len(OPERATIONS))],
                mode,
                None if alpha is None else alpha[len(self.choices)],
            )
            mixed.names = list(OPERATIONS)
            self.choices.append(mixed)
        blocks = [ChoiceBlock(mixed) for mixed in self.choices]
        super().__init__(Position(channels, reductions), multiplier, inputs, blocks)

    def probabilities(self) -> np.ndarray:
        """Return those of the operations on every edge, (edges, operations)."""
        return np.stack([choice.probabilities for choice in self.choices])


class FixedCell(_Cell):
    """A cell whose operations have been chosen.

    Args:
        nodes: per node its edges.
        multiplier: nodes whose outputs make up the output.
        position: channels and reductions.
        drop_path: what leaves out paths in training, if anything.
        block: what an operation is wrapped in.
    """

    def __init__(
        self,
        nodes: Nodes,
        multiplier: int,
        position: Position,
        drop_path: DropPath | None = None,
        block: Callable[[Mo.Module], Mo.Module] | None = None,
    ) -> None:
        operations = [
            build_operation(op, position.channels[2], edge_stride(source, position.reductions[1]))
            for edges in nodes
            for op, source in edges
        ]
        self._drop_path = drop_path
        # A path that keeps or zeroes its input has nothing to leave out.
        self._drops = [not isinstance(op, (Mo.Identity, Mo.Zero)) for op in operations]
        inputs = [[source for _, source in edges] for edges in nodes]
        blocks = operations if block is None else [block(op) for op in operations]
        super().__init__(position, multiplier, inputs, blocks)

    def _edge(self, edge: int, x: nn.Variable) -> nn.Variable:
        y = super()._edge(edge, x)
        return self._drop_path(y) if self._drop_path is not None and self._drops[edge] else y


def edge_stride(source: int, reduces: bool) -> int:
    """Return the stride of an edge: a reduction halves the resolution behind the cell's inputs.

    Args:
        source: the state the edge starts from; 0 and 1 are the cell's inputs.
        reduces: whether the cell is a reduction.
    """
    return 2 if reduces and source < 2 else 1
