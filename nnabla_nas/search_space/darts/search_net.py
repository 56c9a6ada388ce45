"""The super-network of cells.

Source: Liu et al., "DARTS: Differentiable Architecture Search", 2019.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

import nnabla_nas.module as Mo
from nnabla_nas import random
from nnabla_nas.artifact.diagram import Diagram
from nnabla_nas.search_space.darts.cell import Cell, Position
from nnabla_nas.search_space.darts.genotype import (
    KINDS,
    all_edges,
    by_node,
    decode,
    genotype_in_words,
    kept_edges,
    mean_probabilities,
    n_edges,
    probabilities_in_words,
)
from nnabla_nas.search_space.darts.operations import NONE, OPERATIONS
from nnabla_nas.search_space.darts.picture import genotype_diagram, stack_diagram
from nnabla_nas.search_space.darts.stack import CellStack, Size
from nnabla_nas.search_space.darts.train_net import FixedStack
from nnabla_nas.search_space.decision import Decision, computed_shares
from nnabla_nas.search_space.model import Model


class SearchNet(CellStack):
    """A stack of cells in which every edge is a choice between all operations.

    What it decodes to depends on how it is searched. By default the genotype counts: of each kind
    of cell two edges per node, those of TrainNet. Where every cell has its own architecture
    parameters and one path at a time is computed, all edges stay, as in the space pnas.

    Args:
        in_channels: channels of the images.
        init_channels: channels of the operations in the first cell; each reduction doubles them.
        num_cells: cells; those at one and at two thirds are reductions.
        num_classes: outputs.
        num_choices: nodes of a cell.
        multiplier: nodes whose outputs make up a cell's output.
        mode: `full`: all operations, weighted; `sample`: one at a time; `max`: the most probable.
        shared: whether all normal cells share their architecture parameters, and all reductions.
        stem_multiplier: channels of the stem's output over `init_channels`.
        label_smoothing: share of the target spread evenly over all classes.
        weights: a parameter file to start from.
    """

    def __init__(
        self,
        in_channels: int,
        init_channels: int,
        num_cells: int,
        num_classes: int,
        num_choices: int = 4,
        multiplier: int = 4,
        mode: Literal["full", "sample", "max"] = "full",
        shared: bool = False,
        stem_multiplier: int = 3,
        label_smoothing: float = 0,
        weights: str | None = None,
    ) -> None:
        self._mode = mode
        self._shared: dict[str, Mo.ParameterList] = {}
        if shared:
            for index, kind in enumerate(KINDS):
                self._shared[kind] = Mo.ParameterList(
                    Mo.Parameter((len(OPERATIONS), 1, 1, 1, 1)) for _ in range(n_edges(num_choices))
                )
                # The names are the paths in arch.h5: 0/0 … 1/13.
                setattr(self, str(index), self._shared[kind])
        size = Size(
            in_channels,
            init_channels,
            num_cells,
            num_classes,
            num_choices,
            multiplier,
            stem_multiplier,
        )
        super().__init__(size, label_smoothing)
        if weights is not None:
            self.load_weights(weights)

    @property
    def keeps_all_edges(self) -> bool:
        """Whether the architecture is one operation for every edge of every cell."""
        return self._mode != "full" and not self._shared

    def _cell(self, index: int, position: Position) -> Mo.Module:
        return Cell(
            self._size.num_choices,
            self._size.multiplier,
            position.channels,
            position.reductions,
            self._mode,
            self._shared.get(position.kind),
        )

    @property
    def _search_cells(self) -> list[Cell]:
        return [cell for cell in self._cells if isinstance(cell, Cell)]

    def _alpha_ids(self) -> set[int]:
        # A stack of one or two cells has no normal one, yet the file holds both lists.
        return super()._alpha_ids() | {id(p) for alphas in self._shared.values() for p in alphas}

    def _alphas(self, kind: str) -> list[np.ndarray]:
        """Return the architecture parameters of each cell of a kind, (edges, operations)."""
        if self._shared:
            cells: list[Iterable[Mo.Parameter]] = [self._shared[kind]]
        else:
            cells = [
                [choice.alpha for choice in cell.choices]
                for cell, position in zip(self._search_cells, self._positions, strict=True)
                if position.kind == kind
            ]
        return [np.stack([alpha.d.reshape(-1) for alpha in alphas]) for alphas in cells]

    def _decoded(self) -> tuple[dict[str, np.ndarray], dict[str, list[list[tuple[int, int]]]]]:
        """Return by kind of cell the probabilities, and the edges to keep."""
        n = self._size.num_choices
        probabilities = {kind: mean_probabilities(self._alphas(kind), n) for kind in KINDS}
        genotype = {kind: decode(p, n) for kind, p in probabilities.items()}
        if self.decoder is not None and not self.keeps_all_edges:
            genotype |= self._genotype_of(self.decoder(), probabilities)
        return probabilities, genotype

    def _genotype_of(
        self, indices: Sequence[int | None], probabilities: dict[str, np.ndarray]
    ) -> dict[str, list[list[tuple[int, int]]]]:
        """Return the genotype of an architecture, by the kinds of cells that the stack has."""
        n = self._size.num_choices
        cells = [
            indices[start : start + n_edges(n)] for start in range(0, len(indices), n_edges(n))
        ]
        # All cells of a kind have the same.
        by_kind = {p.kind: cell for p, cell in zip(self._positions, cells, strict=True)}
        return {kind: kept_edges(cell, probabilities[kind], n) for kind, cell in by_kind.items()}

    def decode(self) -> dict[str, Any]:
        """Return the most probable architecture in words, as arch.json holds it.

        Returns:
            `normal_alpha` and `reduce_alpha`: node → two [operation, input]; `*_prob`: their
            probabilities; `*_choice`: edge → its most probable operation, none included. Where
            cells have architecture parameters of their own, these are of the mean probabilities.
            `choices`: every edge of every cell in words.
        """
        probabilities, genotype = self._decoded()
        words = genotype_in_words(genotype)
        for kind in KINDS:
            words |= probabilities_in_words(kind, probabilities[kind], genotype[kind])
        return {**words, **super().decode()}

    def derived(self) -> Model:
        """Return the network of the most probable architecture, as costs count it."""
        if self.keeps_all_edges:
            return super().derived()
        _, genotype = self._decoded()
        # Its weights are nobody's: they must not be drawn from the run's streams.
        with random.use(random.Streams(0)):
            return FixedStack(self._size, [genotype[p.kind] for p in self._positions])

    def most_probable_architecture(self) -> list[int]:
        """Return the index of largest probability of every choice, none included.

        Bounds decide what a genotype keeps, not what is most probable on an edge.
        """
        if self.keeps_all_edges:
            return super().most_probable_architecture()
        return [choice.most_probable for choice in self.choices().values()]

    def unbounded_architecture(self) -> list[int | None]:
        """Return per choice its candidate in the most probable architecture, whatever it costs."""
        if self.keeps_all_edges:
            return super().unbounded_architecture()
        n = self._size.num_choices
        by_kind: dict[str, list[int | None]] = {}
        for kind in KINDS:
            kept = decode(mean_probabilities(self._alphas(kind), n), n)
            operations = [{source: op for op, source in edges} for edges in kept]
            by_kind[kind] = [
                operations[node].get(source) for node in range(n) for source in range(node + 2)
            ]
        return [index for position in self._positions for index in by_kind[position.kind]]

    def decisions(self) -> list[Decision]:
        """Return what decoding decides: of a genotype two edges of every node of a kind of cell."""
        if self.keeps_all_edges:
            return super().decisions()
        n, outputs = self._size.num_choices, self._size.multiplier
        decisions: list[Decision] = []
        for kind in KINDS:
            cells = [cell for cell, p in enumerate(self._positions) if p.kind == kind]
            positions = [[c * n_edges(n) + e for c in cells] for e in range(n_edges(n))]
            candidates = tuple(op for op in range(len(OPERATIONS)) if op != NONE)
            first = len(decisions)
            for node, edges in enumerate(by_node(positions, n) if cells else []):
                # States 0 and 1 are the cell's inputs, the nodes before this one follow.
                reads = (None, None, *range(first, first + node))
                candidates_of = (candidates,) * len(edges)
                needed = node >= n - outputs
                decisions.append(
                    Decision(tuple(map(tuple, edges)), candidates_of, 2, reads, needed)
                )
        return decisions

    def in_brief(self, indices: Sequence[int | None]) -> str:
        """Return an architecture in one line; of a genotype per node operation(input) twice.

        Args:
            indices: per choice its candidate, None where the architecture drops the choice.
        """
        if self.keeps_all_edges:
            return super().in_brief(indices)
        probabilities, _ = self._decoded()
        return "; ".join(
            f"{kind} {node}: " + " ".join(f"{OPERATIONS[op]}({source})" for op, source in edges)
            for kind, nodes in self._genotype_of(indices, probabilities).items()
            for node, edges in enumerate(nodes, start=2)
        )

    def kept_shares(self) -> list[float]:
        """Return per choice the share of decoded architectures that compute its operation.

        A genotype keeps two of the k + 2 edges of node k, and computes the nodes that are read.
        """
        shares = super().kept_shares()
        decisions = self.decisions()
        for decision, share in zip(decisions, computed_shares(decisions), strict=True):
            for position in (position for edge in decision.edges for position in edge):
                shares[position] = share * decision.kept / len(decision.edges)
        return shares

    def kept_operations(self) -> list[str]:
        """Return the names of the operations of the decoded normal cell."""
        if self.keeps_all_edges:
            return super().kept_operations()
        _, genotype = self._decoded()
        return [OPERATIONS[op] for edges in genotype["normal"] for op, _ in edges]

    def retrain_arguments(self) -> dict[str, str]:
        """Return what the experiment that trains the architecture changes."""
        return {"network.search_space": "pnas"} if self.keeps_all_edges else {}

    def diagram(self) -> Diagram:
        """Return one normal and one reduction cell of the most probable architecture."""
        title = self.drawn_as()
        if not self.keeps_all_edges:
            by_kind, genotype = self._decoded()
            return genotype_diagram(title, genotype, self._size.multiplier, by_kind)
        probabilities = [cell.probabilities() for cell in self._search_cells]
        chosen = np.reshape(self.most_probable_architecture(), (len(probabilities), -1))
        return stack_diagram(
            title,
            [position.kind for position in self._positions],
            [all_edges(one, self._size.num_choices) for one in chosen],
            self._size.multiplier,
            probabilities,
        )
