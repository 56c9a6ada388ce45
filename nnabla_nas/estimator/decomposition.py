"""The functions of a super-network, told apart by the candidate they belong to."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

import nnabla as nn

from nnabla_nas.estimator.active_path import build_all_candidates
from nnabla_nas.module import Choice
from nnabla_nas.search_space.model import Model


@dataclass(frozen=True)
class Decomposition:
    """What a super-network is made of.

    Args:
        fixed: nnabla functions that every architecture has.
        candidates: per choice, in the order of `Model.choices`, per candidate its functions.
    """

    fixed: list[Any]
    candidates: list[list[list[Any]]]


def functions_of(output: nn.Variable, known: Container[Any] = ()) -> list[Any]:
    """Return the functions that an output depends on.

    Args:
        output: the end of a graph.
        known: functions at which to stop; they are left out, and what only they need.
    """
    found: dict[Any, None] = {}
    waiting = [output.parent]
    while waiting:
        function = waiting.pop()
        if function is None or function in known or function in found:
            continue
        found[function] = None
        waiting += [variable.parent for variable in function.inputs]
    return list(found)


def decompose(model: Model, input_shape: Sequence[int]) -> Decomposition:
    """Return which functions belong to which candidate, for one example in evaluation.

    All candidates are built once. What two candidates of a choice have in common was there before
    the choice, so it is fixed.

    Args:
        model: the super-network.
        input_shape: (C, H, W) of one example.
    """
    return decompose_graph(model, *build_all_candidates(model, input_shape))


def decompose_graph(
    model: Model,
    output: nn.Variable,
    listing: Sequence[tuple[Choice, Sequence[nn.Variable], nn.Variable]],
) -> Decomposition:
    """Return which functions of a graph belong to which candidate.

    Args:
        model: the super-network.
        output: the end of a graph of all its candidates.
        listing: per choice its candidates' outputs and the one picked of them.
    """
    # The functions that pick the active candidate are part of no network to train.
    picking = {picked.parent for _, _, picked in listing}
    known: dict[Any, None] = {}
    fixed: list[Any] = []
    by_choice: dict[int, list[list[Any]]] = {}
    for choice, outputs, _ in listing:
        reached = [functions_of(one, known) for one in outputs]
        uses: dict[Any, int] = {}
        for functions in reached:
            for function in functions:
                uses[function] = uses.get(function, 0) + 1
        fixed += [function for function, n in uses.items() if n > 1]
        own = [[f for f in functions if uses[f] == 1] for functions in reached]
        by_choice[id(choice)] = own
        known.update(uses)
    fixed = [f for f in (*fixed, *functions_of(output, known)) if f not in picking]
    return Decomposition(fixed, [by_choice[id(choice)] for choice in model.choices().values()])
