"""A super-network's graph in which every architecture can be followed without building it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nnabla_nas.estimator.active_path import build_all_candidates
from nnabla_nas.estimator.decomposition import decompose_graph
from nnabla_nas.estimator.in_place import shared_input, weights_among
from nnabla_nas.estimator.liveness import Step, live_bytes
from nnabla_nas.search_space.model import Model

# A choice and a candidate of it, by their numbers.
Candidate = tuple[int, int]


@dataclass
class Operation:
    """A function of the graph, its parameters left out.

    Args:
        inputs: the numbers of the values it reads.
        outputs: those of the values it computes.
        in_place: the value whose buffer its only output shares, None where it shares none.
        candidate: whose function it is, None where every architecture that needs it has it.
    """

    inputs: list[int]
    outputs: list[int]
    in_place: int | None
    candidate: Candidate | None


@dataclass
class Trace:
    """An architecture, followed through the graph.

    Args:
        indices: per choice its candidate, None where the architecture drops the choice.
        operations: the numbers of the operations, in the order in which they run.
        live: during each of them the bytes that are alive.
        start: the bytes alive before the first.
        made: per value the step from which on it is there.
        last: per value the last step that reads it itself, not through another name of it.
        alias: per value that is another one under a new name, which.
    """

    indices: Sequence[int | None]
    operations: list[int] = field(default_factory=list)
    live: list[int] = field(default_factory=list)
    start: int = 0
    made: dict[int, int] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)
    alias: dict[int, int] = field(default_factory=dict)

    @property
    def peak(self) -> int:
        """The most bytes alive at once."""
        return max([self.start, *self.live])

    def buffer(self, value: int) -> int:
        """Return the value in whose buffer a value lies.

        Args:
            value: its number.
        """
        while value in self.alias:
            value = self.alias[value]
        return value


class SwitchedGraph:
    """All candidates of a super-network, built once for one example in evaluation.

    Args:
        model: the super-network.
        input_shape: (C, H, W) of one example.

    Attributes:
        operations: all functions but those that pick.
        sizes: per value how many numbers it holds.
        producers: per value the operation that computes it, where one does.
        picks: per value that a choice picks, which choice.
        candidates: per choice the values it picks from.
        output: what the network computes.
    """

    def __init__(self, model: Model, input_shape: Sequence[int]) -> None:
        output, listing = build_all_candidates(model, input_shape)
        parts = decompose_graph(model, output, listing)
        positions = {id(choice): n for n, choice in enumerate(model.choices().values())}
        picking = {picked.parent for _, _, picked in listing}
        # Of a choice with one candidate it is not told apart what was there before.
        belongs = {
            function: (choice, candidate) if len(candidates) > 1 else None
            for choice, candidates in enumerate(parts.candidates)
            for candidate, functions in enumerate(candidates)
            for function in functions
        }
        functions = [one for one in (*parts.fixed, *belongs) if one not in picking]
        weights = weights_among(functions, model.get_parameters().values())
        numbers: dict[object, int] = {}
        self.sizes: list[int] = []

        def number(variable: object) -> int:
            if variable not in numbers:
                numbers[variable] = len(numbers)
                self.sizes.append(variable.size)  # type: ignore[attr-defined]
            return numbers[variable]

        self.operations: list[Operation] = []
        for one in functions:
            if one.outputs[0] in weights:
                continue
            shared = shared_input(one)
            self.operations.append(
                Operation(
                    [number(v) for v in one.inputs if v not in weights],
                    [number(v) for v in one.outputs],
                    None if shared is None else number(shared),
                    belongs.get(one),
                )
            )
        self.producers = {v: n for n, one in enumerate(self.operations) for v in one.outputs}
        self.picks = {number(picked): positions[id(choice)] for choice, _, picked in listing}
        self.candidates: list[list[int]] = [[] for _ in positions]
        for choice, outputs, _ in listing:
            self.candidates[positions[id(choice)]] = [number(one) for one in outputs]
        self.output = number(output)
        self._sums: dict[int, tuple[int, ...]] = {}

    def follow(
        self, indices: Sequence[int | None], ranks: Mapping[int, float] | None = None
    ) -> Trace:
        """Return which functions an architecture runs, in nnabla's order, and what is alive.

        Args:
            indices: per choice its candidate, None where the architecture drops the choice; what
                is summed with that is then summed without, or handed on alone.
            ranks: of choices that may be dropped: of two that are summed the higher comes first.
        """
        trace, dropped = Trace(indices), set[int]()
        waiting = [(self.output, False)]
        while waiting:
            value, ready = waiting.pop()
            if value in trace.made or value in dropped:
                continue
            needed = self._needed(value, indices)
            if ranks and len(needed) == 2:
                needed = self._ranked(needed, indices, ranks)
            if not ready:
                waiting.append((value, True))
                waiting += [(one, False) for one in reversed(needed)]
                continue
            inputs = [one for one in needed if one not in dropped]
            if (needed and not inputs) or (value in self.picks and not needed):
                dropped.add(value)
            else:
                self._compute(value, inputs, len(inputs) < len(needed), trace)
        steps = [Step(*self._buffers(number, dropped, trace)) for number in trace.operations]
        sizes = dict(enumerate(self.sizes))
        trace.start, trace.live = live_bytes(steps, sizes, trace.buffer(self.output))
        return trace

    def _needed(self, value: int, indices: Sequence[int | None]) -> list[int]:
        """Return the values that a value is made of."""
        if value in self.picks:
            choice = self.picks[value]
            index = indices[choice]
            return [] if index is None else [self.candidates[choice][index]]
        producer = self.producers.get(value)
        return [] if producer is None else self.operations[producer].inputs

    def _ranked(
        self, values: list[int], indices: Sequence[int | None], ranks: Mapping[int, float]
    ) -> list[int]:
        """Return the two terms of a sum in the order in which they are added."""
        first, second = (self._only_pick(one, indices) for one in values)
        if first in ranks and second in ranks and ranks[second] > ranks[first]:
            return values[::-1]
        return values

    def _only_pick(self, value: int, indices: Sequence[int | None]) -> int:
        """Return the choice that a sum consists of alone, the others dropped; -1 if none."""
        kept = [choice for choice in self._summed(value) if indices[choice] is not None]
        return kept[0] if len(kept) == 1 else -1

    def _summed(self, value: int) -> tuple[int, ...]:
        """Return the choices whose results a value is the sum of, none if of others too."""
        if value not in self._sums:
            self._sums[value] = ()
            producer = self.producers.get(value)
            if value in self.picks:
                self._sums[value] = (self.picks[value],)
            elif producer is not None and len(self.operations[producer].inputs) == 2:
                left, right = map(self._summed, self.operations[producer].inputs)
                self._sums[value] = left + right if left and right else ()
        return self._sums[value]

    def _compute(self, value: int, inputs: list[int], fewer: bool, trace: Trace) -> None:
        """Add to a trace how a value comes about of its inputs, which are there."""
        now = len(trace.operations)
        if value in self.picks or (fewer and len(inputs) == 1):
            trace.alias[value] = inputs[0]
            trace.made[value] = now
            return
        producer = self.producers.get(value)
        if producer is None:
            trace.made[value] = 0
            return
        operation = self.operations[producer]
        trace.operations.append(producer)
        trace.last.update(dict.fromkeys(inputs, now))
        for output in operation.outputs:
            trace.made[output] = now
            trace.last.setdefault(output, now)
        if operation.in_place is not None:
            trace.alias[value] = operation.in_place

    def _buffers(self, number: int, dropped: set[int], trace: Trace) -> tuple[list[int], list[int]]:
        """Return the buffers that an operation reads and writes."""
        operation = self.operations[number]
        reads = [trace.buffer(one) for one in operation.inputs if one not in dropped]
        return reads, [trace.buffer(one) for one in operation.outputs]
