"""Which constructor arguments of the networks of cells make sense."""

from __future__ import annotations

from typing import Any

_COUNTS = (
    "in_channels",
    "init_channels",
    "num_cells",
    "num_classes",
    "num_choices",
    "multiplier",
    "stem_multiplier",
)


def argument_faults(arguments: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (argument, what is wrong) for values no network of cells can be built from.

    Args:
        arguments: the constructor's arguments, already of the right types.
    """
    counts = (
        "in_channels",
        "init_channels",
        "num_cells",
        "num_classes",
        "num_choices",
        "multiplier",
        "stem_multiplier",
    )
    faults = [
        (name, f"got {arguments[name]}; allowed: 1 or more")
        for name in counts
        if arguments.get(name, 1) < 1
    ]
    nodes, multiplier = arguments.get("num_choices", 4), arguments.get("multiplier", 4)
    if multiplier > nodes:
        faults.append(("multiplier", f"got {multiplier}; allowed: up to num_choices, {nodes}"))
    faults += [
        (name, f"got {arguments[name]}; allowed: from 0 to below 1")
        for name in ("drop_path", "label_smoothing")
        if not 0 <= arguments.get(name, 0) < 1
    ]
    return faults
