"""Architectures of a super-network, drawn at random."""

from __future__ import annotations

from nnabla_nas import random
from nnabla_nas.search_space.model import Model


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


def scatter_alphas(model: Model, seed: int = 0) -> None:
    """Give the architecture parameters random values.

    Args:
        model: the network.
        seed: of the values.
    """
    generator = random.Streams(seed).derived("architecture parameters")
    for alpha in model.get_arch_parameters().values():
        alpha.d = generator.normal(size=alpha.shape)
