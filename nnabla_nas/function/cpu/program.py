"""Stretches of a network that nnabla sees as functions and that run here, step by step.

nnabla spends a third of a millisecond on a function written in Python; a search network has
thousands of pieces. Here a step costs some microseconds, steps nobody needs at present are left
out, and memory is given back at the last use of it.

To nnabla an activation that leaves the compiled forms is the output of a `Program`, which reads the
`Part` of the network that the activation lies in. A part computes nothing by itself: a program that
runs computes what its activation needs and no other program has computed in this pass. So exactly
those operations are run whose results nnabla asks for. The backward pass goes the other way: a
program hands its gradient in, and a part, which nnabla comes to when all that reads it is done,
runs its operations backward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import nnabla as nn
from nnabla.function import PythonFunction

from nnabla_nas.function import buffers
from nnabla_nas.function.cpu.operation import Back, Export, Operation, Targets, Value
from nnabla_nas.function.cpu.pass_state import Activations
from nnabla_nas.function.cpu.plan import Plan, Planner, Step
from nnabla_nas.function.cpu.shared_prefix import SharedPrefix
from nnabla_nas.function.host_values import address


class _Function(PythonFunction):  # type: ignore[misc]
    """What programs and parts are to nnabla: one output, computed from some variables.

    Args:
        shape: of the output.
        variables: what nnabla hands over.
    """

    def __init__(self, shape: Sequence[int], variables: Sequence[nn.Variable]) -> None:
        super().__init__()
        self._shape = tuple(shape)
        self._variables = list(variables)

    def output(self) -> nn.Variable:
        """Return the variable that nnabla computes by this function."""
        return self(*self._variables)

    @property
    def name(self) -> str:
        """The name graphs show."""
        return type(self).__name__

    def min_outputs(self) -> int:
        """Return the number of outputs."""
        return 1

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
        """Give the output its shape.

        Args:
            inputs: as the class says.
            outputs: one variable.
        """
        outputs[0].reset_shape(self._shape, True)


class Part(_Function):
    """Operations that read the same of nnabla's variables.

    Inputs: those variables, the tokens of the parts it reads, and one that always needs a gradient:
    parameters are read and their gradients written without nnabla. Output: a token, which makes
    nnabla run what reads it behind this part, and backward before it.

    Args:
        variables: those of nnabla's variables that other functions compute and operations here
            read.
        below: the parts that it reads, and their tokens.
        activations: those of the network.

    Attributes:
        variables: what nnabla must have computed before an operation here is run.
    """

    def __init__(
        self,
        variables: Sequence[nn.Variable],
        below: Mapping[Part, nn.Variable],
        activations: Activations,
    ) -> None:
        always = nn.Variable((1,), need_grad=True)
        super().__init__((1,), [*variables, *below.values(), always])
        before: list[nn.Variable] = [v for part in below for v in part.variables]
        self.variables: list[nn.Variable] = list(dict.fromkeys([*before, *variables]))
        self._n_variables = len(variables)
        self._activations = activations
        self._steps: dict[Operation, tuple[int, Step]] = {}
        self._passes: buffers.Passes | None = None

    def forward_impl(self, inputs: Any, outputs: Any) -> None:
        """Begin a pass: what was computed in another is not known any more.

        Args:
            inputs: as the class says.
            outputs: the token.
        """
        self.forget()

    def note(self, step: Step, position: int) -> None:
        """Note a step that was run.

        Args:
            step: the step.
            position: its place in the order of the operations.
        """
        if not self._steps:
            self._passes = buffers.keep(self)
        self._steps[step.operation] = (position, step)

    def forget(self) -> None:
        """Give back what is held, and kept for a backward pass."""
        for operation in self._steps:
            operation.forget()
            self._activations.forget(operation.output)
        self._steps.clear()
        if self._passes is not None:
            self._passes.remove(self)
            self._passes = None

    def backward_impl(
        self, inputs: Any, outputs: Any, propagate_down: list[bool], accum: list[bool]
    ) -> None:
        """Run the operations backward that have run forward, as far as something learns.

        Args:
            inputs: as the class says.
            outputs: the token.
            propagate_down: which inputs need a gradient.
            accum: whether to add to the gradients that are there.
        """
        flags = zip(self._variables[: self._n_variables], propagate_down, accum, strict=False)
        targets = Targets({v: bool(add) if wanted else None for v, wanted, add in flags})
        known, releasing = self._activations, buffers.releases()
        live = known.live
        for _, step in sorted(self._steps.values(), key=lambda one: -one[0]):
            operation, value = step.operation, step.operation.output
            if releasing and value in live:
                # All that read it are done.
                buffers.give(live.pop(value))
            place = known.gradients.pop(value, None)
            if place is not None:
                places = [known.gradient_of(x) for x in step.inputs]
                operation.backward(
                    Back(
                        [live[x].address if x in live else 0 for x in step.inputs],
                        place.address,
                        [gradient for gradient, _ in places],
                        [add for _, add in places],
                        targets,
                    )
                )
                buffers.give(place)
            elif step.learns and value in known.differentiated:
                # It is touched alone: its gradient is zero, and so are those of its variables.
                for variable in operation.variables:
                    targets.of(variable)
            known.differentiated.discard(value)
            if releasing:
                operation.forget()
        if releasing:
            self.forget()
        targets.complete()


class Program(_Function):
    """An activation that nnabla's own functions read, or whoever built the network.

    Inputs: all variables of nnabla's that it is computed from, and its part's token.

    Args:
        shape: of the output.
        part: where the activation lies.
        token: that part's output.
        activations: those of the network.

    Attributes:
        planner: makes the plans, once the network is complete.
        written: programs whose activations are written on the way.
    """

    def __init__(
        self, shape: Sequence[int], part: Part, token: nn.Variable, activations: Activations
    ) -> None:
        super().__init__(shape, [*part.variables, token])
        self.planner: Planner | None = None
        self.written: list[Program] = []
        self._activations = activations

    def complete(
        self,
        export: Export,
        operations: Mapping[Operation, Part],
        positions: Mapping[Operation, int],
        kept: Mapping[Program, tuple[Export, nn.Variable]],
    ) -> None:
        """Say what is computed.

        Args:
            export: what leaves.
            operations: those it may need, in order, with the part that each lies in.
            positions: the place of each in the order of all operations of the network.
            kept: what is written on the way, for whoever reads variables that a pass of nnabla's
                goes by, and the programs that would write it.
        """
        self._export = export
        self._parts = dict(operations)
        self._positions = {one: positions[one] for one in operations}
        self._kept = list(kept.values())
        self.written = list(kept)
        self._prefix: SharedPrefix | None = None
        self.planner = Planner(list(operations), export.source)
        self._plan: Plan | None = None
        self._activations.add(self)

    def forward_impl(self, inputs: Any, outputs: Any) -> None:
        """Run what is needed and has not been run in this pass.

        Args:
            inputs: as the class says.
            outputs: the activation.

        Raises:
            RuntimeError: if the network was never completed.
        """
        if self.planner is None:
            raise RuntimeError("the network that this was built for has not been completed")
        known, keeping = self._activations, buffers.keeps_for_backward()
        live, others = known.live, known.others(self)
        plan = self.planner.plan(keeping, known.done, others)
        steps = plan.steps
        shared = None if keeping or others else self._shared_prefix()
        if shared is not None:
            steps = shared.resume(steps, [plan.last], self.planner.active, live)
        held = () if shared is None else shared.values
        kept = self._kept_now()
        for output in kept.keys() & known.done & live.keys():
            # Another program has computed it; it may be the branch that is chosen here.
            self._write(kept[output], live[output])
        for step in steps:
            operation, output = step.operation, step.operation.output
            place = live[output] = buffers.take(output.size)
            operation.forward([live[x].address for x in step.inputs], place.address, step.learns)
            self._parts[operation].note(step, self._positions[operation])
            known.done.add(output)
            if step.learns:
                known.learning.add(output)
            else:
                known.learning.discard(output)
            self._write(kept.get(output, ()), place)
            for value in step.dead:
                if value not in held:
                    buffers.give(live.pop(value))
        # Of an activation that nobody reads any more a program has written this output as well.
        if plan.last in live:
            self._write([(self._export, outputs[0])], live[plan.last])
        self._plan = plan if keeping else None
        if shared is not None:
            shared.hold(live)
        if not (keeping or others):
            for part in dict.fromkeys(self._parts.values()):
                part.forget()

    @staticmethod
    def _write(kept: Sequence[tuple[Export, nn.Variable]], place: buffers.Buffer) -> None:
        for export, variable in kept:
            export.forward(place.address, address(variable.data, write_only=True))

    def _kept_now(self) -> dict[Value, list[tuple[Export, nn.Variable]]]:
        """Return what is written when an activation is known."""
        assert self.planner is not None
        found: dict[Value, list[tuple[Export, nn.Variable]]] = {}
        for export, variable in self._kept:
            found.setdefault(self.planner.resolved(export.source), []).append((export, variable))
        return found

    def _shared_prefix(self) -> SharedPrefix | None:
        """Return what is held from pass to pass, where passes share something."""
        # What other functions compute may differ between them.
        if len(self._variables) > 1:
            return None
        if self._prefix is None:
            self._prefix = SharedPrefix(list(self._parts))
        return self._prefix if buffers.shares(self._prefix) else None

    def backward_impl(
        self, inputs: Any, outputs: Any, propagate_down: list[bool], accum: list[bool]
    ) -> None:
        """Hand the gradient in; the parts take it further.

        Args:
            inputs: as the class says.
            outputs: the activation.
            propagate_down: which inputs need a gradient.
            accum: whether to add to the gradients that are there.

        Raises:
            RuntimeError: if the forward pass was one without a backward pass.
        """
        known, plan = self._activations, self._plan
        if plan is None or plan.last not in known.done:
            raise RuntimeError("there is no forward pass that kept anything for a backward pass")
        for variable, wanted, add in zip(self._variables, propagate_down, accum, strict=True):
            if wanted and not add:
                variable.grad.zero()
        known.differentiated.update(plan.needed)
        if not outputs[0].grad.zeroing:
            gradient, add = known.gradient_of(plan.last)
            if gradient:
                self._export.backward(address(outputs[0].grad), gradient, add)
