"""The networks of the pnas space: the cells of DARTS, searched one path at a time.

Source: the cells of Liu et al., "DARTS: Differentiable Architecture Search", 2019; one sampled path
as in Cai et al., "ProxylessNAS", 2019.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Literal

from nnabla_nas.artifact.diagram import Diagram
from nnabla_nas.search_space import darts
from nnabla_nas.search_space.choice_block import ChoiceBlock
from nnabla_nas.search_space.darts.genotype import Nodes, all_edges, n_edges
from nnabla_nas.search_space.darts.operations import OPERATIONS
from nnabla_nas.search_space.darts.picture import stack_diagram
from nnabla_nas.search_space.darts.stack import Size
from nnabla_nas.search_space.genotype import (
    architecture_in_words,
    random_architecture,
    read_genotype,
)


class SearchNet(darts.SearchNet):
    """The super-network of DARTS, one path at a time; every cell has its own architecture.

    Args:
        in_channels: as of darts.SearchNet, like all arguments.
        init_channels: see there.
        num_cells: see there.
        num_classes: see there.
        num_choices: see there.
        multiplier: see there.
        mode: see there.
        shared: see there; only false leads to a network of this space.
        stem_multiplier: see there.
        label_smoothing: see there.
        weights: see there.
    """

    def __init__(
        self,
        in_channels: int,
        init_channels: int,
        num_cells: int,
        num_classes: int,
        num_choices: int = 4,
        multiplier: int = 4,
        mode: Literal["full", "sample", "max"] = "sample",
        shared: bool = False,
        stem_multiplier: int = 3,
        label_smoothing: float = 0,
        weights: str | None = None,
    ) -> None:
        super().__init__(
            in_channels,
            init_channels,
            num_cells,
            num_classes,
            num_choices,
            multiplier,
            mode,
            shared,
            stem_multiplier,
            label_smoothing,
            weights,
        )

    @property
    def keeps_all_edges(self) -> bool:
        """Whether the architecture is one operation for every edge of every cell: always."""
        return True

    @staticmethod
    def check_arguments(arguments: dict[str, Any]) -> list[tuple[str, str]]:
        """Return (argument, what is wrong) for values no network can be built from.

        Args:
            arguments: the constructor's arguments, already of the right types.
        """
        faults = darts.SearchNet.check_arguments(arguments)
        if arguments.get("shared"):
            faults.append(("shared", "got true; allowed: false (true in search space 'darts')"))
        return faults


class TrainNet(darts.TrainNet):
    """One architecture: every edge of every cell keeps one operation, none included.

    The arguments are those of darts.TrainNet. `num_cells` and `num_choices` are those of the
    search, `genotype` is the arch.h5 or arch.json of a search in which every cell had architecture
    parameters of its own; without one the operations are drawn at random from the run's seed.

    Raises:
        GenotypeError: if the file is missing, damaged, or of another search space.
    """

    block = ChoiceBlock

    def _chosen_cells(self, genotype: str | None, size: Size) -> list[Nodes]:
        edges = n_edges(size.num_choices)
        self._operations = OrderedDict(
            (f"_cells/{cell}/_blocks/{edge}/_mixed", OPERATIONS)
            for cell in range(size.num_cells)
            for edge in range(edges)
        )
        if genotype is None:
            self._architecture = random_architecture(self._operations)
        else:
            self._architecture = read_genotype(genotype, self._operations)
        return [
            all_edges(self._architecture[start : start + edges], size.num_choices)
            for start in range(0, len(self._architecture), edges)
        ]

    def decode(self) -> dict[str, Any]:
        """Return the architecture in words, as arch.json holds it."""
        return architecture_in_words(self._operations, self._architecture)

    def diagram(self) -> Diagram:
        """Return the first normal and the first reduction cell."""
        kinds = [position.kind for position in self._positions]
        return stack_diagram("architecture", kinds, self._nodes, self._size.multiplier)
