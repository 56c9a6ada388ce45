"""How many bytes of activations are alive while a network is computed."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Of one value, in 32-bit floats.
BYTES = 4


@dataclass(frozen=True)
class Step:
    """What one function of a network does to the buffers.

    Args:
        reads: the buffers of its inputs, parameters left out.
        writes: those of its outputs; of an output computed in place that of the input.
    """

    reads: Sequence[Hashable]
    writes: Sequence[Hashable]


def live_bytes(
    steps: Sequence[Step], sizes: Mapping[Any, int], output: Hashable
) -> tuple[int, list[int]]:
    """Return how many bytes are alive before the first step, and during each.

    A buffer is alive from the step that writes it first to the last one that reads it; what is read
    before it is written, and an output that is never written, from the start.

    Args:
        steps: the functions in the order in which they run.
        sizes: per buffer its number of values.
        output: the buffer of the network's output, alive until the end.
    """
    last = {buffer: n for n, step in enumerate(steps) for buffer in (*step.reads, *step.writes)}
    last[output] = len(steps)
    alive: set[Hashable] = set()
    written: set[Hashable] = set()
    for step in steps:
        alive.update(buffer for buffer in step.reads if buffer not in written)
        written.update(step.writes)
    if output not in written:
        alive.add(output)
    now = start = sum(sizes[buffer] for buffer in alive)
    live = []
    for n, step in enumerate(steps):
        for buffer in step.writes:
            if buffer not in alive:
                alive.add(buffer)
                now += sizes[buffer]
        live.append(now * BYTES)
        for buffer in {*step.reads, *step.writes}:
            if last[buffer] == n:
                alive.discard(buffer)
                now -= sizes[buffer]
    return start * BYTES, live
