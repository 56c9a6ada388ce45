"""Putting programs for the CPU together while a network is built.

Modules see (B, C, H, W) variables. A fast form returns one that stands for its output and notes
what it will compute; the next fast form takes the note. Stages that follow each other so become
one unit, and activations leave a program only where one of nnabla's own functions reads them, or
whoever holds the variable when the network is complete. What nobody reads is not in it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import nnabla as nn

from nnabla_nas.function.cpu.layout import FromBack, FromFront, ToBack, ToFront
from nnabla_nas.function.cpu.operation import Export, Operation, Value, upstream
from nnabla_nas.function.cpu.program import Program
from nnabla_nas.function.cpu.unit import Stages

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


class Assembler:
    """Keeps the notes, and makes programs of what they stand for when it is read."""

    def __init__(self) -> None:
        self._notes: dict[nn.Variable, Note] = {}
        # The operations that no program runs yet, in order, and what computes each activation.
        self._pending: dict[Operation, None] = {}
        self._sources: dict[Value, Operation] = {}

    def note(self, x: nn.Variable) -> Note | None:
        """Return what is known of a variable, if anything is.

        Args:
            x: any variable.
        """
        return self._notes.get(x)

    def source(self, value: Value) -> Operation:
        """Return what computes an activation.

        Args:
            value: the activation.
        """
        return self._sources[value]

    def promise(
        self,
        shape: Sequence[int],
        build: Callable[[], Operation],
        reads: Sequence[Value],
        **facts: object,
    ) -> nn.Variable:
        """Return a variable that is connected later, if at all.

        Args:
            shape: (B, C, H, W).
            build: makes the operation that computes its values.
            reads: what that operation reads.
            facts: what else its note says.
        """
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

    def needed(self, values: Iterable[Value]) -> set[Operation]:
        """Return the operations without a program that some activations are computed by.

        Args:
            values: the activations.
        """
        return upstream(values, self._sources)

    def run(self, exports: Sequence[Export]) -> list[nn.Variable]:
        """Return nnabla's variables for what leaves a new program.

        Activations that can be asked for later may leave it as well, for another program.

        Args:
            exports: what leaves it for certain.
        """
        inside = self.needed(export.source for export in exports)
        operations = [one for one in self._pending if one in inside]
        wanted = [
            value
            for note in self._notes.values()
            if note.is_held()
            for value in (note.reads if note.value is None else (note.value,))
        ]
        outside = self.needed(wanted) - inside
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
        for note, variable in zip(held, self.run(exports), strict=True):
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
            (note.front,) = self.run([ToFront(self.value(x))])
        return note.front

    def hand_on(self, x: nn.Variable) -> None:
        """Note that nobody but the next module reads a variable.

        Args:
            x: any variable.
        """
        if x in self._notes:
            self._notes[x].handed_on = True
