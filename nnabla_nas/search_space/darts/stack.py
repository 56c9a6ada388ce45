"""What the networks of cells have in common: stem, cells, classifier."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import nnabla as nn

import nnabla_nas.function as function
import nnabla_nas.module as Mo
from nnabla_nas.search_space.classification import ClassificationModel
from nnabla_nas.search_space.darts.cell import Position, positions
from nnabla_nas.search_space.darts.checks import argument_faults


@dataclass(frozen=True)
class Size:
    """The sizes of a network of cells.

    Args:
        in_channels: channels of the images.
        init_channels: channels of the operations in the first cell.
        num_cells: cells.
        num_classes: outputs.
        num_choices: nodes of a cell.
        multiplier: nodes whose outputs make up a cell's output.
        stem_multiplier: channels of the stem's output over `init_channels`.
    """

    in_channels: int
    init_channels: int
    num_cells: int
    num_classes: int
    num_choices: int = 4
    multiplier: int = 4
    stem_multiplier: int = 3

    def positions(self) -> list[Position]:
        """Return the places of the cells."""
        stem = self.stem_multiplier * self.init_channels
        return positions(stem, self.init_channels, self.num_cells, self.multiplier)


class Stem(Mo.Module):
    """3×3 convolution and batch normalisation.

    Args:
        in_channels: channels of the images.
        out_channels: channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        self._conv = Mo.Sequential(
            Mo.Conv(in_channels, out_channels, (3, 3), pad=(1, 1), with_bias=False),
            Mo.BatchNormalization(out_channels, 4),
        )

    def call(self, x: nn.Variable) -> nn.Variable:
        """Apply both.

        Args:
            x: (B, in_channels, H, W).

        Returns:
            (B, out_channels, H, W).
        """
        return self._conv(x)


class CellStack(ClassificationModel, ABC):
    """Stem, cells, global average pooling, linear classifier.

    Args:
        size: the sizes.
        label_smoothing: share of the target spread evenly over all classes.
    """

    def __init__(self, size: Size, label_smoothing: float) -> None:
        self.label_smoothing = label_smoothing
        self._size = size
        self._positions = size.positions()
        self._stem = Stem(size.in_channels, size.stem_multiplier * size.init_channels)
        cells = [self._cell(index, position) for index, position in enumerate(self._positions)]
        self._cells = Mo.ModuleList(cells)
        features = size.multiplier * self._positions[-1].channels[2]
        self._linear = Mo.Linear(features, size.num_classes)

    @abstractmethod
    def _cell(self, index: int, position: Position) -> Mo.Module:
        """Return the cell that stands at a place of the stack."""

    @staticmethod
    def check_arguments(arguments: dict[str, Any]) -> list[tuple[str, str]]:
        """Return (argument, what is wrong) for values no network can be built from.

        Args:
            arguments: the constructor's arguments, already of the right types.
        """
        return argument_faults(arguments)

    def call(self, x: nn.Variable) -> Any:
        """Return the logits.

        Args:
            x: (B, in_channels, H, W).

        Returns:
            (B, num_classes).
        """
        return self._classify(self._cell_outputs(x)[-1])

    def _cell_outputs(self, x: nn.Variable) -> list[nn.Variable]:
        """Return the output of every cell."""
        stem = self._stem(x)
        outputs = [stem, stem]
        for cell in self._cells:
            outputs.append(cell(outputs[-2], outputs[-1]))
        return outputs[2:]

    def _classify(self, features: nn.Variable) -> nn.Variable:
        return self._linear(function.global_average_pooling(features))
