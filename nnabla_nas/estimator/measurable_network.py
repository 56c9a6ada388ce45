"""Graphs of whole networks that can be run and timed: for one image, in evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import nnabla as nn

from nnabla_nas import random
from nnabla_nas.estimator.active_path import build_active_path
from nnabla_nas.estimator.decomposition import functions_of
from nnabla_nas.search_space.model import Model
from nnabla_nas.search_space.random_architectures import covering_architectures, scatter_alphas


def build_measurable(model: Model, input_shape: Sequence[int]) -> nn.Variable:
    """Return the output of the active architecture, its image filled with noise.

    Args:
        model: the network.
        input_shape: (C, H, W) of one example.
    """
    output = build_active_path(model, input_shape)
    parameters = set(model.get_parameters().values())
    generator = random.Streams(0).derived("latency image")
    for function in functions_of(output):
        for variable in function.inputs:
            if variable.parent is None and variable not in parameters:
                variable.d = generator.normal(size=variable.shape)
    return output


def covering_networks(model: Model, input_shape: Sequence[int]) -> list[nn.Variable]:
    """Return networks of a search space that together have all of its operations.

    Args:
        model: the super-network.
        input_shape: (C, H, W) of one example.
    """
    networks = []
    with restored(model):
        for architecture in covering_architectures(model):
            model.set_architecture(architecture)
            networks.append(build_measurable(model, input_shape))
    return networks


def random_networks(
    model: Model, input_shape: Sequence[int], n: int, seed: int = 0
) -> list[nn.Variable]:
    """Return networks of a search space as a search might decode them, drawn at random.

    Args:
        model: the super-network.
        input_shape: (C, H, W) of one example.
        n: how many.
        seed: of the draw.
    """
    networks = []
    with restored(model):
        for number in range(n):
            scatter_alphas(model, seed + number)
            networks.append(build_measurable(model.derived(), input_shape))
    return networks


@contextmanager
def restored(model: Model) -> Iterator[None]:
    """Leave the active architecture, its parameters and what decodes them as they are now.

    Args:
        model: the super-network.
    """
    choices = list(model.choices().values())
    active = [choice.active for choice in choices]
    alphas = [choice.alpha.d.copy() for choice in choices]
    decoder = model.decoder
    try:
        yield
    finally:
        for choice, alpha in zip(choices, alphas, strict=True):
            choice.alpha.d = alpha
        model.decoder = decoder
        model.set_architecture(active)
