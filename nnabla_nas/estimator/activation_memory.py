"""The memory that the activations of an architecture need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nnabla as nn

from nnabla_nas.errors import InputError
from nnabla_nas.estimator.active_path import build_active_path
from nnabla_nas.estimator.decoder import Decoder
from nnabla_nas.estimator.estimator import Estimator
from nnabla_nas.estimator.in_place import shared_input, weights_among
from nnabla_nas.estimator.liveness import Step, live_bytes
from nnabla_nas.estimator.measurable_network import restored
from nnabla_nas.estimator.peak_table import PeakTable
from nnabla_nas.estimator.switched_graph import SwitchedGraph
from nnabla_nas.search_space.model import Model
from nnabla_nas.search_space.random_architectures import scatter_alphas


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
    weights = weights_among(order, parameters)
    buffer: dict[Any, Any] = {}

    def owners(variables: Sequence[Any]) -> list[Any]:
        return [buffer.setdefault(one, one) for one in variables if one not in weights]

    steps: list[Step] = []
    for function in order:
        reads = owners(function.inputs)
        shared = shared_input(function)
        if shared is not None and shared not in weights:
            buffer[function.outputs[0]] = buffer[shared]
        steps.append(Step(reads, owners(function.outputs)))
    end = buffer.setdefault(output, output)
    sizes = {one: one.size for one in buffer.values()}
    start, live = live_bytes(steps, sizes, end)
    return max([start, *live])


# So many architectures are built to check that they need what the super-network says.
_CHECKED = 2


class ActivationMemoryEstimator(Estimator):
    """Count the bytes of activations alive at once, at their peak, for one example in inference."""

    unit = "bytes"

    def estimate(self, model: Model, input_shape: Sequence[int]) -> int:
        """Return the peak of the active architecture.

        Args:
            model: the network.
            input_shape: (C, H, W) of one example.
        """
        output = build_active_path(model, input_shape)
        return peak_live_bytes(output, set(model.get_parameters().values()))

    def cost_table(self, model: Model, input_shape: Sequence[int]) -> PeakTable:
        """Return the peaks of all architectures, from one graph.

        Args:
            model: the super-network.
            input_shape: (C, H, W) of one example.

        Raises:
            InputError: if an architecture is built in another way than the super-network.
        """
        table = PeakTable(SwitchedGraph(model, input_shape), model)
        with restored(model):
            for seed in range(_CHECKED):
                scatter_alphas(model, seed)
                model.decoder = None
                indices = Decoder(model, [table]).most_probable()
                peak, followed = self.estimate(model.derived(), input_shape), table.total(indices)
                if peak != followed:
                    raise InputError(
                        f"ActivationMemoryEstimator: an architecture needs {peak:,} bytes, "
                        f"followed through the super-network {followed:,.0f}: networks that are "
                        "built in another way than theirs cannot be constrained by their peaks"
                    )
        return table
