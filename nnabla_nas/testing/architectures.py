"""Architectures to try a super-network with."""

from __future__ import annotations

import numpy as np

from nnabla_nas import random
from nnabla_nas.module import Choice
from nnabla_nas.search_space.model import Model

# softmax leaves the other candidates less than a float32 can resolve.
_CERTAIN = 60.0


def mixes(model: Model) -> bool:
    """Return whether a network computes weighted sums of its candidates instead of one of them.

    Args:
        model: the network.
    """
    return any(choice.weighted for choice in model.choices().values())


def covering_architectures(model: Model, seed: int = 0) -> list[list[int]]:
    """Return random architectures of which every candidate of every choice is part once or more.

    Where weighted sums are computed, choices that share their architecture parameter agree.

    Args:
        model: the network; without choices it has one, empty, architecture.
        seed: of the draw.
    """
    choices = list(model.choices().values())
    generator = random.Streams(seed).derived("covering architectures")
    agreeing = mixes(model)
    keys = [id(c.alpha) if agreeing else position for position, c in enumerate(choices)]
    sizes = dict(zip(keys, (len(c.names) for c in choices), strict=True))
    orders = {key: generator.permutation(size) for key, size in sizes.items()}
    rounds = max(sizes.values(), default=1)
    return [[int(orders[key][k % sizes[key]]) for key in keys] for k in range(rounds)]


def take(model: Model, architecture: list[int]) -> None:
    """Make a network compute one architecture, by its masks or by its weighted sums.

    Args:
        model: the network.
        architecture: one index per choice.
    """
    if mixes(model):
        for choice, index in zip(model.choices().values(), architecture, strict=True):
            prefer(choice, index)
    else:
        model.set_architecture(architecture)


def prefer(choice: Choice, index: int) -> None:
    """Make one candidate as good as certain.

    Args:
        choice: the choice.
        index: of the candidate.
    """
    values = np.zeros(choice.alpha.size, np.float32)
    values[index] = _CERTAIN
    choice.alpha.d = values.reshape(choice.alpha.shape)


def scatter_alphas(model: Model, seed: int = 0) -> None:
    """Give the architecture parameters random values.

    Args:
        model: the network.
        seed: of the values.
    """
    generator = random.Streams(seed).derived("architecture parameters")
    for alpha in model.get_arch_parameters().values():
        alpha.d = generator.normal(size=alpha.shape)
