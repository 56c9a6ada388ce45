"""What several passes over the same inputs have in common, computed once."""

from __future__ import annotations

from collections.abc import Sequence

from nnabla_nas.function import buffers
from nnabla_nas.function.cpu.mixing import Choice
from nnabla_nas.function.cpu.operation import Operation, Value, upstream
from nnabla_nas.function.cpu.plan import Step

# Passes are cut in front of the first choices alone: behind more of them hardly two agree.
_CUTS = 3


class _Cut:
    """A place between two operations.

    Args:
        position: the number of operations before it.
        n_choices: the number of choices before it.

    Attributes:
        active: the active branches of those choices in the pass that came by last.
        values: the activations before it that this pass read behind it; None for no pass.
    """

    def __init__(self, position: int, n_choices: int) -> None:
        self.position = position
        self.n_choices = n_choices
        self.active: tuple[tuple[int, ...], ...] = ()
        self.values: set[Value] | None = None


class SharedPrefix:
    """The activations a program holds from one pass to the next, up to the first other choice.

    Args:
        operations: the program's.
    """

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._position = {one: position for position, one in enumerate(operations)}
        self._source = {one.output: one for one in operations}
        self._held: dict[Value, buffers.Buffer] = {}
        choices = [one for one in operations if isinstance(one, Choice)][:_CUTS]
        self._cuts = [_Cut(self._first(choice), n) for n, choice in enumerate(choices)]

    @property
    def values(self) -> set[Value]:
        """The activations that are held, or will be when the pass has computed them."""
        return {value for cut in self._cuts for value in cut.values or ()}

    def resume(
        self,
        steps: Sequence[Step],
        last: Sequence[Value],
        active: Sequence[tuple[int, ...]],
        live: dict[Value, buffers.Buffer],
    ) -> list[Step]:
        """Return the steps that a pass has to run.

        Args:
            steps: of the pass.
            last: the activations that leave the program.
            active: the active branches of every choice.
            live: where the activations go that are known from the pass before.
        """
        known = 0
        for index, cut in enumerate(self._cuts, 1):
            same = cut.values is not None and cut.active == tuple(active[: cut.n_choices])
            if same and self._read_behind(cut, steps, last) <= (cut.values or set()):
                known = index
        for cut in self._cuts[known:]:
            cut.active = tuple(active[: cut.n_choices])
            cut.values = self._read_behind(cut, steps, last)
        useful = {value for cut in self._cuts[:known] for value in cut.values or ()}
        for value in self._held.keys() - useful:
            buffers.give(self._held.pop(value))
        if not known:
            return list(steps)
        live.update(self._held)
        self._held.clear()
        position = self._cuts[known - 1].position
        return [step for step in steps if self._position[step.operation] >= position]

    def hold(self, live: dict[Value, buffers.Buffer]) -> None:
        """Keep what another pass may need.

        Args:
            live: the activations the pass has left; those that are kept are taken away.
        """
        for value in self.values:
            self._held[value] = live.pop(value)

    def forget(self) -> None:
        """Give back what is held: the next pass has other inputs."""
        for cut in self._cuts:
            cut.values = None
        for place in self._held.values():
            buffers.give(place)
        self._held.clear()

    def _first(self, choice: Choice) -> int:
        """Return the position of the first operation that some branches need and some do not."""
        needed = [upstream([branch], self._source) for branch in choice.inputs]
        own = {one for some in needed for one in some - set[Operation].intersection(*needed)}
        return min(self._position[one] for one in (choice, *own))

    def _read_behind(self, cut: _Cut, steps: Sequence[Step], last: Sequence[Value]) -> set[Value]:
        """Return the activations from before a cut that a pass reads behind it."""
        read = set(last)
        for step in steps:
            if self._position[step.operation] >= cut.position:
                read.update(step.inputs)
        return {value for value in read if self._position[self._source[value]] < cut.position}
