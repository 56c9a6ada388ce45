"""The fast forms for the CPU: each notes what computes its output.

Stages that follow each other become one unit, mixtures that are added one mixture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import nnabla as nn

from nnabla_nas.function.cpu.activation import RELU6
from nnabla_nas.function.cpu.assembly import Assembler
from nnabla_nas.function.cpu.layout import Concatenation, Zeros
from nnabla_nas.function.cpu.mixing import Choice, Mixture, ScaledExamples, Selection
from nnabla_nas.function.cpu.notes import Note, Term, not_needed, upstream
from nnabla_nas.function.cpu.pooling_operations import AveragePooling, MaxPooling, MeanOfImage
from nnabla_nas.function.cpu.unit import Stages
from nnabla_nas.function.window import Window


class Builder(Assembler):
    """What functions on activations are, while a network is built for the CPU."""

    def _stage(
        self,
        x: nn.Variable,
        stages: Stages,
        variables: Sequence[nn.Variable] = (),
        shape: Sequence[int] | None = None,
    ) -> nn.Variable:
        """Return x behind one more stage."""
        return self.promise(
            x.shape if shape is None else shape,
            [self.note(x)],
            stages=stages,
            variables=tuple(variables),
        )

    def zeros(self, x: nn.Variable, stride: Sequence[int]) -> nn.Variable:
        """Return zeros in the shape of every stride-th pixel.

        Args:
            x: (B, C, H, W).
            stride: per spatial axis.
        """
        batch, channels, *sides = x.shape
        height, width = (-(-side // step) for side, step in zip(sides, stride, strict=True))
        return self.promise(
            (batch, channels, height, width),
            (),
            build=lambda _: Zeros((channels, height, width, batch)),
            touches=(self.note(x),),
            zero=True,
        )

    def activation(self, x: nn.Variable, six: bool) -> nn.Variable:
        """Return max(x, 0), with `six` no more than 6.

        Args:
            x: (B, C, H, W).
            six: whether 6 is the largest value.
        """
        return self._stage(x, Stages(activation=RELU6) if six else Stages(rectify=True))

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
        if depthwise or window != Window((1, 1)):
            kind: Literal["depthwise", "dense"] = "depthwise" if depthwise else "dense"
            stages = Stages(filters=kind, window=window, biased=bias is not None)
        else:
            stages = Stages(pointwise=True, biased=bias is not None)
        return self._stage(x, stages, own, shape)

    def normalization(
        self,
        x: nn.Variable,
        parameters: Sequence[nn.Variable],
        decay: float,
        eps: float,
        batch: bool,
        leaves_trace: bool = True,
    ) -> nn.Variable:
        """Normalise every channel.

        Args:
            x: (B, C, H, W).
            parameters: shift, scale, running mean and variance, C values each.
            decay: share of the running statistics that is kept.
            eps: added to the variance.
            batch: whether to use the batch's statistics.
            leaves_trace: whether anybody reads the running statistics.
        """
        stages = Stages(normalized=(decay, eps, batch), moves=batch and leaves_trace)
        return self._stage(x, stages, parameters)

    def pooling(self, x: nn.Variable, window: Window, largest: bool) -> nn.Variable:
        """Pool.

        Args:
            x: (B, C, H, W).
            window: the windows.
            largest: whether the largest value is taken instead of the mean.
        """
        kind = MaxPooling if largest else AveragePooling
        shape = (*x.shape[:2], *window.output(*x.shape[2:]))
        return self.promise(shape, [self.note(x)], build=lambda values: kind(values[0], window))

    def mean_of_image(self, x: nn.Variable) -> nn.Variable:
        """Average over height and width.

        Args:
            x: (B, C, H, W).

        Returns:
            (B, C, 1, 1), which nnabla's own functions can take.
        """
        return self.leave(self.note(x), (*x.shape[:2], 1, 1), MeanOfImage)

    def mixture(
        self, branches: Sequence[nn.Variable], weights: nn.Variable, alpha: nn.Variable
    ) -> nn.Variable | None:
        """Return Σ weight · branch, not computing branches that are zero; None if all are.

        Args:
            branches: variables (B, C, H, W).
            weights: one value per branch.
            alpha: the parameter they are computed from.
        """
        notes = [self.note(branch) for branch in branches]
        terms = [Term(weights, alpha, k, note) for k, note in enumerate(notes) if not note.zero]
        zeros = [note for note in notes if note.zero]
        if not terms:
            return None
        return self._mixture(terms, branches[0].shape, zeros)

    def _mixture(
        self, terms: Sequence[Term], shape: Sequence[int], covered: Sequence[Note] = ()
    ) -> nn.Variable:
        vectors: dict[nn.Variable, int] = {}
        places = [(vectors.setdefault(t.weights, len(vectors)), t.position) for t in terms]
        alphas = list({term.alpha: None for term in terms})
        branches = [term.branch for term in terms]
        return self.promise(
            shape,
            branches,
            build=lambda values: Mixture(values, list(vectors), places, alphas),
            variables=tuple(vectors),
            touches=not_needed([one for note in covered for one in note.touches], branches),
            covers=tuple(covered),
            mixture=terms,
        )

    def gate(self, branch: nn.Variable, value: nn.Variable) -> nn.Variable:
        """Multiply by a scalar that may learn.

        Args:
            branch: (B, C, H, W).
            value: one value, a leaf of the graph.
        """
        return self._mixture([Term(value, value, 0, self.note(branch))], branch.shape)

    def choice(self, branches: Sequence[nn.Variable]) -> nn.Variable | None:
        """Return the sum of some branches; `choice_of` it says which.

        Args:
            branches: variables (B, C, H, W).

        Returns:
            None if nnabla's functions compute a part of a branch: they would run for all branches.
        """
        notes = [self.note(branch) for branch in branches]
        needed = [upstream([note]) for note in notes]
        shared = set[Note].intersection(*needed)
        if any(one.depends for own in needed for one in own - shared):
            self._divide_branches(needed)
            return None
        selection = Selection(len(notes))
        return self.promise(
            branches[0].shape,
            notes,
            build=lambda values: Choice(values, selection),
            selection=selection,
        )

    def _divide_branches(self, needed: Sequence[set[Note]]) -> None:
        """Put what different branches need into different parts."""
        together: dict[tuple[int, ...], list[Note]] = {}
        for note in set[Note]().union(*needed):
            if note.part is None:
                branches = tuple(k for k, own in enumerate(needed) if note in own)
                together.setdefault(branches, []).append(note)
        # What a note needs is needed by the branches that need the note, and by others perhaps.
        for branches in sorted(together, key=len, reverse=True):
            self.divide(together[branches])

    def choice_of(self, chosen: nn.Variable) -> Selection | None:
        """Return what switches between branches, None if it is no choice of ours.

        Args:
            chosen: a variable.
        """
        note = self._notes.get(chosen)
        return None if note is None else note.selection

    def concatenation(self, inputs: Sequence[nn.Variable]) -> nn.Variable:
        """Put the channels of all inputs behind each other.

        Args:
            inputs: variables (B, C, H, W) that agree in all but channels.
        """
        batch, _, *sides = inputs[0].shape
        shape = (batch, sum(x.shape[1] for x in inputs), *sides)
        return self.promise(shape, [self.note(x) for x in inputs], build=Concatenation)

    def sum(self, terms: Sequence[nn.Variable]) -> nn.Variable:
        """Return the sum; mixtures become one.

        Args:
            terms: variables (B, C, H, W).
        """
        notes = [self.note(x) for x in terms]
        if all(note.mixture for note in notes):
            flat = [branch for note in notes for branch in note.mixture]
            return self._mixture(flat, terms[0].shape, notes)
        return self.promise(terms[0].shape, notes, build=Mixture)

    def scaled_examples(self, x: nn.Variable, factors: nn.Variable) -> nn.Variable:
        """Multiply each example by a factor.

        Args:
            x: (B, C, H, W).
            factors: B values.
        """
        return self.promise(
            x.shape,
            [self.note(x)],
            build=lambda values: ScaledExamples(values[0], factors),
            variables=(factors,),
        )
