"""What functions compute in the buffer of an input."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import nnabla as nn


def shared_input(function: Any) -> nn.Variable | None:
    """Return the input in whose buffer a function computes its only output, None if in none.

    Args:
        function: an nnabla function.
    """
    if len(function.outputs) == 1 and function.inplace_data(0):
        return function.inputs[0]
    return None


def weights_among(functions: Iterable[Any], parameters: Iterable[nn.Variable]) -> set[nn.Variable]:
    """Return the variables that lie in the buffers of parameters: these, and such as reshape them.

    Args:
        functions: nnabla functions, in any order.
        parameters: the variables that are no activations.
    """
    sources = {one.outputs[0]: shared_input(one) for one in functions}
    weights = set(parameters)
    for variable in sources:
        buffer: nn.Variable | None = variable
        while buffer in sources and buffer not in weights:
            buffer = sources[buffer]
        if buffer in weights:
            weights.add(variable)
    return weights
