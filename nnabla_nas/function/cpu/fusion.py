"""Which stages of a network become one unit, once it is known who reads what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace

import nnabla as nn

from nnabla_nas.function.cpu.activation import NO_ACTIVATION, RELU
from nnabla_nas.function.cpu.notes import Note, upstream
from nnabla_nas.function.cpu.operation import Operation, Value
from nnabla_nas.function.cpu.unit import Stages, Unit

_RECTIFIED = Stages(rectify=True)
_FILTERED = Stages(filters="depthwise")
_BOTH = Stages(rectify=True, filters="depthwise")


class Fusion:
    """Makes the operations of a network that is complete.

    A stage that one other stage alone reads becomes part of its unit. A ReLU in front of
    convolutions becomes part of each, for it costs nothing there; nothing else is computed twice:
    running statistics would be moved twice.

    Args:
        left: the activations that leave the programs.
        wanted: those among them that are read when the network is complete.
    """

    def __init__(self, left: Collection[Note], wanted: Collection[Note]) -> None:
        self._left, self._wanted = set(left), set(wanted)
        live = upstream(left)
        self._readers = Counter(read for note in live for read in note.needs)
        self._units: dict[Note, tuple[Stages, Note, tuple[nn.Variable, ...]]] = {}
        for note in sorted(live, key=lambda one: one.position):
            if note.stages is not None:
                self._units[note] = self._unit(note, note.stages)

    def _unit(self, note: Note, own: Stages) -> tuple[Stages, Note, tuple[nn.Variable, ...]]:
        """Return the stages of the unit that ends here, what it reads, and its parameters."""
        (below,) = note.reads
        stages, base, variables = self._units.get(below, (None, below, ()))
        if stages is None or not self._joins(stages, own, self._is_alone(below)):
            return own, below, note.variables
        joined = (*variables, *note.variables)
        if own.convolves:
            return replace(own, rectify=stages.rectify, filters=stages.filters or own.filters,
                           window=own.window or stages.window), base, joined  # fmt: skip
        if own.normalized is not None:
            stages = replace(stages, normalized=own.normalized, moves=own.moves)
            return stages, base, joined
        return replace(stages, activation=RELU if own.rectify else own.activation), base, joined

    def _is_alone(self, below: Note) -> bool:
        """Return whether one other alone reads an activation."""
        return self._readers[below] == 1 and below not in self._left

    @staticmethod
    def _joins(below: Stages, own: Stages, alone: bool) -> bool:
        """Return whether a stage becomes part of the unit below it."""
        windowless = replace(below, window=None)
        if own.filters:
            return windowless == _RECTIFIED
        if own.pointwise:
            return windowless == _RECTIFIED or (alone and windowless in (_FILTERED, _BOTH))
        if own.normalized is not None:
            return alone and below.convolves and below.normalized is None
        return alone and below.normalized is not None and below.activation == NO_ACTIVATION

    def reads(self, note: Note) -> tuple[Note, ...]:
        """Return what the operation reads that ends with a note.

        Args:
            note: its last stage, or all of it.
        """
        return note.reads if note not in self._units else (self._units[note][1],)

    def joins(self, note: Note) -> bool:
        """Return whether a note is part of the unit of what it reads.

        Args:
            note: any note.
        """
        return note in self._units and self._units[note][1] not in note.reads

    def needed(self, note: Note) -> set[Note]:
        """Return the notes that end the operations which compute an activation.

        Args:
            note: the activation.
        """
        found: set[Note] = set()
        waiting = [note]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += (*self.reads(one), *one.touches, *self._beside(one))
        return found

    def _beside(self, note: Note) -> list[Note]:
        """Return what is wanted of that which an operation stands for."""
        found, waiting = [], [*note.covers, *(note.reads if self.joins(note) else ())]
        while waiting:
            one = waiting.pop()
            if one in self._wanted:
                found.append(one)
            else:
                waiting += (*one.covers, *(one.reads if self.joins(one) else ()))
        return found

    def operations(self, order: Iterable[Note]) -> dict[Note, Operation]:
        """Return the operations that end with some notes.

        Args:
            order: the notes, each behind those it needs.
        """
        found: dict[Note, Operation] = {}

        def values(notes: Iterable[Note]) -> tuple[Value, ...]:
            return tuple(found[note].output for note in notes)

        for note in order:
            if note in self._units:
                stages, base, variables = self._units[note]
                found[note] = Unit(stages, found[base].output, variables)
            elif note.build is not None:
                found[note] = note.build(values(note.reads))
            found[note].touched = values(note.touches)
        for note, operation in found.items():
            operation.beside = values(self._beside(note))
        return found
