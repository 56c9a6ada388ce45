"""Architectures to try a super-network with."""

from __future__ import annotations

import numpy as np

from nnabla_nas.module import Choice
from nnabla_nas.search_space.model import Model
from nnabla_nas.search_space.random_architectures import mixes

# softmax leaves the other candidates less than a float32 can resolve.
_CERTAIN = 60.0


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
