"""Which operations of a program are run, and when memory is given back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import count
from typing import NamedTuple

from nnabla_nas.function.cpu.mixing import Choice
from nnabla_nas.function.cpu.operation import Operation, Value

# Of the plans for changing choices and parameters, so many are kept.
_PLANS = 4
_numbers = count()


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


class Plan(NamedTuple):
    """What a pass runs.

    Args:
        steps: in order.
        needed: the activations that are computed, or have been by other programs in this pass.
        last: the activation that leaves the program.
    """

    steps: list[Step]
    needed: list[Value]
    last: Value


class Planner:
    """Makes the plans of a program for what is chosen and learned at present.

    Args:
        operations: those its activation is computed by, in an order in which each comes after those
            it reads.
        last: the activation that leaves the program.
    """

    def __init__(self, operations: Sequence[Operation], last: Value) -> None:
        self.operations = list(operations)
        self._source = {operation.output: operation for operation in operations}
        self._choices = [one for one in operations if isinstance(one, Choice)]
        self._touches = any(operation.touched for operation in operations)
        self._last = last
        self._number = next(_numbers)
        self._plans: dict[object, Plan] = {}
        self._needs: dict[object, dict[Operation, tuple[Value, ...]]] = {}

    @property
    def active(self) -> tuple[tuple[int, ...], ...]:
        """The active branches of every choice, in order."""
        return tuple(choice.active for choice in self._choices)

    @property
    def last(self) -> Value:
        """The activation that leaves the program: of one active branch, the branch."""
        return self.resolved(self._last)

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

    def learns(self, keeping: bool) -> tuple[bool, ...]:
        """Return which operations learn, in order; none in a pass without a backward pass.

        Args:
            keeping: whether a backward pass may follow.
        """
        return tuple(operation.learns() for operation in self.operations) if keeping else ()

    def plan(self, keeping: bool, done: Collection[Value], others: Sequence[Planner] = ()) -> Plan:
        """Return what a pass runs.

        Args:
            keeping: whether a backward pass may follow.
            done: the activations that are known by now.
            others: the plans of what else may be computed from these activations.
        """
        known = frozenset(done and (o.output for o in self.operations if o.output in done))
        elsewhere = [(other._number, other._choice_of_needs(keeping)) for other in others]
        key = (self.active, self.learns(keeping), known, tuple(elsewhere))
        if key not in self._plans:
            if len(self._plans) >= _PLANS:
                self._plans.pop(next(iter(self._plans)))
            self._plans[key] = self._plan(keeping, known, others)
        return self._plans[key]

    def needed(self, keeping: bool) -> dict[Operation, tuple[Value, ...]]:
        """Return the operations that are needed, in order, with the inputs they read.

        Args:
            keeping: whether a backward pass may follow.
        """
        key = self._choice_of_needs(keeping)
        if key not in self._needs:
            if len(self._needs) >= _PLANS:
                self._needs.pop(next(iter(self._needs)))
            self._needs[key] = self._needed(keeping)
        return self._needs[key]

    def _choice_of_needs(self, keeping: bool) -> object:
        """Return what the operations that are needed depend on."""
        return self.active, keeping, self.learns(keeping) if self._touches else ()

    def _plan(self, keeping: bool, known: Collection[Value], others: Sequence[Planner]) -> Plan:
        inputs = self.needed(keeping)
        learning: set[Value] = set()
        for operation, values in inputs.items():
            if keeping and (operation.learns() or not learning.isdisjoint(values)):
                learning.add(operation.output)
        read_later = {self.last}
        for other in others:
            elsewhere = other.needed(keeping)
            read_later.add(other.last)
            read_later.update(
                v for one, read in elsewhere.items() if one not in inputs for v in read
            )
        for operation, values in inputs.items():
            if operation.output in learning and operation.reads_back():
                read_later.update(values)
        steps: list[Step] = []
        for operation in reversed(inputs):
            if operation.output in known:
                continue
            values = inputs[operation]
            dead = [value for value in dict.fromkeys(values) if value not in read_later]
            read_later.update(values)
            if operation.output not in read_later:
                # It is touched alone.
                dead.append(operation.output)
            steps.append(Step(operation, values, operation.output in learning, dead))
        return Plan(steps[::-1], [operation.output for operation in inputs], self.last)

    def _needed(self, keeping: bool) -> dict[Operation, tuple[Value, ...]]:
        leaves_trace = self._leaving_a_trace(keeping) if self._touches else set()
        needed: dict[Operation, tuple[Value, ...]] = {}
        waiting = [self.last]
        while waiting:
            operation = self._source[waiting.pop()]
            if operation not in needed:
                needed[operation] = tuple(map(self.resolved, operation.used))
                waiting += needed[operation]
                waiting += leaves_trace.intersection(map(self.resolved, operation.touched))
                waiting += map(self.resolved, operation.beside)
        return {one: needed[one] for one in self.operations if one in needed}

    def _leaving_a_trace(self, keeping: bool) -> set[Value]:
        """Return the activations whose computation moves statistics, or learns something."""
        found: set[Value] = set()
        for operation in self.operations:
            below = map(self.resolved, (*operation.used, *operation.touched))
            if operation.moves or (keeping and operation.learns()) or not found.isdisjoint(below):
                found.add(operation.output)
        return found
