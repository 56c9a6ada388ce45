"""Networks of cells whose architecture is fixed.

Source: Liu et al., "DARTS: Differentiable Architecture Search", 2019, section 3.2 and appendix A.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import nnabla as nn

import nnabla_nas.module as Mo
from nnabla_nas.artifact.diagram import Diagram
from nnabla_nas.search_space.darts.auxiliary_head import AuxiliaryHead
from nnabla_nas.search_space.darts.cell import FixedCell, Position
from nnabla_nas.search_space.darts.drop_path import DropPath
from nnabla_nas.search_space.darts.genotype import (
    Genotype,
    Nodes,
    genotype_in_words,
    random_genotype,
)
from nnabla_nas.search_space.darts.genotype_file import read_cells
from nnabla_nas.search_space.darts.picture import genotype_diagram
from nnabla_nas.search_space.darts.stack import CellStack, Size

Schedule = Literal["linear", "constant"]


class FixedStack(CellStack):
    """A stack of cells whose operations have been chosen.

    Args:
        size: the sizes.
        cells: per cell and node its edges.
        drop_path: probability that an example loses a path in training; edges that keep their
            input as it is lose none.
        auxiliary: whether a second classifier learns from the cell at two thirds in training.
        drop_path_schedule: `linear`: the probability rises from 0 with the progress of training;
            `constant`: it stays.
        label_smoothing: share of the target spread evenly over all classes.
        weights: a parameter file to start from.
    """

    # What wraps an operation: nothing, or a block that gives it the path it had while searching.
    block: ClassVar[type[Mo.Module] | None] = None

    def __init__(
        self,
        size: Size,
        cells: Sequence[Nodes],
        drop_path: float = 0,
        auxiliary: bool = False,
        drop_path_schedule: Schedule = "linear",
        label_smoothing: float = 0,
        weights: str | None = None,
    ) -> None:
        self._nodes = cells
        self._final_drop_prob = drop_path
        self._schedule = drop_path_schedule
        self._drop_path: DropPath | None = None
        if drop_path > 0:
            self._drop_path = DropPath(drop_path if drop_path_schedule == "constant" else 0.0)
        super().__init__(size, label_smoothing)
        self._auxiliary_cell = 2 * size.num_cells // 3
        self._auxiliary_head: AuxiliaryHead | None = None
        if auxiliary:
            channels = size.multiplier * self._positions[self._auxiliary_cell].channels[2]
            self._auxiliary_head = AuxiliaryHead(channels, size.num_classes)
        if weights is not None:
            self.load_weights(weights)

    def _cell(self, index: int, position: Position) -> Mo.Module:
        nodes, multiplier = self._nodes[index], self._size.multiplier
        return FixedCell(nodes, multiplier, position, self._drop_path, self.block)

    def call(self, x: nn.Variable) -> Any:
        """Return the logits.

        Args:
            x: (B, in_channels, H, W).

        Returns:
            (B, num_classes); in training with an auxiliary head a tuple with its logits.

        Raises:
            InputError: if the images are too small for the auxiliary head.
        """
        outputs = self._cell_outputs(x)
        logits = self._classify(outputs[-1])
        if self._auxiliary_head is None:
            return logits
        features = outputs[self._auxiliary_cell]
        # Also where the head is left out, so that it shows before any training.
        self._auxiliary_head.require_size(features, x)
        return (logits, self._auxiliary_head(features)) if self.training else logits

    def set_training_progress(self, fraction: float) -> None:
        """Learn how much of the training is over, for the schedule of drop-path.

        Args:
            fraction: from 0 at the start to 1 at the end.
        """
        if self._drop_path is not None and self._schedule == "linear":
            self._drop_path.drop_prob = self._final_drop_prob * fraction


class TrainNet(FixedStack):
    """The network of a genotype: all cells of a kind are alike.

    Args:
        in_channels: channels of the images.
        init_channels: channels of the operations in the first cell; each reduction doubles them.
        num_cells: cells; those at one and at two thirds are reductions.
        num_classes: outputs.
        genotype: arch.json or arch.h5 of a search; without one the genotype is drawn at random
            from the run's seed: two edges per node, each with any operation but none.
        num_choices: nodes of a cell.
        multiplier: nodes whose outputs make up a cell's output.
        stem_multiplier: channels of the stem's output over `init_channels`.
        drop_path: probability that an example loses a path in training; edges that keep their
            input as it is lose none.
        auxiliary: whether a second classifier learns from the cell at two thirds in training.
        drop_path_schedule: `linear`: the probability rises from 0 with the progress of training;
            `constant`: it stays.
        label_smoothing: share of the target spread evenly over all classes.
        weights: a parameter file to start from.

    Raises:
        GenotypeError: if the file is missing, damaged, or of another search space.
    """

    def __init__(
        self,
        in_channels: int,
        init_channels: int,
        num_cells: int,
        num_classes: int,
        genotype: str | None = None,
        num_choices: int = 4,
        multiplier: int = 4,
        stem_multiplier: int = 3,
        drop_path: float = 0,
        auxiliary: bool = False,
        drop_path_schedule: Schedule = "linear",
        label_smoothing: float = 0,
        weights: str | None = None,
    ) -> None:
        size = Size(
            in_channels,
            init_channels,
            num_cells,
            num_classes,
            num_choices,
            multiplier,
            stem_multiplier,
        )
        super().__init__(
            size,
            self._chosen_cells(genotype, size),
            drop_path,
            auxiliary,
            drop_path_schedule,
            label_smoothing,
            weights,
        )

    def _chosen_cells(self, genotype: str | None, size: Size) -> list[Nodes]:
        """Return per cell its edges, from the file or at random."""
        n = size.num_choices
        self._genotype: Genotype = (
            random_genotype(n) if genotype is None else read_cells(genotype, n)
        )
        return [self._genotype[position.kind] for position in size.positions()]

    def decode(self) -> dict[str, Any]:
        """Return the genotype in words, as arch.json holds it."""
        return genotype_in_words(self._genotype)

    def diagram(self) -> Diagram:
        """Return both kinds of cell."""
        return genotype_diagram("architecture", self._genotype, self._size.multiplier)
