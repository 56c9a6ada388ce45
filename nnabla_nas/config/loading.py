"""Classes that an experiment names, imported."""

from __future__ import annotations

from typing import Any

from nnabla_nas.config.faults import Fault, Path
from nnabla_nas.errors import InputError
from nnabla_nas.registry import Registry


def load(registry: Registry, name: str, path: Path) -> tuple[Any, list[Fault]]:
    """Return the class a name stands for, or None with the fault.

    Args:
        registry: the registry of the name.
        name: a registered name, or `package.module:name`.
        path: the path of the name in the experiment.
    """
    try:
        return registry.get(name), []
    except InputError as error:
        return None, [Fault(path, line) for line in error.faults]
    except Exception as error:
        if ":" not in name:
            raise
        # The module is the user's own: whatever its import raises is theirs to read.
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return None, [Fault(path, f"cannot import '{name}': {reason}")]
