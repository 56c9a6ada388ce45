"""What is alive at one step of a network, as a sum over the choices of its architecture."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from nnabla_nas.estimator.cost_table import CostTable
from nnabla_nas.estimator.liveness import BYTES
from nnabla_nas.estimator.needs import Needs
from nnabla_nas.estimator.switched_graph import SwitchedGraph, Trace


def peak_row(
    graph: SwitchedGraph, trace: Trace, step: int, optional: Collection[int] = ()
) -> CostTable:
    """Return a sum over the choices that no architecture's peak is below.

    It is what is alive at a step of the architecture followed: what every architecture holds then,
    what each candidate of the choices made before contributes, and what the candidate that runs
    holds for itself. What is alive for the sake of a choice that may be dropped counts where that
    is kept. What another architecture may do without counts nothing there, so that the sum is a
    lower bound of its peak, provided that its functions run in the same order: certain where no
    choice may be dropped.

    Args:
        graph: the super-network.
        trace: an architecture.
        step: the number of the step.
        optional: the choices that may be dropped.

    Returns:
        The sum, in bytes.
    """
    table = [np.zeros(len(values)) for values in graph.candidates]
    owner = graph.operations[trace.operations[step]].candidate
    alive = [v for v in trace.made if trace.made[v] <= step <= _last(trace, v, step)]
    picked, fixed = set[int](), dict[int, int | None]()
    needs, own = Needs(graph, trace, optional), set[int]()
    for value in alive:
        need = needs.condition(value, step) if optional else None
        while value not in graph.picks and value in trace.alias:
            value = trace.alias[value]
        producer = graph.producers.get(value)
        belongs = None if producer is None else graph.operations[producer].candidate
        if value in graph.picks:
            picked.add(value)
        elif belongs is None:
            fixed[value] = need if fixed.get(value, need) is not None else None
        elif belongs == owner:
            own.add(value)
    for value, need in fixed.items():
        if need is not None:
            table[need] += graph.sizes[value]
    if owner is not None:
        table[owner[0]][owner[1]] += sum(graph.sizes[v] for v in own)
    shares = _alias_shares(graph, trace, picked, {*alive, *fixed})
    for value in picked:
        choice, size = graph.picks[value], graph.sizes[value]
        for index in range(len(table[choice])):
            handed_on = _handed_on(graph, choice, index)
            table[choice][index] += size * (1.0 if handed_on is None else shares[value])
    always = sum(graph.sizes[value] for value, need in fixed.items() if need is None)
    return CostTable(
        float(always * BYTES), tuple(row * BYTES for row in table), (1.0,) * len(table)
    )


def _last(trace: Trace, value: int, step: int) -> int:
    """Return the last step that needs a value, be it to give it another name later."""
    last = trace.last.get(value, -1)
    for other, source in trace.alias.items():
        if source == value and trace.made[other] > step:
            last = max(last, trace.made[other])
    return last


def _handed_on(graph: SwitchedGraph, choice: int, index: int) -> int | None:
    """Return the value that a candidate hands on as it is, None where it computes one."""
    value: int | None = graph.candidates[choice][index]
    while value is not None:
        producer = graph.producers.get(value)
        if producer is None or graph.operations[producer].candidate != (choice, index):
            return value
        value = graph.operations[producer].in_place
    return None


def _alias_shares(
    graph: SwitchedGraph, trace: Trace, picked: set[int], counted: set[int]
) -> Mapping[int, float]:
    """Return which part of its size a picked value counts where its candidate hands another on.

    What is counted anyway must not count again; what several may hand on is shared among them,
    first among those that do so in the architecture followed.
    """
    reached = {value: _reachable(graph, value) for value in picked}
    handing, others = set[int](), set[int]()
    for value in picked:
        choice = graph.picks[value]
        index = trace.indices[choice]
        if reached[value] and not reached[value] & counted and index is not None:
            (others if _handed_on(graph, choice, index) is None else handing).add(value)
    taken = set[int]().union(*(reached[value] for value in handing))
    others = {value for value in others if not reached[value] & taken}
    shares = dict.fromkeys(picked, 0.0)
    for group in (handing, others):
        for value in group:
            shares[value] = 1.0 / len(_connected(value, group, reached))
    return shares


def _connected(value: int, group: set[int], reached: Mapping[int, set[int]]) -> set[int]:
    """Return those of a group that may, be it by way of others, hand the same value on."""
    found, touched = {value}, set(reached[value])
    while more := {one for one in group - found if reached[one] & touched}:
        found |= more
        touched.update(*(reached[one] for one in more))
    return found


def _reachable(graph: SwitchedGraph, value: int) -> set[int]:
    """Return the values that a picked one may be another name of."""
    found, waiting = set[int](), [value]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        found.add(one)
        if one in graph.picks:
            choice = graph.picks[one]
            handed = [_handed_on(graph, choice, n) for n in range(len(graph.candidates[choice]))]
            waiting += [value for value in handed if value is not None]
            continue
        producer = graph.producers.get(one)
        source = None if producer is None else graph.operations[producer].in_place
        waiting += [] if source is None else [source]
    return found - {value}
