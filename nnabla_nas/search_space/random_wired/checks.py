"""Which constructor arguments of a randomly wired network make sense."""

from __future__ import annotations

from typing import Any

from nnabla_nas.registry import did_you_mean
from nnabla_nas.search_space.random_wired.graph import graph_faults
from nnabla_nas.search_space.random_wired.operations import OPERATIONS

_MOST_VERTICES = 500


def argument_faults(arguments: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (argument, what is wrong) for values no network can be built from.

    Args:
        arguments: all of the constructor's arguments, already of the right types.
    """
    faults: list[tuple[str, str]] = []
    n_vertices = arguments["n_vertices"]
    if not 2 <= n_vertices <= _MOST_VERTICES:
        faults.append(("n_vertices", f"got {n_vertices}; allowed: from 2 to {_MOST_VERTICES}"))
    else:
        faults += graph_faults(arguments["graph"], n_vertices, arguments["k"], arguments["p"])
    least, most = arguments["min_channels"], arguments["max_channels"]
    if not 1 <= least <= 65536:
        faults.append(("min_channels", f"got {least}; allowed: from 1 to 65536"))
    elif not least <= most <= 65536:
        faults.append(("max_channels", f"got {most}; allowed: from {least} to 65536"))
    shape = list(arguments["input_shape"])
    if min(shape) < 1:
        faults.append(
            ("input_shape", f"got {shape}; allowed: [channels, height, width], 1 or more")
        )
    if arguments["n_classes"] < 1:
        faults.append(("n_classes", f"got {arguments['n_classes']}; allowed: 1 or more"))
    if not 0 <= arguments["label_smoothing"] < 1:
        got = arguments["label_smoothing"]
        faults.append(("label_smoothing", f"got {got}; allowed: from 0 to below 1"))
    return faults + _candidate_faults(arguments["candidates"])


def _candidate_faults(candidates: Any) -> list[tuple[str, str]]:
    names = ", ".join(OPERATIONS)
    if not candidates:
        return [("candidates", f"got []; allowed: some of {names}")]
    return [
        (f"candidates.{index}", f"got '{name}'; allowed: {names}{did_you_mean(name, OPERATIONS)}")
        for index, name in enumerate(candidates)
        if name not in OPERATIONS
    ]
