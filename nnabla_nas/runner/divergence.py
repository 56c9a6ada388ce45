"""Numbers that stop being finite, and which parameter they come from."""

from __future__ import annotations

import math

import numpy as np

from nnabla_nas.errors import DivergedError
from nnabla_nas.search_space.model import Model


def require_finite(value: float, what: str, step: int, done: int, model: Model) -> None:
    """Stop a run if a value is not finite.

    Args:
        value: the value.
        what: its name in the message.
        step: the update that it belongs to, counted from 1.
        done: updates done so far; a device's numbers are read later than they are computed.
        model: the network.

    Raises:
        DivergedError: if it is not.
    """
    if math.isfinite(value):
        return
    seen = f", seen after update {done}" if step < done else ""
    raise DivergedError(
        f"{what} is {value} at update {step}{seen} ({_suspect(model)}); a "
        "smaller learning rate (optimizer.*.solver) or grad_clip may help"
    )


def first_non_finite(model: Model) -> str | None:
    """Return the path of the first parameter that holds a value that is not finite.

    Args:
        model: the network.
    """
    for path, parameter in model.get_parameters().items():
        if not np.all(np.isfinite(parameter.d)):
            return path
    return None


def _suspect(model: Model) -> str:
    """Return which parameter is the likely cause of a number that is not finite."""
    path = first_non_finite(model)
    if path is not None:
        return f"parameter '{path}' is not finite"
    largest = {k: float(np.abs(p.d).max()) for k, p in model.get_parameters().items()}
    path = max(largest, key=largest.__getitem__)
    return f"parameter '{path}' reaches {largest[path]:.3g}"
