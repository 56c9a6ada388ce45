"""What every network to search must satisfy: choices and masks."""

from __future__ import annotations

import numpy as np

from nnabla_nas import random
from nnabla_nas.search_space.model import Model
from nnabla_nas.search_space.random_architectures import covering_architectures
from nnabla_nas.testing.architectures import prefer, take
from nnabla_nas.testing.connection import (
    Arguments,
    Connection,
    Shape,
    build,
    disturb,
    random_batch,
)
from nnabla_nas.testing.gradient_contract import (
    check_every_tensor_is_reached,
    check_gradients,
    check_inactive_statistics,
)
from nnabla_nas.testing.requirement import require

_RELATIVE_TOLERANCE = 1e-4


def check_search_network(network: type[Model], arguments: Arguments, input_shape: Shape) -> None:
    """Check what every super-network must satisfy besides what every network must.

    Args:
        network: its class.
        arguments: of its constructor.
        input_shape: (C, H, W) of one example.

    Raises:
        AssertionError: with a sentence that says what is violated.
    """
    check_choices(network, arguments)
    check_set_architecture(network, arguments)
    check_masks(network, arguments, input_shape)
    check_gradients(network, arguments, input_shape)
    check_inactive_statistics(network, arguments, input_shape)
    check_every_tensor_is_reached(network, arguments, input_shape)


def check_choices(network: type[Model], arguments: Arguments) -> None:
    """Check that choices draw from, and are decided by, their architecture parameters.

    Args:
        network: the network's class.
        arguments: of its constructor.
    """
    model = build(network, arguments)
    choices = model.choices()
    require(choices, "a network to search has no choices")
    for path, choice in choices.items():
        named, size = len(choice.names), choice.alpha.size
        require(
            named == size,
            f"choice '{path}' names {named} candidates and has {size} architecture parameters",
        )
    for index in range(max(len(choice.names) for choice in choices.values())):
        wanted = [min(index, len(choice.names) - 1) for choice in choices.values()]
        for choice, candidate in zip(choices.values(), wanted, strict=True):
            prefer(choice, candidate)
        decided = model.most_probable_architecture()
        with random.use(random.Streams(0)):
            drawn = [choice.draw() for choice in choices.values()]
        active = [choice.active for choice in choices.values()]
        for position, (path, candidate) in enumerate(zip(choices, wanted, strict=True)):
            where = f"choice '{path}' with candidate {candidate} as good as certain"
            require(drawn[position] == candidate, f"{where} draws candidate {drawn[position]}")
            require(
                active[position] == candidate, f"{where} draws it without making it the active one"
            )
            require(
                decided[position] == candidate,
                f"{where}: the most probable one is said to be {decided[position]}",
            )


def check_set_architecture(network: type[Model], arguments: Arguments) -> None:
    """Check that right indices become active and wrong ones are refused.

    Args:
        network: the network's class.
        arguments: of its constructor.
    """
    model = build(network, arguments)
    choices = list(model.choices().values())
    for architecture in covering_architectures(model):
        model.set_architecture(architecture)
        active = [choice.active for choice in choices]
        require(
            active == architecture,
            f"after set_architecture({architecture}) the active candidates are {active}",
        )
    right = [0] * len(choices)
    wrong = [right[:-1], [*right, 0], [-1, *right[1:]], [len(choices[0].names), *right[1:]]]
    for indices in wrong:
        require(
            _refuses(model, indices),
            f"set_architecture({indices}) is accepted; the network has {len(choices)} choices, "
            f"the first of {len(choices[0].names)} candidates",
        )


def check_masks(network: type[Model], arguments: Arguments, input_shape: Shape) -> None:
    """Check that a graph built once computes each architecture as a graph of it alone does.

    Args:
        network: the network's class.
        arguments: of its constructor.
        input_shape: (C, H, W) of one example.
    """
    model, alone = build(network, arguments), build(network, arguments, seed=1)
    disturb(model)
    alone.set_parameters(model.get_net_parameters())
    batch = random_batch(input_shape)
    connection = Connection(model, input_shape)
    outputs = []
    architectures = covering_architectures(model)
    for architecture in architectures:
        take(model, architecture)
        output = connection.forward(batch)
        outputs.append(output)
        alone.set_architecture(architecture)
        expected = Connection(alone, input_shape, active_only=True).forward(batch)
        difference = float(np.max(np.abs(output - expected)))
        require(
            difference <= _RELATIVE_TOLERANCE * max(1.0, float(np.max(np.abs(expected)))),
            f"architecture {architecture} in the super-network and built alone, with the same "
            f"weights, differ by {difference:.3g}",
        )
    take(model, architectures[0])
    require(
        np.array_equal(connection.forward(batch), outputs[0]),
        f"architecture {architectures[0]}, taken a second time, gives another output",
    )


def _refuses(model: Model, indices: list[int]) -> bool:
    try:
        model.set_architecture(indices)
    except ValueError:
        return True
    return False
