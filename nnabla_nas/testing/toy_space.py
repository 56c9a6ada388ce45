"""A search space of three operations: small enough for any check, complete enough for all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import Any, Literal

import nnabla as nn

import nnabla_nas.module as Mo
from nnabla_nas.artifact.diagram import Diagram, Edge, Node
from nnabla_nas.registry import register_search_space
from nnabla_nas.search_space import ClassificationModel
from nnabla_nas.search_space.genotype import (
    architecture_in_words,
    random_architecture,
    read_genotype,
)

OPERATIONS = ("conv_3x3", "conv_1x1", "skip_connect")
TOY_SPACE = "nnabla_nas.testing.toy_space:three_operations"


def build_operation(name: str, channels: int) -> Mo.Module:
    """Build one of the three operations.

    Args:
        name: one of `OPERATIONS`.
        channels: of input and output.
    """
    if name == "skip_connect":
        return Mo.Identity()
    kernel = {"conv_3x3": 3, "conv_1x1": 1}[name]
    return Mo.Sequential(
        Mo.Conv(channels, channels, (kernel, kernel), pad=(kernel // 2,) * 2, with_bias=False),
        Mo.BatchNormalization(channels, 4),
        Mo.ReLU(),
    )


class _ToyNetwork(ClassificationModel, ABC):
    """A convolution, a chain of blocks, and a classifier behind the average over all pixels.

    Args:
        num_classes: outputs.
        in_channels: channels of the images.
        channels: of every block.
        n_blocks: choices in a row.
        drop_rate: dropout in front of the classifier.
        mode: of the choices; a network to train has none and takes it all the same.
        label_smoothing: share of the target spread evenly over all classes.
        weights: a parameter file to start from.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        channels: int = 4,
        n_blocks: int = 2,
        drop_rate: float = 0.1,
        mode: Literal["sample", "full", "max"] = "sample",
        label_smoothing: float = 0.0,
        weights: str | None = None,
    ) -> None:
        self.label_smoothing = label_smoothing
        self._mode = mode
        self._names = OrderedDict((f"_blocks/{block}", OPERATIONS) for block in range(n_blocks))
        self._stem = Mo.Conv(in_channels, channels, (3, 3), pad=(1, 1))
        self._blocks = Mo.ModuleList(self._chain(channels))
        self._classifier = Mo.Sequential(
            Mo.GlobalAvgPool(), Mo.Dropout(drop_rate), Mo.Linear(channels, num_classes)
        )
        if weights is not None:
            self.load_weights(weights)

    @abstractmethod
    def _chain(self, channels: int) -> list[Mo.Module]:
        """Return what stands at every position."""

    def call(self, x: nn.Variable) -> nn.Variable:
        """Return the logits.

        Args:
            x: (B, in_channels, H, W).

        Returns:
            (B, num_classes).
        """
        x = self._stem(x)
        for block in self._blocks:
            x = block(x)
        return self._classifier(x)

    def diagram(self) -> Diagram:
        """Return the most probable architecture as a chain of boxes."""
        operations = [choice["operation"] for choice in self.decode()["choices"]]
        lines = ["conv 3x3", *operations, "average, linear"]
        nodes = [Node(f"layer_{i}", (line,), line) for i, line in enumerate(lines)]
        edges = [Edge(f"layer_{i}", f"layer_{i + 1}") for i in range(len(lines) - 1)]
        return Diagram("three operations", tuple(nodes), tuple(edges))


class SearchNet(_ToyNetwork):
    """The super-network: every block is a choice between the three operations."""

    def _chain(self, channels: int) -> list[Mo.Module]:
        chain: list[Mo.Module] = []
        for names in self._names.values():
            mixed = Mo.MixedOp([build_operation(name, channels) for name in names], self._mode)
            mixed.names = list(names)
            chain.append(mixed)
        return chain


class TrainNet(_ToyNetwork):
    """One architecture of the space.

    Args:
        genotype: arch.h5 or arch.json of a search; without one the architecture is drawn at
            random from the run's seed.
        arguments: those of SearchNet.
    """

    def __init__(self, *, genotype: str | None = None, **arguments: Any) -> None:
        self._genotype = genotype
        super().__init__(**arguments)

    def _chain(self, channels: int) -> list[Mo.Module]:
        if self._genotype is None:
            self._indices = random_architecture(self._names)
        else:
            self._indices = read_genotype(self._genotype, self._names)
        chosen = zip(self._names.values(), self._indices, strict=True)
        return [build_operation(names[index], channels) for names, index in chosen]

    def decode(self) -> dict[str, Any]:
        """Return the architecture in words, as arch.json holds it."""
        return architecture_in_words(self._names, self._indices)


@register_search_space("three_operations")
class ThreeOperations:
    """Two choices between two convolutions and a skip, for checking runners."""

    SearchNet = SearchNet
    TrainNet = TrainNet
