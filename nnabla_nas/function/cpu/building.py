"""Putting functions for the CPU together while a network is built.

Modules see (B, C, H, W) variables. A fast form returns one that stands for its output and notes
what it will compute; the next fast form takes the note. Stages that follow each other so become
one unit, and values are transposed only where one of nnabla's own functions reads them, or whoever
holds the variable when the network is complete. Nothing is built that nobody reads: nnabla would
keep the memory of its inputs for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import nnabla as nn
import nnabla.functions as F

from nnabla_nas.function.cpu.layout import BatchToBack, BatchToFront
from nnabla_nas.function.cpu.mixing import Mixture, ScaledExamples
from nnabla_nas.function.cpu.normalization import NO_ACTIVATION, RELU, RELU6
from nnabla_nas.function.cpu.pooling_functions import AveragePooling, MaxPooling, MeanOfImage
from nnabla_nas.function.cpu.unit import Stages, Unit
from nnabla_nas.function.window import Window

# Who holds a variable that nobody reads: the dictionary, its note, and the question how many do.
_OWN_REFERENCES = 3


class Term(NamedTuple):
    """A branch of a mixture.

    Args:
        weights: a vector that holds the branch's weight.
        alpha: the parameter the vector is computed from.
        position: where in the vector.
        branch: (C, H, W, B).
    """

    weights: nn.Variable
    alpha: nn.Variable
    position: int
    branch: nn.Variable


@dataclass
class Note:
    """What is known of a variable.

    Args:
        variable: the variable, (B, C, H, W).
        build: builds the same values as (C, H, W, B).
        connected: whether the variable has its values by itself.
        stages: what the unit computes that it comes from, if it comes from one.
        inputs: that unit's inputs.
        handed_on: whether nobody but the next module reads it.
        zero: whether all its values are zero.
        mixture: the branches of the mixture it is, if it is one.
        front: what nnabla's own functions take in its place, where they do.
    """

    variable: nn.Variable
    build: Callable[[], nn.Variable]
    connected: bool = False
    stages: Stages | None = None
    inputs: tuple[nn.Variable, ...] = ()
    handed_on: bool = False
    zero: bool = False
    mixture: Sequence[Term] = ()
    front: nn.Variable | None = None
    _twin: nn.Variable | None = None

    @property
    def twin(self) -> nn.Variable:
        """The values as (C, H, W, B), built when they are first asked for."""
        if self._twin is None:
            self._twin = self.build()
        return self._twin


class Builder:
    """Notes fast forms, and builds them when they are read."""

    def __init__(self) -> None:
        self._notes: dict[nn.Variable, Note] = {}

    def _promise(
        self, shape: Sequence[int], build: Callable[[], nn.Variable], **facts: object
    ) -> nn.Variable:
        """Return a variable (B, C, H, W) that is connected later, if at all."""
        variable = nn.Variable(tuple(shape), need_grad=True)
        self._notes[variable] = Note(variable, build, **facts)  # type: ignore[arg-type]
        return variable

    def connect(self) -> None:
        """Give their values to the variables that somebody reads or holds."""
        for note in list(self._notes.values()):
            if note.connected:
                continue
            if note.variable.function_references:
                raise RuntimeError(
                    "a module calls one of nnabla's own functions on an activation: it must not "
                    "set `batch_last`, or call nnabla_nas.function instead"
                )
            if sys.getrefcount(note.variable) > _OWN_REFERENCES:
                note.variable.rewire_on(BatchToFront()(note.twin))
                note.connected = True

    def twin(self, x: nn.Variable) -> nn.Variable:
        """Return the (C, H, W, B) twin of a variable.

        Args:
            x: (B, C, H, W).
        """
        if x not in self._notes:
            self._notes[x] = Note(x, lambda: BatchToBack()(x), connected=True)
        return self._notes[x].twin

    def front(self, x: nn.Variable) -> nn.Variable:
        """Return a variable (B, C, H, W) that nnabla's own functions can take.

        Args:
            x: any variable.
        """
        note = self._notes.get(x)
        if note is None or note.connected:
            return x
        if note.front is None:
            note.front = BatchToFront()(note.twin)
        return note.front

    def hand_on(self, x: nn.Variable) -> None:
        """Note that nobody but the next module reads a variable.

        Args:
            x: any variable.
        """
        if x in self._notes:
            self._notes[x].handed_on = True

    def zeros(self, x: nn.Variable, stride: Sequence[int]) -> nn.Variable:
        """Return zeros in the shape of every stride-th pixel.

        Args:
            x: (B, C, H, W).
            stride: per spatial axis.
        """
        batch, channels, *sides = x.shape
        height, width = (-(-side // step) for side, step in zip(sides, stride, strict=True))

        def build() -> nn.Variable:
            return F.constant(0, (channels, height, width, batch))

        return self._promise((batch, channels, height, width), build, zero=True)

    def _extended(self, x: nn.Variable, *fits: Stages) -> tuple[Stages, tuple[nn.Variable, ...]]:
        """Return the stages x comes from, if they are among those that fit, and their inputs."""
        note = self._notes.get(x)
        if (
            note is not None
            and note.stages is not None
            and replace(note.stages, window=None) in fits
        ):
            return note.stages, note.inputs
        return Stages(), (self.twin(x),)

    def _unit(
        self, stages: Stages, inputs: Sequence[nn.Variable], shape: Sequence[int]
    ) -> nn.Variable:
        inputs = tuple(inputs)
        return self._promise(shape, lambda: Unit(stages)(*inputs), stages=stages, inputs=inputs)

    def activation(self, x: nn.Variable, six: bool) -> nn.Variable:
        """Return max(x, 0), with `six` no more than 6.

        Args:
            x: (B, C, H, W).
            six: whether 6 is the largest value.
        """
        kind, note = RELU6 if six else RELU, self._notes.get(x)
        stages = None if note is None or not note.handed_on else note.stages
        # Only where nobody else reads x: running statistics must be moved once.
        fits = stages is not None and stages.normalized and stages.activation == NO_ACTIVATION
        if note is not None and stages is not None and fits:
            return self._unit(replace(stages, activation=kind), note.inputs, x.shape)
        alone = Stages(activation=kind) if six else Stages(rectify=True)
        return self._unit(alone, [self.twin(x)], x.shape)

    def depthwise(self, x: nn.Variable, filters: nn.Variable, window: Window) -> nn.Variable:
        """Convolve every channel on its own.

        Args:
            x: (B, C, H, W).
            filters: C filters.
            window: how they move.
        """
        stages, inputs = self._extended(x, Stages(rectify=True))
        stages = replace(stages, filters="depthwise", window=window)
        shape = (*x.shape[:2], *window.output(*x.shape[2:]))
        return self._unit(stages, [*inputs, filters], shape)

    def convolution(self, x: nn.Variable, filters: nn.Variable, window: Window) -> nn.Variable:
        """Convolve over all channels.

        Args:
            x: (B, C, H, W).
            filters: (F, C, kernel height, kernel width).
            window: how they move.
        """
        shape = (x.shape[0], filters.shape[0], *window.output(*x.shape[2:]))
        rectified = Stages(rectify=True)
        if window != Window((1, 1)):
            stages, inputs = self._extended(x, rectified)
            stages = replace(stages, filters="dense", window=window)
            return self._unit(stages, [*inputs, filters], shape)
        filtered = replace(rectified, filters="depthwise")
        stages, inputs = self._extended(x, rectified, filtered, Stages(filters="depthwise"))
        return self._unit(replace(stages, pointwise=True), [*inputs, filters], shape)

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
        stages = None if note is None else note.stages
        if note is not None and stages is not None and stages.convolves and not stages.normalized:
            inputs = note.inputs
        else:
            stages, inputs = Stages(), (self.twin(x),)
        stages = replace(stages, normalized=(decay, eps, batch))
        return self._unit(stages, [*inputs, *parameters], x.shape)

    def pooling(self, x: nn.Variable, window: Window, largest: bool) -> nn.Variable:
        """Pool.

        Args:
            x: (B, C, H, W).
            window: the windows.
            largest: whether the largest value is taken instead of the mean.
        """
        kind, twin = MaxPooling if largest else AveragePooling, self.twin(x)
        shape = (*x.shape[:2], *window.output(*x.shape[2:]))
        return self._promise(shape, lambda: kind(window)(twin))

    def mean_of_image(self, x: nn.Variable) -> nn.Variable:
        """Average over height and width.

        Args:
            x: (B, C, H, W).

        Returns:
            (B, C, 1, 1).
        """
        return MeanOfImage()(self.twin(x))

    def mixture(
        self, branches: Sequence[nn.Variable], weights: nn.Variable, alpha: nn.Variable
    ) -> nn.Variable | None:
        """Return Σ weight · branch, leaving out branches that are zero; None if all are.

        Args:
            branches: variables (B, C, H, W).
            weights: one value per branch.
            alpha: the parameter they are computed from.
        """
        terms = [
            Term(weights, alpha, position, self.twin(branch))
            for position, branch in enumerate(branches)
            if not (branch in self._notes and self._notes[branch].zero)
        ]
        if not terms:
            return None
        return self._promise(branches[0].shape, lambda: _mixture(terms), mixture=terms)

    def sum(self, terms: Sequence[nn.Variable]) -> nn.Variable:
        """Return the sum; mixtures become one.

        Args:
            terms: variables (B, C, H, W).
        """
        mixtures = [self._notes[x].mixture if x in self._notes else () for x in terms]
        if all(mixtures):
            flat = [branch for mixture in mixtures for branch in mixture]
            return self._promise(terms[0].shape, lambda: _mixture(flat), mixture=flat)
        twins = [self.twin(term) for term in terms]
        return self._promise(terms[0].shape, lambda: Mixture(0, [])(*twins))

    def scaled_examples(self, x: nn.Variable, factors: nn.Variable) -> nn.Variable:
        """Multiply each example by a factor.

        Args:
            x: (B, C, H, W).
            factors: B values.
        """
        twin = self.twin(x)
        return self._promise(x.shape, lambda: ScaledExamples()(twin, factors))

    def wrapped(self, twin: nn.Variable) -> nn.Variable:
        """Return the (B, C, H, W) variable of a twin that nnabla's own functions computed.

        Args:
            twin: (C, H, W, B).
        """
        channels, height, width, batch = twin.shape
        return self._promise((batch, channels, height, width), lambda: twin)


def _mixture(terms: Sequence[Term]) -> nn.Variable:
    vectors: dict[nn.Variable, int] = {}
    places = [(vectors.setdefault(t.weights, len(vectors)), t.position) for t in terms]
    alphas = list({term.alpha: None for term in terms})
    function = Mixture(len(vectors), places, alphas)
    return function(*vectors, *(term.branch for term in terms))
