"""Which constructor arguments of the networks of cells make sense."""

from __future__ import annotations

from typing import Any

from nnabla_nas.search_space.darts.genotype import n_edges

# Far beyond any published network; each edge holds all operations.
_MOST_NODES, _MOST_EDGES = 64, 5000
_LARGEST = {
    "in_channels": 65536,
    "init_channels": 65536,
    "num_cells": 1000,
    "num_classes": 1_000_000,
    "num_choices": _MOST_NODES,
    "multiplier": _MOST_NODES,
    "stem_multiplier": 65536,
}


def argument_faults(arguments: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (argument, what is wrong) for values no network of cells can be built from.

    Args:
        arguments: the constructor's arguments, already of the right types.
    """
    faults = [
        (name, f"got {arguments[name]}; allowed: 1 or more, up to {largest}")
        for name, largest in _LARGEST.items()
        if not 1 <= arguments.get(name, 1) <= largest
    ]
    cells, nodes = arguments.get("num_cells", 1), arguments.get("num_choices", 4)
    if not faults and cells * n_edges(nodes) > _MOST_EDGES:
        edges = f"{cells * n_edges(nodes)} edges; allowed: up to {_MOST_EDGES} in all cells"
        faults.append(("num_cells", f"got {cells}, with num_choices {nodes} {edges}"))
    multiplier = arguments.get("multiplier", 4)
    if multiplier > nodes:
        faults.append(("multiplier", f"got {multiplier}; allowed: up to num_choices, {nodes}"))
    faults += [
        (name, f"got {arguments[name]}; allowed: from 0 to below 1")
        for name in ("drop_path", "label_smoothing")
        if not 0 <= arguments.get(name, 0) < 1
    ]
    return faults
