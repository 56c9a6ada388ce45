"""The networks of the mobilenet space.

Source: Cai et al., "ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware",
2019; the fixed parts are MobileNetV2's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Literal

import nnabla as nn

import nnabla_nas.module as Mo
from nnabla_nas.artifact.diagram import Diagram
from nnabla_nas.search_space.choice_block import ChoiceBlock
from nnabla_nas.search_space.classification import ClassificationModel
from nnabla_nas.search_space.genotype import (
    architecture_in_words,
    random_architecture,
    read_genotype,
)
from nnabla_nas.search_space.mobilenet.blocks import ConvBNReLU, InvertedResidual
from nnabla_nas.search_space.mobilenet.candidates import (
    DEFAULT_CANDIDATES,
    DEFAULT_SETTINGS,
    build_operation,
    positions,
    scaled_channels,
)
from nnabla_nas.search_space.mobilenet.chain import chain_diagram
from nnabla_nas.search_space.mobilenet.checks import argument_faults


class _MobileNet(ClassificationModel, ABC):
    """Stem, first inverted residual, the chain of choice blocks, last convolution, classifier.

    Args:
        num_classes: outputs.
        width_mult: multiplies all channels, which are rounded up to multiples of 8.
        settings: rows of [channels, blocks, stride of the first block]; by default six stages of
            21 blocks.
        drop_rate: dropout in front of the classifier.
        candidates: names `MB{1,3,6} {3x3,5x5,7x7}`; by default ratios 3 and 6 with all kernels.
        mode: `sample`: one path at a time; `full`: all, weighted; `max`: the most probable. A
            network to train has one path and takes it so that one experiment serves both.
        skip_connect: whether a block that keeps its input's shape may be skipped.
        in_channels: channels of the images.
        stem_stride: stride of the first convolution.
        label_smoothing: share of the target spread evenly over all classes.
        weights: a parameter file to start from.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1,
        settings: Sequence[Sequence[int]] | None = None,
        drop_rate: float = 0,
        candidates: Sequence[str] | None = None,
        mode: Literal["sample", "full", "max"] = "sample",
        skip_connect: bool = True,
        in_channels: int = 3,
        stem_stride: int = 2,
        label_smoothing: float = 0.1,
        weights: str | None = None,
    ) -> None:
        self.label_smoothing = label_smoothing
        self._mode = mode
        stem = scaled_channels(32, width_mult)
        first = scaled_channels(16, width_mult)
        last = scaled_channels(1280, max(1.0, width_mult))
        self._positions = positions(
            first,
            settings or DEFAULT_SETTINGS,
            candidates or DEFAULT_CANDIDATES,
            skip_connect,
            width_mult,
        )
        features: list[Mo.Module] = [
            ConvBNReLU(in_channels, stem, 3, stem_stride),
            InvertedResidual(stem, first, 3, 1, 1),
        ]
        features += [ChoiceBlock(operation) for operation in self._chain()]
        features.append(ConvBNReLU(self._positions[-1].out_channels, last, 1))
        self._features = Mo.Sequential(*features)
        self._classifier = Mo.Sequential(
            Mo.GlobalAvgPool(), Mo.Dropout(drop_rate), Mo.Linear(last, num_classes)
        )
        self._fixed_blocks = (
            f"conv 3x3, stride {stem_stride}, {stem} channels",
            f"MB1 3x3, {first} channels",
            f"conv 1x1, {last} channels",
            f"average, linear, {num_classes} classes",
        )
        if weights is not None:
            self.load_weights(weights)

    @abstractmethod
    def _chain(self) -> list[Mo.Module]:
        """Return what stands at every position: a choice, or the operation that was chosen."""

    def _operations(self) -> OrderedDict[str, tuple[str, ...]]:
        """Return path → names of the candidates for every position."""
        return OrderedDict(
            (f"_features/{index + 2}/_mixed", position.operations)
            for index, position in enumerate(self._positions)
        )

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
            x: (B, in_channels, H, W).

        Returns:
            (B, num_classes).
        """
        return self._classifier(self._features(x))

    def diagram(self) -> Diagram:
        """Return the most probable architecture as a chain of boxes."""
        title = self.drawn_as()
        words = self.decode()["choices"]
        return chain_diagram(title, self._fixed_blocks, self._positions, words)


class SearchNet(_MobileNet):
    """The super-network: every block of the chain is a choice between the candidates."""

    def _chain(self) -> list[Mo.Module]:
        chain: list[Mo.Module] = []
        for position in self._positions:
            operations = [build_operation(name, position) for name in position.operations]
            mixed = Mo.MixedOp(operations, self._mode)
            mixed.names = list(position.operations)
            chain.append(mixed)
        return chain


class TrainNet(_MobileNet):
    """One architecture of the space.

    Args:
        num_classes: as of SearchNet, like all arguments but the last.
        width_mult: see there.
        settings: see there.
        drop_rate: see there.
        candidates: see there.
        mode: see there.
        skip_connect: see there.
        in_channels: see there.
        stem_stride: see there.
        label_smoothing: see there.
        weights: see there.
        genotype: arch.h5 or arch.json of a search; without one the architecture is drawn at
            random from the run's seed.

    Raises:
        GenotypeError: if the file is missing, damaged, or of another search space.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1,
        settings: Sequence[Sequence[int]] | None = None,
        drop_rate: float = 0,
        candidates: Sequence[str] | None = None,
        mode: Literal["sample", "full", "max"] = "sample",
        skip_connect: bool = True,
        in_channels: int = 3,
        stem_stride: int = 2,
        label_smoothing: float = 0.1,
        weights: str | None = None,
        genotype: str | None = None,
    ) -> None:
        self._genotype = genotype
        super().__init__(
            num_classes,
            width_mult,
            settings,
            drop_rate,
            candidates,
            mode,
            skip_connect,
            in_channels,
            stem_stride,
            label_smoothing,
            weights,
        )

    def _chain(self) -> list[Mo.Module]:
        if self._genotype is None:
            self._architecture = random_architecture(self._operations())
        else:
            self._architecture = read_genotype(self._genotype, self._operations())
        return [
            build_operation(position.operations[index], position)
            for position, index in zip(self._positions, self._architecture, strict=True)
        ]

    def decode(self) -> dict[str, Any]:
        """Return the architecture in words, as arch.json holds it."""
        return architecture_in_words(self._operations(), self._architecture)
