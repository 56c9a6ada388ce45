"""What a file of nnabla-nas 0.9 or later is known by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

# No key of ours; each stands at the top of such a file, or of the config.json that a run leaves.
_SIGNS = frozenset(
    ("args", "comm", "dataloader", "defaults", "event", "hparams", "input_shapes", "loss_weights")
)


def is_yaml(path: str) -> bool:
    """Return whether a file is YAML by its name.

    Args:
        path: the file.
    """
    return Path(path).suffix.lower() in (".yaml", ".yml")


def is_later_dialect(values: Mapping[str, Any]) -> bool:
    """Return whether values are those of nnabla-nas 0.9 or later, which has to be translated.

    Args:
        values: the content of a file.
    """
    if _SIGNS & values.keys():
        return True
    network, optimizer = values.get("network"), values.get("optimizer")
    if isinstance(network, Mapping) and len(network) == 1:
        return all(isinstance(arguments, Mapping) for arguments in network.values())
    phases = optimizer.values() if isinstance(optimizer, Mapping) else ()
    return any(isinstance(one, Mapping) and "name" in one and "lr" in one for one in phases)
