"""Which operations of a program are run, and when memory is given back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nnabla_nas.function.cpu.mixing import Choice
from nnabla_nas.function.cpu.operation import Operation, Value

# Of the plans for changing choices and parameters, so many are kept.
_PLANS = 4


class Step(NamedTuple):
    """An operation at its place in a plan.

    Args:
        operation: what is run.
        inputs: the activations it reads; a choice of one branch is that branch.
        learns: whether its backward pass is run.
        dead: activations that nobody reads afterwards, in no direction.
    """

    operation: Operation
    inputs: tuple[Value, ...]
    learns: bool
    dead: list[Value]


class Planner:
    """Makes the plans of a program for what is chosen and learned at present.

    Args:
        operations: the program's, in an order in which each comes after those it reads.
    """

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = list(operations)
        self._source = {operation.output: operation for operation in operations}
        self._choices = [one for one in operations if isinstance(one, Choice)]
        self._plans: dict[object, list[Step]] = {}

    @property
    def active(self) -> tuple[tuple[int, ...], ...]:
        """The active branches of every choice, in order."""
        return tuple(choice.active for choice in self._choices)

    def resolved(self, value: Value) -> Value:
        """Return the activation that a value is: of one active branch, the branch.

        Args:
            value: what an operation computes.
        """
        operation = self._source[value]
        while isinstance(operation, Choice) and len(operation.active) == 1:
            value = operation.used[0]
            operation = self._source[value]
        return value

    def plan(self, last: Sequence[Value], keeping: bool) -> list[Step]:
        """Return the steps.

        Args:
            last: the activations that leave the program, resolved.
            keeping: whether a backward pass may follow.
        """
        learns = tuple(operation.learns() for operation in self._operations) if keeping else ()
        key = (tuple(last), self.active, learns)
        if key not in self._plans:
            if len(self._plans) >= _PLANS:
                self._plans.pop(next(iter(self._plans)))
            self._plans[key] = self._plan(last, keeping)
        return self._plans[key]

    def _plan(self, last: Sequence[Value], keeping: bool) -> list[Step]:
        inputs = self._needed(last)
        learning: set[Value] = set()
        for operation, values in inputs.items():
            if keeping and (operation.learns() or not learning.isdisjoint(values)):
                learning.add(operation.output)
        read_later = set(last)
        for operation, values in inputs.items():
            if operation.output in learning and operation.reads_back():
                read_later.update(values)
        steps: list[Step] = []
        for operation in reversed(inputs):
            values = inputs[operation]
            dead = [value for value in dict.fromkeys(values) if value not in read_later]
            read_later.update(values)
            steps.append(Step(operation, values, operation.output in learning, dead))
        return steps[::-1]

    def _needed(self, last: Sequence[Value]) -> dict[Operation, tuple[Value, ...]]:
        """Return the operations that are needed, in order, with the inputs they read."""
        needed: dict[Operation, tuple[Value, ...]] = {}
        waiting = list(last)
        while waiting:
            operation = self._source[waiting.pop()]
            if operation not in needed:
                needed[operation] = tuple(map(self.resolved, operation.used))
                waiting += needed[operation]
        return {one: needed[one] for one in self._operations if one in needed}
