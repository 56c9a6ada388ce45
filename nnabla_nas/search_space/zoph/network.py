"""What the networks of the zoph space share, and the super-network.

Source: Zoph et al., "Learning Transferable Architectures for Scalable Image Recognition", 2018.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import nnabla as nn

import nnabla_nas.module as Mo
import nnabla_nas.module.static as smo
from nnabla_nas.artifact.diagram import Diagram
from nnabla_nas.errors import WeightsError
from nnabla_nas.module.parameter_file import parameter_shapes
from nnabla_nas.search_space.classification import ClassificationModel
from nnabla_nas.search_space.zoph.arguments import (
    CANDIDATES,
    CELLS,
    argument_faults,
    classes,
)
from nnabla_nas.search_space.zoph.cells import ConvBNReLU
from nnabla_nas.search_space.zoph.picture import cells_diagram
from nnabla_nas.search_space.zoph.sony_file import (
    holds_architecture,
    holds_weights,
    is_of_sony,
    read_weights,
)

# Positions in the network: input, two stem convolutions, the cells; in a cell: two projections,
# the blocks.
_FIRST_CELL, _FIRST_BLOCK = 3, 2


class ZophNetwork(ClassificationModel):
    """Two stem convolutions, cells of blocks, a 1×1 convolution to the classes, global average.

    Args:
        name: what drawings call the network.
        input_shape: (C, H, W) of one image.
        n_classes: outputs.
        stem_channels: channels of the 7×7 and the 3×3 convolution in front of the cells.
        cells: per cell its class, or the name `ZophCell`.
        cell_depth: per cell the number of blocks.
        cell_channels: per cell the channels of a block.
        reducing: per cell whether it halves the resolution.
        join_parameters: per cell and block the architecture parameter; by default new ones.
        candidates: the operations a block chooses from, names or classes.
        mode: `sample`: one path at a time; `linear`: all, weighted; `max`: the most probable. A
            network to train has one path and takes it so that one experiment serves both.
        merging_mode: how a cell merges what its blocks compute into its output.
        label_smoothing: share of the target spread evenly over all classes.
        weights: a parameter file to start from.
    """

    def __init__(
        self,
        name: str = "",
        input_shape: tuple[int, int, int] = (3, 32, 32),
        n_classes: int = 10,
        stem_channels: int = 128,
        cells: Sequence[Any] = ("ZophCell", "ZophCell", "ZophCell"),
        cell_depth: Sequence[int] = (7, 7, 7),
        cell_channels: Sequence[int] = (128, 256, 512),
        reducing: Sequence[bool] = (False, True, True),
        join_parameters: Sequence[Sequence[Mo.Parameter | None]] | None = None,
        candidates: Sequence[Any] = tuple(CANDIDATES),
        mode: Literal["linear", "sample", "max"] = "sample",
        merging_mode: Literal["concat", "add"] = "concat",
        label_smoothing: float = 0.0,
        weights: str | None = None,
    ) -> None:
        self.name = name
        self.label_smoothing = label_smoothing
        self._join_parameters = join_parameters
        self._candidates = classes(CANDIDATES, candidates)
        self._depths = list(cell_depth)
        self._sizes: dict[str, Any] = {
            "input_shape": input_shape,
            "n_classes": n_classes,
            "stem_channels": stem_channels,
            "cells": cells,
            "cell_depth": cell_depth,
            "cell_channels": cell_channels,
            "reducing": reducing,
            "candidates": candidates,
            "merging_mode": merging_mode,
        }
        self._merging_mode = merging_mode
        self._input = smo.Input(nn.Variable((1, *input_shape)), name="input")
        self._stem = [ConvBNReLU([self._input], stem_channels, 7, "stem 7x7")]
        self._stem.append(ConvBNReLU(self._stem, stem_channels, 3, "stem 3x3"))
        outputs: list[Any] = list(self._stem)
        rows = zip(cells, cell_depth, cell_channels, reducing, strict=True)
        for index, (cell, depth, channels, reduces) in enumerate(rows):
            outputs.append(
                classes(CELLS, [cell])[0](
                    outputs[-2:],
                    self._candidates,
                    channels,
                    f"cell {index}",
                    n_modules=depth,
                    reducing=reduces,
                    join_parameters=None if join_parameters is None else join_parameters[index],
                    mode=mode,
                    merging_mode=merging_mode,
                    operations=self._operations_of_cell(index),
                )
            )
        self._cells = outputs[2:]
        self._graph = smo.Graph(modules=[self._input, *outputs], name=name)
        self._graph.extend(_head(outputs[-1], n_classes))
        if weights is not None:
            self.load_weights(weights)

    def _children(self) -> Iterator[tuple[str, Any]]:
        # What the graph holds is the network's own: paths begin with positions in the graph.
        yield from self._graph.modules.items()

    def _operations_of_cell(self, cell: int) -> list[int] | None:
        """Return the operation of every block of a cell, None where it is to be chosen."""
        return None

    def _operations(self) -> OrderedDict[str, tuple[str, ...]]:
        """Return path → names of the candidates for every block."""
        names = tuple(candidate.__name__ for candidate in self._candidates)
        return OrderedDict(
            (f"{_FIRST_CELL + cell}/{_FIRST_BLOCK + block}", names)
            for cell, depth in enumerate(self._depths)
            for block in range(depth)
        )

    @property
    def graph(self) -> smo.Graph:
        """The network as a graph of static modules."""
        return self._graph

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the output for one image, (1, n_classes)."""
        return self._graph.shape

    @property
    def n_candidates(self) -> int:
        """How many operations a block chooses from."""
        return len(self._candidates)

    @property
    def depths(self) -> list[int]:
        """How many blocks each cell has."""
        return list(self._depths)

    def choices(self) -> OrderedDict[str, Mo.Choice]:
        """Return the decisions of the architecture by the path of their block, in order."""
        return OrderedDict(
            (path.rpartition("/")[0], choice) for path, choice in super().choices().items()
        )

    def load_weights(self, path: str | Path) -> None:
        """Start from the weights and running statistics of a file, architecture parameters apart.

        Args:
            path: a weights.h5 of the same network, of ours or of Sony's nnabla-nas.

        Raises:
            WeightsError: if the file is missing or damaged, or a parameter is missing or differs.
        """
        if holds_architecture(path) and not holds_weights(path):
            raise WeightsError(
                f"network.weights: {path} holds an architecture, which param_path takes"
            )
        if not is_of_sony(path):
            super().load_weights(path)
            return
        names = self.names_in(list(parameter_shapes(path)))
        shapes = {name: shape for name, (shape, _) in names.items()}
        found = read_weights(path, shapes)
        own = {name: mine for name, (_, mine) in names.items() if mine is not None}
        self.set_parameters({mine: found[name] for name, mine in own.items()})

    def names_in(self, theirs: Sequence[str]) -> OrderedDict[str, tuple[Any, str | None]]:
        """Return in order what a file of Sony's nnabla-nas holds, in names of ours.

        Args:
            theirs: the file's own names.

        Returns:
            name → its shape, and the name in this network, None where this has no such parameter.
        """
        return OrderedDict((n, (p.shape, n)) for n, p in self.get_net_parameters().items())

    @staticmethod
    def check_arguments(arguments: dict[str, Any]) -> list[tuple[str, str]]:
        """Return (argument, what is wrong) for values no network can be built from.

        Args:
            arguments: the constructor's arguments, already of the right types.
        """
        return argument_faults(arguments)

    def call(self, x: nn.Variable) -> nn.Variable:
        """Return the logits.

        Args:
            x: (B, C, H, W).

        Returns:
            (B, n_classes).
        """
        self._input.value = x
        logits = self._graph()
        self._graph.forget_outputs()
        return logits

    def diagram(self) -> Diagram:
        """Return the most probable architecture, the cells framed."""
        title = self.drawn_as()
        return cells_diagram(
            title, self._stem, self._cells, self.decode()["choices"], self._merging_mode
        )


def _head(parent: smo.Module, n_classes: int) -> list[smo.Module]:
    """Return the classifier: 1×1 convolution, batch normalisation, average over all pixels."""
    conv = smo.Conv([parent], parent.shape[1], n_classes, (1, 1), with_bias=False, name="classes")
    norm = smo.BatchNormalization([conv], n_classes, 4)
    average = smo.GlobalAvgPool([norm], name="average")
    return [conv, norm, average, smo.Collapse([average], name="logits")]


class SearchNet(ZophNetwork):
    """The super-network: every block chooses between all candidates."""
