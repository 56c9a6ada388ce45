"""What is known of a network's activations while a pass goes on."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Protocol

from nnabla_nas.function import buffers
from nnabla_nas.function.cpu.operation import Value
from nnabla_nas.function.cpu.plan import Planner


class Reader(Protocol):
    """A program that computes activations and reads them."""

    @property
    def planner(self) -> Planner | None:
        """What makes its plans, once the network is complete."""

    @property
    def written(self) -> Sequence[Reader]:
        """Programs whose activations are written on the way."""


class Activations:
    """What the programs of one network have computed in the passes that go on.

    It holds no operation: programs hold those they need, so that a graph ends with its last reader.

    Attributes:
        live: where each activation lies that may still be read.
        done: the activations that are known in this pass.
        learning: those among them whose gradient is needed.
        gradients: their gradients, as far as they are known.
        differentiated: those that what is differentiated is computed from.
    """

    def __init__(self) -> None:
        self.live: dict[Value, buffers.Buffer] = {}
        self.done: set[Value] = set()
        self.learning: set[Value] = set()
        self.gradients: dict[Value, buffers.Buffer] = {}
        self.differentiated: set[Value] = set()
        self._programs: list[weakref.ref[Reader]] = []

    def add(self, program: Reader) -> None:
        """Note a program.

        Args:
            program: one that reads these activations.
        """
        self._programs.append(weakref.ref(program))

    def others(self, program: Reader) -> list[Planner]:
        """Return the plans of the other programs that may yet be run.

        Args:
            program: the one that asks; what it writes itself needs no other one.
        """
        found = [one for one in (reference() for reference in self._programs) if one is not None]
        if len(found) < len(self._programs):
            self._programs = [weakref.ref(one) for one in found]
        own = {id(program), *map(id, program.written)}
        return [one.planner for one in found if id(one) not in own and one.planner is not None]

    def gradient_of(self, value: Value) -> tuple[int, bool]:
        """Return the address of a gradient, 0 where none is needed, and whether to add to it.

        Args:
            value: the activation.
        """
        if value not in self.learning:
            return 0, False
        add = value in self.gradients
        if not add:
            self.gradients[value] = buffers.take(value.size)
        return self.gradients[value].address, add

    def forget(self, value: Value) -> None:
        """Give back what is held for an activation.

        Args:
            value: the activation.
        """
        for held in (self.live, self.gradients):
            place = held.pop(value, None)
            if place is not None:
                buffers.give(place)
        self.done.discard(value)
        self.differentiated.discard(value)
