"""A stretch of a network that nnabla sees as one function and that runs here, step by step.

nnabla spends a third of a millisecond on a function written in Python; a search network has
thousands of pieces. Here a step costs some microseconds, steps nobody needs at present are left
out, and memory is given back at the last use of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import nnabla as nn
from nnabla.function import PythonFunction

from nnabla_nas.function import buffers
from nnabla_nas.function.cpu.layout import FromBack
from nnabla_nas.function.cpu.mixing import Choice
from nnabla_nas.function.cpu.operation import Export, Operation, Targets, Value
from nnabla_nas.function.host_values import address

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


class Program(PythonFunction):  # type: ignore[misc]
    """Operations as one function of nnabla's.

    Inputs: what `variables` lists.

    Args:
        operations: in an order in which each comes after those it reads.
        exports: what it leaves to others, its outputs.

    Attributes:
        variables: those of nnabla's variables that other functions compute, and one that always
            needs a gradient: parameters are read and their gradients written without nnabla.
    """

    def __init__(self, operations: Sequence[Operation], exports: Sequence[Export]) -> None:
        super().__init__()
        self._operations = list(operations)
        self._exports = list(exports)
        self._source = {operation.output: operation for operation in operations}
        for one in operations:
            if isinstance(one, FromBack):
                one.export.asked = True
        self._choices = [one for one in operations if isinstance(one, Choice)]
        seen = {v: None for one in operations for v in one.variables if v.parent is not None}
        self.variables = [*seen, nn.Variable((1,), need_grad=True)]
        self._plans: dict[Any, list[Step]] = {}
        self._steps: list[Step] = []
        self._live: dict[Value, buffers.Buffer] = {}

    @property
    def name(self) -> str:
        """The name graphs show."""
        return "Program"

    @property
    def operations(self) -> list[Operation]:
        """All operations, those included that are not run at present."""
        return list(self._operations)

    def min_outputs(self) -> int:
        """Return the number of outputs."""
        return len(self._exports)

    def grad_depends_output_data(self, i: int, o: int) -> bool:
        """Return that no gradient is computed from an output.

        Args:
            i: index of the input.
            o: index of the output.
        """
        return False

    def grad_depends_input_data(self, i: int, j: int) -> bool:
        """Return that gradients are computed from the inputs.

        Args:
            i: index of an input.
            j: index of an input.
        """
        return True

    def setup_impl(self, inputs: Any, outputs: Any) -> None:
        """Give the outputs their shapes.

        Args:
            inputs: as the class says.
            outputs: one per export.
        """
        for export, output in zip(self._exports, outputs, strict=True):
            output.reset_shape(export.shape, True)

    def forward_impl(self, inputs: Any, outputs: Any) -> None:
        """Run the operations that are needed.

        Args:
            inputs: as the class says.
            outputs: one per export.
        """
        self.forget()
        live, keeping = self._live, buffers.keeps_for_backward()
        self._steps = self._planned(keeping)
        buffers.keep(self)
        for step in self._steps:
            operation, output = step.operation, step.operation.output
            place = live[output] = buffers.take(output.size)
            operation.forward([live[x].address for x in step.inputs], place.address, step.learns)
            for value in step.dead:
                buffers.give(live.pop(value))
        for export, output in self._asked(outputs):
            export.forward(
                live[self._resolved(export.source)].address, address(output.data, write_only=True)
            )
        if not keeping:
            self.forget()

    def forget(self) -> None:
        """Give back what is kept for the backward pass."""
        for step in self._steps:
            step.operation.forget()
        for place in self._live.values():
            buffers.give(place)
        self._live.clear()
        self._steps = []
        buffers.kept_no_more(self)

    def backward_impl(
        self, inputs: Any, outputs: Any, propagate_down: list[bool], accum: list[bool]
    ) -> None:
        """Run the operations backward, as far as something learns.

        Args:
            inputs: as the class says.
            outputs: one per export.
            propagate_down: which inputs need a gradient.
            accum: whether to add to the gradients that are there.

        Raises:
            RuntimeError: if the forward pass was one without a backward pass.
        """
        if not self._steps:
            raise RuntimeError("there is no forward pass that kept anything for a backward pass")
        flags = zip(self.variables, propagate_down, accum, strict=True)
        targets = Targets({v: bool(add) if wanted else None for v, wanted, add in flags})
        gradients: dict[Value, buffers.Buffer] = {}
        learning = {step.operation.output for step in self._steps if step.learns}

        def place_of(value: Value) -> tuple[int, bool]:
            if value not in learning:
                return 0, False
            add = value in gradients
            if not add:
                gradients[value] = buffers.take(value.size)
            return gradients[value].address, add

        for export, output in self._asked(outputs):
            if output.grad.zeroing:
                # What is differentiated does not depend on it.
                continue
            gradient, add = place_of(self._resolved(export.source))
            if gradient:
                export.backward(address(output.grad), gradient, add)
        live, releasing = self._live, buffers.releases()
        for step in reversed(self._steps):
            if releasing and step.operation.output in live:
                # All that read it are done.
                buffers.give(live.pop(step.operation.output))
            place = gradients.pop(step.operation.output, None)
            if place is None:
                continue
            places = [place_of(value) for value in step.inputs]
            step.operation.backward(
                [live[x].address if x in live else 0 for x in step.inputs],
                place.address,
                [address for address, _ in places],
                [add for _, add in places],
                targets,
            )
            buffers.give(place)
            if releasing:
                step.operation.forget()
        if releasing:
            self.forget()
        targets.complete()

    def _asked(self, outputs: Any) -> list[tuple[Export, Any]]:
        pairs = zip(self._exports, outputs, strict=True)
        return [(export, output) for export, output in pairs if export.asked]

    def _resolved(self, value: Value) -> Value:
        """Return the activation that a value is: of one active branch, the branch."""
        operation = self._source[value]
        while isinstance(operation, Choice) and len(operation.active) == 1:
            value = operation.used[0]
            operation = self._source[value]
        return value

    def _planned(self, keeping: bool) -> list[Step]:
        """Return the steps for what is chosen and learned at present."""
        active = tuple(choice.active for choice in self._choices)
        learns = tuple(operation.learns() for operation in self._operations) if keeping else ()
        key = (active, learns)
        if key not in self._plans:
            if len(self._plans) >= _PLANS:
                self._plans.pop(next(iter(self._plans)))
            self._plans[key] = self._plan(keeping)
        return self._plans[key]

    def _plan(self, keeping: bool) -> list[Step]:
        inputs = self._needed()
        learning: set[Value] = set()
        for operation, values in inputs.items():
            if keeping and (operation.learns() or not learning.isdisjoint(values)):
                learning.add(operation.output)
        kept = {self._resolved(export.source) for export in self._exports if export.asked}
        for operation, values in inputs.items():
            if operation.output in learning and operation.reads_back():
                kept.update(values)
        steps: list[Step] = []
        read_later = set(kept)
        for operation in reversed(inputs):
            values = inputs[operation]
            dead = [] if operation.output in read_later else [operation.output]
            dead += [value for value in dict.fromkeys(values) if value not in read_later]
            read_later.update(values)
            steps.append(Step(operation, values, operation.output in learning, dead))
        return steps[::-1]

    def _needed(self) -> dict[Operation, tuple[Value, ...]]:
        """Return the operations that the exports need, in order, with the inputs they read."""
        needed: dict[Operation, tuple[Value, ...]] = {}
        waiting = [self._resolved(export.source) for export in self._exports if export.asked]
        while waiting:
            operation = self._source[waiting.pop()]
            if operation not in needed:
                needed[operation] = tuple(map(self._resolved, operation.used))
                waiting += needed[operation]
        return {one: needed[one] for one in self._operations if one in needed}
