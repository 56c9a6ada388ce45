"""What gradients and running statistics must satisfy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from nnabla_nas import random
from nnabla_nas.search_space.model import Model
from nnabla_nas.search_space.random_architectures import covering_architectures, mixes
from nnabla_nas.testing.connection import (
    Arguments,
    Connection,
    Shape,
    build,
    disturb,
    leaves,
    random_batch,
)
from nnabla_nas.testing.requirement import require, shown

_ROUNDS = 10


def check_gradients(network: type[Model], arguments: Arguments, input_shape: Shape) -> None:
    """Check that a backward pass reaches every active parameter and no inactive one.

    Parameters of what the candidate `none` alone reads may get a gradient of zeros.

    Args:
        network: the network's class.
        arguments: of its constructor.
        input_shape: (C, H, W) of one example.
    """
    model = build(network, arguments)
    trainable = model.get_parameters(grad_only=True)
    for architecture in _passes(model, input_shape, covering_architectures(model)):
        active = _active(model, input_shape)
        reached = {path for path, p in trainable.items() if not p.grad.zeroing}
        missed = sorted((active & trainable.keys()) - reached)
        require(not missed, f"architecture {architecture}: no gradient for {shown(missed)}")
        # Behind the candidate `none` there is a gradient, of zeros: momentum goes on.
        zeros = {path for path in reached - active if not np.any(trainable[path].g)}
        touched = sorted(reached - active - (zeros & _active(model, input_shape, True)))
        require(
            not touched,
            f"architecture {architecture}: a gradient for {shown(touched)}, which is no part of it",
        )


def check_inactive_statistics(
    network: type[Model], arguments: Arguments, input_shape: Shape
) -> None:
    """Check that training one architecture leaves the running statistics of others alone.

    Args:
        network: the network's class.
        arguments: of its constructor.
        input_shape: (C, H, W) of one example.
    """
    model = build(network, arguments)
    statistics = {p: v for p, v in model.get_net_parameters().items() if not v.need_grad}
    before = {path: np.array(v.d) for path, v in statistics.items()}
    for architecture in _passes(model, input_shape, covering_architectures(model)):
        active = _active(model, input_shape, behind_zero=True)
        changed = [p for p, v in statistics.items() if not np.array_equal(v.d, before[p])]
        moved = sorted(set(changed) - active)
        require(not moved, f"training architecture {architecture} changes {shown(moved)}")
        before = {path: np.array(v.d) for path, v in statistics.items()}


def check_every_tensor_is_reached(
    network: type[Model], arguments: Arguments, input_shape: Shape
) -> None:
    """Check that each trainable tensor gets a gradient other than zero in some architecture.

    Args:
        network: the network's class.
        arguments: of its constructor.
        input_shape: (C, H, W) of one example.
    """
    model = build(network, arguments)
    disturb(model)
    # Where one candidate is computed, architecture parameters learn without the graph.
    everything = model.get_parameters if mixes(model) else model.get_net_parameters
    missing = dict(everything(grad_only=True))
    for seed in range(_ROUNDS):
        for _ in _passes(model, input_shape, covering_architectures(model, seed), seed):
            for path in [p for p, v in missing.items() if not v.grad.zeroing and np.any(v.g)]:
                del missing[path]
        if not missing:
            return
    raise AssertionError(f"no architecture of many gives a gradient to {shown(list(missing))}")


def check_no_idle_tensor(network: type[Model], arguments: Arguments, input_shape: Shape) -> None:
    """Check that a network to train has no trainable tensor that its loss does not depend on.

    Args:
        network: the network's class.
        arguments: of its constructor.
        input_shape: (C, H, W) of one example.
    """
    model = build(network, arguments)
    read = leaves(model, input_shape, training=True)
    idle = [path for path, p in model.get_parameters(grad_only=True).items() if p not in read]
    require(not idle, f"the loss does not depend on {shown(idle)}")


def _passes(
    model: Model, input_shape: Shape, architectures: Sequence[list[int]], seed: int = 0
) -> Iterator[list[int]]:
    """Do a training pass per architecture, all in one graph; yield when each is done."""
    trainable = model.get_parameters(grad_only=True).values()
    with random.use(random.Streams(seed)):
        connection = Connection(model, input_shape, training=True)
        for architecture in architectures:
            model.set_architecture(architecture)
            for parameter in trainable:
                parameter.grad.zero()
            connection.forward(random_batch(input_shape, seed))
            connection.backward()
            yield architecture


def _active(model: Model, input_shape: Shape, behind_zero: bool = False) -> set[str]:
    """Return the paths of the parameters that the architecture uses; all where all are mixed."""
    alone = not mixes(model)
    read = leaves(model, input_shape, behind_zero, training=True, active_only=alone)
    return {path for path, parameter in model.get_parameters().items() if parameter in read}
