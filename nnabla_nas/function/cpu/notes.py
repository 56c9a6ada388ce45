"""What is known of the activations of a network while it is built."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import nnabla as nn

from nnabla_nas.function.cpu.mixing import Selection
from nnabla_nas.function.cpu.operation import Operation, Value
from nnabla_nas.function.cpu.unit import Stages

if TYPE_CHECKING:
    from nnabla_nas.function.cpu.program import Part

Build = Callable[[Sequence[Value]], Operation]


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
    branch: Note


@dataclass(eq=False)
class Note:
    """An activation of a network that is being built.

    Args:
        variable: what stands for it, (B, C, H, W).
        position: how many notes were taken before.
        reads: what it is computed from.
        build: makes the operation that computes it from the values of `reads`; None for stages.
        stages: what a unit computes, if it is a part of one; at first one stage.
        variables: those of nnabla's that are read: parameters, weights.
        touches: what must have been computed, but is not read.
        covers: what a module sees between this and `reads`, though nothing computes it.
        inputs: those of nnabla's variables that other functions compute, as far as it depends on
            them.
        zero: whether all its values are zero.
        mixture: the branches of the mixture it is, if it is one.
        selection: which branches are active, if it is a choice.
        connected: whether the variable has its values by itself.
        front: what nnabla's own functions take in its place, where they do.
        part: where it is computed, once something outside reads it.
    """

    variable: nn.Variable
    position: int
    reads: tuple[Note, ...] = ()
    build: Build | None = None
    stages: Stages | None = None
    variables: tuple[nn.Variable, ...] = ()
    touches: tuple[Note, ...] = ()
    covers: tuple[Note, ...] = ()
    inputs: frozenset[nn.Variable] = frozenset()
    zero: bool = False
    mixture: Sequence[Term] = ()
    selection: Selection | None = None
    connected: bool = False
    front: nn.Variable | None = None
    part: Part | None = None

    @property
    def needs(self) -> tuple[Note, ...]:
        """What must, or may have to be computed before."""
        return (*self.reads, *self.touches, *self.covers)

    @property
    def depends(self) -> bool:
        """Whether functions of nnabla's compute one of the variables."""
        return any(variable.parent is not None for variable in self.variables)


def upstream(notes: Iterable[Note], known: Callable[[Note], bool] | None = None) -> set[Note]:
    """Return some notes, and all that they need.

    Args:
        notes: where to start.
        known: what to leave out, with all that is behind it.
    """
    found: set[Note] = set()
    waiting = list(notes)
    while waiting:
        note = waiting.pop()
        if note not in found and not (known is not None and known(note)):
            found.add(note)
            waiting += note.needs
    return found


def not_needed(touched: Iterable[Note], branches: Collection[Note]) -> tuple[Note, ...]:
    """Return those notes that none of some branches needs.

    Args:
        touched: the notes.
        branches: the branches.
    """
    missing = []
    for note in dict.fromkeys(touched):
        # What was noted before it cannot need it.
        if note not in upstream(branches, lambda one, at=note.position: one.position < at):  # type: ignore[misc]
            missing.append(note)
    return tuple(missing)
