"""The fast forms for the CPU: each notes what it will compute, and joins what came before it.

Stages that follow each other become one unit, mixtures that are added one mixture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import nnabla as nn

from nnabla_nas.function.cpu.activation import NO_ACTIVATION, RELU, RELU6
from nnabla_nas.function.cpu.assembly import Assembler, Term
from nnabla_nas.function.cpu.layout import Concatenation, Zeros
from nnabla_nas.function.cpu.mixing import Choice, Mixture, ScaledExamples
from nnabla_nas.function.cpu.operation import Operation, Value
from nnabla_nas.function.cpu.pooling_operations import AveragePooling, MaxPooling, MeanOfImage
from nnabla_nas.function.cpu.unit import Stages, Unit
from nnabla_nas.function.window import Window


class Builder(Assembler):
    """What functions on activations are, while a network is built for the CPU."""

    def zeros(self, x: nn.Variable, stride: Sequence[int]) -> nn.Variable:
        """Return zeros in the shape of every stride-th pixel.

        Args:
            x: (B, C, H, W).
            stride: per spatial axis.
        """
        batch, channels, *sides = x.shape
        height, width = (-(-side // step) for side, step in zip(sides, stride, strict=True))

        def build() -> Operation:
            return Zeros((channels, height, width, batch))

        return self.promise((batch, channels, height, width), build, (), zero=True)

    def _extended(
        self, x: nn.Variable, *fits: Stages
    ) -> tuple[Stages, Value, tuple[nn.Variable, ...]]:
        """Return the stages x comes from if they are among those that fit, and what they read."""
        note = self.note(x)
        if (
            note is not None
            and note.stages is not None
            and replace(note.stages, window=None) in fits
        ):
            return note.stages, note.reads[0], note.parameters
        return Stages(), self.value(x), ()

    def _unit(
        self,
        stages: Stages,
        value: Value,
        parameters: Sequence[nn.Variable],
        shape: Sequence[int],
    ) -> nn.Variable:
        parameters = tuple(parameters)
        return self.promise(
            shape,
            lambda: Unit(stages, value, parameters),
            (value,),
            stages=stages,
            parameters=parameters,
        )

    def activation(self, x: nn.Variable, six: bool) -> nn.Variable:
        """Return max(x, 0), with `six` no more than 6.

        Args:
            x: (B, C, H, W).
            six: whether 6 is the largest value.
        """
        kind, note = RELU6 if six else RELU, self.note(x)
        stages = None if note is None or not note.handed_on else note.stages
        # Only where nobody else reads x: running statistics must be moved once.
        fits = stages is not None and stages.normalized and stages.activation == NO_ACTIVATION
        if note is not None and stages is not None and fits:
            note.absorbed = True
            stages = replace(stages, activation=kind)
            return self._unit(stages, note.reads[0], note.parameters, x.shape)
        alone = Stages(activation=kind) if six else Stages(rectify=True)
        return self._unit(alone, self.value(x), (), x.shape)

    def convolution(
        self,
        x: nn.Variable,
        filters: nn.Variable,
        window: Window,
        bias: nn.Variable | None = None,
        depthwise: bool = False,
    ) -> nn.Variable:
        """Convolve over all channels, or every channel on its own.

        Args:
            x: (B, C, H, W).
            filters: (F, C, kernel height, kernel width); C filters if `depthwise`.
            window: how they move.
            bias: as many numbers as filters.
            depthwise: whether every channel has one filter of its own.
        """
        own = [filters] if bias is None else [filters, bias]
        shape = (x.shape[0], filters.shape[0], *window.output(*x.shape[2:]))
        rectified = Stages(rectify=True)
        if depthwise or window != Window((1, 1)):
            stages, value, parameters = self._extended(x, rectified)
            kind: Literal["depthwise", "dense"] = "depthwise" if depthwise else "dense"
            stages = replace(stages, filters=kind, window=window, biased=bias is not None)
            return self._unit(stages, value, [*parameters, *own], shape)
        filtered = replace(rectified, filters="depthwise")
        fits = (rectified, filtered, Stages(filters="depthwise"))
        stages, value, parameters = self._extended(x, *fits)
        stages = replace(stages, pointwise=True, biased=bias is not None)
        return self._unit(stages, value, [*parameters, *own], shape)

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
        note = self.note(x)
        stages = None if note is None else note.stages
        if note is not None and stages is not None and stages.convolves and not stages.normalized:
            value, own = note.reads[0], note.parameters
        else:
            stages, value, own = Stages(), self.value(x), ()
        stages = replace(stages, normalized=(decay, eps, batch))
        return self._unit(stages, value, [*own, *parameters], x.shape)

    def pooling(self, x: nn.Variable, window: Window, largest: bool) -> nn.Variable:
        """Pool.

        Args:
            x: (B, C, H, W).
            window: the windows.
            largest: whether the largest value is taken instead of the mean.
        """
        kind, value = MaxPooling if largest else AveragePooling, self.value(x)
        shape = (*x.shape[:2], *window.output(*x.shape[2:]))
        return self.promise(shape, lambda: kind(value, window), [value])

    def mean_of_image(self, x: nn.Variable) -> nn.Variable:
        """Average over height and width.

        Args:
            x: (B, C, H, W).

        Returns:
            (B, C, 1, 1).
        """
        (mean,) = self.run([MeanOfImage(self.value(x))])
        return mean

    def _is_zero(self, x: nn.Variable) -> bool:
        note = self.note(x)
        return note is not None and note.zero

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
            Term(weights, alpha, position, self.value(branch))
            for position, branch in enumerate(branches)
            if not self._is_zero(branch)
        ]
        if not terms:
            return None
        return self._mixture(terms, branches[0].shape)

    def _mixture(self, terms: Sequence[Term], shape: Sequence[int]) -> nn.Variable:
        vectors: dict[nn.Variable, int] = {}
        places = [(vectors.setdefault(t.weights, len(vectors)), t.position) for t in terms]
        alphas = list({term.alpha: None for term in terms})
        branches = [term.branch for term in terms]
        return self.promise(
            shape,
            lambda: Mixture(branches, list(vectors), places, alphas),
            branches,
            mixture=terms,
        )

    def gate(self, branch: nn.Variable, value: nn.Variable) -> nn.Variable:
        """Multiply by a scalar that may learn.

        Args:
            branch: (B, C, H, W).
            value: one value, a leaf of the graph.
        """
        return self._mixture([Term(value, value, 0, self.value(branch))], branch.shape)

    def choice(self, branches: Sequence[nn.Variable]) -> nn.Variable | None:
        """Return the sum of some branches; `choice_of` it says which.

        Args:
            branches: variables (B, C, H, W).

        Returns:
            None if nnabla's functions compute a part of a branch: they would run for all branches.
        """
        values = [self.value(branch) for branch in branches]
        needed = [self.needed([value]) for value in values]
        shared = set[Operation].intersection(*needed)
        if any(one.depends for own in needed for one in own - shared):
            return None
        chosen = self.promise(branches[0].shape, lambda: Choice(values), values)
        self.value(chosen)
        return chosen

    def choice_of(self, chosen: nn.Variable) -> Choice | None:
        """Return what switches between branches, None if it is no choice of ours.

        Args:
            chosen: a variable.
        """
        operation = self.source(self.value(chosen))
        return operation if isinstance(operation, Choice) else None

    def concatenation(self, inputs: Sequence[nn.Variable]) -> nn.Variable:
        """Put the channels of all inputs behind each other.

        Args:
            inputs: variables (B, C, H, W) that agree in all but channels.
        """
        values = [self.value(x) for x in inputs]
        batch, _, *sides = inputs[0].shape
        shape = (batch, sum(x.shape[1] for x in inputs), *sides)
        return self.promise(shape, lambda: Concatenation(values), values)

    def sum(self, terms: Sequence[nn.Variable]) -> nn.Variable:
        """Return the sum; mixtures become one.

        Args:
            terms: variables (B, C, H, W).
        """
        notes = [self.note(x) for x in terms]
        mixtures = [() if note is None else note.mixture for note in notes]
        if all(mixtures):
            flat = [branch for mixture in mixtures for branch in mixture]
            return self._mixture(flat, terms[0].shape)
        values = [self.value(term) for term in terms]
        return self.promise(terms[0].shape, lambda: Mixture(values), values)

    def scaled_examples(self, x: nn.Variable, factors: nn.Variable) -> nn.Variable:
        """Multiply each example by a factor.

        Args:
            x: (B, C, H, W).
            factors: B values.
        """
        value = self.value(x)
        return self.promise(x.shape, lambda: ScaledExamples(value, factors), [value])
