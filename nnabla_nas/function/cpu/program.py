"""A stretch of a network that nnabla sees as one function and that runs here, step by step.

nnabla spends a third of a millisecond on a function written in Python; a search network has
thousands of pieces. Here a step costs some microseconds, steps nobody needs at present are left
out, and memory is given back at the last use of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nnabla as nn
from nnabla.function import PythonFunction

from nnabla_nas.function import buffers
from nnabla_nas.function.cpu.layout import FromBack
from nnabla_nas.function.cpu.operation import Back, Export, Operation, Targets, Value
from nnabla_nas.function.cpu.plan import Planner, Step
from nnabla_nas.function.cpu.shared_prefix import SharedPrefix
from nnabla_nas.function.host_values import address


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
        self._exports = list(exports)
        self._planner = Planner(operations)
        self._prefix = SharedPrefix(operations)
        for one in operations:
            if isinstance(one, FromBack):
                one.export.asked = True
        seen = {v: None for one in operations for v in one.variables if v.parent is not None}
        self.variables = [*seen, nn.Variable((1,), need_grad=True)]
        self._steps: list[Step] = []
        self._live: dict[Value, buffers.Buffer] = {}

    @property
    def name(self) -> str:
        """The name graphs show."""
        return "Program"

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
        asked = self._asked(outputs)
        last = [self._planner.resolved(export.source) for export, _ in asked]
        steps = self._planner.plan(last, keeping)
        shared = None if keeping else self._shared_prefix()
        if shared is not None:
            steps = shared.resume(steps, last, self._planner.active, live)
        held = () if shared is None else shared.values
        self._steps = steps
        buffers.keep(self)
        for step in steps:
            operation, output = step.operation, step.operation.output
            place = live[output] = buffers.take(output.size)
            operation.forward([live[x].address for x in step.inputs], place.address, step.learns)
            for value in step.dead:
                if value not in held:
                    buffers.give(live.pop(value))
        for (export, output), value in zip(asked, last, strict=True):
            export.forward(live[value].address, address(output.data, write_only=True))
        if shared is not None:
            shared.hold(live)
        if not keeping:
            self.forget()

    def _shared_prefix(self) -> SharedPrefix | None:
        """Return what is held from pass to pass, where passes share something."""
        # What other functions compute may differ between them.
        if len(self.variables) > 1 or not buffers.shares(self._prefix):
            return None
        return self._prefix

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
            gradient, add = place_of(self._planner.resolved(export.source))
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
                Back(
                    [live[x].address if x in live else 0 for x in step.inputs],
                    place.address,
                    [gradient for gradient, _ in places],
                    [add for _, add in places],
                    targets,
                )
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
