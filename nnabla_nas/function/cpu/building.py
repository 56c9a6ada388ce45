"""Putting programs for the CPU together while a network is built.

Modules see (B, C, H, W) variables. A fast form returns one that stands for its output and notes
what it will compute; the next fast form takes the note. Stages that follow each other so become
one unit, and activations leave a program only where one of nnabla's own functions reads them, or
whoever holds the variable when the network is complete. What nobody reads is not in it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import nnabla as nn

from nnabla_nas.function.cpu.layout import (
    Concatenation,
    FromBack,
    FromFront,
    ToBack,
    ToFront,
    Zeros,
)
from nnabla_nas.function.cpu.mixing import Choice, Mixture, ScaledExamples
from nnabla_nas.function.cpu.normalization import NO_ACTIVATION, RELU, RELU6
from nnabla_nas.function.cpu.operation import Export, Operation, Value
from nnabla_nas.function.cpu.pooling_operations import AveragePooling, MaxPooling, MeanOfImage
from nnabla_nas.function.cpu.program import Program
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
        branch: the activation.
    """

    weights: nn.Variable
    alpha: nn.Variable
    position: int
    branch: Value


@dataclass
class Note:
    """What is known of a variable.

    Args:
        variable: the variable, (B, C, H, W).
        build: makes the operation that computes its values.
        reads: what that operation reads.
        connected: whether the variable has its values by itself.
        stages: what the unit computes that it comes from, if it comes from one.
        parameters: those of that unit.
        handed_on: whether nobody but the next module reads it.
        absorbed: whether that module has done so, as a part of its own unit.
        zero: whether all its values are zero.
        mixture: the branches of the mixture it is, if it is one.
        front: what nnabla's own functions take in its place, where they do.
        value: its values, once they were asked for.
    """

    variable: nn.Variable
    build: Callable[[], Operation]
    reads: tuple[Value, ...] = ()
    connected: bool = False
    stages: Stages | None = None
    parameters: tuple[nn.Variable, ...] = ()
    handed_on: bool = False
    absorbed: bool = False
    zero: bool = False
    mixture: Sequence[Term] = ()
    front: nn.Variable | None = None
    value: Value | None = None

    def is_held(self) -> bool:
        """Return whether somebody else can still use the variable."""
        # The note's own attribute, the dictionary's key, and the argument.
        return sys.getrefcount(self.variable) > _OWN_REFERENCES


class Builder:
    """Notes fast forms, and makes programs of them when they are read."""

    def __init__(self) -> None:
        self._notes: dict[nn.Variable, Note] = {}
        # The operations that no program runs yet, in order, and what computes each activation.
        self._pending: dict[Operation, None] = {}
        self._sources: dict[Value, Operation] = {}

    def _promise(
        self,
        shape: Sequence[int],
        build: Callable[[], Operation],
        reads: Sequence[Value],
        **facts: object,
    ) -> nn.Variable:
        """Return a variable (B, C, H, W) that is connected later, if at all."""
        variable = nn.Variable(tuple(shape), need_grad=True)
        note = Note(variable, build, tuple(reads), **facts)  # type: ignore[arg-type]
        self._notes[variable] = note
        return variable

    def _add(self, operation: Operation) -> Value:
        self._pending[operation] = None
        self._sources[operation.output] = operation
        return operation.output

    def value(self, x: nn.Variable) -> Value:
        """Return the activation that a variable stands for.

        Args:
            x: (B, C, H, W).
        """
        if x not in self._notes:
            self._notes[x] = Note(x, lambda: FromFront(x), connected=True)
        note = self._notes[x]
        if note.value is None:
            note.value = self._add(note.build())
        return note.value

    def _needed(self, values: Iterable[Value]) -> set[Operation]:
        """Return the operations without a program that some activations are computed by."""
        found: set[Operation] = set()
        waiting = list(values)
        while waiting:
            operation = self._sources[waiting.pop()]
            if operation not in found:
                found.add(operation)
                waiting += operation.inputs
        return found

    def _run(self, exports: Sequence[Export]) -> list[nn.Variable]:
        """Return nnabla's variables for what leaves a new program.

        Activations that can be asked for later may leave it as well, for another program.

        Args:
            exports: what leaves it for certain.
        """
        inside = self._needed(export.source for export in exports)
        operations = [one for one in self._pending if one in inside]
        wanted = [
            value
            for note in self._notes.values()
            if note.is_held()
            for value in (note.reads if note.value is None else (note.value,))
        ]
        outside = self._needed(wanted) - inside
        asked = {*wanted, *(value for one in outside for value in one.inputs)}
        later = [ToBack(one.output) for one in operations if one.output in asked]
        program = Program(operations, [*exports, *later])
        outputs = program(*program.variables)
        outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        entries: dict[Operation, None] = {}
        for export, variable in zip(later, outputs[len(exports) :], strict=True):
            entry = FromBack(export, variable)
            self._sources[entry.output] = entry
            entries[entry] = None
        # What is left may read them.
        self._pending = entries | {one: None for one in self._pending if one not in inside}
        return outputs[: len(exports)]

    def connect(self) -> None:
        """Give their values to the variables that somebody reads or holds."""
        held = []
        for note in self._notes.values():
            if note.connected or note.absorbed:
                continue
            if note.variable.function_references:
                raise RuntimeError(
                    "a module calls one of nnabla's own functions on an activation: it must not "
                    "set `batch_last`, or call nnabla_nas.function instead"
                )
            if note.is_held():
                held.append(note)
        if not held:
            return
        exports = [ToFront(self.value(note.variable)) for note in held]
        for note, variable in zip(held, self._run(exports), strict=True):
            note.variable.rewire_on(variable)
            note.connected = True

    def front(self, x: nn.Variable) -> nn.Variable:
        """Return a variable (B, C, H, W) that nnabla's own functions can take.

        Args:
            x: any variable.
        """
        note = self._notes.get(x)
        if note is None or note.connected:
            return x
        if note.front is None:
            (note.front,) = self._run([ToFront(self.value(x))])
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

        def build() -> Operation:
            return Zeros((channels, height, width, batch))

        return self._promise((batch, channels, height, width), build, (), zero=True)

    def _extended(
        self, x: nn.Variable, *fits: Stages
    ) -> tuple[Stages, Value, tuple[nn.Variable, ...]]:
        """Return the stages x comes from if they are among those that fit, and what they read."""
        note = self._notes.get(x)
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
        return self._promise(
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
        kind, note = RELU6 if six else RELU, self._notes.get(x)
        stages = None if note is None or not note.handed_on else note.stages
        # Only where nobody else reads x: running statistics must be moved once.
        fits = stages is not None and stages.normalized and stages.activation == NO_ACTIVATION
        if note is not None and stages is not None and fits:
            note.absorbed = True
            stages = replace(stages, activation=kind)
            return self._unit(stages, note.reads[0], note.parameters, x.shape)
        alone = Stages(activation=kind) if six else Stages(rectify=True)
        return self._unit(alone, self.value(x), (), x.shape)

    def depthwise(
        self,
        x: nn.Variable,
        filters: nn.Variable,
        window: Window,
        bias: nn.Variable | None = None,
    ) -> nn.Variable:
        """Convolve every channel on its own.

        Args:
            x: (B, C, H, W).
            filters: C filters.
            window: how they move.
            bias: C numbers.
        """
        stages, value, parameters = self._extended(x, Stages(rectify=True))
        own = [filters] if bias is None else [filters, bias]
        stages = replace(stages, filters="depthwise", window=window, biased=bias is not None)
        shape = (*x.shape[:2], *window.output(*x.shape[2:]))
        return self._unit(stages, value, [*parameters, *own], shape)

    def convolution(
        self,
        x: nn.Variable,
        filters: nn.Variable,
        window: Window,
        bias: nn.Variable | None = None,
    ) -> nn.Variable:
        """Convolve over all channels.

        Args:
            x: (B, C, H, W).
            filters: (F, C, kernel height, kernel width).
            window: how they move.
            bias: F numbers.
        """
        own = [filters] if bias is None else [filters, bias]
        shape = (x.shape[0], filters.shape[0], *window.output(*x.shape[2:]))
        rectified = Stages(rectify=True)
        if window != Window((1, 1)):
            stages, value, parameters = self._extended(x, rectified)
            stages = replace(stages, filters="dense", window=window, biased=bias is not None)
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
        note = self._notes.get(x)
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
        return self._promise(shape, lambda: kind(value, window), [value])

    def mean_of_image(self, x: nn.Variable) -> nn.Variable:
        """Average over height and width.

        Args:
            x: (B, C, H, W).

        Returns:
            (B, C, 1, 1).
        """
        (mean,) = self._run([MeanOfImage(self.value(x))])
        return mean

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
            if not (branch in self._notes and self._notes[branch].zero)
        ]
        if not terms:
            return None
        return self._mixture(terms, branches[0].shape)

    def _mixture(self, terms: Sequence[Term], shape: Sequence[int]) -> nn.Variable:
        vectors: dict[nn.Variable, int] = {}
        places = [(vectors.setdefault(t.weights, len(vectors)), t.position) for t in terms]
        alphas = list({term.alpha: None for term in terms})
        branches = [term.branch for term in terms]
        return self._promise(
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
        needed = [self._needed([value]) for value in values]
        shared = set[Operation].intersection(*needed)
        if any(one.depends for own in needed for one in own - shared):
            return None
        chosen = self._promise(branches[0].shape, lambda: Choice(values), values)
        self.value(chosen)
        return chosen

    def choice_of(self, chosen: nn.Variable) -> Choice | None:
        """Return what switches between branches, None if it is no choice of ours.

        Args:
            chosen: a variable.
        """
        operation = self._sources[self.value(chosen)]
        return operation if isinstance(operation, Choice) else None

    def concatenation(self, inputs: Sequence[nn.Variable]) -> nn.Variable:
        """Put the channels of all inputs behind each other.

        Args:
            inputs: variables (B, C, H, W) that agree in all but channels.
        """
        values = [self.value(x) for x in inputs]
        batch, _, *sides = inputs[0].shape
        shape = (batch, sum(x.shape[1] for x in inputs), *sides)
        return self._promise(shape, lambda: Concatenation(values), values)

    def sum(self, terms: Sequence[nn.Variable]) -> nn.Variable:
        """Return the sum; mixtures become one.

        Args:
            terms: variables (B, C, H, W).
        """
        mixtures = [self._notes[x].mixture if x in self._notes else () for x in terms]
        if all(mixtures):
            flat = [branch for mixture in mixtures for branch in mixture]
            return self._mixture(flat, terms[0].shape)
        values = [self.value(term) for term in terms]
        return self._promise(terms[0].shape, lambda: Mixture(values), values)

    def scaled_examples(self, x: nn.Variable, factors: nn.Variable) -> nn.Variable:
        """Multiply each example by a factor.

        Args:
            x: (B, C, H, W).
            factors: B values.
        """
        value = self.value(x)
        return self._promise(x.shape, lambda: ScaledExamples(value, factors), [value])
