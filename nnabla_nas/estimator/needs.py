"""For the sake of which choice a value of an architecture is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container

from nnabla_nas.estimator.switched_graph import SwitchedGraph, Trace


class Needs:
    """Says of every value whether it is needed whatever is dropped, or for which choice.

    Args:
        graph: the super-network.
        trace: an architecture.
        optional: the choices that may be dropped.
    """

    def __init__(self, graph: SwitchedGraph, trace: Trace, optional: Container[int]) -> None:
        self._optional = optional
        self._known: dict[int, int | None] = {graph.output: None}
        picked = {choice: value for value, choice in graph.picks.items()}
        # Per value when it is read, for which choice if for one, and what comes of that.
        self._readers = defaultdict[int, list[tuple[int, int | None, int]]](list)
        for step, number in enumerate(trace.operations):
            operation = graph.operations[number]
            choice = None if operation.candidate is None else operation.candidate[0]
            result = operation.outputs[0] if choice is None else picked[choice]
            for value in operation.inputs:
                self._readers[value].append((step, choice, result))
        for value, source in trace.alias.items():
            self._readers[source].append((trace.made[value], graph.picks.get(value), value))

    def condition(self, value: int, step: int) -> int | None:
        """Return the choice for which a value is needed from a step on, None where always.

        Args:
            value: its number.
            step: readers before it do not count.
        """
        found = None
        for when, choice, result in self._readers[value]:
            if when >= step:
                found = choice if choice in self._optional else self._condition_of(result)
                if found is None:
                    return None
        return found

    def _condition_of(self, value: int) -> int | None:
        """Return the choice for which a value is computed, None where always."""
        if value not in self._known:
            self._known[value] = self.condition(value, -1)
        return self._known[value]
