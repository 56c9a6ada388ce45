"""Putting functions for the CPU together while a network is built.

Modules see (B, C, H, W) variables. Behind each that a fast form computes there is a twin
(C, H, W, B); the next fast form takes the twin, and what nnabla's own functions take is the variable
itself, whose transposition is run only if they do. Stages that follow each other become one unit:
what was built for the shorter unit has no reader then and vanishes with the notes kept here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import nnabla as nn

from nnabla_nas.function.cpu.layout import BatchToBack, BatchToFront
from nnabla_nas.function.cpu.mixing import Mixture, ScaledExamples
from nnabla_nas.function.cpu.normalization import NO_ACTIVATION, RELU, RELU6
from nnabla_nas.function.cpu.pooling_functions import AveragePooling, MaxPooling, MeanOfImage
from nnabla_nas.function.cpu.unit import Stages, Unit
from nnabla_nas.function.window import Window


@dataclass
class Note:
    """What is known of a variable that was built.

    Args:
        variable: the variable, (B, C, H, W); held so that its identity is not given to another.
        twin: the same values as (C, H, W, B).
        stages: what the unit computes that it comes from, if it comes from one.
        inputs: that unit's inputs.
        handed_on: whether nobody but the next module reads it.
        zero: whether all its values are zero.
        mixture: weights and branches of the mixture it is, if it is one.
    """

    variable: nn.Variable
    twin: nn.Variable
    stages: Stages | None = None
    inputs: tuple[nn.Variable, ...] = ()
    handed_on: bool = False
    zero: bool = False
    mixture: Sequence[tuple[nn.Variable, int, nn.Variable]] = ()


class Builder:
    """Builds fast forms and remembers them until the network is complete."""

    def __init__(self) -> None:
        self._notes: dict[nn.Variable, Note] = {}

    def _note(self, twin: nn.Variable, **facts: object) -> nn.Variable:
        variable = BatchToFront()(twin)
        self._notes[variable] = Note(variable, twin, **facts)  # type: ignore[arg-type]
        return variable

    def twin(self, x: nn.Variable) -> nn.Variable:
        """Return the (C, H, W, B) twin of a variable.

        Args:
            x: (B, C, H, W).
        """
        note = self._notes.get(x)
        if note is None:
            note = self._notes[x] = Note(x, BatchToBack()(x))
        return note.twin

    def hand_on(self, x: nn.Variable) -> None:
        """Note that nobody but the next module reads a variable.

        Args:
            x: any variable.
        """
        if x in self._notes:
            self._notes[x].handed_on = True

    def mark_zero(self, x: nn.Variable) -> None:
        """Note that all values of a variable are zero.

        Args:
            x: (B, C, H, W).
        """
        self.twin(x)
        self._notes[x].zero = True

    def _extended(self, x: nn.Variable, *fits: Stages) -> tuple[Stages, tuple[nn.Variable, ...]]:
        """Return the stages x comes from, if they are among those that fit, and their inputs."""
        note = self._notes.get(x)
        if note is not None and note.stages is not None:
            stages = note.stages
            if stages.normalized is None and stages.activation == NO_ACTIVATION:
                shape = replace(stages, window=None)
                if shape in fits:
                    return stages, note.inputs
        return Stages(), (self.twin(x),)

    def _unit(self, stages: Stages, inputs: Sequence[nn.Variable]) -> nn.Variable:
        return self._note(Unit(stages)(*inputs), stages=stages, inputs=tuple(inputs))

    def activation(self, x: nn.Variable, six: bool) -> nn.Variable:
        """Return max(x, 0), with `six` no more than 6.

        Args:
            x: (B, C, H, W).
            six: whether 6 is the largest value.
        """
        kind, note = RELU6 if six else RELU, self._notes.get(x)
        if note is not None and note.handed_on and note.stages is not None:
            if note.stages.normalized and note.stages.activation == NO_ACTIVATION:
                return self._unit(replace(note.stages, activation=kind), note.inputs)
        stages = Stages(activation=kind) if six else Stages(rectify=True)
        return self._unit(stages, [self.twin(x)])

    def depthwise(self, x: nn.Variable, filters: nn.Variable, window: Window) -> nn.Variable:
        """Convolve every channel on its own.

        Args:
            x: (B, C, H, W).
            filters: C filters.
            window: how they move.
        """
        stages, inputs = self._extended(x, Stages(rectify=True))
        return self._unit(replace(stages, filters="depthwise", window=window), [*inputs, filters])

    def convolution(self, x: nn.Variable, filters: nn.Variable, window: Window) -> nn.Variable:
        """Convolve over all channels.

        Args:
            x: (B, C, H, W).
            filters: (F, C, kernel height, kernel width).
            window: how they move.
        """
        rectified = Stages(rectify=True)
        if window == Window((1, 1)):
            filtered = Stages(filters="depthwise")
            stages, inputs = self._extended(
                x, rectified, filtered, replace(rectified, filters="depthwise")
            )
            return self._unit(replace(stages, pointwise=True), [*inputs, filters])
        stages, inputs = self._extended(x, rectified)
        return self._unit(replace(stages, filters="dense", window=window), [*inputs, filters])

    def normalization(
        self,
        x: nn.Variable,
        parameters: Sequence[nn.Variable],
        decay: float,
        eps: float,
        batch: bool,
    ) -> nn.Variable:
        """Normalise every channel.

        Args:
            x: (B, C, H, W).
            parameters: shift, scale, running mean and variance, C values each.
            decay: share of the running statistics that is kept.
            eps: added to the variance.
            batch: whether to use the batch's statistics.
        """
        note = self._notes.get(x)
        stages, inputs = Stages(), (self.twin(x),)
        if note is not None and note.stages is not None and note.stages.convolves:
            if note.stages.normalized is None:
                stages, inputs = note.stages, note.inputs
        stages = replace(stages, normalized=(decay, eps, batch))
        return self._unit(stages, [*inputs, *parameters])

    def pooling(self, x: nn.Variable, window: Window, largest: bool) -> nn.Variable:
        """Pool.

        Args:
            x: (B, C, H, W).
            window: the windows.
            largest: whether the largest value is taken instead of the mean.
        """
        return self._note((MaxPooling if largest else AveragePooling)(window)(self.twin(x)))

    def mean_of_image(self, x: nn.Variable) -> nn.Variable:
        """Average over height and width.

        Args:
            x: (B, C, H, W).

        Returns:
            (B, C, 1, 1).
        """
        return MeanOfImage()(self.twin(x))

    def mixture(self, branches: Sequence[nn.Variable], weights: nn.Variable) -> nn.Variable | None:
        """Return Σ weight · branch, leaving out branches that are zero; None if all are.

        Args:
            branches: variables (B, C, H, W).
            weights: one value per branch.
        """
        terms = [
            (weights, position, self.twin(branch))
            for position, branch in enumerate(branches)
            if not (branch in self._notes and self._notes[branch].zero)
        ]
        return self._note(_mixture(terms), mixture=terms) if terms else None

    def sum(self, terms: Sequence[nn.Variable]) -> nn.Variable:
        """Return the sum; mixtures become one.

        Args:
            terms: variables (B, C, H, W).
        """
        twins = [self.twin(term) for term in terms]
        mixtures = [self._notes[term].mixture for term in terms]
        if all(mixtures):
            flat = [branch for mixture in mixtures for branch in mixture]
            return self._note(_mixture(flat), mixture=flat)
        return self._note(Mixture(0, [])(*twins))

    def scaled_examples(self, x: nn.Variable, factors: nn.Variable) -> nn.Variable:
        """Multiply each example by a factor.

        Args:
            x: (B, C, H, W).
            factors: B values.
        """
        return self._note(ScaledExamples()(self.twin(x), factors))

    def wrapped(self, twin: nn.Variable) -> nn.Variable:
        """Return the (B, C, H, W) variable of a twin that nnabla's own functions computed.

        Args:
            twin: (C, H, W, B).
        """
        return self._note(twin)


def _mixture(terms: Sequence[tuple[nn.Variable, int, nn.Variable]]) -> nn.Variable:
    vectors: dict[nn.Variable, int] = {}
    places = [(vectors.setdefault(w, len(vectors)), position) for w, position, _ in terms]
    return Mixture(len(vectors), places)(*vectors, *(branch for _, _, branch in terms))
