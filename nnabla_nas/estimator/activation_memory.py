"""The memory that the activations of an architecture need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nnabla as nn

from nnabla_nas.errors import InputError
from nnabla_nas.estimator.active_path import build_active_path
from nnabla_nas.estimator.cost_table import CostTable
from nnabla_nas.estimator.estimator import Estimator
from nnabla_nas.search_space.model import Model

_BYTES = 4


def peak_live_bytes(output: nn.Variable, parameters: set[Any]) -> int:
    """Return the most bytes of activations that are alive at once in inference.

    Functions run in nnabla's order. An activation is alive from the function that computes it to
    the last one that reads it; the network's input from the start. What a function computes in
    place shares its input's buffer.

    Args:
        output: the end of the graph; alive until the end.
        parameters: variables that are no activations.
    """
    order: list[Any] = []
    output.visit(order.append)
    buffer: dict[Any, Any] = {}
    sizes: dict[Any, int] = {}
    last: dict[Any, int] = {}

    def owner(variable: Any) -> Any:
        return buffer.setdefault(variable, variable)

    for step, function in enumerate(order):
        for variable in function.inputs:
            if variable not in parameters:
                last[owner(variable)] = step
                sizes.setdefault(owner(variable), variable.size)
        for variable in function.outputs:
            if len(function.outputs) == 1 and function.inplace_data(0):
                buffer[variable] = owner(function.inputs[function.inplace_data_with(0)])
            sizes.setdefault(owner(variable), variable.size)
            last[owner(variable)] = step
    last[owner(output)] = len(order)
    alive = {owner(v) for f in order for v in f.inputs if v.parent is None and v not in parameters}
    peak = sum(sizes[one] for one in alive)
    for step, function in enumerate(order):
        alive.update(owner(variable) for variable in function.outputs)
        peak = max(peak, sum(sizes[one] for one in alive))
        alive = {one for one in alive if last[one] > step}
    return peak * _BYTES


class ActivationMemoryEstimator(Estimator):
    """Count the bytes of activations alive at once, at their peak, for one example in inference.

    A peak is not a sum over operations, so that it can be reported, not searched by.
    """

    unit = "bytes"

    def estimate(self, model: Model, input_shape: Sequence[int]) -> int:
        """Return the peak of the active architecture.

        Args:
            model: the network.
            input_shape: (C, H, W) of one example.
        """
        output = build_active_path(model, input_shape)
        return peak_live_bytes(output, set(model.get_parameters().values()))

    def cost_table(self, model: Model, input_shape: Sequence[int]) -> CostTable:
        """Refuse to be a search's constraint.

        Args:
            model: the super-network.
            input_shape: (C, H, W) of one example.

        Raises:
            InputError: always.
        """
        raise InputError(
            "ActivationMemoryEstimator: a peak does not add up over the choices, so that no search "
            "can be drawn to a bound on it; bound FLOPsEstimator or ParameterEstimator instead, "
            "and name this one in the regularizer of a training, which reports it"
        )
