"""Networks as the checks build and run them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import nnabla as nn
import numpy as np

import nnabla_nas.function as function
from nnabla_nas import random
from nnabla_nas.config.parameter import parameters
from nnabla_nas.dataset.dataset import Batch
from nnabla_nas.search_space.model import Model

Arguments = Mapping[str, Any]
Shape = Sequence[int]

BATCH_SIZE = 4


def build(network: type[Model], arguments: Arguments, seed: int = 0) -> Model:
    """Construct a network inside a run of the given seed.

    Args:
        network: its class.
        arguments: of its constructor.
        seed: what everything random derives from.
    """
    with random.use(random.Streams(seed)):
        return network(**arguments)


def accepted(network: type[Model], arguments: Arguments) -> dict[str, Any]:
    """Return the arguments that a network's constructor takes.

    Args:
        network: its class.
        arguments: by name.
    """
    known = parameters(network)
    return {name: value for name, value in arguments.items() if name in known}


def random_batch(input_shape: Shape, seed: int = 0) -> Batch:
    """Return noise with labels of two classes, so that it suits every classifier.

    Args:
        input_shape: (C, H, W) of one example.
        seed: of the noise.
    """
    generator = random.Streams(seed).derived("noise")
    inputs = generator.normal(size=(BATCH_SIZE, *input_shape)).astype(np.float32)
    return Batch(inputs, np.arange(BATCH_SIZE, dtype=np.int32).reshape(-1, 1) % 2)


def disturb(model: Model, seed: int = 0) -> None:
    """Move every weight a little, so that none is at a value where its effect could not be seen.

    Args:
        model: the network.
        seed: of the disturbance.
    """
    generator = random.Streams(seed).derived("disturbance")
    for parameter in model.get_net_parameters(grad_only=True).values():
        parameter.d = parameter.d + 0.1 * generator.random(parameter.shape)


class Connection:
    """The graph of a network for one small batch.

    Args:
        model: the network.
        input_shape: (C, H, W) of one example.
        properties: `training`, `private_statistics` and `active_only`, see `Module`.
    """

    def __init__(self, model: Model, input_shape: Shape, **properties: bool) -> None:
        self.inputs = nn.Variable((BATCH_SIZE, *input_shape))
        self.targets = nn.Variable((BATCH_SIZE, 1))
        with _applied(model, properties), nn.auto_forward(False):
            outputs: Any = model(self.inputs)
            self.outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
            self.loss = model.loss(outputs, self.targets)
            self.metrics = model.metrics(outputs, self.targets)
        # Copied along, for a pass gives the arrays of other variables back.
        for variable in (*self.outputs, self.loss, *self.metrics.values()):
            variable.persistent = True

    def forward(self, batch: Batch) -> np.ndarray:
        """Compute everything for a batch.

        Args:
            batch: the examples.

        Returns:
            A copy of the first output.
        """
        self.inputs.d, self.targets.d = batch.inputs, batch.targets
        nn.forward_all([*self.outputs, self.loss, *self.metrics.values()])
        return np.array(self.outputs[0].d)

    def backward(self) -> None:
        """Compute the gradients of the loss of the last batch."""
        self.loss.backward()


def leaves(
    model: Model, input_shape: Shape, behind_zero: bool = False, **properties: bool
) -> set[Any]:
    """Return the variables that a network's loss is computed from, parameters among them.

    Args:
        model: the network.
        input_shape: (C, H, W) of one example.
        behind_zero: whether those count that the loss does not depend on, since the candidate
            `none` multiplies by zero what is computed of them.
        properties: as of `Connection`.
    """
    # Only graphs of nnabla's own functions show what they read.
    with function.plain():
        waiting = [Connection(model, input_shape, **properties).loss]
    found: set[Any] = set()
    while waiting:
        parent = waiting.pop().parent
        if parent is None:
            continue
        zero = parent.info.type_name == "MulScalar" and parent.info.args["val"] == 0
        if zero and not behind_zero:
            continue
        inputs = [variable for variable in parent.inputs if variable not in found]
        found.update(inputs)
        waiting += inputs
    return found


@contextmanager
def _applied(model: Model, properties: Mapping[str, bool]) -> Iterator[None]:
    training = model.training
    plain = {"training": False, "private_statistics": False, "active_only": False}
    model.apply(**{**plain, **properties})
    try:
        yield
    finally:
        model.apply(**{**plain, "training": training})
