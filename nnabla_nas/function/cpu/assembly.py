"""Putting programs for the CPU together while a network is built.

Modules see (B, C, H, W) variables. A fast form returns one that stands for its output and notes
what computes it. What leaves the compiled forms is said: `front` by the functions that call
nnabla's own, `connect` by whoever has built the network. nnabla's functions are given their inputs
at once, as outputs of programs; what the programs compute is put together when the network is
complete and all readers of every activation are known. What nobody reads is not in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import nnabla as nn
import numpy as np

from nnabla_nas.function.cpu.fusion import Fusion
from nnabla_nas.function.cpu.layout import FromFront, ToFront
from nnabla_nas.function.cpu.notes import Note, upstream
from nnabla_nas.function.cpu.operation import Export, Operation, Value
from nnabla_nas.function.cpu.program import Activations, Part, Program


class _Exit(NamedTuple):
    """An activation that leaves the compiled forms.

    Args:
        note: what is known of it.
        program: what computes it.
        export: makes what it leaves by.
        wanted: whether the variable itself is read when the network is complete.
    """

    note: Note
    program: Program
    export: Callable[[Value], Export]
    wanted: bool


class Assembler:
    """Keeps the notes of a network, and makes programs of what they stand for.

    Attributes:
        kept: variables that somebody reads when the network is complete, beside its outputs.
    """

    def __init__(self) -> None:
        self.kept: list[nn.Variable] = []
        self._notes: dict[nn.Variable, Note] = {}
        # Notes and what leaves, in the order in which the network's functions were called.
        self._events: list[Note | _Exit] = []
        self._tokens: dict[Part, nn.Variable] = {}
        self._activations = Activations()

    def note(self, x: nn.Variable) -> Note:
        """Return what is known of a variable.

        Args:
            x: (B, C, H, W); one that no fast form has returned has its values by itself.
        """
        if x not in self._notes:
            self._add(x, build=lambda _: FromFront(x), variables=(x,), connected=True)
        return self._notes[x]

    def promise(self, shape: Sequence[int], reads: Sequence[Note], **facts: Any) -> nn.Variable:
        """Return a variable that is connected when the network is complete, if at all.

        Args:
            shape: (B, C, H, W).
            reads: what it is computed from.
            facts: what else its note says.
        """
        variable = nn.Variable(tuple(shape), need_grad=True)
        self._add(variable, reads=tuple(reads), **facts)
        return variable

    def _add(self, variable: nn.Variable, **facts: Any) -> None:
        note = Note(variable, len(self._events), **facts)
        # The weights of a mixture come from parameters: nothing is moved where they are computed.
        own = [] if note.mixture else [one for one in note.variables if one.parent is not None]
        note.inputs = frozenset(own).union(*(below.inputs for below in note.needs))
        self._notes[variable] = note
        self._events.append(note)

    def leave(
        self,
        note: Note,
        shape: Sequence[int],
        export: Callable[[Value], Export],
        wanted: bool = False,
    ) -> nn.Variable:
        """Return nnabla's variable for an activation that leaves the compiled forms.

        Args:
            note: what is known of it.
            shape: of the variable.
            export: makes what it leaves by.
            wanted: whether it is to be the note's own variable.
        """
        self.divide(upstream([note], lambda one: one.part is not None))
        assert note.part is not None
        program = Program(shape, note.part, self._tokens[note.part], self._activations)
        self._events.append(_Exit(note, program, export, wanted))
        return program.output()

    def divide(self, notes: Iterable[Note]) -> None:
        """Divide what is in no part into parts of the same inputs.

        Args:
            notes: with all that they need, as far as it is in no part.
        """
        parts: dict[frozenset[nn.Variable], list[Note]] = defaultdict(list)
        for note in sorted(notes, key=lambda one: one.position):
            parts[note.inputs].append(note)
        # What a part reads depends on fewer inputs.
        for members in sorted(parts.values(), key=lambda some: len(some[0].inputs)):
            needed = [below.part for note in members for below in note.needs]
            below = {one: self._tokens[one] for one in needed if one is not None}
            variables = dict.fromkeys(
                v for note in members for v in note.variables if v.parent is not None
            )
            part = Part(list(variables), below, self._activations)
            self._tokens[part] = part.output()
            for note in members:
                note.part = part

    def front(self, x: nn.Variable) -> nn.Variable:
        """Return a variable (B, C, H, W) that nnabla's own functions can take.

        Args:
            x: any variable.
        """
        note = self._notes.get(x)
        if note is None or note.connected:
            return x
        if note.front is None:
            note.front = self.leave(note, x.shape, ToFront)
        return note.front

    def connect(self, wanted: Iterable[nn.Variable] = ()) -> None:
        """Complete the network.

        Args:
            wanted: variables that somebody reads from now on; all others that fast forms have
                returned stay without values, which is NaN.

        Raises:
            RuntimeError: if one of nnabla's own functions was called on an activation.
        """
        notes = [note for note in self._notes.values() if not note.connected]
        if any(note.variable.function_references for note in notes):
            raise RuntimeError(
                "a module calls one of nnabla's own functions on an activation: it must not "
                "set `batch_last`, or call nnabla_nas.function instead"
            )
        for variable in dict.fromkeys(wanted):
            note = self._notes.get(variable)
            if note is not None and not note.connected:
                variable.rewire_on(self.leave(note, variable.shape, ToFront, wanted=True))
                note.connected = True
        self._complete()
        for note in notes:
            if not note.connected:
                note.variable.data.fill(np.nan)

    def _complete(self) -> None:
        """Say what the programs compute."""
        exits = [event for event in self._events if isinstance(event, _Exit)]
        fusion = Fusion([one.note for one in exits], [one.note for one in exits if one.wanted])
        needed = {one.note: fusion.needed(one.note) for one in exits}
        every = set[Note]().union(*needed.values())
        order = [note for note in self._order(fusion) if note in every]
        operations = fusion.operations(order)
        positions = {operations[note]: position for position, note in enumerate(order)}
        for one in exits:
            inside: dict[Operation, Part] = {
                operations[note]: note.part  # type: ignore[misc]
                for note in order
                if note in needed[one.note]
            }
            kept = {
                other.program: (ToFront(operations[other.note].output), other.note.variable)
                for other in exits
                if other.wanted and other is not one and other.note in needed[one.note]
            }
            one.program.complete(one.export(operations[one.note].output), inside, positions, kept)

    def _order(self, fusion: Fusion) -> list[Note]:
        """Return what ends operations, in the order in which it is first read."""
        order: dict[Note, None] = {}
        for event in self._events:
            if isinstance(event, _Exit):
                order.setdefault(event.note)
                continue
            if not fusion.joins(event):
                order.update(dict.fromkeys(event.reads))
            order.update(dict.fromkeys(event.touches))
            if event.selection is not None:
                order.setdefault(event)
        return list(order)
